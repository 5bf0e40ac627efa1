use super::*;
use crate::report::sample;

fn svg(report: &Report) -> String {
    let mut out = vec![];
    write(report, &mut out).expect("memory takes every text");
    String::from_utf8(out).expect("text is UTF-8")
}

/// No attribute, rule or call that would fetch something. Names of XML vocabularies are addresses too, and harmless.
fn assert_loads_nothing(svg: &str) {
    for loading in
        ["src=", "href=\"http", "url(http", "@import", "fetch(", "XMLHttpRequest", "import(", "<image", "<use"]
    {
        assert!(!svg.contains(loading), "{loading}");
    }
}

#[test]
fn every_function_has_a_frame_with_its_time() {
    let picture = svg(&sample::tutorial());
    assert_loads_nothing(&picture);
    let titles: Vec<_> = picture.split("<title>").skip(1).filter_map(|rest| rest.split("</title>").next()).collect();
    insta::assert_snapshot!(titles.join("\n"));
}

#[test]
fn a_picture_is_the_same_for_the_same_report() {
    assert_eq!(svg(&sample::tutorial()), svg(&sample::tutorial()));
}

#[test]
fn hostile_names_stay_text() {
    let mut report = sample::hostile();
    report.workload.as_mut().expect("it ran").title = "</text><script>alert(1)</script>\u{1b}".into();
    let picture = svg(&report);
    assert!(picture.contains("&lt;/script&gt;"), "{picture}");
    assert_eq!(picture.matches("<script").count(), svg(&sample::tutorial()).matches("<script").count());
    assert!(picture.chars().all(|c| c.is_whitespace() || !c.is_control()));
    assert_loads_nothing(&picture);
}

#[test]
fn nothing_measured_is_said_in_the_picture() {
    insta::assert_snapshot!(svg(&sample::static_only()));
    assert!(svg(&sample::nothing_found()).contains("no sample of it could be taken"));
}

#[test]
fn memory_is_drawn_at_the_peak_in_all_and_at_the_end() {
    let mut report = sample::memory();
    let memory = report.profile.as_mut().and_then(|profile| profile.memory.as_mut()).expect("traced");
    memory.stacks[0].peak_bytes = 700_000;
    memory.stacks[0].total_bytes = 900_000;
    memory.stacks[0].live_bytes = 500_000;
    let mut out = vec![];
    write(&report, &mut out).expect("memory takes every text");
    let svg = String::from_utf8(out).expect("text");
    for tower in ["at the peak", "allocated in all", "live at the end"] {
        assert!(svg.contains(&format!("<title>{tower} (")), "{tower}: {svg}");
    }
}
