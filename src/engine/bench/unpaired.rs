//! Two runs whose samples were not taken in pairs: the interval of the ratio follows from those of both medians.

use super::paired::quantile_interval;
use super::verdict::{Band, judge};
use crate::model::{Before, Benchmark, Change, RunRecord, Series, SeriesComparison};

/// Both medians lie within their intervals with 99 %.
const CONFIDENCE_EACH: f64 = 0.995;
/// As of paired runs.
const BAND: f64 = 0.03;
/// Fewer runs on a side of a change are a coincidence: all of ten on their side by chance is rarer than one in a hundred.
const RUNS_MIN: usize = 5;
/// Smaller changes are not worth a line.
const CHANGE_MIN: f64 = 0.05;

/// `after` with its figures compared to those of `before`.
pub fn compare(before: &RunRecord, after: &RunRecord) -> RunRecord {
    let is_same_machine = before.environment.fingerprint == after.environment.fingerprint;
    let mut compared = RunRecord { benchmarks: vec![], tests: vec![], problems: vec![], ..after.clone() };
    compared.before = Some(Before {
        kind: "run".to_owned(),
        title: format!("the run {}", before.id),
        commit: before.revision.commit.clone(),
    });
    for benchmark in &after.benchmarks {
        let same = |other: &&Benchmark| other.kind == benchmark.kind && other.name == benchmark.name;
        let Some(old) = before.benchmarks.iter().find(same) else { continue };
        let mut series: Vec<Series> = vec![];
        for now in &benchmark.series {
            let Some(then) = old.series.iter().find(|series| series.metric == now.metric) else { continue };
            if now.metric.is_time() && !is_same_machine {
                continue;
            }
            let mut joined = Series { before: then.after.clone(), control: vec![], comparison: None, ..now.clone() };
            joined.comparison =
                if now.metric.is_exact() { judge(&joined, 1.0, &Band { part: BAND }) } else { judged(&joined) };
            series.push(joined);
        }
        if !series.is_empty() {
            compared.benchmarks.push(Benchmark { series, ..benchmark.clone() });
        }
    }
    if !is_same_machine {
        let message = "the runs are of different machines or environments: their times are not compared";
        compared.problems.push(message.to_owned());
    }
    if compared.benchmarks.is_empty() {
        compared.problems.push("the runs have no figure in common that could be compared".to_owned());
    }
    compared
}

fn judged(series: &Series) -> Option<SeriesComparison> {
    let (before, after) = (sorted(&series.before), sorted(&series.after));
    if before.first().is_none_or(|least| *least <= 0.0) || after.first().is_none_or(|least| *least <= 0.0) {
        return None;
    }
    let ends = (quantile_interval(&before, 0.5, CONFIDENCE_EACH), quantile_interval(&after, 0.5, CONFIDENCE_EACH));
    let ratio = |top: Option<f64>, bottom: Option<f64>| Some(top? / bottom?);
    let ((old_low, old_high), (new_low, new_high)) = ends;
    let (low, high) = (ratio(old_low, new_high), ratio(old_high, new_low));
    let limit = 1.0 + BAND;
    let change = match (low, high) {
        (Some(low), _) if low > limit => Change::Faster,
        (_, Some(high)) if high < 1.0 / limit => Change::Slower,
        (Some(low), Some(high)) if low >= 1.0 / limit && high <= limit => Change::Equivalent,
        _ => Change::Inconclusive,
    };
    let (old, new) = (middle(&before), middle(&after));
    Some(SeriesComparison {
        before: old,
        after: new,
        factor: old / new,
        low,
        high,
        confidence: 0.99,
        n_pairs: before.len().min(after.len()) as u32,
        won: f64::from(u8::from(new < old)),
        change,
        ..SeriesComparison::default()
    })
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Where the last lasting change of a row of figures begins: at least five runs lie on each side of it, and none of one
/// side reaches into the other. Reported, never a gate.
pub fn change_point(values: &[f64]) -> Option<usize> {
    let last = values.len().checked_sub(RUNS_MIN)?;
    (RUNS_MIN..=last).rev().find(|at| {
        let (old, new) = (sorted(&values[*at - RUNS_MIN..*at]), sorted(&values[*at..]));
        let is_apart = old[old.len() - 1] < new[0] || new[new.len() - 1] < old[0];
        is_apart && (middle(&new) / middle(&old) - 1.0).abs() >= CHANGE_MIN
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BenchmarkKind, Metric};

    fn run(machine: &str, samples: &[f64], n_queries: f64) -> RunRecord {
        let series = |metric, after: &[f64]| Series { metric, after: after.to_vec(), ..Series::default() };
        let mut run = RunRecord::default();
        run.environment.fingerprint = machine.into();
        run.benchmarks = vec![Benchmark {
            name: "GET /".into(),
            kind: BenchmarkKind::Request,
            series: vec![series(Metric::WallTime, samples), series(Metric::Queries, &[n_queries])],
            ..Benchmark::default()
        }];
        run
    }

    fn changes(compared: &RunRecord) -> Vec<(Metric, Change)> {
        let series = compared.benchmarks.iter().flat_map(|each| &each.series);
        series.filter_map(|series| Some((series.metric, series.comparison.as_ref()?.change))).collect()
    }

    #[test]
    fn what_varies_less_than_it_changed_is_a_change() {
        let old: Vec<f64> = (0..12).map(|n| 1.0 + f64::from(n) * 0.01).collect();
        let new: Vec<f64> = old.iter().map(|value| value * 0.5).collect();
        let compared = compare(&run("a", &old, 9.0), &run("a", &new, 1.0));
        assert_eq!(changes(&compared), [(Metric::WallTime, Change::Faster), (Metric::Queries, Change::Faster)]);
        let compared = compare(&run("a", &old, 9.0), &run("a", &old, 9.0));
        assert_eq!(
            changes(&compared),
            [(Metric::WallTime, Change::Inconclusive), (Metric::Queries, Change::Equivalent)]
        );
        let compared = compare(&run("a", &old[..3], 9.0), &run("a", &new[..3], 9.0));
        assert_eq!(changes(&compared)[0].1, Change::Inconclusive, "three samples have no interval");
    }

    #[test]
    fn times_of_two_machines_are_not_compared() {
        let compared = compare(&run("a", &[1.0; 12], 9.0), &run("b", &[2.0; 12], 1.0));
        assert_eq!(changes(&compared), [(Metric::Queries, Change::Faster)]);
        assert!(compared.problems[0].contains("different machines"));
    }

    #[test]
    fn a_lasting_change_is_found_and_a_spike_is_none() {
        let row = |values: &[(f64, usize)]| -> Vec<f64> {
            values.iter().flat_map(|(value, n)| (0..*n).map(move |k| value + (k % 3) as f64 * 0.004)).collect()
        };
        assert_eq!(change_point(&row(&[(1.0, 8), (1.2, 6)])), Some(8));
        assert_eq!(change_point(&row(&[(1.2, 6), (1.0, 5)])), Some(6));
        assert_eq!(change_point(&row(&[(1.0, 8), (1.2, 1), (1.0, 6)])), None);
        assert_eq!(change_point(&row(&[(1.0, 20)])), None);
        assert_eq!(change_point(&row(&[(1.0, 6), (1.02, 6)])), None, "two percent");
        assert_eq!(change_point(&[1.0; 4]), None);
    }
}
