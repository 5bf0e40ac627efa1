//! Reads like the manual: open, scan, run, join, report.

use std::io::Write as _;
use std::path::PathBuf;

use super::args::{Action, Args, Plan};
use super::charged::Charged;
use super::measure::{self, Measured};
use super::{dashboard, implement, implement_recover};
use crate::commands::scan_cache::Question;
use crate::commands::sources::Sources;
use crate::commands::{Context, Failure, FailureKind, Outcome, refused};
use crate::engine::{diagnose, rewrite};
use crate::model::{ExitReason, Report};
use crate::project::{self, OpenOptions, Project, oldest_python};
use crate::report::{self, Format};
use crate::support::atomic_file;
use crate::support::style::Style;

/// Version of the report's JSON form.
const SCHEMA_VERSION: u32 = 1;

/// Runs the command.
///
/// # Errors
/// A [`Failure`] when the project could not be opened, the workload not be run, or the report not be written.
pub fn run(args: Args, context: &Context) -> anyhow::Result<Outcome> {
    let plan = args.resolve();
    let options = OpenOptions { python: plan.python.clone(), ..OpenOptions::from_process() };
    let project = project::open(&plan.paths, &options).map_err(refused)?;
    for note in &project.notes {
        context.ui.note(note);
    }
    implement_recover::recover(&project, context)?;
    match &plan.action {
        Action::Profile => {}
        Action::Implement(how) => return implement::run(&plan, how, &project, context),
        Action::RollBack(name) => return implement_recover::roll_back(name.as_deref(), &project, context),
    }
    let mut sources = Sources::read(&project);
    let targets = targets(&project);
    let charged = Charged::new(targets.clone());
    let scan = scan(&sources, &charged, &project);
    let measured = measure::measure(&plan, &project, &sources, charged, context)?;
    let outcome = outcome(&measured);
    let report = assemble(&plan, &project, &mut sources, targets, scan, measured);
    write(report, &plan, &project, &sources, context)?;
    Ok(outcome)
}

/// What was asked about, relative to the root.
pub(super) fn targets(project: &Project) -> Vec<String> {
    let named = |target: &PathBuf| match project.relative(target) {
        root if root.is_empty() => ".".to_owned(),
        path => path,
    };
    project.targets.iter().map(named).collect()
}

/// What the rules match in the files asked about. All files are read: a model or a helper lies in another one.
fn scan(sources: &Sources, charged: &Charged, project: &Project) -> rewrite::Scan {
    let options = rewrite::ScanOptions { python: oldest_python::of_source(project), ..Default::default() };
    let contents = sources.contents();
    let question = Question::new("optimize", &options).files(&contents);
    let mut scan = question.answer(|| rewrite::scan(&contents, &options));
    scan.matches.retain(|each| charged.holds(&each.location.path));
    scan.problems.retain(|problem| problem.location.as_ref().is_none_or(|location| charged.holds(&location.path)));
    scan
}

fn outcome(measured: &Measured) -> Outcome {
    let Some(run) = &measured.run else { return Outcome::Done };
    let has_costs = !run.profile.cpu.functions.is_empty();
    let is_measured = run.profile.cpu.n_samples > 0 || run.profile.queries.as_ref().is_some_and(|q| q.n_queries > 0);
    match run.workload.exit {
        ExitReason::Interrupted => Outcome::Interrupted,
        ExitReason::Exited(0) if is_measured => Outcome::Done,
        // Failing tests, or a script that says no, were measured all the same.
        ExitReason::Exited(_) if has_costs => Outcome::Done,
        ExitReason::Exited(_) | ExitReason::Signaled(_) | ExitReason::DeadlinePassed => Outcome::NotMeasured,
    }
}

fn assemble(
    plan: &Plan,
    project: &Project,
    sources: &mut Sources,
    paths: Vec<String>,
    scan: rewrite::Scan,
    measured: Measured,
) -> Report {
    let (workload, profile) = match measured.run {
        Some(run) => (Some(run.workload), Some(run.profile)),
        None => (None, None),
    };
    let not_run_because = workload.is_none().then(|| measured.considered.join("; "));
    let mut problems = std::mem::take(&mut sources.problems);
    problems.extend(scan.problems);
    problems.extend(measured.problems);
    Report {
        schema_version: SCHEMA_VERSION,
        generator: concat!("cmdx ", env!("CARGO_PKG_VERSION")).to_owned(),
        project: project.root.display().to_string(),
        paths,
        typed_paths: plan.paths.iter().map(|path| path.display().to_string()).collect(),
        categories: plan.categories.clone(),
        interpreter: Some(measured.interpreter),
        workload,
        not_run_because,
        n_files: project.files().0.len() as u64,
        n_lines: sources.n_lines,
        findings: diagnose::join(profile.as_ref(), &scan.matches, &plan.categories),
        profile,
        problems,
        is_detailed: plan.is_detailed,
    }
}

fn write(report: Report, plan: &Plan, project: &Project, sources: &Sources, context: &Context) -> anyhow::Result<()> {
    let Some(path) = &plan.out else {
        if plan.format.is_binary() && context.ui.is_stdout_terminal() {
            let message = format!("the format {} is not for a terminal", plan.format);
            let hint = Some("write it to a file with `-o FILE`".to_owned());
            return Err(Failure { kind: FailureKind::Usage, message, hint }.into());
        }
        let bytes = rendered(report, plan, project, sources, context.ui.style())?;
        let mut stdout = context.ui.stdout();
        let written = stdout.write_all(&bytes).and_then(|()| stdout.flush());
        return written.map_err(|error| Failure::not_written("standard output".as_ref(), &error).into());
    };
    let bytes = rendered(report, plan, project, sources, &Style::plain())?;
    atomic_file::write(path, &bytes).map_err(|error| Failure::not_written(path, &error))?;
    context.ui.note(&format!("report written to {}", path.display()));
    Ok(())
}

fn rendered(
    report: Report,
    plan: &Plan,
    project: &Project,
    sources: &Sources,
    style: &Style,
) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![];
    if plan.format == Format::Html {
        report::write_page(&dashboard::of(report, project, sources), &mut bytes)?;
    } else {
        report::write(&report, plan.format, style, &mut bytes)?;
    }
    Ok(bytes)
}
