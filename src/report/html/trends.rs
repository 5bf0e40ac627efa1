//! How benchmarks moved over the runs on record: a chart for the lines that moved most, a row for every line.

use std::fmt::Write;

use serde::Serialize;

use crate::model::{Metric, Trend, TrendPoint, TrendRun};
use crate::report::run::words as figures;
use crate::report::words;
use crate::support::units;

/// Charts shown at once in each section; the others are drawn on demand.
pub(super) const N_FIGURES: usize = 6;
/// A line needs so many runs to be one.
const N_RUNS_MIN: usize = 3;
/// Rows of the table under a chart: the newest figures.
const N_TABLE_MAX: usize = 20;
/// Benchmarks listed; the data block has the others.
const N_ROWS_MAX: usize = 1_000;
/// Points of the small picture of a line in the table.
const N_SPARK_MAX: usize = 20;

/// The section of times.
#[derive(Serialize)]
pub(super) struct Trends {
    state: Option<String>,
    summary: Option<String>,
    machines: Option<String>,
    failed: Option<String>,
    failures: Vec<Failure>,
    problems: Vec<String>,
    lines: Lines,
}

/// A test that failed in the newest run.
#[derive(Serialize)]
struct Failure {
    name: String,
    message: String,
}

/// Charts and rows of some metrics.
#[derive(Serialize)]
pub(super) struct Lines {
    id: &'static str,
    label: &'static str,
    is_filled: bool,
    figures: Vec<Figure>,
    rows: Vec<Row>,
    n_left_out: usize,
}

#[derive(Serialize)]
struct Figure {
    id: String,
    /// Index into the lines of the data block.
    line: usize,
    name: String,
    metric: &'static str,
    summary: String,
    table: Vec<TableRow>,
}

#[derive(Serialize)]
struct TableRow {
    time: String,
    commit: String,
    value: String,
    interval: String,
    machine: String,
    mark: &'static str,
}

#[derive(Serialize)]
struct Row {
    line: usize,
    name: String,
    metric: &'static str,
    spark: String,
    newest: String,
    newest_value: f64,
    change: String,
    change_value: f64,
    class: &'static str,
    n_runs: usize,
    shift: String,
}

impl Trends {
    pub(super) fn of(trends: &crate::model::Trends) -> Self {
        let n_runs = trends.runs.len();
        let state = match n_runs {
            0 => Some(
                "No run is on record yet. Each `cmdx run-all-tests --benchmark` records one; trends start at 3."
                    .to_string(),
            ),
            n if n < N_RUNS_MIN => {
                let runs = units::counted(n as u64, "run", "runs");
                Some(format!("{runs} recorded; trends start at {N_RUNS_MIN}."))
            }
            _ => None,
        };
        let n_machines = trends.environments.len();
        let machines = (n_machines > 1).then(|| {
            format!("{n_machines} different environments: figures are joined and compared within one of them only.")
        });
        let newest = trends.newest.as_ref();
        let is_red = |run: &&crate::model::RunRecord| run.tests.iter().any(|test| test.outcome.is_failure());
        let red = newest.filter(is_red);
        let failed = red.map(|run| {
            let time =
                if run.started.is_empty() { String::new() } else { format!(" ({})", figures::time(&run.started)) };
            format!("In the newest run{time} tests failed: {}.", figures::outcomes(run))
        });
        let failures = red.iter().flat_map(|run| &run.tests).filter(|test| test.outcome.is_failure());
        Self {
            summary: (state.is_none()).then(|| span(trends)).flatten(),
            state,
            machines,
            failed,
            failures: failures
                .take(N_TABLE_MAX)
                .map(|test| Failure { name: test.name.clone(), message: test.message.clone() })
                .collect(),
            problems: trends.problems.clone(),
            lines: Lines::of(trends, &[Metric::WallTime, Metric::CpuTime], ("time", "Benchmarks by time")),
        }
    }
}

fn span(trends: &crate::model::Trends) -> Option<String> {
    let (first, last) = (trends.runs.first()?, trends.runs.last()?);
    let runs = units::counted(trends.runs.len() as u64, "run", "runs");
    Some(format!("{runs}, {} to {} UTC.", figures::time(&first.started), figures::time(&last.started)))
}

impl Lines {
    pub(super) fn of(
        trends: &crate::model::Trends,
        metrics: &[Metric],
        (id, label): (&'static str, &'static str),
    ) -> Self {
        let lines = trends.lines.iter().enumerate().filter(|(_, trend)| metrics.contains(&trend.metric));
        let lines: Vec<_> = lines.collect();
        let long = lines.iter().filter(|(_, trend)| trend.points.len() >= N_RUNS_MIN);
        let figures = long.take(N_FIGURES).map(|(index, trend)| figure(id, *index, trend, trends));
        Self {
            id,
            label,
            is_filled: !lines.is_empty(),
            figures: figures.collect(),
            rows: lines.iter().take(N_ROWS_MAX).map(|(index, trend)| row(*index, trend, &trends.runs)).collect(),
            n_left_out: lines.len().saturating_sub(N_ROWS_MAX),
        }
    }
}

fn figure(id: &str, line: usize, trend: &Trend, trends: &crate::model::Trends) -> Figure {
    Figure {
        id: format!("{id}-{line}"),
        line,
        name: trend.name.clone(),
        metric: figures::metric(trend.metric),
        summary: summary(trend, &trends.runs),
        table: trend
            .points
            .iter()
            .enumerate()
            .rev()
            .take(N_TABLE_MAX)
            .map(|point| table_row(trend, trends, point))
            .collect(),
    }
}

/// The chart in one sentence, for those who cannot see it.
fn summary(trend: &Trend, runs: &[TrendRun]) -> String {
    let Some(newest) = trend.points.last() else { return String::new() };
    let figure = |value| figures::figure(trend.metric, value);
    let least = trend.points.iter().map(|point| point.value).fold(f64::INFINITY, f64::min);
    let most = trend.points.iter().map(|point| point.value).fold(f64::NEG_INFINITY, f64::max);
    let change =
        trend.change.map_or_else(String::new, |change| format!(", {} than before", moved(trend.metric, change)));
    let n_runs = units::counted(trend.points.len() as u64, "run", "runs");
    let shift = trend.shifts.last().and_then(|shift| runs.get(trend.points.get(*shift as usize)?.run as usize));
    let shift = shift.map_or_else(String::new, |run| format!(" The level changed at {}.", label(run)));
    format!("{}{change}; {} to {} over {n_runs}.{shift}", figure(newest.value), figure(least), figure(most))
}

/// `2026-11-22 21:15 (1a2b3c4d)`.
fn label(run: &TrendRun) -> String {
    let time = figures::time(&run.started);
    if run.commit.is_empty() { time } else { format!("{time} ({})", run.commit) }
}

/// `8% more`, `2.5x less`.
fn moved(metric: Metric, change: f64) -> String {
    let word = match (metric.is_time(), change > 1.0) {
        (true, true) => "slower",
        (true, false) => "faster",
        (false, true) => "more",
        (false, false) => "less",
    };
    let part = if change > 1.0 { change - 1.0 } else { 1.0 - change };
    format!("{} {word}", words::part(part))
}

fn table_row(trend: &Trend, trends: &crate::model::Trends, (index, point): (usize, &TrendPoint)) -> TableRow {
    let figure = |value| figures::figure(trend.metric, value);
    let run = trends.runs.get(point.run as usize);
    let is_shift = trend.shifts.contains(&(index as u32));
    TableRow {
        time: run.map(|run| figures::time(&run.started)).unwrap_or_default(),
        commit: run.map(|run| run.commit.clone()).unwrap_or_default(),
        value: figure(point.value),
        interval: if point.low < point.high {
            format!("{} to {}", figure(point.low), figure(point.high))
        } else {
            String::new()
        },
        machine: match run {
            Some(run) if trends.environments.len() > 1 => format!("environment {}", run.environment + 1),
            _ => String::new(),
        },
        mark: match (is_shift, run.is_some_and(|run| run.is_rewritten)) {
            (true, _) => "level changed",
            (false, true) => "rewritten",
            (false, false) => "",
        },
    }
}

fn row(line: usize, trend: &Trend, runs: &[TrendRun]) -> Row {
    let newest = trend.points.last().map_or(0.0, |point| point.value);
    let shift = trend.shifts.last().and_then(|shift| runs.get(trend.points.get(*shift as usize)?.run as usize));
    let (change, class) = match trend.change {
        None => ("first here".to_string(), "none"),
        Some(change) if (change - 1.0).abs() < 0.005 => ("same".to_string(), "none"),
        Some(change) => (moved(trend.metric, change), if change > 1.0 { "up" } else { "down" }),
    };
    Row {
        line,
        name: trend.name.clone(),
        metric: figures::metric(trend.metric),
        spark: spark(&trend.points, runs),
        newest: figures::figure(trend.metric, newest),
        newest_value: newest,
        change,
        change_value: trend.change.map_or(0.0, |change| change - 1.0),
        class,
        n_runs: trend.points.len(),
        shift: shift.map(|run| figures::time(&run.started)).unwrap_or_default(),
    }
}

/// The line as the path of a picture of 100 by 24. It breaks where the environment changes.
fn spark(points: &[TrendPoint], runs: &[TrendRun]) -> String {
    let points = kept(points, N_SPARK_MAX);
    let most = points.iter().map(|point| point.value).fold(0.0, f64::max);
    let last = points.len().max(2) - 1;
    let mut path = String::new();
    let mut before = None;
    for (index, point) in points.iter().enumerate() {
        let environment = runs.get(point.run as usize).map(|run| run.environment);
        let x = (100 * index) / last;
        let y = if most > 0.0 { 22.0 - 20.0 * point.value / most } else { 22.0 };
        let letter = if before == Some(environment) { 'L' } else { 'M' };
        write!(path, "{letter}{x} {y:.0}").expect("a string takes every text");
        before = Some(environment);
    }
    path
}

/// The smallest and the largest point of each of equal stretches: no peak is lost.
pub(super) fn kept(points: &[TrendPoint], n_max: usize) -> Vec<TrendPoint> {
    if points.len() <= n_max {
        return points.to_vec();
    }
    let n_stretches = (n_max / 2).max(1);
    let mut kept = Vec::with_capacity(n_max);
    for stretch in 0..n_stretches {
        let (start, end) = (stretch * points.len() / n_stretches, (stretch + 1) * points.len() / n_stretches);
        let stretch = &points[start..end];
        let by_value = |one: &&TrendPoint, other: &&TrendPoint| one.value.total_cmp(&other.value);
        let (Some(least), Some(most)) = (stretch.iter().min_by(by_value), stretch.iter().max_by(by_value)) else {
            continue;
        };
        let (first, second) = if least.run <= most.run { (least, most) } else { (most, least) };
        kept.push(*first);
        if second.run != first.run {
            kept.push(*second);
        }
    }
    if let (Some(last), Some(newest)) = (kept.last_mut(), points.last()) {
        *last = *newest;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_peaks_and_its_newest_point() {
        let value = |run| if run == 400 { 9.0 } else { f64::from(run % 7) };
        let points: Vec<_> =
            (0..1000).map(|run| TrendPoint { run, value: value(run), ..TrendPoint::default() }).collect();
        let kept = kept(&points, 30);
        assert!(kept.len() <= 30 && kept.iter().any(|point| point.run == 400), "{kept:?}");
        assert_eq!(kept.last().map(|point| point.run), Some(999));
        assert!(kept.windows(2).all(|pair| pair[0].run < pair[1].run));
    }

    #[test]
    fn the_small_picture_breaks_where_the_environment_changes() {
        let run = |environment| TrendRun { environment, ..TrendRun::default() };
        let point = |run| TrendPoint { run, value: 1.0, ..TrendPoint::default() };
        let path = spark(&[point(0), point(1), point(2)], &[run(0), run(0), run(1)]);
        assert_eq!(path, "M0 2L50 2M100 2");
    }
}
