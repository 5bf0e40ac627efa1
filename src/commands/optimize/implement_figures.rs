//! From pairs of runs to the figures of the answer: medians, factors and intervals.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::engine::bench;
use crate::engine::verify::{Figures, Series};
use crate::model::{Figure, FigureChange, FigureKind, MeasuredGain};
use crate::support::style::Style;
use crate::support::units;

/// Figures that are shown one by one; JSON holds them all.
const SHOWN: usize = 8;
/// Fewer pairs are an anecdote.
const PAIRS_LEAST: u32 = 3;
/// Growth below this is the allocator's, not the program's.
const PEAK_LEAST: f64 = 1e6;

/// What was measured of the whole and of its parts.
pub(super) struct MeasuredFigures {
    pub workload: Option<MeasuredGain>,
    pub figures: Vec<Figure>,
}

/// The figures, the workload first, then what took longest before. Tests that are not `stable` are left out.
pub(super) fn assembled(title: &str, measured: Figures, stable: Option<&BTreeSet<String>>) -> MeasuredFigures {
    let workload = bench::compare(&measured.wall_seconds).map(|comparison| MeasuredGain {
        what: title.to_owned(),
        before_seconds: comparison.before_seconds,
        after_seconds: comparison.after_seconds,
        factor: comparison.factor,
        interval: comparison.interval,
        n_pairs: comparison.n_pairs,
    });
    let whole =
        Series { seconds: measured.wall_seconds, peak_bytes: measured.peak_bytes, n_queries: measured.n_queries };
    let mut figures = vec![figure(FigureKind::Workload, title.to_owned(), &whole)];
    let is_kept = |name: &String| stable.is_none_or(|stable| stable.contains(name));
    let tests = measured.tests.into_iter().filter(|(name, _)| is_kept(name)).map(|each| (FigureKind::Test, each));
    let requests = measured.requests.into_iter().map(|each| (FigureKind::Request, each));
    let mut parts: Vec<Figure> =
        requests.chain(tests).map(|(kind, (name, series))| figure(kind, name, &series)).collect();
    parts.sort_by(|left, right| seconds_before(right).total_cmp(&seconds_before(left)));
    figures.extend(parts);
    MeasuredFigures { workload, figures }
}

fn seconds_before(figure: &Figure) -> f64 {
    figure.seconds.map_or(0.0, |change| change.before)
}

fn figure(kind: FigureKind, name: String, series: &Series) -> Figure {
    let queries = series.n_queries.filter(|(before, after)| before + after > 0);
    Figure {
        kind,
        name,
        seconds: change(&series.seconds),
        queries: queries.and_then(|(before, after)| change(&[(before as f64, after as f64)])),
        peak_bytes: change(&series.peak_bytes),
    }
}

fn change(pairs: &[(f64, f64)]) -> Option<FigureChange> {
    let middle = |side: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = pairs.iter().map(side).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let (before, after) = (middle(|pair| pair.0)?, middle(|pair| pair.1)?);
    let comparison = bench::compare(pairs).filter(|comparison| comparison.n_pairs as usize == pairs.len());
    Some(FigureChange {
        before,
        after,
        factor: comparison.map(|comparison| comparison.factor),
        interval: comparison.and_then(|comparison| comparison.interval),
        n_pairs: pairs.len() as u32,
    })
}

/// Writes the figures as a table: what, then time, queries and memory as far as they were measured.
pub(super) fn write(figures: &[Figure], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if figures.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nBefore and after:")?;
    for each in figures.iter().take(SHOWN) {
        writeln!(out, "  {}", style.text(&each.name))?;
        if let Some(change) = &each.seconds {
            let what = if each.kind == FigureKind::Request { "response time" } else { "time" };
            writeln!(out, "    {what}: {}", words(change, &units::duration))?;
        }
        if let Some(change) = &each.queries {
            writeln!(
                out,
                "    queries: {} to {}",
                units::count(change.before as u64),
                units::count(change.after as u64)
            )?;
        }
        let is_worth_it = |change: &&FigureChange| change.before.max(change.after) >= PEAK_LEAST;
        if let Some(change) = each.peak_bytes.as_ref().filter(is_worth_it) {
            writeln!(out, "    peak memory: {}", words(change, &|bytes| units::bytes(bytes as u64)))?;
        }
    }
    match figures.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more; --json lists them all"),
    }
}

fn words(change: &FigureChange, unit: &dyn Fn(f64) -> String) -> String {
    let (before, after) = (unit(change.before), unit(change.after));
    let pairs = || format!("{}, too few for an interval", units::counted(u64::from(change.n_pairs), "pair", "pairs"));
    let sure = match change.interval {
        Some((low, high)) => format!("{low:.2} to {high:.2} at 99 %"),
        None => pairs(),
    };
    // A factor of one pair is mostly the machine's mood.
    match change.factor.filter(|_| change.n_pairs >= PAIRS_LEAST) {
        Some(factor) => format!("{before} to {after}, {factor:.2}x ({sure})"),
        None => format!("{before} to {after} ({sure})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Figures {
        let series =
            |seconds: &[(f64, f64)], n_queries| Series { seconds: seconds.to_vec(), peak_bytes: vec![], n_queries };
        Figures {
            wall_seconds: vec![(4.0, 2.0); 8],
            peak_bytes: vec![(80e6, 20e6)],
            n_queries: Some((1001, 3)),
            tests: [
                ("t::slow".to_owned(), series(&[(2.0, 0.2); 8], Some((1001, 3)))),
                ("t::flaky".to_owned(), series(&[(9.0, 9.0)], None)),
            ]
            .into(),
            requests: [("GET /".to_owned(), series(&[(3.0, 0.3)], Some((1001, 0))))].into(),
        }
    }

    #[test]
    fn the_workload_comes_first_then_what_took_longest_without_what_flakes() {
        let stable = BTreeSet::from(["t::slow".to_owned()]);
        let MeasuredFigures { workload, figures } = assembled("the tests", measured(), Some(&stable));
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["the tests", "GET /", "t::slow"]);
        assert!((workload.expect("measured").factor - 2.0).abs() < 1e-9);
        let slow = figures[2].seconds.expect("measured");
        assert!(slow.factor.is_some_and(|factor| (factor - 10.0).abs() < 1e-9));
        assert!(slow.interval.is_some_and(|(low, high)| low <= 10.0 + 1e-9 && high >= 10.0 - 1e-9));
        let queries = figures[1].queries.expect("counted");
        assert_eq!((queries.before, queries.after, queries.factor), (1001.0, 0.0, None));
    }

    #[test]
    fn the_summary_says_what_was_measured_and_how_sure_it_is() {
        let MeasuredFigures { figures, .. } = assembled("the tests", measured(), None);
        let mut text = vec![];
        write(&figures, &Style::plain(), &mut text).expect("a vector takes it");
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains("    time: 4000ms to 2000ms, 2.00x (2.00 to 2.00 at 99 %)\n"), "{text}");
        assert!(text.contains("    queries: 1,001 to 3\n"), "{text}");
        assert!(text.contains("    peak memory: "), "{text}");
        assert!(text.contains("80MB to 20MB (1 pair, too few for an interval)"), "{text}");
    }
}
