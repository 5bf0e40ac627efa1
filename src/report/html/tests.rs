use super::*;
use crate::model::Report;
use crate::report::sample;

fn page(report: &Report) -> String {
    let mut out = vec![];
    write(&Dashboard::alone(report.clone()), &mut out).expect("memory takes every text");
    String::from_utf8(out).expect("text is UTF-8")
}

#[test]
fn a_page_is_written() {
    if let Ok(directory) = std::env::var("CMDX_PAGES") {
        for (name, report) in [("tutorial", sample::tutorial()), ("hostile", sample::hostile()), ("empty", sample::empty()), ("nothing", sample::nothing_found()), ("failed", sample::failed()), ("many", sample::many()), ("overlap", sample::overlapping())] {
            std::fs::write(format!("{directory}/{name}.html"), page(&report)).expect("writable");
        }
    }
    assert!(page(&sample::tutorial()).contains("query_users()"));
}
