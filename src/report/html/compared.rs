//! Before against after: how many verdicts of each kind, and every ratio with its interval on a log axis.

use serde::Serialize;

use crate::model::{Benchmark, Change, GateStatus, Metric, RunRecord, Series, SeriesComparison, Trends};
use crate::report::run::words as figures;
use crate::support::units;

/// The axis reaches at least from half to double.
const FACTOR_SPAN_MIN: f64 = 2.0;
/// And at most this far; what lies beyond stands at its end.
const FACTOR_SPAN_MAX: f64 = 2_000.0;
/// Changes within this part do not matter: the band in the middle.
const BAND: f64 = 0.03;
/// Marks of the axis.
const TICKS: &[f64] = &[0.001, 0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0, 1000.0];
/// Marks closer than this, in percent of the axis, would touch.
const TICK_GAP_MIN: f64 = 7.0;
/// Comparisons listed; the data block has the others.
const N_ROWS_MAX: usize = 1_000;

/// The section.
#[derive(Default, Serialize)]
pub(super) struct Compared {
    state: Option<String>,
    title: String,
    counts: Vec<Count>,
    extremes: Vec<String>,
    undecided: Option<String>,
    unstable: bool,
    gates: Vec<Gate>,
    groups: Vec<Group>,
    n_left_out: usize,
}

/// How often a verdict was given.
#[derive(Serialize)]
struct Count {
    n: usize,
    word: &'static str,
    mark: &'static str,
    class: &'static str,
}

#[derive(Serialize)]
struct Gate {
    name: String,
    benchmark: String,
    word: &'static str,
    class: &'static str,
    message: String,
}

#[derive(Serialize)]
struct Group {
    heading: &'static str,
    ticks: Vec<Tick>,
    one: String,
    band: String,
    band_width: String,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Tick {
    x: String,
    label: String,
}

#[derive(Serialize)]
struct Row {
    name: String,
    metric: &'static str,
    before: String,
    after: String,
    change: String,
    factor: f64,
    mark: &'static str,
    class: &'static str,
    x: String,
    low: String,
    high: String,
    has_interval: bool,
    sureness: String,
}

type Compare<'a> = (&'a Benchmark, &'a Series, &'a SeriesComparison);

impl Compared {
    pub(super) fn of(trends: &Trends) -> Self {
        let Some(run) = &trends.compared else {
            let state = "No “before” is known: no run on record was compared. `cmdx run-all-tests --benchmark --scientific` \
                         compares with the code before.";
            return Self { state: Some(state.to_string()), ..Self::default() };
        };
        let mut all: Vec<Compare> = run
            .benchmarks
            .iter()
            .flat_map(|benchmark| benchmark.series.iter().map(move |series| (benchmark, series)))
            .filter_map(|(benchmark, series)| Some((benchmark, series, series.comparison.as_ref()?)))
            .collect();
        all.sort_by(|one, other| evidence(other.2).total_cmp(&evidence(one.2)));
        let n_left_out = all.len().saturating_sub(N_ROWS_MAX);
        Self {
            state: None,
            title: title(run),
            counts: counts(&all),
            extremes: extremes(&all),
            undecided: undecided(&all),
            unstable: all.iter().any(|(_, _, comparison)| comparison.is_control_quiet == Some(false)),
            gates: run.gates.iter().map(gate).collect(),
            groups: groups(&all[..all.len() - n_left_out]),
            n_left_out,
        }
    }
}

fn title(run: &RunRecord) -> String {
    let before = run.before.as_ref().map_or("the code before", |before| before.title.as_str());
    let after = match figures::commit(&run.revision.commit) {
        "" => "the code of the run".to_string(),
        commit if run.revision.is_dirty => format!("{commit} with changes"),
        commit => commit.to_string(),
    };
    let time = if run.started.is_empty() { String::new() } else { format!(", {} UTC", figures::time(&run.started)) };
    format!("{before} against {after}{time}.")
}

/// How surely something changed: the distance of the interval from no change. Undecided ones come last.
fn evidence(comparison: &SeriesComparison) -> f64 {
    let distance = match (comparison.low, comparison.high) {
        (Some(low), Some(high)) if low > 1.0 || high < 1.0 => low.ln().abs().min(high.ln().abs()),
        (None, None) if comparison.change != Change::Inconclusive => comparison.factor.ln().abs(),
        _ => 0.0,
    };
    let decided = matches!(comparison.change, Change::Faster | Change::Slower);
    if decided { 1.0 + distance } else { 0.0 }
}

fn mark(change: Change) -> (&'static str, &'static str, &'static str) {
    match change {
        Change::Faster => ("better", "▲", "better"),
        Change::Slower => ("worse", "▼", "worse"),
        Change::Equivalent => ("equivalent", "=", "equivalent"),
        Change::Inconclusive => ("inconclusive", "?", "inconclusive"),
    }
}

fn counts(all: &[Compare]) -> Vec<Count> {
    [Change::Faster, Change::Slower, Change::Equivalent, Change::Inconclusive]
        .into_iter()
        .map(|change| {
            let (word, mark, class) = mark(change);
            let n = all.iter().filter(|(_, _, comparison)| comparison.change == change).count();
            Count { n, word, mark, class }
        })
        .collect()
}

/// The largest win and the largest loss, in words.
fn extremes(all: &[Compare]) -> Vec<String> {
    let extreme = |wanted: Change, what: &str| {
        let (benchmark, series, comparison) = all
            .iter()
            .filter(|(_, _, comparison)| comparison.change == wanted)
            .max_by(|one, other| one.2.factor.ln().abs().total_cmp(&other.2.factor.ln().abs()))?;
        let change = figures::change(series.metric, comparison);
        Some(format!("{what}: {}, {change} ({}).", benchmark.name, figures::metric(series.metric)))
    };
    let found = [extreme(Change::Faster, "Largest gain"), extreme(Change::Slower, "Largest loss")];
    found.into_iter().flatten().collect()
}

/// What to say when no comparison was decided.
fn undecided(all: &[Compare]) -> Option<String> {
    let is_open = |comparison: &SeriesComparison| comparison.change == Change::Inconclusive;
    if all.is_empty() || !all.iter().all(|(_, _, comparison)| is_open(comparison)) {
        return None;
    }
    let visible = all.iter().filter_map(|(_, _, comparison)| comparison.visible).fold(0.0, f64::max);
    let needed = all.iter().filter_map(|(_, _, comparison)| comparison.pairs_needed).max();
    let missed = if visible > 0.0 {
        format!(" A change below {} could have been missed.", units::percent(visible))
    } else {
        String::new()
    };
    let more = needed.map_or_else(String::new, |n| format!(" About {n} more pairs would decide."));
    Some(format!("Nothing could be decided from these samples; that is not the same as no change.{missed}{more}"))
}

fn gate(gate: &crate::model::GateVerdict) -> Gate {
    let (word, class) = match gate.status {
        GateStatus::Pass => ("pass", "better"),
        GateStatus::Fail => ("fail", "worse"),
        GateStatus::Missing => ("no figure", "inconclusive"),
        GateStatus::Stale => ("of other code", "inconclusive"),
        GateStatus::Inconclusive => ("inconclusive", "inconclusive"),
        GateStatus::Waived => ("waived", "inconclusive"),
    };
    Gate { name: gate.gate.clone(), benchmark: gate.benchmark.clone(), word, class, message: gate.message.clone() }
}

fn groups(all: &[Compare]) -> Vec<Group> {
    let headings: [(&str, &[Metric]); 4] = [
        ("API response time", &[Metric::WallTime, Metric::CpuTime]),
        ("Memory usage", &[Metric::PeakRss, Metric::TracedPeak]),
        ("Database queries", &[Metric::Queries]),
        ("Instructions", &[Metric::Instructions]),
    ];
    let group = |(heading, metrics): &(&'static str, &[Metric])| {
        let of_metric: Vec<_> = all.iter().filter(|(_, series, _)| metrics.contains(&series.metric)).collect();
        (!of_metric.is_empty()).then(|| group(heading, &of_metric))
    };
    headings.iter().filter_map(group).collect()
}

fn group(heading: &'static str, all: &[&Compare]) -> Group {
    let ends = all.iter().flat_map(|(_, _, comparison)| {
        [Some(comparison.factor), comparison.low, comparison.high].into_iter().flatten()
    });
    let reach = ends.filter(|factor| factor.is_finite() && *factor > 0.0).map(|factor| factor.ln().abs());
    let span = 1.1 * reach.fold(FACTOR_SPAN_MIN.ln(), f64::max).min(FACTOR_SPAN_MAX.ln());
    let at = |factor: f64| place(factor, span);
    let mut ticks: Vec<(f64, f64)> = vec![];
    for factor in TICKS.iter().copied().filter(|factor| factor.ln().abs() <= span) {
        let x = at(factor);
        let from_one = (x - 50.0).abs();
        if ticks.last().is_none_or(|(last, _)| x - last >= TICK_GAP_MIN) && !(1e-9..TICK_GAP_MIN).contains(&from_one) {
            ticks.push((x, factor));
        }
    }
    let band = (at(1.0 - BAND), at(1.0 + BAND));
    Group {
        heading,
        ticks: ticks.into_iter().map(|(x, factor)| Tick { x: format!("{x:.2}"), label: tick(factor) }).collect(),
        one: format!("{:.2}", at(1.0)),
        band: format!("{:.2}", band.0),
        band_width: format!("{:.2}", band.1 - band.0),
        rows: all.iter().map(|compare| row(compare, span)).collect(),
    }
}

/// `0.01x`, `1x`, `1,000x`.
fn tick(factor: f64) -> String {
    if factor < 1.0 { format!("{factor}x") } else { figures::times(factor) }
}

/// Where a factor stands on the axis, in percent.
fn place(factor: f64, span: f64) -> f64 {
    let log = if factor > 0.0 { factor.ln() } else { -span };
    (50.0 + 50.0 * log / span).clamp(0.0, 100.0)
}

fn row((benchmark, series, comparison): &Compare, span: f64) -> Row {
    let (_, mark, class) = mark(comparison.change);
    let figure = |value| figures::figure(series.metric, value);
    let percent = |factor: f64| format!("{:.2}", place(factor, span));
    let interval = comparison.low.zip(comparison.high);
    let mut sureness = vec![];
    if series.metric.is_exact() {
        sureness.push("counted exactly".to_string());
    } else {
        sureness.push(figures::interval(comparison).unwrap_or_else(|| "too few pairs for an interval".to_string()));
        sureness.push(units::counted(u64::from(comparison.n_pairs), "pair", "pairs"));
    }
    if comparison.change == Change::Inconclusive {
        let visible = comparison.visible.map(|part| format!("could have missed {}", units::percent(part)));
        sureness.extend(visible);
        sureness.extend(comparison.pairs_needed.map(|n| format!("about {n} more pairs would decide")));
    }
    if !comparison.noise.is_empty() {
        sureness.push(format!("noise {}", comparison.noise));
    }
    Row {
        name: benchmark.name.clone(),
        metric: figures::metric(series.metric),
        before: figure(comparison.before),
        after: figure(comparison.after),
        change: figures::change(series.metric, comparison),
        factor: comparison.factor,
        mark,
        class,
        x: percent(comparison.factor),
        low: interval.map(|(low, _)| percent(low)).unwrap_or_default(),
        high: interval.map(|(_, high)| percent(high)).unwrap_or_default(),
        has_interval: interval.is_some(),
        sureness: sureness.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::run::sample;

    #[test]
    fn without_a_comparison_there_is_no_before() {
        let compared = Compared::of(&Trends::default());
        assert!(compared.state.is_some_and(|state| state.contains("No “before” is known")));
    }

    #[test]
    fn the_tutorials_three_headings_come_in_its_order_and_the_axis_is_logarithmic() {
        let compared = Compared::of(&Trends { compared: Some(sample::compared()), ..Trends::default() });
        let headings: Vec<_> = compared.groups.iter().map(|group| group.heading).collect();
        assert_eq!(headings, ["API response time", "Memory usage", "Database queries"]);
        let counts: Vec<_> = compared.counts.iter().map(|count| (count.n, count.word)).collect();
        assert_eq!(counts, [(3, "better"), (0, "worse"), (0, "equivalent"), (1, "inconclusive")]);
        let row = &compared.groups[0].rows[0];
        assert_eq!((row.before.as_str(), row.after.as_str(), row.change.as_str()), ("2000ms", "200ms", "10x faster"));
        assert!((place(10.0, 100_f64.ln()) - 75.0).abs() < 1e-9);
        assert!((place(0.1, 100_f64.ln()) - 25.0).abs() < 1e-9);
    }

    #[test]
    fn all_inconclusive_is_said_and_is_not_no_change() {
        let mut run = sample::compared();
        for series in run.benchmarks.iter_mut().flat_map(|benchmark| &mut benchmark.series) {
            series.comparison.iter_mut().for_each(|comparison| comparison.change = Change::Inconclusive);
        }
        let compared = Compared::of(&Trends { compared: Some(run), ..Trends::default() });
        let said = compared.undecided.expect("nothing was decided");
        assert!(said.contains("not the same as no change") && said.contains("About 34 more pairs"), "{said}");
    }
}
