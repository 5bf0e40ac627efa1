//! Runs the suite to its end: goes on behind a test that hangs or ends the interpreter, and runs failures again alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::args::Plan;
use super::setting::{Setting, last_line};
use crate::commands::{Failure, FailureKind};
use crate::harness::{self, HarnessError, SuiteOptions, SuiteRun};
use crate::model::{ExitReason, TestOutcome, TestRecord, Workload};
use crate::support::units;

/// How often the suite is started anew behind a test that ended the interpreter.
const RESTARTS_MAX: u32 = 5;
/// More failures than this have one cause; running each again would tell little.
const RERUN_TESTS_MAX: usize = 100;

/// What came of the suite.
#[derive(Debug, Default)]
pub(super) struct SuiteResult {
    pub tests: BTreeMap<String, TestRecord>,
    pub problems: Vec<String>,
    pub is_interrupted: bool,
    /// False when pytest or unittest could not be brought to run tests.
    pub was_run: bool,
}

impl SuiteResult {
    pub(super) fn n_failures(&self) -> usize {
        self.tests.values().filter(|test| test.outcome.is_failure()).count()
    }

    pub(super) fn n_flaky(&self) -> usize {
        self.tests.values().filter(|test| test.outcome == TestOutcome::Flaky).count()
    }
}

/// Runs the suite of the plan.
pub(super) fn run(
    plan: &Plan,
    setting: &Setting<'_>,
    suite: &Workload,
    weights: Option<BTreeMap<String, f64>>,
) -> anyhow::Result<SuiteResult> {
    let mut suite = suite.clone();
    suite.argv.extend(plan.words.iter().cloned());
    let mut options = SuiteOptions {
        shard: plan.shard,
        weights,
        n_jobs: plan.n_jobs,
        has_xdist: setting.has_xdist,
        own: setting.project.root.clone(),
        deadline: setting.deadline,
        adds_benchmark_option: !suite.argv.iter().any(|word| word == "--benchmark"),
        ..SuiteOptions::default()
    };
    let mut result = SuiteResult::default();
    let end = Instant::now() + setting.deadline;
    for number in 0..=RESTARTS_MAX {
        options.deadline = end.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
        let seen = once(setting, &suite, &options, &format!("suite-{number}"), &suite.title)?;
        let exit = seen.run.exit;
        if !take(&mut result, &seen, number) || exit == ExitReason::Interrupted {
            break;
        }
        options.skip = result.tests.keys().cloned().collect();
    }
    if !result.is_interrupted && plan.n_reruns > 0 {
        rerun(plan, setting, &suite, &mut result, end)?;
    }
    Ok(result)
}

/// Adds what was seen; true when tests are left that can still be run.
fn take(result: &mut SuiteResult, seen: &SuiteRun, number: u32) -> bool {
    for (name, test) in &seen.tests {
        result.tests.insert(name.clone(), test.clone());
    }
    result.was_run |= seen.n_collected.is_some() || !seen.tests.is_empty();
    let (outcome, why) = match seen.run.exit {
        ExitReason::Interrupted => {
            result.is_interrupted = true;
            return false;
        }
        ExitReason::DeadlinePassed => (TestOutcome::Timeout, "it was running when the deadline passed".to_owned()),
        ExitReason::Signaled(signal) => (TestOutcome::Crashed, format!("the interpreter died of signal {signal}")),
        ExitReason::Exited(_) if seen.unfinished.is_empty() => {
            if !result.was_run {
                let said = [&seen.run.stderr_log, &seen.run.stdout_log].map(|log| last_line(log));
                let said = said.iter().find(|line| !line.is_empty()).cloned().unwrap_or_default();
                result.problems.push(format!("no test could be run: {said}"));
            }
            return false;
        }
        ExitReason::Exited(code) => (TestOutcome::Crashed, format!("the interpreter ended with exit code {code}")),
    };
    for test in &seen.unfinished {
        let ended = TestRecord { outcome, message: why.clone(), ..test.clone() };
        result.tests.insert(test.name.clone(), ended);
    }
    let n_missing =
        seen.n_collected.unwrap_or(0).saturating_sub(seen.tests.len() as u64 + seen.unfinished.len() as u64);
    if outcome == TestOutcome::Timeout || seen.unfinished.is_empty() || number == RESTARTS_MAX {
        if seen.unfinished.is_empty() {
            result.problems.push(format!("the suite did not end well: {why}"));
        }
        if n_missing > 0 {
            let tests = units::counted(n_missing, "test was", "tests were");
            result.problems.push(format!("{tests} not run"));
        }
        return false;
    }
    n_missing > 0
}

fn once(
    setting: &Setting<'_>,
    suite: &Workload,
    options: &SuiteOptions,
    name: &str,
    title: &str,
) -> anyhow::Result<SuiteRun> {
    let progress = setting.context.ui.progress(&format!("Running {title}"));
    // The suite may run again after files were taken back; what was seen before is not of that run.
    let mut directories = (0_u32..).map(|number| setting.directory.join(format!("{name}-{number}")));
    let directory = directories.find(|directory| !directory.exists()).unwrap_or_default();
    let seen = harness::run_suite(suite, options, &setting.plugin, &directory, &mut |n_tests| {
        progress.message(&format!("Running {title}: {}", units::counted(n_tests, "test", "tests")));
    });
    Ok(seen.map_err(failed)?)
}

/// A workload that could not be started.
#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
pub(super) fn failed(error: HarnessError) -> Failure {
    let kind = match &error {
        HarnessError::NotWritable { .. } => FailureKind::NotWritten,
        _ => FailureKind::CannotRun,
    };
    Failure::new(kind, &error, error.hint())
}

/// Runs failures again, alone: what passes then is flaky.
fn rerun(
    plan: &Plan,
    setting: &Setting<'_>,
    suite: &Workload,
    result: &mut SuiteResult,
    end: Instant,
) -> anyhow::Result<()> {
    for number in 0..plan.n_reruns {
        let failing = |test: &&TestRecord| matches!(test.outcome, TestOutcome::Failed | TestOutcome::Error);
        let names: BTreeSet<String> = result.tests.values().filter(failing).map(|test| test.name.clone()).collect();
        // A file that cannot be imported has no test that could be run alone.
        let names: BTreeSet<String> =
            names.into_iter().filter(|name| name.contains("::") || !name.contains('/')).collect();
        let left = end.saturating_duration_since(Instant::now());
        if names.is_empty() || names.len() > RERUN_TESTS_MAX || left.is_zero() {
            break;
        }
        let options = SuiteOptions {
            only: Some(names),
            own: setting.project.root.clone(),
            deadline: left,
            n_jobs: 1,
            ..SuiteOptions::default()
        };
        let title = format!("{} again", suite.title);
        let seen = once(setting, suite, &options, &format!("rerun-{number}"), &title)?;
        if seen.run.exit == ExitReason::Interrupted {
            result.is_interrupted = true;
            break;
        }
        for (name, again) in seen.tests {
            let passed = matches!(again.outcome, TestOutcome::Passed | TestOutcome::Xfailed | TestOutcome::Xpassed);
            if let Some(test) = result.tests.get_mut(&name).filter(|test| passed && test.outcome.is_failure()) {
                test.message = format!("it failed in the run ({}) and passed alone", test.message);
                test.outcome = TestOutcome::Flaky;
            }
        }
    }
    Ok(())
}
