//! `--validate rewrites`: can what was rewritten be undone, and do reports say what was measured?

use std::fs;

use crate::commands::{Context, Failure};
use crate::engine::bench::{Band, history, judge};
use crate::engine::journal;
use crate::model::{GateReport, GateStatus, GateVerdict, RunRecord, Series};
use crate::project::Project;

/// Names of files that cmdx puts into directories of its own and nowhere else.
const INJECTED: &[&str] = &["cmdx_pytest.py", "cmdx_measure.py", "cmdx_overlay.py", "cmdx_tests.py"];
/// What a recomputed figure may differ by: the last digits of its text.
const ROUNDING: f64 = 1e-9;

/// Adds one verdict a backup, one for what was left behind, one for the figures.
pub(super) fn check(project: &Project, context: &Context, report: &mut GateReport) -> anyhow::Result<()> {
    let state = project.root.join(".cmdx");
    let pending = journal::pending(&state).map_err(Failure::from)?;
    for backup in &pending {
        let message = "it was ended before it was done; any `cmdx optimize` puts the files back".to_owned();
        report.verdicts.push(verdict("rewrites.backup", &backup.name, GateStatus::Fail, message));
    }
    for backup in journal::backups(&state).map_err(Failure::from)? {
        let (status, message) = match journal::originals(&backup) {
            Ok(originals) => {
                let n_changed = originals.iter().filter(|original| !original.is_current).count();
                let changed = if n_changed > 0 { format!(", {n_changed} changed since") } else { String::new() };
                (GateStatus::Pass, format!("{} files can be restored byte for byte{changed}", originals.len()))
            }
            Err(error) => (GateStatus::Fail, error.to_string()),
        };
        report.verdicts.push(verdict("rewrites.backup", &backup.name, status, message));
    }
    report.verdicts.push(left_behind(project));
    report.verdicts.push(figures(project, context));
    Ok(())
}

fn verdict(gate: &str, benchmark: &str, status: GateStatus, message: String) -> GateVerdict {
    GateVerdict { gate: gate.into(), benchmark: benchmark.into(), status, message, ..GateVerdict::default() }
}

/// Nothing of cmdx lies among the project's files.
fn left_behind(project: &Project) -> GateVerdict {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut found: Vec<String> = project
        .all_files()
        .iter()
        .map(|file| file.relative.clone())
        .filter(|path| INJECTED.contains(&name(path).as_str()))
        .collect();
    for file in project.all_files() {
        let Some(folder) = file.path.parent() else { continue };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let other = entry.file_name().to_string_lossy().into_owned();
            if other.starts_with(".cmdx-") {
                found.push(project.relative(&entry.path()));
            }
        }
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        let message = "no file of cmdx was left among the project's".to_owned();
        return verdict("rewrites.left-behind", "", GateStatus::Pass, message);
    }
    let message = format!("left by cmdx: {}", found.join(", "));
    verdict("rewrites.left-behind", "", GateStatus::Fail, message)
}

/// The figures of every record follow from its samples.
fn figures(project: &Project, context: &Context) -> GateVerdict {
    let history = history::read(&project.root.join(".cmdx"));
    for problem in &history.problems {
        context.ui.warning(&problem.message);
    }
    let mut n_series = 0_usize;
    for run in &history.runs {
        for (name, series) in compared(run) {
            n_series += 1;
            if !follows(series) {
                let message =
                    format!("{}: the {} of {name} does not follow from its samples", run.id, series.metric.name());
                return verdict("rewrites.figures", name, GateStatus::Fail, message);
            }
        }
    }
    let message = format!("{n_series} figures of {} runs follow from their samples", history.runs.len());
    verdict("rewrites.figures", "", GateStatus::Pass, message)
}

fn compared(run: &RunRecord) -> impl Iterator<Item = (&str, &Series)> {
    let all = run.benchmarks.iter().flat_map(|each| each.series.iter().map(move |series| (each.name.as_str(), series)));
    all.filter(|(_, series)| series.comparison.is_some())
}

fn follows(series: &Series) -> bool {
    let Some(told) = &series.comparison else { return true };
    let Some(again) = judge(series, told.confidence, &Band { part: 0.03 }) else { return false };
    let near = |left: f64, right: f64| (left - right).abs() <= ROUNDING * left.abs().max(right.abs());
    let ends = |left: Option<f64>, right: Option<f64>| match (left, right) {
        (Some(left), Some(right)) => near(left, right),
        (left, right) => left.is_none() && right.is_none(),
    };
    near(told.factor, again.factor)
        && ends(told.low, again.low)
        && ends(told.high, again.high)
        && told.change == again.change
}
