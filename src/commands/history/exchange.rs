//! Runs from elsewhere and to elsewhere: merge, import, export, prune.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::run::{chosen, print, read};
use crate::commands::{Context, Failure, FailureKind, Outcome, refused};
use crate::engine::bench::exchange::{self, Export};
use crate::engine::bench::history;
use crate::model::RunRecord;
use crate::project::Project;
use crate::support::{atomic_file, units};

/// Copies the records of other folders; one that is here already is the same run and stays as it is.
pub(super) fn merge(folders: &[PathBuf], project: &Project, context: &Context) -> anyhow::Result<Outcome> {
    let state = project.state_directory().map_err(refused)?;
    let known: BTreeSet<String> = read(&project.root, context).runs.into_iter().map(|run| run.id).collect();
    let (mut n_new, mut n_known) = (0_u64, 0_u64);
    for folder in folders {
        if !folder.exists() {
            return Err(usage(format!("there is no `{}`", folder.display())).into());
        }
        for path in history::files(folder) {
            match history::read_file(&path) {
                Ok(run) if known.contains(&run.id) => n_known += 1,
                Ok(run) => {
                    n_new += u64::from(!history::path_of(&state, &run).exists());
                    history::keep(&state, &run)
                        .map_err(|error| Failure::not_written(&state.join("history"), &error))?;
                }
                Err(message) => context.ui.warning(&format!("`{}` was passed over: {message}", path.display())),
            }
        }
    }
    let text = format!("{} added, {n_known} known already\n", units::counted(n_new, "run", "runs"));
    print(text.as_bytes(), context)
}

fn usage(message: String) -> Failure {
    Failure { kind: FailureKind::Usage, message, hint: None }
}

/// Reads documents of other tools into the history.
pub(super) fn import(files: &[PathBuf], project: &Project, context: &Context) -> anyhow::Result<Outcome> {
    let state = project.state_directory().map_err(refused)?;
    let mut text = String::new();
    for file in files {
        let refused = |message: String| usage(format!("`{}` cannot be imported: {message}", file.display()));
        let document = fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
        let mut run = exchange::import(&document).map_err(refused)?;
        // The time of the file: what was measured then is not news of today.
        let modified =
            fs::metadata(file).and_then(|metadata| metadata.modified()).unwrap_or_else(|_| SystemTime::now());
        run.started = units::timestamp(modified);
        run.environment.fingerprint =
            format!("imported-{}", blake3::hash(run.environment.processor.as_bytes()).to_hex());
        run.environment.fingerprint.truncate(16);
        history::write(&state, &mut run).map_err(|error| Failure::not_written(&state.join("history"), &error))?;
        let n = units::counted(run.benchmarks.len() as u64, "benchmark", "benchmarks");
        text = format!("{text}{}: {n} of {}\n", run.id, run.generator);
    }
    print(text.as_bytes(), context)
}

/// Writes a run in the form of another tool.
pub(super) fn export(
    name: Option<&str>,
    form: Export,
    out: Option<&Path>,
    project: &Project,
    context: &Context,
) -> anyhow::Result<Outcome> {
    let history = read(&project.root, context);
    let text = exchange::export(chosen(&history, name)?, form);
    let Some(path) = out else { return print(text.as_bytes(), context) };
    atomic_file::write(path, text.as_bytes()).map_err(|error| Failure::not_written(path, &error))?;
    context.ui.note(&format!("{} written to {}", form.name(), path.display()));
    Ok(Outcome::Done)
}

/// Removes all but the newest run of each older day.
pub(super) fn prune(days: u64, is_dry: bool, project: &Project, context: &Context) -> anyhow::Result<Outcome> {
    let state = project.root.join(".cmdx");
    let history = read(&project.root, context);
    let limit = units::timestamp(SystemTime::now() - Duration::from_secs(days * 86_400));
    let mut text = String::new();
    let mut n_removed = 0_u64;
    for run in superseded(&history.runs, &limit) {
        let path = history::path_of(&state, run);
        text = format!("{text}{}\n", run.id);
        n_removed += 1;
        if !is_dry {
            fs::remove_file(&path).map_err(|error| Failure::not_written(&path, &error))?;
        }
    }
    let what = if is_dry { "would be removed" } else { "removed" };
    print(format!("{text}{} {what}\n", units::counted(n_removed, "run", "runs")).as_bytes(), context)
}

/// Runs before the limit that a later one of the same day and machine supersedes.
fn superseded<'a>(runs: &'a [RunRecord], limit: &str) -> Vec<&'a RunRecord> {
    let mut kept = BTreeSet::new();
    let old = runs.iter().rev().filter(|run| run.started.as_str() < limit);
    let mut found: Vec<&RunRecord> = old
        .filter(|run| {
            let day = run.started.get(..8).unwrap_or_default().to_owned();
            !kept.insert((day, run.environment.fingerprint.clone(), run.shard.clone()))
        })
        .collect();
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_run_of_each_old_day_stays() {
        let run = |started: &str| RunRecord { started: started.into(), id: started.into(), ..RunRecord::default() };
        let runs =
            ["20260101T080000", "20260101T090000", "20260102T080000", "20260301T080000", "20260301T090000"].map(run);
        let removed: Vec<&str> = superseded(&runs, "20260201T000000").into_iter().map(|run| run.id.as_str()).collect();
        assert_eq!(removed, ["20260101T080000"]);
    }
}
