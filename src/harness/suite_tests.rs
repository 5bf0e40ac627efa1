use super::*;
use crate::model::{ExitReason, WorkloadKind};

fn seen(lines: &str) -> SuiteRun {
    let directory = tempfile::tempdir().expect("a temporary directory");
    atomic_file::write(&directory.path().join("seen-1.jsonl"), lines.as_bytes()).expect("writable");
    let run = PlainRun {
        exit: ExitReason::Exited(0),
        wall_seconds: 1.0,
        cpu_seconds: 1.0,
        stdout_log: PathBuf::new(),
        stderr_log: PathBuf::new(),
    };
    read(directory.path(), run, Path::new("/project")).expect("readable")
}

#[test]
fn a_test_fails_when_one_of_its_reports_does() {
    let run = seen(
        r#"{"kind": "collected", "n": 2}
{"kind": "start", "test": "t.py::a", "path": "/project/t.py", "line": 3}
{"kind": "report", "test": "t.py::a", "when": "setup", "outcome": "passed", "seconds": 0.5}
{"kind": "report", "test": "t.py::a", "when": "call", "outcome": "failed", "seconds": 1.0, "message": "assert 1 == 2", "path": "/project/src/a.py", "line": 9}
{"kind": "report", "test": "t.py::a", "when": "teardown", "outcome": "passed", "seconds": 0.5}
{"kind": "start", "test": "t.py::b", "path": "/project/t.py", "line": 8}
{"kind": "report", "test": "t.py::b", "when": "setup", "outcome": "failed", "message": "no such fixture"}
{"kind": "report", "test": "t.py::b", "when": "teardown", "outcome": "passed"}
"#,
    );
    let (first, second) = (&run.tests["t.py::a"], &run.tests["t.py::b"]);
    assert_eq!((first.outcome, first.message.as_str()), (TestOutcome::Failed, "assert 1 == 2"));
    assert!((first.seconds - 2.0).abs() < 1e-9);
    assert_eq!(first.location, Some(Location::new("src/a.py", 9, "")));
    assert_eq!((second.outcome, second.location.clone()), (TestOutcome::Error, Some(Location::new("t.py", 8, ""))));
    assert!(run.unfinished.is_empty());
    assert_eq!(run.n_collected, Some(2));
}

#[test]
fn the_test_that_ran_when_the_process_died_is_known() {
    let run = seen(
        "{\"kind\": \"start\", \"test\": \"t.py::a\", \"path\": \"/project/t.py\", \"line\": 3}\n{\"kind\": \"rep",
    );
    assert_eq!(run.unfinished.len(), 1);
    assert_eq!(run.unfinished[0].name, "t.py::a");
}

#[test]
fn figures_are_kept_by_name() {
    let run = seen(
        r#"{"kind": "test", "test": "t.py::a", "wall": 0.5, "cpu": 0.25, "traced_peak": 1000}
{"kind": "request", "name": "GET /", "wall": [0.1, 0.2], "cpu": [0.1, 0.1]}
{"kind": "benchmark", "name": "t.py::b", "values": [0.001], "loops": 20}
{"kind": "process", "peak_rss": 5000, "cpu": 1.0, "foreign": ["app.py"]}
"#,
    );
    assert_eq!(run.times["t.py::a"], (0.5, 0.25));
    assert_eq!(run.traced_peaks["t.py::a"], 1000);
    assert_eq!(run.requests["GET /"].0, [0.1, 0.2]);
    assert_eq!((run.benchmarks["t.py::b"].clone(), run.loops["t.py::b"]), (vec![0.001], 20));
    assert_eq!((run.peak_rss_bytes, run.foreign.len()), (Some(5000), 1));
}

fn workload(words: &str) -> Workload {
    Workload {
        kind: WorkloadKind::TestSuite,
        title: String::new(),
        argv: words.split(' ').map(str::to_owned).collect(),
        cwd: PathBuf::new(),
        env: vec![],
    }
}

#[test]
fn the_plugin_stands_where_the_runner_finds_it() {
    let line = |words: &str, n_jobs, has_xdist| {
        let options = SuiteOptions { n_jobs, has_xdist, ..SuiteOptions::default() };
        argv(&workload(words), &options, Path::new("/p")).join(" ")
    };
    assert_eq!(line("python -m pytest -q tests", 1, true), "python -m pytest -p cmdx_pytest -q tests");
    assert_eq!(line("python -m pytest tests", 4, true), "python -m pytest -p cmdx_pytest tests -n 4");
    assert_eq!(
        line("python -m pytest tests", 4, false),
        "python /p/cmdx_jobs.py 4 python -m pytest -p cmdx_pytest tests"
    );
    assert_eq!(line("python -m unittest discover", 1, false), "python /p/cmdx_unittest.py -m unittest discover");
    assert_eq!(line("python manage.py test", 1, false), "python /p/cmdx_unittest.py manage.py test");
}
