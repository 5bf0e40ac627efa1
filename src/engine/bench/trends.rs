//! Turns the history into lines: medians with their intervals, and where the level of a line changed for good.

use std::collections::BTreeMap;

use super::paired::median_interval;
use crate::model::{Metric, RunRecord, Trend, TrendPoint, TrendRun, Trends};

/// Figures on each side of a change of level. That six lie wholly below six others by chance happens twice in 924.
const N_AROUND: usize = 6;
/// A smaller change of level is not worth a mark.
const SHIFT_MIN: f64 = 0.05;
/// What the interval of a median covers.
const CONFIDENCE: f64 = 0.95;

/// The lines of these runs, oldest run first.
pub fn of(runs: &[RunRecord]) -> Trends {
    let mut trends = Trends {
        newest: runs.last().map(without_samples),
        compared: runs.iter().rev().find(|run| is_compared(run)).map(without_samples),
        ..Trends::default()
    };
    let mut lines = BTreeMap::<(String, Metric), Vec<TrendPoint>>::new();
    for run in runs.iter().filter(|run| run.benchmarks.iter().any(|benchmark| !benchmark.series.is_empty())) {
        let number = trends.runs.len() as u32;
        let environment = environment(run, &mut trends.environments);
        trends.runs.push(TrendRun {
            id: run.id.clone(),
            started: run.started.clone(),
            commit: run.revision.commit.chars().take(8).collect(),
            is_dirty: run.revision.is_dirty,
            environment,
            is_rewritten: run.before.as_ref().is_some_and(|before| before.kind == "backup"),
        });
        for benchmark in &run.benchmarks {
            for series in &benchmark.series {
                if let Some(point) = point(number, &series.after) {
                    lines.entry((benchmark.name.clone(), series.metric)).or_default().push(point);
                }
            }
        }
    }
    let line = |((name, metric), points): ((String, Metric), Vec<TrendPoint>)| {
        let shifts = shifts(&points, &trends.runs, metric);
        let change = change(&points, &trends.runs);
        Trend { name, metric, points, shifts, change }
    };
    trends.lines = lines.into_iter().map(line).collect();
    trends.lines.sort_by(|one, other| moved(other).total_cmp(&moved(one)));
    trends
}

fn is_compared(run: &RunRecord) -> bool {
    run.benchmarks.iter().flat_map(|benchmark| &benchmark.series).any(|series| series.comparison.is_some())
}

/// The samples are most of a record; its decisions stand for them.
fn without_samples(run: &RunRecord) -> RunRecord {
    let mut run = run.clone();
    for series in run.benchmarks.iter_mut().flat_map(|benchmark| &mut benchmark.series) {
        series.before.clear();
        series.after.clear();
        series.control.clear();
    }
    run
}

fn environment(run: &RunRecord, known: &mut Vec<String>) -> u32 {
    let fingerprint = &run.environment.fingerprint;
    let place = known.iter().position(|other| other == fingerprint).unwrap_or_else(|| {
        known.push(fingerprint.clone());
        known.len() - 1
    });
    place as u32
}

fn point(run: u32, samples: &[f64]) -> Option<TrendPoint> {
    let mut sorted: Vec<f64> = samples.iter().copied().filter(|sample| sample.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (low_half, high_half) = (sorted.get((sorted.len().max(1) - 1) / 2)?, sorted.get(sorted.len() / 2)?);
    let value = f64::midpoint(*low_half, *high_half);
    let (low, high) = median_interval(&sorted, CONFIDENCE).unwrap_or((value, value));
    Some(TrendPoint { run, value, low, high })
}

/// The newest against the one before it, in one environment.
fn change(points: &[TrendPoint], runs: &[TrendRun]) -> Option<f64> {
    let environment = |point: &TrendPoint| runs.get(point.run as usize).map(|run| run.environment);
    let newest = points.last()?;
    let before = points.iter().rev().skip(1).find(|point| environment(point) == environment(newest))?;
    (before.value > 0.0).then(|| newest.value / before.value)
}

fn moved(trend: &Trend) -> f64 {
    trend.change.map_or(0.0, |change| change.max(f64::MIN_POSITIVE).ln().abs())
}

/// Where the figures of one environment lie wholly above or below those before. Exact figures need no neighbours.
fn shifts(points: &[TrendPoint], runs: &[TrendRun], metric: Metric) -> Vec<u32> {
    let mut by_environment = BTreeMap::<u32, Vec<(u32, f64)>>::new();
    for (index, point) in points.iter().enumerate() {
        let environment = runs.get(point.run as usize).map_or(0, |run| run.environment);
        by_environment.entry(environment).or_default().push((index as u32, point.value));
    }
    let mut found: Vec<u32> = by_environment
        .values()
        .flat_map(|line| if metric.is_exact() { exact_shifts(line) } else { noisy_shifts(line) })
        .collect();
    found.sort_unstable();
    found
}

fn exact_shifts(line: &[(u32, f64)]) -> Vec<u32> {
    let changes = line.windows(2).filter(|pair| (pair[1].1 - pair[0].1).abs() > SHIFT_MIN * pair[0].1.abs());
    changes.map(|pair| pair[1].0).collect()
}

fn noisy_shifts(line: &[(u32, f64)]) -> Vec<u32> {
    let mut found: Vec<(usize, f64)> = vec![];
    for middle in N_AROUND..=line.len().saturating_sub(N_AROUND) {
        let Some(step) = step(&line[middle - N_AROUND..middle], &line[middle..middle + N_AROUND]) else { continue };
        match found.last_mut() {
            // Neighbours of a step look like steps; the widest gap is the step.
            Some((last, widest)) if middle - *last < N_AROUND => {
                if step > *widest {
                    (*last, *widest) = (middle, step);
                }
            }
            _ => found.push((middle, step)),
        }
    }
    found.into_iter().map(|(middle, _)| line[middle].0).collect()
}

/// The gap between two runs of figures as a part of the lower ones; `None` where they overlap.
fn step(before: &[(u32, f64)], after: &[(u32, f64)]) -> Option<f64> {
    let range = |values: &[(u32, f64)]| {
        values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, value)| (low.min(*value), high.max(*value)))
    };
    let ((before_low, before_high), (after_low, after_high)) = (range(before), range(after));
    let (lower, upper) = if before_high < after_low { (before_high, after_low) } else { (after_high, before_low) };
    let gap = (upper - lower) / lower;
    (lower > 0.0 && gap > SHIFT_MIN).then_some(gap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Before, Benchmark, RunEnvironment, Series};

    fn run(number: usize, machine: &str, metric: Metric, value: f64) -> RunRecord {
        let series = Series { metric, after: vec![value * 0.99, value, value * 1.01], ..Series::default() };
        RunRecord {
            id: format!("{number}"),
            started: format!("202611{:02}T000000", number + 1),
            environment: RunEnvironment { fingerprint: machine.into(), ..RunEnvironment::default() },
            benchmarks: vec![Benchmark { name: "GET /".into(), series: vec![series], ..Benchmark::default() }],
            ..RunRecord::default()
        }
    }

    fn trends(values: &[(&str, f64)], metric: Metric) -> Trends {
        let runs: Vec<_> =
            values.iter().enumerate().map(|(number, (machine, value))| run(number, machine, metric, *value)).collect();
        of(&runs)
    }

    fn wobbling(level: f64, n: usize) -> Vec<(&'static str, f64)> {
        (0..n).map(|index| ("a", level * (1.0 + 0.01 * (index % 3) as f64))).collect()
    }

    #[test]
    fn a_change_of_level_is_marked_where_it_happened() {
        let values = [wobbling(1.0, 12), wobbling(1.3, 12)].concat();
        assert_eq!(trends(&values, Metric::WallTime).lines[0].shifts, [12]);
        let values = [wobbling(1.3, 12), wobbling(1.0, 12)].concat();
        assert_eq!(trends(&values, Metric::WallTime).lines[0].shifts, [12]);
    }

    #[test]
    fn noise_a_single_outlier_and_too_few_runs_are_no_change_of_level() {
        assert_eq!(trends(&wobbling(1.0, 40), Metric::WallTime).lines[0].shifts, [0_u32; 0]);
        let mut values = wobbling(1.0, 30);
        values[15].1 = 9.0;
        assert_eq!(trends(&values, Metric::WallTime).lines[0].shifts, [0_u32; 0]);
        assert_eq!(trends(&[("a", 1.0), ("a", 2.0)], Metric::WallTime).lines[0].shifts, [0_u32; 0]);
    }

    #[test]
    fn an_exact_figure_needs_no_neighbours() {
        let line = &trends(&[("a", 1001.0), ("a", 1001.0), ("a", 1.0)], Metric::Queries).lines[0];
        assert_eq!((line.shifts.as_slice(), line.change), ([2].as_slice(), Some(1.0 / 1001.0)));
    }

    #[test]
    fn another_machine_is_no_change_and_is_not_compared_with() {
        let values: Vec<_> = [("a", 1.0), ("b", 5.0)].repeat(10);
        let line = &trends(&values, Metric::WallTime).lines[0];
        assert_eq!((line.shifts.len(), line.change), (0, Some(1.0)));
        assert_eq!(trends(&[("a", 1.0), ("b", 5.0)], Metric::WallTime).lines[0].change, None);
    }

    #[test]
    fn runs_without_a_figure_are_left_out_and_rewritten_code_is_marked() {
        let mut second = run(1, "a", Metric::WallTime, 0.5);
        second.before = Some(Before { kind: "backup".into(), ..Before::default() });
        let trends = of(&[run(0, "a", Metric::WallTime, 1.0), RunRecord::default(), second]);
        assert_eq!(trends.runs.iter().map(|run| run.is_rewritten).collect::<Vec<_>>(), [false, true]);
        assert_eq!(trends.lines[0].points.len(), 2);
        assert!(trends.newest.is_some_and(|run| run.benchmarks[0].series[0].after.is_empty()));
    }

    #[test]
    fn no_history_gives_no_lines() {
        assert_eq!(of(&[]), Trends::default());
    }
}
