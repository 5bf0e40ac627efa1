use super::*;
use crate::model::{Benchmark, BenchmarkKind, Metric, Series};

fn run(started: &str, value: f64) -> RunRecord {
    let series = Series { metric: Metric::WallTime, after: vec![value], ..Series::default() };
    let benchmark = Benchmark {
        name: "</script> ✅".into(),
        kind: BenchmarkKind::Request,
        series: vec![series],
        ..Benchmark::default()
    };
    RunRecord { started: started.into(), benchmarks: vec![benchmark], ..RunRecord::default() }
}

#[test]
fn what_is_written_is_read_back_oldest_first() {
    let state = tempfile::tempdir().expect("a temporary directory");
    let mut later = run("20261122T211500", 0.5);
    let mut earlier = run("20261022T211500", 0.25);
    write(state.path(), &mut later).expect("writable");
    let path = write(state.path(), &mut earlier).expect("writable");
    assert!(path.ends_with(format!("history/2026-10/{}.json", earlier.id)), "{path:?}");
    let history = read(state.path());
    assert_eq!(history.runs, [earlier, later]);
    assert_eq!(history.problems, []);
}

#[test]
fn a_record_is_written_once() {
    let state = tempfile::tempdir().expect("a temporary directory");
    let mut first = run("20261122T211500", 0.5);
    write(state.path(), &mut first).expect("writable");
    keep(state.path(), &first).expect("writable");
    let mut again = run("20261122T211500", 0.5);
    write(state.path(), &mut again).expect("writable");
    assert_eq!(again.id, first.id, "the name is a hash of what it holds");
    assert_eq!(read(state.path()).runs.len(), 1);
    let mut other = run("20261122T211500", 0.75);
    write(state.path(), &mut other).expect("writable");
    assert_eq!(read(state.path()).runs.len(), 2);
}

#[test]
fn damaged_files_are_named_and_left_alone() {
    let state = tempfile::tempdir().expect("a temporary directory");
    write(state.path(), &mut run("20261122T211500", 0.5)).expect("writable");
    let folder = state.path().join("history/2026-11");
    let outside = "{\"schema_version\": 1, \"id\": \"../../../etc/x\"}";
    for (name, text) in
        [("torn.json", "{\"schema_ver"), ("newer.json", "{\"schema_version\": 9}"), ("path.json", outside)]
    {
        atomic_file::write(&folder.join(name), text.as_bytes()).expect("writable");
    }
    let history = read(state.path());
    assert_eq!(history.runs.len(), 1);
    let said: Vec<&str> = history.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert!(said[0].contains("newer.json") && said[0].contains("another version of cmdx (form 9)"), "{said:?}");
    assert!(said[1].contains("path.json") && said[1].contains("is not a run of cmdx"), "{said:?}");
    assert!(said[2].contains("torn.json") && said[2].contains("damaged"), "{said:?}");
    assert!(folder.join("torn.json").exists());
}

#[test]
fn an_empty_history_is_no_problem() {
    let state = tempfile::tempdir().expect("a temporary directory");
    let history = read(state.path());
    assert!(history.runs.is_empty() && history.problems.is_empty());
}
