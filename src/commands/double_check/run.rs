//! Reads like the manual: open, check what was asked for, tell, answer.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::args::{Args, Plan};
use super::{performance, rewrites, tests_check};
use crate::commands::{Context, Failure, Outcome, refused};
use crate::harness::Git;
use crate::model::GateReport;
use crate::project::{self, OpenOptions, Project};
use crate::report::{self, GateFormat};
use crate::support::style::Style;
use crate::support::{atomic_file, interrupt};

/// Version of the answer's JSON form.
const SCHEMA_VERSION: u32 = 1;

/// Runs the command.
///
/// # Errors
/// A [`Failure`] when the configuration is wrong, nothing can be validated, or the answer not be written.
pub fn run(args: Args, context: &Context) -> anyhow::Result<Outcome> {
    let plan = args.resolve();
    let options = OpenOptions { python: plan.python.clone(), ..OpenOptions::from_process() };
    let project = project::open(&plan.paths, &options).map_err(refused)?;
    for note in &project.notes {
        context.ui.note(note);
    }
    let mut report = GateReport {
        schema_version: SCHEMA_VERSION,
        generator: concat!("cmdx ", env!("CARGO_PKG_VERSION")).to_owned(),
        project: project.root.display().to_string(),
        prefix: prefix(&project),
        ..GateReport::default()
    };
    let mut gates = None;
    if plan.checks_performance {
        gates = performance::check(&plan, &project, context, &mut report)?;
    }
    if plan.checks_rewrites {
        rewrites::check(&project, context, &mut report)?;
    }
    if plan.checks_tests {
        tests_check::check(&plan, &project, context, &mut report)?;
    }
    if interrupt::is_requested() {
        return Ok(Outcome::Interrupted);
    }
    write(&report, &plan, &project, context)?;
    let outcome = performance::outcome(&report.verdicts, &gates.unwrap_or_default());
    Ok(if plan.exits_zero && outcome == Outcome::No { Outcome::Done } else { outcome })
}

fn prefix(project: &Project) -> String {
    let prefix = Git::open(&project.root).map(|git| git.prefix.to_string_lossy().into_owned()).unwrap_or_default();
    if prefix.is_empty() { prefix } else { format!("{prefix}/") }
}

fn write(report: &GateReport, plan: &Plan, project: &Project, context: &Context) -> anyhow::Result<()> {
    let mut outputs = plan.outputs.clone();
    if outputs.is_empty() {
        outputs = usual(project);
    }
    for (format, path) in &outputs {
        let Some(path) = path else {
            let mut stdout = context.ui.stdout();
            let written =
                report::write_gates(report, *format, context.ui.style(), &mut stdout).and_then(|()| stdout.flush());
            written.map_err(|error| Failure::not_written("standard output".as_ref(), &error))?;
            continue;
        };
        let mut bytes = vec![];
        report::write_gates(report, *format, &Style::plain(), &mut bytes)?;
        atomic_file::write(path, &bytes).map_err(|error| Failure::not_written(path, &error))?;
        context.ui.note(&format!("{} written to {}", format.name(), path.display()));
    }
    Ok(())
}

/// What the surroundings show best: annotations of GitHub, the report on code quality of GitLab.
fn usual(project: &Project) -> Vec<(GateFormat, Option<PathBuf>)> {
    let is_on = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut outputs = vec![(GateFormat::Text, None)];
    if is_on("GITHUB_ACTIONS") {
        outputs.push((GateFormat::Github, None));
    }
    if is_on("GITLAB_CI")
        && let Ok(state) = project.state_directory()
    {
        outputs.push((GateFormat::Gitlab, Some(state.join(Path::new("gl-code-quality-report.json")))));
    }
    outputs
}
