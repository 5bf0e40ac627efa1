//! Reads like the manual: open, scan, report, and the answer when one was asked for.

use std::io::Write as _;

use super::args::{Args, Check, FailOn, Plan};
use super::{assemble, manual};
use crate::commands::{Context, Failure, Outcome, refused};
use crate::model::{LintReport, Safety};
use crate::project::{self, OpenOptions};
use crate::report;
use crate::support::style::Style;
use crate::support::{atomic_file, interrupt};

/// Runs the command.
///
/// # Errors
/// A [`Failure`] when the project could not be opened or the report not be written.
pub fn run(args: Args, context: &Context) -> anyhow::Result<Outcome> {
    match args.resolve() {
        Plan::Explain(rule) => print(&manual::page(&rule, context.ui.style()), context),
        Plan::ListRules => print(&manual::list(context.ui.style()), context),
        Plan::Check(check) => answer(&check, context),
    }
}

fn answer(check: &Check, context: &Context) -> anyhow::Result<Outcome> {
    let project = project::open(&check.paths, &OpenOptions::from_process()).map_err(refused)?;
    for note in &project.notes {
        context.ui.note(note);
    }
    let report = assemble::report(check, &project)?;
    if interrupt::is_requested() {
        return Ok(Outcome::Interrupted);
    }
    write(&report, check, context)?;
    Ok(if is_no(&report, check.fail_on) { Outcome::No } else { Outcome::Done })
}

/// True when the report holds what was asked to be a failure, or something worse.
fn is_no(report: &LintReport, fail_on: FailOn) -> bool {
    let least = match fail_on {
        FailOn::None => return false,
        FailOn::Error => return !report.problems.is_empty(),
        FailOn::Proven => Safety::Proven,
        FailOn::NeedsRun => Safety::NeedsRun,
        FailOn::Any => Safety::ShowOnly,
    };
    !report.problems.is_empty() || report.findings.iter().any(|finding| finding.safety <= least)
}

fn print(text: &str, context: &Context) -> anyhow::Result<Outcome> {
    let mut stdout = context.ui.stdout();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::not_written("standard output".as_ref(), &error))?;
    Ok(Outcome::Done)
}

fn write(report: &LintReport, check: &Check, context: &Context) -> anyhow::Result<()> {
    let Some(path) = &check.out else {
        let mut stdout = context.ui.stdout();
        return report::write_lint(report, check.format, context.ui.style(), &mut stdout)
            .map_err(|error| Failure::not_written("standard output".as_ref(), &error).into());
    };
    let mut bytes = vec![];
    report::write_lint(report, check.format, &Style::plain(), &mut bytes)?;
    atomic_file::write(path, &bytes).map_err(|error| Failure::not_written(path, &error))?;
    context.ui.note(&format!("report written to {}", path.display()));
    Ok(())
}
