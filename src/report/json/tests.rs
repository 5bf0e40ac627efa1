use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;
use crate::model::Report;
use crate::report::sample;

const REFERENCE: &str = include_str!("../../../docs/API_REFERENCE.md");

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
    for report in
        [sample::empty(), sample::detailed(), sample::hostile(), sample::failed(), sample::many(), sample::memory()]
    {
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

/// The objects of the reference with their keys.
fn documented() -> BTreeMap<&'static str, BTreeSet<String>> {
    let chapter =
        REFERENCE.split("\n## ").find(|chapter| chapter.starts_with("The JSON document")).expect("the chapter");
    let sections = chapter.split("\n### ").skip(1);
    let key = |line: &str| line.strip_prefix("| `")?.split('`').next().map(str::to_string);
    let keys = |section: &str| section.lines().filter_map(key).collect();
    sections.map(|section| (section.lines().next().unwrap_or_default(), keys(section))).collect()
}

/// The keys of every object in the document.
fn objects(value: &Value, found: &mut Vec<BTreeSet<String>>) {
    match value {
        Value::Object(object) => {
            found.push(object.keys().cloned().collect());
            object.values().for_each(|value| objects(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| objects(value, found)),
        _ => {}
    }
}

#[test]
fn the_reference_names_every_key_and_no_other() {
    let mut report = sample::failed();
    report.problems[0].location = Some(report.findings[0].location.clone());
    report.profile.as_mut().expect("it ran").memory = Some(sample::tutorial_memory());
    let mut found = vec![];
    objects(&serde_json::to_value(&report).expect("a report is JSON"), &mut found);
    let documented = documented();
    let source = BTreeSet::from(["project-environment".to_string()]);
    for keys in found.iter().filter(|keys| **keys != source) {
        assert!(documented.values().any(|known| known == keys), "no object of the reference has the keys {keys:?}");
    }
    for (name, keys) in &documented {
        assert!(found.contains(keys), "`{name}` is not in the document with the keys {keys:?}");
    }
}
