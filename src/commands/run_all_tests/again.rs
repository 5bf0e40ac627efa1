//! What `double-check` asks for: one more measurement, and the outcomes of the tests before and now.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::args::Plan;
use super::before;
use super::before::Trees;
use super::compare::{self, Trouble};
use super::setting::{Setting, revision};
use super::suite;
use crate::commands::{Context, Failure, refused};
use crate::harness::{self, Git, SuiteOptions};
use crate::model::{Revision, RunKind, RunRecord, TestOutcome, TestRecord, Workload};
use crate::project::{Project, workload};

/// The code as it is.
pub(in crate::commands) fn revision_of(project: &Project) -> Revision {
    revision(project, Git::open(&project.root).as_ref())
}

/// The benchmarks once more; `None` when the user stopped it.
pub(in crate::commands) fn measure_again(
    project: &Project,
    context: &Context,
    base: Option<String>,
    python: Option<PathBuf>,
) -> anyhow::Result<Option<RunRecord>> {
    let plan = Plan::for_validation(base, python);
    let setting = Setting::new(&plan, project, context)?;
    let mut record = setting.record(RunKind::Benchmark);
    let origin = before::choose(&plan, &setting, &mut record.problems)?;
    let Some(workload) = benchmarks(&setting)? else { return Ok(None) };
    match compare::measure(&plan, &setting, &workload, origin.as_ref(), &mut record)? {
        Ok(()) => Ok(Some(record)),
        Err(Trouble::Interrupted) => Ok(None),
        Err(Trouble::Failure(failure)) => Err(failure.into()),
    }
}

fn benchmarks(setting: &Setting<'_>) -> anyhow::Result<Option<Workload>> {
    let found = workload::benchmarks_of(setting.project, &setting.interpreter).map_err(refused)?;
    match found {
        Some(workload) => Ok(Some(workload)),
        None => Ok(workload::suite_of(setting.project, &setting.interpreter).map_err(refused)?),
    }
}

/// The tests before and now.
pub(in crate::commands) struct Both {
    /// What "before" is, for people.
    pub title: String,
    /// Tests that pass before and not now.
    pub broken: Vec<TestRecord>,
    /// Tests that pass on both sides.
    pub n_same: usize,
    pub always_failing: Vec<String>,
    pub flaky: Vec<String>,
}

/// Runs the suite in the tree before and in that of the code as it is; `None` when there is no code before, or no test.
pub(in crate::commands) fn outcomes_of_both(
    project: &Project,
    context: &Context,
    base: Option<String>,
    python: Option<PathBuf>,
) -> anyhow::Result<Option<Both>> {
    let plan = Plan::for_validation(base, python);
    let setting = Setting::new(&plan, project, context)?;
    let mut notes = vec![];
    let origin = before::choose(&plan, &setting, &mut notes)?;
    for note in notes {
        context.ui.note(&note);
    }
    let suite = workload::suite_of(project, &setting.interpreter).map_err(refused)?;
    let (Some(origin), Some(suite)) = (origin, suite) else { return Ok(None) };
    let trees = Trees::new(Some(&origin), &setting)?;
    let run = |root: &PathBuf, number: u32, only: Option<Vec<String>>| -> Result<_, Failure> {
        let options = SuiteOptions {
            own: root.clone(),
            n_jobs: 1,
            only: only.map(|names| names.into_iter().collect()),
            deadline: setting.deadline,
            ..SuiteOptions::default()
        };
        let moved = Trees::moved(&suite, project, root);
        let directory = setting.directory.join(format!("both-{number}"));
        let progress = context.ui.progress(&format!("Running {}", suite.title));
        let seen = harness::run_suite(&moved, &options, &setting.plugin, &directory, &mut |_| {});
        drop(progress);
        Ok(seen.map_err(suite::failed)?.tests)
    };
    let old = run(&trees.before, 1, None)?;
    let new = run(&trees.after, 2, None)?;
    let suspects: Vec<String> = broken(&old, &new).into_iter().map(|test| test.name).collect();
    let mut both = Both {
        title: origin.told().title.clone(),
        broken: broken(&old, &new),
        n_same: new.iter().filter(|(name, test)| passes(Some(test)) && passes(old.get(*name))).count(),
        always_failing: vec![],
        flaky: vec![],
    };
    let fails = |test: Option<&TestRecord>| test.is_some_and(|test| test.outcome.is_failure());
    both.always_failing = new.keys().filter(|name| fails(new.get(*name)) && fails(old.get(*name))).cloned().collect();
    if !suspects.is_empty() {
        let again = run(&trees.after, 3, Some(suspects))?;
        both.flaky =
            both.broken.iter().filter(|test| passes(again.get(&test.name))).map(|test| test.name.clone()).collect();
        both.broken.retain(|test| !both.flaky.contains(&test.name));
    }
    Ok(Some(both))
}

fn passes(test: Option<&TestRecord>) -> bool {
    test.is_some_and(|test| matches!(test.outcome, TestOutcome::Passed | TestOutcome::Xfailed | TestOutcome::Xpassed))
}

/// Tests that pass before and fail now. A test that is gone, or skipped now, did not pass now; it is told as what it is.
fn broken(old: &BTreeMap<String, TestRecord>, new: &BTreeMap<String, TestRecord>) -> Vec<TestRecord> {
    let passing = old.values().filter(|test| passes(Some(test)));
    let now = passing.filter_map(|test| match new.get(&test.name) {
        Some(other) if passes(Some(other)) => None,
        Some(other) => Some(other.clone()),
        None => Some(TestRecord { message: "it did not run".to_owned(), ..test.clone() }),
    });
    now.collect()
}
