//! Runs for the tests of the renderers.

use crate::model::{
    Before, Benchmark, BenchmarkKind, Change, Location, Metric, RunRecord, Series, SeriesComparison, TestOutcome,
    TestRecord,
};

/// The run of the tutorial.
pub(in crate::report) fn compared() -> RunRecord {
    let series = |metric, before: f64, after: f64, change| Series {
        metric,
        before: vec![before],
        after: vec![after],
        comparison: Some(SeriesComparison {
            before,
            after,
            factor: before / after,
            low: Some(before / after * 0.97),
            high: Some(before / after * 1.04),
            confidence: 0.99,
            n_pairs: 12,
            won: 1.0,
            change,
            noise: "B".into(),
            ..SeriesComparison::default()
        }),
        ..Series::default()
    };
    let request = Benchmark {
        name: "GET /users".into(),
        kind: BenchmarkKind::Request,
        series: vec![
            series(Metric::WallTime, 2.0, 0.2, Change::Faster),
            series(Metric::Queries, 1001.0, 1.0, Change::Faster),
        ],
        ..Benchmark::default()
    };
    let mut doubtful = series(Metric::CpuTime, 3.0, 2.9, Change::Inconclusive);
    if let Some(comparison) = &mut doubtful.comparison {
        comparison.visible = Some(0.09);
        comparison.pairs_needed = Some(34);
    }
    let process = Benchmark {
        name: "pytest tests".into(),
        kind: BenchmarkKind::Process,
        series: vec![doubtful, series(Metric::PeakRss, 1.2e9, 4.8e8, Change::Faster)],
        ..Benchmark::default()
    };
    RunRecord {
        before: Some(Before { kind: "head".into(), title: "HEAD (1a2b3c4)".into(), commit: "1a2b3c4".into() }),
        benchmarks: vec![request, process],
        ..RunRecord::default()
    }
}

/// A red suite with hostile names.
pub(in crate::report) fn tested() -> RunRecord {
    let test = |name: &str, outcome, message: &str| TestRecord {
        name: name.into(),
        outcome,
        seconds: 0.25,
        location: Some(Location::new("tests/test_a.py", 7, "")),
        message: message.into(),
        details: String::new(),
    };
    RunRecord {
        tests: vec![
            test("tests/test_a.py::test_ok", TestOutcome::Passed, ""),
            test("tests/test_a.py::test_no[</script>\u{1b}[31m]", TestOutcome::Failed, "assert 1 == 2"),
            test("tests/test_a.py::test_hangs", TestOutcome::Timeout, "it was running when the deadline passed"),
            test("tests/test_a.py::test_moody", TestOutcome::Flaky, "failed, then passed alone"),
        ],
        ..RunRecord::default()
    }
}
