//! Runs the workload and turns what it left behind into a profile.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::args::Plan;
use super::charged::Charged;
use super::sources::Sources;
use crate::agent;
use crate::commands::{Context, Failure, FailureKind};
use crate::engine::profile::{cpu, queries};
use crate::harness::{self, Event, RecordOptions};
use crate::model::{CpuProfile, ExitReason, Interpreter, Problem, Profile, Recording, Workload, WorkloadSummary};
use crate::project::{self, Project, install, interpreter, requirements, workload};
use crate::support::units;

/// A workload that takes longer is ended, unless the user says otherwise.
const DEADLINE_DEFAULT: Duration = Duration::from_secs(600);
/// Logs of so many runs are kept.
const RUNS_KEPT: usize = 10;

/// What was run and what came of it.
pub(super) struct Measured {
    pub interpreter: Interpreter,
    /// `None` when the project offers nothing to run.
    pub run: Option<Run>,
    pub problems: Vec<Problem>,
    /// What was looked at when a workload was chosen.
    pub considered: Vec<String>,
}

/// One run.
pub(super) struct Run {
    pub workload: WorkloadSummary,
    pub profile: Profile,
}

/// Chooses an interpreter and a workload, runs it, and builds its profile.
pub(super) fn measure(
    plan: &Plan,
    project: &Project,
    sources: &Sources,
    charged: Charged,
    context: &Context,
) -> anyhow::Result<Measured> {
    let found = interpreter::find(project).map_err(refused)?;
    let interpreter = if plan.installs { installed(project, &found, context)? } else { found };
    let choice = workload::choose(project, &interpreter, plan.command.clone()).map_err(refused)?;
    let mut measured = Measured { interpreter, run: None, problems: vec![], considered: choice.considered };
    let Some(workload) = choice.workloads.into_iter().next() else { return Ok(measured) };
    if plan.command.is_none() {
        requirements::check(project, &measured.interpreter).map_err(refused)?;
    }
    let directory = run_directory(project)?;
    let (recording, problems) = record(plan, project, workload.clone(), &directory, context)?;
    measured.problems = problems;
    measured.problems.extend(recording.problems.iter().cloned());
    let profile = profile(&recording, sources, charged, &mut measured.problems);
    measured.run = Some(Run { workload: summary(project, &workload, &recording), profile });
    Ok(measured)
}

fn refused(error: project::ProjectError) -> Failure {
    let kind = match error.kind() {
        project::ErrorKind::Usage => FailureKind::Usage,
        project::ErrorKind::CannotRun => FailureKind::CannotRun,
        project::ErrorKind::CannotWrite => FailureKind::NotWritten,
        project::ErrorKind::Interrupted => FailureKind::Interrupted,
    };
    let hint = error.hint();
    Failure::new(kind, &error, hint)
}

/// The interpreter of `.cmdx/venv`, made or brought up to date first.
fn installed(project: &Project, found: &interpreter::Found, context: &Context) -> anyhow::Result<Interpreter> {
    let mut progress = context.ui.progress("Installing what the project needs");
    let made = install::ensure(project, found, &mut |event| progress.say(&event.to_string())).map_err(refused)?;
    Ok(made)
}

/// A new directory for the logs and events of one run; old ones are taken away.
fn run_directory(project: &Project) -> anyhow::Result<PathBuf> {
    let runs = project.state_directory().map_err(refused)?.join("runs");
    let directory = runs.join(format!("{}-{}", units::timestamp(std::time::SystemTime::now()), std::process::id()));
    fs::create_dir_all(&directory)
        .map_err(|error| Failure::not_written(&directory, &error))
        .context("cannot keep the logs of the run")?;
    let mut kept: Vec<PathBuf> = fs::read_dir(&runs)?.flatten().map(|entry| entry.path()).collect();
    kept.sort();
    for old in kept.iter().rev().skip(RUNS_KEPT) {
        // Another cmdx may be taking the same one away.
        let _gone_is_fine = fs::remove_dir_all(old);
    }
    Ok(directory)
}

fn record(
    plan: &Plan,
    project: &Project,
    mut workload: Workload,
    directory: &Path,
    context: &Context,
) -> anyhow::Result<(Recording, Vec<Problem>)> {
    let mut problems = vec![];
    let agent_directory = directory.join("agent");
    let events_directory = directory.join("events");
    let has_agent = plan.traces_queries && place_agent(&agent_directory, &events_directory, &mut problems);
    if has_agent {
        let agent = agent::Placement { agent_directory: &agent_directory, events_directory: &events_directory, root: &project.root };
        agent::trace(&mut workload, &agent);
    }
    let options = RecordOptions {
        rate_hz: plan.rate_hz,
        deadline: plan.deadline.or(project.config.deadline).unwrap_or(DEADLINE_DEFAULT),
        directory: directory.to_path_buf(),
        root: project.root.clone(),
        agent_directory: has_agent.then(|| agent_directory.clone()),
        events_directory: has_agent.then(|| events_directory.clone()),
    };
    let mut progress = context.ui.progress(&format!("Running {}", workload.title));
    let recording = harness::record(&workload, &options, &mut |event| {
        let Event::Running { elapsed_seconds, n_processes } = event;
        let processes = units::counted(n_processes as u64, "process", "processes");
        progress.say(&format!("{}, {processes} sampled", units::duration(elapsed_seconds)));
    });
    match recording {
        Ok(recording) => Ok((recording, problems)),
        Err(error) => {
            let kind = match &error {
                harness::HarnessError::NotWritable { .. } => FailureKind::NotWritten,
                _ => FailureKind::CannotRun,
            };
            Err(Failure::new(kind, &error, error.hint()).into())
        }
    }
}
