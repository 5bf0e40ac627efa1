//! Runs the workload and turns what it left behind into a profile.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::args::Plan;
use super::charged::Charged;
use super::sources::Sources;
use crate::commands::{Context, Failure, FailureKind, refused};
use crate::engine::profile::cpu;
use crate::harness::{self, Event, HarnessError, RecordOptions};
use crate::model::{Interpreter, Problem, Profile, Recording, Workload, WorkloadSummary};
use crate::project::{Project, install, interpreter, requirements, workload};
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
    /// What was looked at when a workload was chosen, one sentence each.
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
    let mut problems: Vec<Problem> = found.notes.iter().map(|note| noted(note)).collect();
    let mut interpreter = found.interpreter;
    if plan.installs && plan.command.is_none() {
        interpreter = install(project, &interpreter, &mut problems, context)?;
    }
    let choice = workload::choose(project, &interpreter, plan.command.clone()).map_err(refused)?;
    let mut measured = Measured { interpreter, run: None, problems, considered: choice.considered };
    let Some(workload) = choice.workloads.into_iter().next() else { return Ok(measured) };
    if plan.command.is_none() {
        requirements::check(project, &measured.interpreter).map_err(refused)?;
    }
    let directory = run_directory(project)?;
    let recording = record(plan, project, &workload, &directory, context)?;
    measured.problems.extend(recording.problems.iter().cloned());
    let profile = profile(&recording, sources, charged);
    measured.run = Some(Run { workload: summary(project, &workload, &recording), profile });
    Ok(measured)
}

fn noted(message: &str) -> Problem {
    Problem { location: None, message: message.to_owned(), hint: None }
}

/// The interpreter of `.cmdx/venv`, made or brought up to date first, when the project's own lacks something.
fn install(
    project: &Project,
    base: &Interpreter,
    problems: &mut Vec<Problem>,
    context: &Context,
) -> anyhow::Result<Interpreter> {
    let progress = context.ui.progress("Installing");
    let made = install::ensure(project, base, &mut |event| match event {
        install::Event::Step(step) => progress.say(&step),
        install::Event::Note(note) => problems.push(noted(&note)),
    });
    Ok(made.map_err(refused)?)
}

/// A new directory for the logs and events of one run; old ones are taken away.
fn run_directory(project: &Project) -> anyhow::Result<PathBuf> {
    let runs = project.state_directory().map_err(refused)?.join("runs");
    let directory = runs.join(format!("{}-{}", units::timestamp(SystemTime::now()), std::process::id()));
    fs::create_dir_all(&directory).map_err(|error| Failure::not_written(&directory, &error))?;
    let mut kept: Vec<PathBuf> =
        fs::read_dir(&runs).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
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
    workload: &Workload,
    directory: &Path,
    context: &Context,
) -> anyhow::Result<Recording> {
    let options = RecordOptions {
        rate_hz: plan.rate_hz,
        deadline: plan
            .deadline
            .or(project.config.deadline_seconds.map(Duration::from_secs_f64))
            .unwrap_or(DEADLINE_DEFAULT),
        directory: directory.to_path_buf(),
        root: project.root.clone(),
        agent_directory: None,
        events_directory: None,
    };
    let progress = context.ui.progress(&format!("Running {}", workload.title));
    let recording = harness::record(workload, &options, &mut |event| {
        let Event::Running { elapsed_seconds, n_processes } = event;
        let processes = units::counted(n_processes as u64, "process", "processes");
        progress.say(&format!("{}, {processes} sampled", units::duration(elapsed_seconds)));
    });
    recording.map_err(|error| {
        let kind = match &error {
            HarnessError::NotWritable { .. } => FailureKind::NotWritten,
            _ => FailureKind::CannotRun,
        };
        Failure::new(kind, &error, error.hint()).into()
    })
}

fn profile(recording: &Recording, sources: &Sources, charged: Charged) -> Profile {
    let outline = |path: &str| sources.outline(path);
    let build = |charged: &Charged| {
        let is_charged = |path: &str| charged.holds(path);
        cpu::build(recording, &cpu::Source { is_charged: &is_charged, outline: &outline })
    };
    let mut cpu = build(&charged);
    if cpu.functions.is_empty() {
        // A project that consists of tests, or a suite that never reaches the rest.
        cpu = build(&charged.with_tests());
    }
    Profile { cpu, queries: None }
}

fn summary(project: &Project, workload: &Workload, recording: &Recording) -> WorkloadSummary {
    WorkloadSummary {
        kind: workload.kind,
        title: workload.title.clone(),
        argv: workload.argv.clone(),
        exit: recording.exit,
        stdout_log: project.relative(&recording.stdout_log),
        stderr_log: project.relative(&recording.stderr_log),
    }
}
