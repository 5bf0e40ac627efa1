//! Limits of the configuration against what was measured: `[gates]` read with care, and one answer a gate and benchmark.

mod read;
mod rules;

pub use read::{GateError, memory, response_time};

use crate::model::{Benchmark, BenchmarkKind, GateStatus, GateVerdict, Metric, RunRecord, Series};
use crate::support::units;

use super::paired::quantile_interval;

/// What happens where a gate has no clear answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The command says that it could not measure.
    Fail,
    /// It is told.
    Warn,
    /// It is not.
    Pass,
}

/// What a limit is on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LimitKind {
    /// Wall time at a part of the samples: 0.5 for the median.
    ResponseTime(f64),
    /// Peak RSS.
    Memory,
    /// Queries of one request or test.
    Queries,
    /// Most memory of Python objects.
    TracedPeak,
    /// Time against the base, as a part.
    RelativeTime,
    /// Peak RSS against the base, as a part.
    RelativeMemory,
    /// Queries more than the base.
    RelativeQueries,
    /// Most memory of Python objects against the base, as a part.
    RelativeTracedPeak,
}

impl LimitKind {
    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResponseTime(_) => "absolute.response_time",
            Self::Memory => "absolute.memory",
            Self::Queries => "absolute.queries",
            Self::TracedPeak => "absolute.traced_peak",
            Self::RelativeTime => "relative.time",
            Self::RelativeMemory => "relative.memory",
            Self::RelativeQueries => "relative.queries",
            Self::RelativeTracedPeak => "relative.traced_peak",
        }
    }

    /// True when a second run may give another figure.
    pub fn is_noisy(self) -> bool {
        matches!(self, Self::ResponseTime(_) | Self::RelativeTime | Self::Memory | Self::RelativeMemory)
    }
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// On what.
    pub kind: LimitKind,
    /// Seconds, bytes, counts or parts.
    pub value: f64,
}

/// The gates of a project.
#[derive(Clone, Debug, PartialEq)]
pub struct Gates {
    /// What intervals cover.
    pub confidence: f64,
    /// Where there is no figure.
    pub on_missing: Policy,
    /// Where the interval straddles the limit.
    pub on_inconclusive: Policy,
    /// Whether what fails is measured once more.
    pub confirms: bool,
    /// A smaller difference never fails a relative gate.
    pub min_effect_seconds: f64,
    /// For all benchmarks.
    pub limits: Vec<Limit>,
    rules: Vec<rules::Rule>,
    waivers: Vec<rules::Waiver>,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            confidence: 0.99,
            on_missing: Policy::Fail,
            on_inconclusive: Policy::Warn,
            confirms: true,
            min_effect_seconds: 50e-6,
            limits: vec![],
            rules: vec![],
            waivers: vec![],
        }
    }
}

impl Gates {
    /// True when nothing would be judged.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty() && self.rules.iter().all(|rule| rule.limits.is_empty())
    }

    /// Puts a limit of the command line over that of the configuration.
    pub fn set(&mut self, limit: Limit) {
        self.limits.retain(|known| known.kind.name() != limit.kind.name());
        self.limits.push(limit);
    }

    /// The answer of every gate. `today` is `2026-12-31`.
    pub fn judge(&self, run: &RunRecord, today: &str) -> Vec<GateVerdict> {
        let mut kinds: Vec<LimitKind> = self.limits.iter().map(|limit| limit.kind).collect();
        for limit in self.rules.iter().flat_map(|rule| &rule.limits) {
            if !kinds.iter().any(|kind| kind.name() == limit.kind.name()) {
                kinds.push(limit.kind);
            }
        }
        kinds.into_iter().flat_map(|kind| self.judge_kind(kind, run, today)).collect()
    }

    fn judge_kind(&self, kind: LimitKind, run: &RunRecord, today: &str) -> Vec<GateVerdict> {
        let mut verdicts = vec![];
        for (benchmark, series) in judged_by(kind, run) {
            let Some(limit) = self.limit_for(kind, &benchmark.name) else { continue };
            let mut verdict = self.answer(limit, series);
            verdict.benchmark.clone_from(&benchmark.name);
            verdict.location.clone_from(&benchmark.location);
            if verdict.status == GateStatus::Fail
                && let Some(waiver) = self.waivers.iter().find(|waiver| rules::fits(&waiver.pattern, &benchmark.name))
            {
                waiver.apply(&mut verdict, today);
            }
            verdicts.push(verdict);
        }
        if verdicts.is_empty()
            && let Some(limit) = self.limits.iter().find(|limit| limit.kind.name() == kind.name())
        {
            verdicts.push(missing(*limit, run));
        }
        verdicts
    }

    /// The last rule that fits wins; else what holds for all.
    fn limit_for(&self, kind: LimitKind, name: &str) -> Option<Limit> {
        let same = |limit: &&Limit| limit.kind.name() == kind.name();
        let mut fitting = self.rules.iter().rev().filter(|rule| rules::fits(&rule.pattern, name));
        let own = fitting.find_map(|rule| rule.limits.iter().find(same));
        own.or_else(|| self.limits.iter().find(same)).copied()
    }

    fn answer(&self, limit: Limit, series: &Series) -> GateVerdict {
        let found = match limit.kind {
            LimitKind::ResponseTime(part) => Found::of_quantile(&series.after, part, self.confidence),
            LimitKind::Memory => Found::of_range(&series.after),
            LimitKind::Queries | LimitKind::TracedPeak => Found::exactly(&series.after),
            LimitKind::RelativeQueries => Found::difference(series),
            LimitKind::RelativeTime | LimitKind::RelativeMemory | LimitKind::RelativeTracedPeak => {
                Found::of_comparison(series)
            }
        };
        let mut status = found.against(limit.value);
        let smallest = self.min_effect_seconds;
        if status == GateStatus::Fail && limit.kind == LimitKind::RelativeTime {
            let difference = series.comparison.as_ref().map_or(0.0, |known| known.after - known.before);
            if difference < smallest {
                status = GateStatus::Pass;
            }
        }
        GateVerdict {
            gate: limit.kind.name().to_owned(),
            status,
            measured: Some(found.value),
            low: found.low,
            high: found.high,
            limit: limit.value,
            message: sentence(limit, &found, status, series),
            ..GateVerdict::default()
        }
    }
}

/// The benchmarks that a limit judges: requests where there are any, else calls of the fixture, else tests.
fn judged_by(kind: LimitKind, run: &RunRecord) -> Vec<(&Benchmark, &Series)> {
    use LimitKind as Kind;
    let is_relative =
        matches!(kind, Kind::RelativeTime | Kind::RelativeMemory | Kind::RelativeQueries | Kind::RelativeTracedPeak);
    let metrics: &[Metric] = match kind {
        Kind::ResponseTime(_) => &[Metric::WallTime],
        Kind::Memory | Kind::RelativeMemory => &[Metric::PeakRss],
        Kind::Queries | Kind::RelativeQueries => &[Metric::Queries],
        Kind::TracedPeak | Kind::RelativeTracedPeak => &[Metric::TracedPeak],
        Kind::RelativeTime => &[Metric::CpuTime, Metric::WallTime],
    };
    let series_of = |benchmark: &'_ Benchmark| -> Option<usize> {
        let usable = |series: &Series| !series.after.is_empty() && (!is_relative || series.comparison.is_some());
        metrics
            .iter()
            .find_map(|metric| benchmark.series.iter().position(|series| series.metric == *metric && usable(series)))
    };
    let found: Vec<(&Benchmark, &Series)> = run
        .benchmarks
        .iter()
        .filter_map(|benchmark| series_of(benchmark).map(|at| (benchmark, &benchmark.series[at])))
        .collect();
    let order = [
        BenchmarkKind::Request,
        BenchmarkKind::Iteration,
        BenchmarkKind::Test,
        BenchmarkKind::Process,
        BenchmarkKind::Command,
    ];
    let first = order.into_iter().find(|kind| found.iter().any(|(benchmark, _)| benchmark.kind == *kind));
    found.into_iter().filter(|(benchmark, _)| Some(benchmark.kind) == first).collect()
}

/// A figure with what is known of it.
struct Found {
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
}

impl Found {
    fn exactly(values: &[f64]) -> Self {
        let value = values.iter().copied().fold(f64::MIN, f64::max);
        Self { value, low: Some(value), high: Some(value) }
    }

    /// Resident sets hardly differ: the samples themselves are the interval.
    fn of_range(values: &[f64]) -> Self {
        let (low, high) =
            values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
        Self { value: high, low: Some(low), high: Some(high) }
    }

    fn of_quantile(values: &[f64], part: f64, confidence: f64) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = ((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len()) - 1;
        let (low, high) = quantile_interval(&sorted, part, confidence);
        Self { value: sorted[at], low, high }
    }

    fn difference(series: &Series) -> Self {
        let value = series.comparison.as_ref().map_or(0.0, |known| known.after - known.before);
        Self { value, low: Some(value), high: Some(value) }
    }

    /// How much more it is now, as a part.
    fn of_comparison(series: &Series) -> Self {
        let Some(known) = &series.comparison else { return Self { value: 0.0, low: None, high: None } };
        let more = |factor: f64| 1.0 / factor - 1.0;
        Self { value: more(known.factor), low: known.high.map(more), high: known.low.map(more) }
    }

    fn against(&self, limit: f64) -> GateStatus {
        if self.high.is_some_and(|high| high <= limit) {
            GateStatus::Pass
        } else if self.low.is_some_and(|low| low > limit) {
            GateStatus::Fail
        } else {
            GateStatus::Inconclusive
        }
    }
}

fn sentence(limit: Limit, found: &Found, status: GateStatus, series: &Series) -> String {
    let show = |value: f64| shown(limit.kind, value);
    let interval = match (found.low, found.high) {
        (Some(low), Some(high)) if low < high => format!(" [{}, {}]", show(low), show(high)),
        (Some(low), None) => format!(" [{}, ?]", show(low)),
        (None, Some(high)) => format!(" [?, {}]", show(high)),
        _ => String::new(),
    };
    let relation = match status {
        GateStatus::Pass => "<=",
        GateStatus::Fail => ">",
        _ => "vs",
    };
    let n = series.after.len();
    let mut said = format!("{}{interval} {relation} {} (n={n})", show(found.value), show(limit.value));
    if status == GateStatus::Inconclusive {
        said.push_str(if n < 8 { ": too few samples" } else { ": more pairs would decide (--scientific)" });
    }
    said
}

fn shown(kind: LimitKind, value: f64) -> String {
    let bytes = |value: f64| units::bytes(value.max(0.0) as u64);
    match kind {
        LimitKind::ResponseTime(_) => units::duration(value),
        LimitKind::Memory | LimitKind::TracedPeak => bytes(value),
        LimitKind::Queries => units::counted(value.max(0.0) as u64, "query", "queries"),
        LimitKind::RelativeQueries => format!("{value:+.0} queries"),
        LimitKind::RelativeTime | LimitKind::RelativeMemory | LimitKind::RelativeTracedPeak => {
            let sign = if value > 0.0 { "+" } else { "" };
            format!("{sign}{}", units::percent(value))
        }
    }
}

fn missing(limit: Limit, run: &RunRecord) -> GateVerdict {
    let why = match limit.kind {
        _ if run.benchmarks.is_empty() => "no benchmark was measured",
        LimitKind::Queries | LimitKind::RelativeQueries => {
            "no query was traced (looked for sqlalchemy, django, psycopg, pymysql, sqlite3)"
        }
        LimitKind::RelativeTime | LimitKind::RelativeMemory | LimitKind::RelativeTracedPeak => {
            "the run was not compared with a base: name one with --base"
        }
        _ => "no benchmark has this figure",
    };
    GateVerdict {
        gate: limit.kind.name().to_owned(),
        status: GateStatus::Missing,
        limit: limit.value,
        message: why.to_owned(),
        ..GateVerdict::default()
    }
}

#[cfg(test)]
mod tests;
