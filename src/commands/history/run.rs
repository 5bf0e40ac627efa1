//! Opens the project, reads its history, and does what was asked.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::args::{Action, Args};
use super::exchange;
use crate::commands::{Context, Failure, FailureKind, Outcome, refused};
use crate::engine::bench::history::{self, History};
use crate::engine::bench::unpaired;
use crate::model::RunRecord;
use crate::project::{self, OpenOptions, Project};
use crate::report::{self, RunFormat};
use crate::support::units;

/// Runs the command.
///
/// # Errors
/// A [`Failure`] when the project could not be opened or there is no such run.
pub fn run(args: Args, context: &Context) -> anyhow::Result<Outcome> {
    match args.action {
        Action::List { limit, json, project } => list(limit, json, &opened(project)?, context),
        Action::Show { run, json, project } => show(run.as_deref(), json, &opened(project)?, context),
        Action::Merge { folders, project } => exchange::merge(&folders, &opened(project)?, context),
        Action::Import { files, project } => exchange::import(&files, &opened(project)?, context),
        Action::Export { run, format, out, project } => {
            exchange::export(run.as_deref(), format, out.as_deref(), &opened(project)?, context)
        }
        Action::Prune { older_than, dry_run, project } => {
            exchange::prune(older_than, dry_run, &opened(project)?, context)
        }
    }
}

fn opened(path: Option<PathBuf>) -> anyhow::Result<Project> {
    let paths: Vec<PathBuf> = path.into_iter().collect();
    Ok(project::open(&paths, &OpenOptions::from_process()).map_err(refused)?)
}

/// The history of the project; what cannot be read is told.
pub(in crate::commands) fn read(root: &Path, context: &Context) -> History {
    let history = history::read(&root.join(".cmdx"));
    for problem in &history.problems {
        context.ui.warning(&problem.message);
    }
    history
}

fn list(limit: usize, is_json: bool, project: &Project, context: &Context) -> anyhow::Result<Outcome> {
    let history = read(&project.root, context);
    let mut text = vec![];
    if is_json {
        for run in &history.runs {
            serde_json::to_writer(&mut text, run)?;
            text.push(b'\n');
        }
    } else {
        let newest: Vec<&RunRecord> = history.runs.iter().rev().take(limit).collect();
        report::write_run_list(&newest, history.runs.len(), context.ui.style(), &mut text)?;
        for line in change_points(&history.runs) {
            text.extend(context.ui.style().text(&line).bytes());
            text.push(b'\n');
        }
    }
    print(&text, context)
}

/// The last lasting change of each figure, on the machine and in the environment of the newest run.
fn change_points(runs: &[RunRecord]) -> Vec<String> {
    let Some(newest) = runs.last() else { return vec![] };
    let alike: Vec<&RunRecord> =
        runs.iter().filter(|run| run.environment.fingerprint == newest.environment.fingerprint).collect();
    let mut said = vec![];
    for benchmark in &newest.benchmarks {
        for series in &benchmark.series {
            let figure = |run: &&RunRecord| {
                let same =
                    run.benchmarks.iter().find(|each| (each.kind, &each.name) == (benchmark.kind, &benchmark.name));
                let found = same?.series.iter().find(|each| each.metric == series.metric && !each.after.is_empty())?;
                let mut sorted = found.after.clone();
                sorted.sort_by(f64::total_cmp);
                Some((run.id.clone(), sorted[sorted.len() / 2]))
            };
            let row: Vec<(String, f64)> = alike.iter().filter_map(figure).collect();
            let values: Vec<f64> = row.iter().map(|(_, value)| *value).collect();
            let Some(at) = unpaired::change_point(&values) else { continue };
            let part = values[at] / values[at - 1] - 1.0;
            let way = if part > 0.0 { "rose" } else { "fell" };
            let (name, metric, by) = (&benchmark.name, series.metric.name(), units::percent(part.abs()));
            said.push(format!("the {metric} of {name} {way} by about {by} with {}", row[at].0));
        }
    }
    said
}

fn show(name: Option<&str>, is_json: bool, project: &Project, context: &Context) -> anyhow::Result<Outcome> {
    let history = read(&project.root, context);
    let run = chosen(&history, name)?;
    let mut text = vec![];
    let format = if is_json { RunFormat::Json } else { RunFormat::Text };
    report::write_run(run, format, context.ui.style(), &mut text)?;
    print(&text, context)
}

/// The run whose name begins so; the newest when none is named.
pub(in crate::commands) fn chosen<'a>(history: &'a History, name: Option<&str>) -> Result<&'a RunRecord, Failure> {
    let usage =
        |message: String, hint: &str| Failure { kind: FailureKind::Usage, message, hint: Some(hint.to_owned()) };
    let Some(name) = name.filter(|name| !matches!(*name, "latest" | "newest")) else {
        let nothing = || usage("no run is recorded yet".into(), "`cmdx run-all-tests --report` records one");
        return history.runs.last().ok_or_else(nothing);
    };
    let found: Vec<&RunRecord> = history.runs.iter().filter(|run| run.id.starts_with(name)).collect();
    match found.as_slice() {
        [run] => Ok(run),
        [] => Err(usage(format!("no run is called `{name}`"), "`cmdx history list` shows their names")),
        several => Err(usage(format!("{} runs begin with `{name}`", several.len()), "write more of the name")),
    }
}

pub(in crate::commands) fn print(text: &[u8], context: &Context) -> anyhow::Result<Outcome> {
    let mut stdout = context.ui.stdout();
    let written = stdout.write_all(text).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::not_written("standard output".as_ref(), &error))?;
    Ok(Outcome::Done)
}
