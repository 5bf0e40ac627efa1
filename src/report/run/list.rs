//! The list of recorded runs, one a line.

use std::io::{self, Write};

use super::words;
use crate::model::{Metric, RunKind, RunRecord};
use crate::support::style::Style;
use crate::support::units;

/// Writes `runs`, newest first; `n_all` are recorded.
pub fn write(runs: &[&RunRecord], n_all: usize, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if n_all == 0 {
        return writeln!(out, "No run is recorded yet: cmdx run-all-tests --benchmark --report");
    }
    for run in runs {
        let revision = match (run.revision.commit.as_str(), run.revision.is_dirty) {
            ("", _) => "-".to_owned(),
            (commit, true) => format!("{}+", words::commit(commit)),
            (commit, false) => words::commit(commit).to_owned(),
        };
        let time = words::time(&run.started);
        let what = what(run);
        writeln!(out, "{}  {time}  {revision:<8}  {}", style.strong(&run.id), style.text(&what))?;
    }
    if n_all > runs.len() {
        writeln!(out, "{} more", units::count((n_all - runs.len()) as u64))?;
    }
    Ok(())
}

fn what(run: &RunRecord) -> String {
    let mut parts = vec![];
    match run.kind {
        RunKind::Imported => parts.push(format!("imported from {}", run.generator)),
        RunKind::Tests | RunKind::Benchmark if !run.tests.is_empty() => parts.push(words::outcomes(run)),
        RunKind::Tests | RunKind::Benchmark => {}
    }
    if let Some(shard) = &run.shard {
        parts.push(format!("part {shard}"));
    }
    let times = run.benchmarks.iter().filter_map(|benchmark| {
        let series = benchmark.series.iter().find(|series| series.metric == Metric::WallTime)?;
        let comparison = series.comparison.as_ref()?;
        Some((comparison.before, format!("{}: {}", benchmark.name, words::change(series.metric, comparison))))
    });
    if let Some((_, dearest)) = times.max_by(|left, right| left.0.total_cmp(&right.0)) {
        parts.push(dearest);
    } else if !run.benchmarks.is_empty() {
        parts.push(units::counted(run.benchmarks.len() as u64, "benchmark", "benchmarks"));
    }
    parts.join("; ")
}
