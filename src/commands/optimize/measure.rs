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
