//! Reads like the manual: open, run, tell.

use std::collections::BTreeMap;
use std::path::Path;

use super::args::{Args, Plan};
use super::auto_fix;
use super::before;
use super::compare::{self, Trouble};
use super::outputs;
use super::setting::Setting;
use super::suite::{self, SuiteResult};
use crate::commands::double_check::{performance, today};
use crate::commands::optimize::implement_recover;
use crate::commands::{Context, Failure, FailureKind, Outcome, refused};
use crate::model::{RunKind, RunRecord, Workload};
use crate::project::{self, OpenOptions, Project, workload};

/// Runs the command.
///
/// # Errors
/// A [`Failure`] when the project could not be opened, its tests not be run, or the result not be written.
pub fn run(args: Args, context: &Context) -> anyhow::Result<Outcome> {
    let plan = args.resolve();
    let options = OpenOptions { python: plan.python.clone(), ..OpenOptions::from_process() };
    let project = project::open(&plan.paths, &options).map_err(refused)?;
    for note in &project.notes {
        context.ui.note(note);
    }
    implement_recover::recover(&project, context)?;
    let setting = Setting::new(&plan, &project, context)?;
    let suite = workload::suite_of(&project, &setting.interpreter).map_err(refused)?.ok_or_else(no_tests)?;
    let mut record = setting.record(RunKind::Tests);
    record.shard = plan.shard.map(|(part, n_parts)| format!("{part}/{n_parts}"));
    let mut result = tests(&plan, &setting, &suite, &mut record)?;
    if plan.auto_fixes && !result.is_interrupted {
        let fixed = auto_fix::fix(&setting, &suite, &result)?;
        if fixed.is_written {
            result = tests(&plan, &setting, &suite, &mut record)?;
        }
        record.problems.extend(fixed.said);
    }
    let mut outcome = outcome(&plan, &result);
    if plan.is_benchmark && outcome != Outcome::Interrupted {
        record.kind = RunKind::Benchmark;
        let measured = benchmark(&plan, &setting, &suite, &mut record)?;
        outcome = worst(outcome, measured);
        if plan.validates && measured == Outcome::Done {
            outcome = worst(outcome, validate(&project, &mut record)?);
        }
        outputs::leave(&mut record, &project)?;
    }
    outputs::write(&record, &plan.outputs, context)?;
    if plan.reports && outcome != Outcome::Interrupted {
        outputs::keep(&mut record, &project, context)?;
    }
    Ok(outcome)
}

/// A real "no" outranks a missing measurement.
fn worst(tests: Outcome, benchmarks: Outcome) -> Outcome {
    match (tests, benchmarks) {
        (_, Outcome::Interrupted) => Outcome::Interrupted,
        (Outcome::Done, other) => other,
        (tests, _) => tests,
    }
}

/// The gates on the figures just taken; a confirmation is `double-check`'s business.
fn validate(project: &Project, record: &mut RunRecord) -> anyhow::Result<Outcome> {
    let gates = performance::configured(project)?;
    if gates.is_empty() {
        record.problems.push("no gates are configured: nothing but the tests was validated".to_owned());
        return Ok(Outcome::Done);
    }
    record.gates = gates.judge(record, &today());
    Ok(performance::outcome(&record.gates, &gates))
}

fn benchmark(plan: &Plan, setting: &Setting<'_>, suite: &Workload, record: &mut RunRecord) -> anyhow::Result<Outcome> {
    let origin = before::choose(plan, setting, &mut record.problems)?;
    let benchmarks = workload::benchmarks_of(setting.project, &setting.interpreter).map_err(refused)?;
    let workload = benchmarks.unwrap_or_else(|| suite.clone());
    match compare::measure(plan, setting, &workload, origin.as_ref(), record)? {
        Ok(()) => Ok(Outcome::Done),
        Err(Trouble::Interrupted) => Ok(Outcome::Interrupted),
        Err(Trouble::Failure(failure)) if plan.base.is_some() => Err(failure.into()),
        Err(Trouble::Failure(failure)) => {
            let hint = failure.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            record.problems.push(format!("the benchmarks were not measured: {}{hint}", failure.message));
            Ok(Outcome::NotMeasured)
        }
    }
}

fn no_tests() -> Failure {
    let hint = "tests are files called test_*.py or *_test.py, or what `testpaths` of pytest names";
    Failure {
        kind: FailureKind::CannotRun,
        message: "the project has no tests".to_owned(),
        hint: Some(hint.to_owned()),
    }
}

fn tests(plan: &Plan, setting: &Setting<'_>, suite: &Workload, record: &mut RunRecord) -> anyhow::Result<SuiteResult> {
    let weights = plan.durations.as_deref().map(weights).transpose()?;
    let result = suite::run(plan, setting, suite, weights)?;
    record.tests = result.tests.values().cloned().collect();
    record.problems.extend(result.problems.iter().cloned());
    Ok(result)
}

/// The times of tests in the record of an earlier run.
fn weights(path: &Path) -> Result<BTreeMap<String, f64>, Failure> {
    let unusable = |message: String| Failure {
        kind: FailureKind::Usage,
        message: format!("`{}` cannot be used for --durations: {message}", path.display()),
        hint: None,
    };
    let text = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let run: RunRecord = serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
    Ok(run.tests.into_iter().map(|test| (test.name, test.seconds)).collect())
}

fn outcome(plan: &Plan, result: &SuiteResult) -> Outcome {
    if result.is_interrupted {
        return Outcome::Interrupted;
    }
    if result.n_failures() > 0 || (plan.fails_on_flaky && result.n_flaky() > 0) {
        return Outcome::No;
    }
    // A part of the suite may have no test; a suite without any was not measured.
    if result.tests.is_empty() && !(plan.shard.is_some() && result.was_run) {
        return Outcome::NotMeasured;
    }
    Outcome::Done
}
