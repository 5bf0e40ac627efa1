//! Words for figures, changes and outcomes of runs.

use crate::model::{Change, Metric, RunRecord, SeriesComparison, TestOutcome};
use crate::support::units;

/// A figure with its unit.
pub(in crate::report) fn figure(metric: Metric, value: f64) -> String {
    match metric {
        Metric::WallTime | Metric::CpuTime => units::duration(value),
        Metric::PeakRss | Metric::TracedPeak => units::bytes(value.max(0.0) as u64),
        Metric::Queries => units::counted(value.max(0.0).round() as u64, "query", "queries"),
        Metric::Instructions => units::count(value.max(0.0).round() as u64),
    }
}

/// What a metric is called in a sentence.
pub(in crate::report) fn metric(metric: Metric) -> &'static str {
    match metric {
        Metric::WallTime => "wall time",
        Metric::CpuTime => "CPU time",
        Metric::PeakRss => "peak RSS",
        Metric::TracedPeak => "traced peak",
        Metric::Queries => "queries",
        Metric::Instructions => "instructions",
    }
}

/// `10x`, `1.25x`: three digits say enough.
pub(in crate::report) fn times(factor: f64) -> String {
    let text = match factor {
        factor if factor >= 99.5 => return format!("{}x", units::count(factor.round() as u64)),
        factor if factor >= 9.95 => format!("{factor:.0}"),
        factor if factor >= 1.995 => format!("{factor:.1}"),
        factor => format!("{factor:.2}"),
    };
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{short}x")
}

/// What a comparison comes to: `10x faster`, `60% reduction`, `8% slower`, `no change`.
pub(in crate::report) fn change(metric: Metric, comparison: &SeriesComparison) -> String {
    let factor = comparison.factor;
    match comparison.change {
        Change::Equivalent => "no change".to_owned(),
        Change::Inconclusive => "inconclusive".to_owned(),
        Change::Faster if metric.is_time() => format!("{} faster", times(factor)),
        Change::Faster if metric == Metric::Queries => format!("{} reduction", times(factor)),
        Change::Faster => format!("{} reduction", units::percent(1.0 - 1.0 / factor)),
        Change::Slower if metric.is_time() => format!("{} slower", units::percent(1.0 / factor - 1.0)),
        Change::Slower => format!("{} more", units::percent(1.0 / factor - 1.0)),
    }
}

/// `9.7-10.4x`: the interval of the factor.
pub(in crate::report) fn interval(comparison: &SeriesComparison) -> Option<String> {
    let (low, high) = (comparison.low?, comparison.high?);
    let confidence = units::percent(comparison.confidence);
    let end = |factor: f64| match factor {
        factor if factor >= 99.5 => units::count(factor.round() as u64),
        factor if factor >= 1.995 => format!("{factor:.1}"),
        factor => format!("{factor:.2}"),
    };
    Some(format!("{confidence} interval {}-{}x", end(low), end(high)))
}

/// `2026-11-22 21:15`.
pub(in crate::report) fn time(started: &str) -> String {
    let part = |from: usize, to: usize| started.get(from..to).unwrap_or("");
    format!("{}-{}-{} {}:{}", part(0, 4), part(4, 6), part(6, 8), part(9, 11), part(11, 13))
}

/// `12 passed, 1 failed, 2 skipped`.
pub(in crate::report) fn outcomes(run: &RunRecord) -> String {
    let count = |wanted: &[TestOutcome]| run.tests.iter().filter(|test| wanted.contains(&test.outcome)).count();
    let parts = [
        (count(&[TestOutcome::Passed]), "passed"),
        (count(&[TestOutcome::Failed]), "failed"),
        (count(&[TestOutcome::Error]), "with an error"),
        (count(&[TestOutcome::Timeout]), "timed out"),
        (count(&[TestOutcome::Crashed]), "crashed"),
        (count(&[TestOutcome::Flaky]), "flaky"),
        (count(&[TestOutcome::Skipped]), "skipped"),
        (count(&[TestOutcome::Xfailed]), "failed as expected"),
        (count(&[TestOutcome::Xpassed]), "passed unexpectedly"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", units::count(*n as u64))).collect();
    if said.is_empty() { "no tests".to_owned() } else { said.join(", ") }
}

/// The first letters of a commit.
pub(in crate::report) fn commit(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// The middle one; of two the upper.
pub(in crate::report) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
