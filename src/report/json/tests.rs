use super::*;
use crate::report::sample;

fn json(report: &Report) -> String {
    let mut out = vec![];
    write(report, &mut out).expect("memory takes every text");
    String::from_utf8(out).expect("JSON is UTF-8")
}

#[test]
fn the_document_is_the_report() {
    insta::assert_snapshot!(json(&sample::detailed()));
}

#[test]
fn a_document_reads_back_to_the_same_report() {
    for report in [sample::empty(), sample::detailed(), sample::hostile(), sample::failed(), sample::many()] {
        let text = json(&report);
        let back: Report = serde_json::from_str(&text).expect("a report");
        assert_eq!(json(&back), text);
        let plain = serde_json::to_value(&report).expect("a report is JSON");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), plain);
    }
}

#[test]
fn each_function_stands_on_one_line() {
    let text = json(&sample::many());
    let lines = text.lines().filter(|line| line.contains("\"total_wall_seconds\""));
    assert_eq!(lines.count(), 300);
    assert!(!text.contains('\u{1b}'));
}
