//! A real run in every form of the report that other tools read.

use serde_json::Value;

use crate::runs::{cmdx, project, say};

/// Half a second in one function.
const SCRIPT: &str = "import time\n\n\ndef busy():\n    end = time.perf_counter() + 0.5\n    while time.perf_counter() < end:\n        sum(range(1000))\n\n\nbusy()\n";

/// The report of a run of [`SCRIPT`].
fn report(format: &str) -> Vec<u8> {
    let project = project(&[("run.py", SCRIPT)]);
    let output = cmdx(project.path()).args(["optimize", "--profile", "--format", format, "run.py"]).output();
    let output = output.expect("cmdx starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn text(format: &str) -> String {
    String::from_utf8(report(format)).expect("UTF-8")
}

fn document(format: &str) -> Value {
    serde_json::from_slice(&report(format)).expect("one document")
}

#[test]
fn speedscope_has_the_time_of_the_function() {
    let document = document("speedscope");
    let frames = document["shared"]["frames"].as_array().expect("a list");
    let busy = frames.iter().position(|frame| frame["name"] == "busy (run.py)").expect("a frame");
    let wall = &document["profiles"][0];
    let samples = wall["samples"].as_array().expect("a list").iter().zip(wall["weights"].as_array().expect("a list"));
    let is_busy = |stack: &Value| stack.as_array().expect("a list").iter().any(|frame| *frame == busy);
    let seconds: f64 = samples.filter(|(stack, _)| is_busy(stack)).filter_map(|(_, weight)| weight.as_f64()).sum();
    assert!((0.25..5.0).contains(&seconds), "{seconds} s in busy()");
}

#[test]
fn folded_stacks_and_the_picture_name_the_function() {
    let folded = text("collapsed");
    let line = folded.lines().find(|line| line.contains(";busy (run.py)")).expect("a stack");
    assert!(line.rsplit_once(' ').is_some_and(|(_, micros)| micros.parse::<u64>().is_ok()), "{line}");
    assert!(text("flamegraph").contains("<title>busy (run.py) ("));
}

#[test]
fn pprof_is_compressed_and_the_page_and_the_findings_are_text() {
    assert_eq!(report("pprof")[..2], [0x1f, 0x8b]);
    assert!(text("markdown").contains("<code>run.py:4</code> | <code>busy()</code>"));
    assert_eq!(document("sarif")["version"], "2.1.0");
}

#[test]
fn a_format_that_does_not_exist_is_answered_with_those_that_do() {
    let project = project(&[("run.py", SCRIPT)]);
    let said = say(cmdx(project.path()).args(["optimize", "--format", "xml", "run.py"]));
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.contains("speedscope") && said.stderr.contains("markdown"), "{}", said.stderr);
}
