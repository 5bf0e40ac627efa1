//! What `optimize --implement` says of time, queries and memory, before and after.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::environments;

const APP: &str = "\
import sqlite3


def drain(items):
    queue = list(items)
    out = []
    while queue:
        out.append(queue.pop(0))
    return out


def asked():
    connection = sqlite3.connect(':memory:')
    connection.execute('create table item (name text)')
    return connection.execute('select name from item').fetchall()


def heavy():
    return bytearray(40_000_000)
";

const TESTS: &str = "\
import app


def test_drain():
    assert app.drain(range(60000)) == list(range(60000))


def test_asked():
    assert app.asked() == [] and app.drain([1]) == [1]


def test_heavy():
    assert len(app.heavy()) == 40_000_000 and app.drain([2]) == [2]


def test_other():
    assert app.asked() == []
";

fn figure<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    let figures = document["figures"].as_array().expect("a list");
    figures.iter().find(|figure| figure["name"].as_str().is_some_and(|given| given.ends_with(name)))
}

#[test]
fn time_queries_and_memory_of_the_tests_that_run_what_was_rewritten_are_told() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("app.py"), APP).expect("writable");
    fs::write(directory.path().join("test_app.py"), TESTS).expect("writable");
    let run = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_cmdx"))
            .args(["optimize", "--implement", "--rule=list-pop-front", ".", "--python"])
            .arg(environments::environment(&["pytest"]))
            .args(words)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .output()
            .expect("starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let document: Value = serde_json::from_str(&run(&["--json"])).expect("one document");
    assert_eq!(document["applied"].as_array().map(Vec::len), Some(1), "{document:#}");
    assert_eq!(document["figures"][0]["kind"], "workload");

    let drain = figure(&document, "::test_drain").expect("measured");
    assert!(drain["seconds"]["factor"].as_f64().expect("measured") > 3.0, "{drain:#}");
    assert!(drain["seconds"]["n_pairs"].as_u64().expect("measured") >= 1);
    assert!(drain["queries"].is_null(), "{drain:#}");

    let asked = figure(&document, "::test_asked").expect("measured");
    assert_eq!((&asked["queries"]["before"], &asked["queries"]["after"]), (&2.0.into(), &2.0.into()));

    let heavy = figure(&document, "::test_heavy").expect("measured");
    let peak = heavy["peak_bytes"]["before"].as_f64().expect("measured");
    assert!((38e6..60e6).contains(&peak), "{peak}");
    // It does not run what was rewritten, and nothing is said of it.
    assert!(figure(&document, "::test_other").is_none(), "{document:#}");

    let said = run(&[]);
    assert!(said.starts_with("Nothing was rewritten.") && !said.contains("Before and after"), "{said}");
}
