//! A run for people: the bars of the tutorial, then every figure with its interval.

use std::io::{self, Write};

use super::words;
use crate::model::{Benchmark, BenchmarkKind, Change, Metric, RunRecord, Series, SeriesComparison, TestRecord};
use crate::report::gates;
use crate::support::style::Style;
use crate::support::units;

/// Length of the bar of the larger side.
const BAR_COLUMNS: usize = 31;
/// Rows of the table before the rest is only counted; all are in the JSON document.
const ROWS_MAX: usize = 40;
/// Failures that are printed with their reason.
const FAILURES_MAX: usize = 50;

/// Writes the whole run.
pub(super) fn write(run: &RunRecord, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if !run.tests.is_empty() {
        tests(run, style, out)?;
    }
    if !run.benchmarks.is_empty() {
        if !run.tests.is_empty() {
            writeln!(out)?;
        }
        benchmarks(run, style, out)?;
    }
    for verdict in &run.gates {
        let line = format!("{:<12}  {}", gates::label(verdict.status), gates::sentence(verdict));
        writeln!(out, "{}", style.text(&line))?;
    }
    for problem in &run.problems {
        writeln!(out, "{} {}", style.warning("note:"), style.text(problem))?;
    }
    Ok(())
}

fn heading(symbol: &str, title: &str, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}{}", style.symbol(symbol), style.strong(title))?;
    let line = if style.unicode { "═" } else { "=" };
    writeln!(out, "{}", line.repeat(50))
}

fn tests(run: &RunRecord, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    heading("🧪", "Tests", style, out)?;
    writeln!(out)?;
    let failures: Vec<&TestRecord> = run.tests.iter().filter(|test| test.outcome.is_failure()).collect();
    for test in failures.iter().take(FAILURES_MAX) {
        let place = test.location.as_ref().map(|location| format!("  {location}")).unwrap_or_default();
        writeln!(out, "{} {}{}", style.error("FAILED"), style.text(&test.name), style.secondary(&style.text(&place)))?;
        if !test.message.is_empty() {
            writeln!(out, "    {}", style.text(&test.message))?;
        }
    }
    if failures.len() > FAILURES_MAX {
        writeln!(out, "and {} more", failures.len() - FAILURES_MAX)?;
    }
    for test in run.tests.iter().filter(|test| test.outcome == crate::model::TestOutcome::Flaky) {
        writeln!(out, "{} {}", style.warning("FLAKY "), style.text(&test.name))?;
        writeln!(out, "    {}", style.text(&test.message))?;
    }
    let mark = match (failures.is_empty(), style.unicode) {
        (true, true) => "✅ ",
        (false, true) => "❌ ",
        _ => "",
    };
    writeln!(out, "{mark}{}", words::outcomes(run))
}

fn benchmarks(run: &RunRecord, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    heading("📊", "Performance Benchmarks", style, out)?;
    if let Some(before) = &run.before {
        writeln!(out, "{}", style.secondary(&style.text(&format!("Before: {}", before.title))))?;
    }
    for (title, benchmark, series) in headlines(run) {
        writeln!(out, "\n{}", style.strong(&style.text(&title)))?;
        headline(benchmark, series, style, out)?;
    }
    table(run, style, out)
}

/// The three figures of the tutorial: the dearest request or test, memory, queries.
fn headlines(run: &RunRecord) -> Vec<(String, &Benchmark, &Series)> {
    let mut shown = vec![];
    if let Some((benchmark, series)) = dearest(run, Metric::WallTime) {
        let title = match benchmark.kind {
            BenchmarkKind::Request => "API Response Time:".to_owned(),
            BenchmarkKind::Iteration => format!("Time of {}:", benchmark.name),
            BenchmarkKind::Test => format!("Test Time of {}:", benchmark.name),
            BenchmarkKind::Process | BenchmarkKind::Command => format!("Run Time of {}:", benchmark.name),
        };
        shown.push((title, benchmark, series));
    }
    let memory = dearest(run, Metric::PeakRss).or_else(|| dearest(run, Metric::TracedPeak));
    shown.extend(memory.map(|(benchmark, series)| ("Memory Usage:".to_owned(), benchmark, series)));
    let queries = dearest(run, Metric::Queries);
    shown.extend(queries.map(|(benchmark, series)| ("Database Queries:".to_owned(), benchmark, series)));
    shown
}

/// The benchmark with the largest figure, of the kind that says most: requests before iterations before tests.
fn dearest(run: &RunRecord, metric: Metric) -> Option<(&Benchmark, &Series)> {
    let all = run.benchmarks.iter().filter_map(|benchmark| {
        let series = benchmark.series.iter().find(|series| series.metric == metric && !series.after.is_empty())?;
        Some((benchmark, series))
    });
    let size = |series: &Series| {
        let side = if series.before.is_empty() { &series.after } else { &series.before };
        side.iter().copied().fold(0.0, f64::max)
    };
    all.max_by(|left, right| right.0.kind.cmp(&left.0.kind).then(size(left.1).total_cmp(&size(right.1))))
}

fn headline(benchmark: &Benchmark, series: &Series, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let Some(comparison) = &series.comparison else {
        let now = words::figure(series.metric, words::median(&series.after));
        writeln!(out, "  Now:    {now}")?;
        return writeln!(out, "  {}", style.secondary(&style.text(&benchmark.name)));
    };
    let (before, after) =
        (words::figure(series.metric, comparison.before), words::figure(series.metric, comparison.after));
    let width = before.chars().count().max(after.chars().count());
    let said = words::change(series.metric, comparison);
    let mark = mark(comparison.change, style);
    if series.metric == Metric::Queries {
        writeln!(out, "  Before: {before:>width$}")?;
        writeln!(out, "  After:  {after:>width$}  ({said}){mark}")?;
    } else {
        let larger = comparison.before.max(comparison.after);
        writeln!(out, "  Before: {before:>width$}  {}", bar(comparison.before / larger, style))?;
        writeln!(out, "  After:  {after:>width$}  {}  ({said}){mark}", bar(comparison.after / larger, style))?;
    }
    let mut facts = vec![benchmark.name.clone()];
    facts.extend(sureness(series.metric, comparison));
    writeln!(out, "  {}", style.secondary(&style.text(&facts.join("; "))))
}

/// Interval and pairs, and what is missing for a verdict.
fn sureness(metric: Metric, comparison: &SeriesComparison) -> Vec<String> {
    if metric.is_exact() {
        return vec!["counted exactly".to_owned()];
    }
    let pairs = units::counted(u64::from(comparison.n_pairs), "pair", "pairs");
    let mut said = vec![match words::interval(comparison) {
        Some(interval) => format!("{interval}, {pairs}"),
        None => format!("{pairs}: too few for an interval"),
    }];
    if let Some(visible) = comparison.visible.filter(|_| comparison.change == Change::Inconclusive) {
        said.push(format!("could have missed a change below {}", units::percent(visible)));
    }
    if let Some(needed) = comparison.pairs_needed {
        said.push(format!("about {needed} more pairs would decide"));
    }
    said
}

fn mark(change: Change, style: &Style) -> &'static str {
    match (change, style.unicode) {
        (Change::Faster, true) => " ✅",
        (Change::Slower, true) => " ❌",
        (Change::Slower, false) => " !",
        _ => "",
    }
}

fn bar(part: f64, style: &Style) -> String {
    let columns = ((part * BAR_COLUMNS as f64).round() as usize).clamp(1, BAR_COLUMNS);
    if style.unicode { "━".repeat(columns) } else { "#".repeat(columns) }
}

fn table(run: &RunRecord, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<(&Benchmark, &Series)> =
        run.benchmarks.iter().flat_map(|each| each.series.iter().map(move |series| (each, series))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.strong("All figures:"))?;
    let mut named = "";
    for (benchmark, series) in rows.iter().take(ROWS_MAX) {
        if named != benchmark.name {
            writeln!(out, "  {}", style.text(&benchmark.name))?;
            named = &benchmark.name;
        }
        writeln!(out, "    {:<12} {}", words::metric(series.metric), row(series))?;
    }
    if rows.len() > ROWS_MAX {
        writeln!(out, "  and {} more in the JSON document", rows.len() - ROWS_MAX)?;
    }
    Ok(())
}

fn row(series: &Series) -> String {
    let Some(comparison) = &series.comparison else {
        return words::figure(series.metric, words::median(&series.after));
    };
    let (before, after) =
        (words::figure(series.metric, comparison.before), words::figure(series.metric, comparison.after));
    let mut text = format!("{before} -> {after}  {}", words::change(series.metric, comparison));
    if !series.metric.is_exact() {
        let interval = words::interval(comparison).unwrap_or_else(|| "too few pairs".to_owned());
        let noise = if comparison.noise.is_empty() { String::new() } else { format!(", noise {}", comparison.noise) };
        text = format!("{text} ({interval}, n={}{noise})", comparison.n_pairs);
    }
    if comparison.is_control_quiet == Some(false) {
        text.push_str("  [the base differs from itself: the machine is too unstable]");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::run::sample;

    fn written(run: &RunRecord, style: &Style) -> String {
        let mut out = vec![];
        write(run, style, &mut out).expect("a vector takes all");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn benchmarks_are_printed_as_in_the_tutorial() {
        insta::assert_snapshot!(written(&sample::compared(), &Style::plain()));
    }

    #[test]
    fn failures_are_named_with_place_and_reason() {
        insta::assert_snapshot!(written(&sample::tested(), &Style::plain()));
    }

    #[test]
    fn ascii_is_enough() {
        let style = Style { unicode: false, ..Style::plain() };
        assert!(written(&sample::compared(), &style).is_ascii());
    }
}
