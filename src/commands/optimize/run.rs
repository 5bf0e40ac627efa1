//! Reads like the manual: open, scan, run, join, report.

use std::path::Path;

use super::args::{Args, Plan};
use super::charged::Charged;
use super::measure::{self, Measured};
use super::sources::Sources;
use crate::commands::{Context, Failure, FailureKind, Outcome};
use crate::engine::{diagnose, rewrite};
use crate::model::{ExitReason, Report, WorkloadKind};
use crate::project::{self, OpenOptions, Project};
use crate::report;
use crate::support::atomic_file;

/// Version of the report's JSON form.
const SCHEMA_VERSION: u32 = 1;

/// Runs the command.
///
/// # Errors
/// A [`Failure`] when the project could not be opened, the workload not be run, or the report not be written.
pub fn run(args: Args, context: &Context) -> anyhow::Result<Outcome> {
    let plan = args.resolve();
    let project = open(&plan)?;
    for note in &project.notes {
        context.ui.note(note);
    }
    let sources = Sources::read(&project);
    let targets: Vec<String> = project.targets.iter().map(|target| project.relative(target)).collect();
    let charged = Charged::new(targets.clone());
    let scan = rewrite::scan(&sources.contents(|path| charged.holds(path)), &rewrite::ScanOptions::default());
    let measured = measure::measure(&plan, &project, &sources, charged, context)?;
    let outcome = outcome(&measured);
    let report = assemble(&plan, &project, &sources, targets, scan, measured);
    write(&report, &plan, context)?;
    Ok(outcome)
}
