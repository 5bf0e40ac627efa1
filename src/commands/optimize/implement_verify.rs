//! Chooses what the rewrites are checked with, has them checked, and decides which stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{Plan, Trust};
use super::implement_figures::{self, MeasuredFigures};
use super::implement_plan::{Texts, built, lines_of};
use super::implement_requirements::{modules_of, name_of};
use super::measure::{self, DEADLINE_DEFAULT, noted, run_directory};
use crate::commands::{Context, Failure, refused};
use crate::engine::bench::{self, Comparison, Gain};
use crate::engine::verify::{self, Baseline, Event, Options, Room, Subject, Timing, Unit};
use crate::harness;
use crate::model::{
    AppliedRewrite, Category, ExitReason, Interpreter, LeftRewrite, Match, MeasuredGain, Problem, Safety, Verdict,
    Workload, WorkloadKind,
};
use crate::project::{Project, install, interpreter, requirements, workload};

/// The smallest gain that counts.
const GAIN_LEAST: f64 = 0.05;
/// Shorter calls say nothing about how the code does with real amounts of data.
const MEASURABLE_CALL_SECONDS: f64 = 1e-3;
/// Fewer pairs are an anecdote.
const PAIRS_LEAST: usize = 3;
/// What may be spent on timing recorded calls.
const TIMING_BUDGET: Duration = Duration::from_secs(12);
/// What may be spent on measuring the workload; it is what the user wants to be faster.
const WORKLOAD_BUDGET: Duration = Duration::from_mins(1);
/// What may be spent on measuring tests when there is no workload.
const SUITE_BUDGET: Duration = Duration::from_secs(10);
/// An import takes this long at most.
const IMPORT_DEADLINE: Duration = Duration::from_secs(30);

/// What the rewrites are checked with.
pub(super) struct Checker<'a> {
    project: &'a Project,
    context: &'a Context,
    room: Room,
    interpreter: Option<Interpreter>,
    suite: Option<Workload>,
    workload: Option<Workload>,
    deadline: Duration,
    baseline: Option<Baseline>,
    /// Whether `--install` was given.
    installs: bool,
    pub notes: Vec<String>,
    pub problems: Vec<Problem>,
    /// Tests that run what was rewritten.
    tests: BTreeSet<String>,
}

/// What became of the rewrites of one round.
#[derive(Default)]
pub(super) struct Decided {
    pub kept: Vec<(usize, AppliedRewrite)>,
    pub left: Vec<LeftRewrite>,
}

impl<'a> Checker<'a> {
    /// Finds interpreter, tests and workload. What is missing is a problem that is told, not an error: proven
    /// rewrites need none of it.
    pub(super) fn new(plan: &Plan, project: &'a Project, context: &'a Context) -> anyhow::Result<Self> {
        let directory = run_directory(project)?;
        let room = Room::new(&directory).map_err(Failure::from)?;
        let deadline =
            plan.deadline.or(project.config.deadline_seconds.map(Duration::from_secs_f64)).unwrap_or(DEADLINE_DEFAULT);
        let mut checker = Self {
            project,
            context,
            room,
            interpreter: None,
            suite: None,
            workload: None,
            deadline,
            baseline: None,
            installs: plan.installs,
            notes: vec![],
            problems: vec![],
            tests: BTreeSet::new(),
        };
        checker.look(plan)?;
        Ok(checker)
    }

    fn look(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let found = match interpreter::find(self.project) {
            Ok(found) => found,
            // An interpreter that was asked for must be there.
            Err(error) if plan.python.is_some() => return Err(refused(error).into()),
            Err(error) => {
                self.problems.push(Problem { hint: error.hint(), ..noted(&format!("nothing was run: {error}")) });
                return Ok(());
            }
        };
        self.problems.extend(found.notes.iter().map(|note| noted(note)));
        let mut interpreter = found.interpreter;
        if plan.installs && plan.command.is_none() {
            interpreter = measure::install(self.project, &interpreter, &mut self.problems, self.context)?;
        }
        self.interpreter = Some(interpreter.clone());
        if plan.command.is_none()
            && let Err(error) = requirements::check(self.project, &interpreter)
        {
            self.problems.push(Problem { hint: error.hint(), ..noted(&format!("nothing was run: {error}")) });
            return Ok(());
        }
        match workload::suite_of(self.project, &interpreter) {
            Ok(suite) => self.suite = suite,
            Err(error) => {
                self.problems.push(Problem { hint: error.hint(), ..noted(&format!("no tests were run: {error}")) });
            }
        }
        let chosen = workload::choose(self.project, &interpreter, plan.command.clone());
        match chosen.map(|choice| choice.workloads.into_iter().next()) {
            Ok(Some(workload)) if workload.kind == WorkloadKind::TestSuite => {
                self.suite.get_or_insert(workload);
            }
            Ok(workload) => self.workload = workload,
            Err(error) if plan.command.is_some() => return Err(refused(error).into()),
            // Said already when the tests were looked for.
            Err(_) => {}
        }
        Ok(())
    }

    /// Leaves out what needs a distribution that is not installed.
    pub(super) fn without_missing(
        &self,
        matches: Vec<Match>,
        trust: Trust,
    ) -> anyhow::Result<(Vec<Match>, Vec<LeftRewrite>)> {
        let Some(interpreter) = &self.interpreter else { return Ok((matches, vec![])) };
        let mut known: BTreeMap<Vec<String>, bool> = BTreeMap::new();
        let (mut there, mut left) = (vec![], vec![]);
        for each in matches {
            let modules = modules_of(&each);
            if each.requirements.is_empty() || trust == Trust::Unsafe {
                there.push(each);
                continue;
            }
            let is_there = match known.get(&modules) {
                Some(is_there) => *is_there,
                None => self.can_import(interpreter, &modules)? || self.brings(interpreter, &each, &modules)?,
            };
            known.insert(modules, is_there);
            if is_there {
                there.push(each);
                continue;
            }
            let names: Vec<&str> = each.requirements.iter().map(|requirement| name_of(requirement)).collect();
            let reason =
                format!("it needs {}, which is not installed: `pip install {}`", names.join(", "), names.join(" "));
            left.push(LeftRewrite { rewrite: each, reason, is_rolled_back: false });
        }
        Ok((there, left))
    }

    /// With `--install`: puts into the private environment what a rewrite needs.
    fn brings(&self, interpreter: &Interpreter, each: &Match, modules: &[String]) -> anyhow::Result<bool> {
        if !self.installs {
            return Ok(false);
        }
        let _progress = self.context.ui.progress(&format!("Installing {}", each.requirements.join(", ")));
        let is_added = install::add(self.project, interpreter, &each.requirements).map_err(refused)?;
        Ok(is_added && self.can_import(interpreter, modules)?)
    }

    fn can_import(&self, interpreter: &Interpreter, modules: &[String]) -> anyhow::Result<bool> {
        let code = "import importlib.util, sys\nsys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))";
        let python = interpreter.path.display().to_string();
        let argv = [python, "-c".into(), code.into()].into_iter().chain(modules.iter().cloned()).collect();
        let workload = Workload {
            kind: WorkloadKind::Script,
            title: "import".into(),
            argv,
            cwd: self.project.root.clone(),
            env: vec![],
        };
        let directory = tempfile::tempdir()?;
        let run = harness::run_plain(&workload, &[], directory.path(), IMPORT_DEADLINE)?;
        Ok(run.exit == ExitReason::Exited(0))
    }

    /// Checks the matches, found in `texts`, and decides which stay.
    pub(super) fn decide(
        &mut self,
        matches: &[Match],
        texts: &Texts,
        originals: &Texts,
        trust: Trust,
    ) -> anyhow::Result<Decided> {
        let Some(interpreter) = self.interpreter.clone() else { return Ok(undecided(matches, trust)) };
        let root = &self.project.root;
        let units: Vec<Unit> = matches
            .iter()
            .map(|each| Unit {
                path: on_disk(root, &each.location.path),
                lines: lines_of(each, &texts[&each.location.path]),
                words_errors: !each.requirements.is_empty(),
            })
            .collect();
        let changed =
            texts.iter().filter(|(path, text)| originals.get(*path).is_some_and(|original| original != *text));
        let base = changed.map(|(path, text)| (on_disk(root, path), text.clone())).collect();
        let build = |chosen: &[usize]| {
            let mut overlay = overlay(root, built(matches, chosen, texts));
            for (path, text) in &base {
                let path: &PathBuf = path;
                overlay.entry(path.clone()).or_insert_with(|| Vec::clone(text));
            }
            overlay
        };
        let subject = Subject { units: &units, base: &base, build: &build };
        let options = Options {
            python: &interpreter.path,
            suite: self.suite.as_ref(),
            workload: self.workload.as_ref(),
            deadline: self.deadline,
            timing_budget: TIMING_BUDGET,
            known: self.baseline.as_ref(),
        };
        let progress = self.context.ui.progress("Checking");
        let checked = verify::verify(&self.room, &subject, &options, &mut |Event::Step(step)| progress.message(&step))
            .map_err(Failure::from)?;
        drop(progress);
        self.notes.extend(checked.notes);
        self.problems.extend(checked.problems.iter().map(|problem| noted(problem)));
        if self.baseline.is_none() {
            self.baseline = checked.baseline;
        }
        for (verdict, tests) in checked.verdicts.iter().zip(&checked.tests) {
            if matches!(verdict, Verdict::Same { .. }) {
                self.tests.extend(tests.iter().cloned());
            }
        }
        let mut decided = Decided::default();
        for (index, each) in matches.iter().enumerate() {
            let timing = checked.timings[index].as_ref();
            match leave(each, &checked.verdicts[index], timing, trust) {
                None => {
                    let gain = timing.filter(|timing| is_telling(timing)).and_then(measured);
                    let verdict = checked.verdicts[index].clone();
                    decided.kept.push((index, AppliedRewrite { rewrite: each.clone(), verdict, gain }));
                }
                Some((reason, is_rolled_back)) => {
                    decided.left.push(LeftRewrite { rewrite: each.clone(), reason, is_rolled_back });
                }
            }
        }
        Ok(decided)
    }

    /// Measures the workload, or else the tests that run what was rewritten, with the old files and with the new.
    pub(super) fn figures(&mut self, originals: &Texts, texts: &Texts) -> Result<Option<MeasuredFigures>, Failure> {
        let Some(_) = &self.interpreter else { return Ok(None) };
        let (workload, only, budget) = match (&self.workload, &self.suite) {
            (Some(workload), _) => (workload, None, WORKLOAD_BUDGET),
            (None, Some(suite)) if !self.tests.is_empty() => (suite, Some(&self.tests), SUITE_BUDGET),
            _ => return Ok(None),
        };
        let differs = |(path, text): &(&String, &Vec<u8>)| originals.get(*path).is_some_and(|old| old != *text);
        let root = &self.project.root;
        let of = |texts: &Texts, paths: &[&String]| -> BTreeMap<PathBuf, Vec<u8>> {
            paths.iter().map(|path| (on_disk(root, path), texts[*path].clone())).collect()
        };
        let paths: Vec<&String> = texts.iter().filter(differs).map(|(path, _)| path).collect();
        let (before, after) = (of(originals, &paths), of(texts, &paths));
        let _progress = self.context.ui.progress(&format!("Measuring {} before and after", workload.title));
        let job =
            verify::Measured { workload, only, before: &before, after: &after, root, deadline: self.deadline, budget };
        let Some(figures) = verify::figures(&self.room, &job)? else {
            let problem = format!("{} did not run to its end; before and after were not measured", workload.title);
            self.problems.push(noted(&problem));
            return Ok(None);
        };
        let baseline = self.baseline.as_ref().map(|baseline| &baseline.stable);
        Ok(Some(implement_figures::assembled(&workload.title, figures, baseline)))
    }

    /// Runs the tests with the files as they were written; returns what broke.
    pub(super) fn confirm(&self) -> Result<BTreeMap<String, String>, Failure> {
        let (Some(suite), Some(baseline)) = (&self.suite, &self.baseline) else { return Ok(BTreeMap::new()) };
        let _progress = self.context.ui.progress(&format!("Running {} with the written files", suite.title));
        Ok(verify::confirm(&self.room, suite, baseline, self.deadline)?)
    }
}

/// Without an interpreter only what is proven stays.
fn undecided(matches: &[Match], trust: Trust) -> Decided {
    let mut decided = Decided::default();
    for (index, each) in matches.iter().enumerate() {
        let verdict = Verdict::NotChecked { why: "there is no Python interpreter".into() };
        match leave(each, &verdict, None, trust) {
            None => decided.kept.push((index, AppliedRewrite { rewrite: each.clone(), verdict, gain: None })),
            Some((reason, is_rolled_back)) => {
                decided.left.push(LeftRewrite { rewrite: each.clone(), reason, is_rolled_back });
            }
        }
    }
    decided
}

/// Why a rewrite does not stay, and whether it was tried.
fn leave(each: &Match, verdict: &Verdict, timing: Option<&Timing>, trust: Trust) -> Option<(String, bool)> {
    match verdict {
        Verdict::Differs { first } => return Some((first.clone(), true)),
        Verdict::NotChecked { why } if each.safety != Safety::Proven && trust != Trust::Unsafe => {
            return Some((format!("it needs a run to be sure: {why}"), false));
        }
        _ => {}
    }
    // What a rewrite is for is measured in time only where it is meant to save time.
    if each.category == Category::Memory {
        return None;
    }
    let timing = timing?;
    let comparison = bench::compare(&timing.pairs)?;
    let is_measurable = comparison.before_seconds / timing.n_calls.max(1) as f64 >= MEASURABLE_CALL_SECONDS;
    // The inputs of tests are small: a gain that grows with the data does not show in them, a loss may.
    let is_for_nothing = if timing.is_of_tests {
        comparison.is_slower(GAIN_LEAST)
    } else {
        comparison.gain(GAIN_LEAST) == Gain::NotFaster
    };
    (is_measurable && is_for_nothing)
        .then(|| (format!("it gains less than 5 %: {:.2}x, {}", comparison.factor, timing.what), true))
}

/// True when the times say something: a sure gain, or calls long enough for their figures to mean anything.
fn is_telling(timing: &Timing) -> bool {
    bench::compare(&timing.pairs).is_some_and(|comparison| {
        let is_long = comparison.before_seconds / timing.n_calls.max(1) as f64 >= MEASURABLE_CALL_SECONDS;
        comparison.gain(GAIN_LEAST) == Gain::Faster || (is_long && timing.pairs.len() >= PAIRS_LEAST)
    })
}

fn measured(timing: &Timing) -> Option<MeasuredGain> {
    let Comparison { n_pairs, before_seconds, after_seconds, factor, interval } = bench::compare(&timing.pairs)?;
    Some(MeasuredGain { what: timing.what.clone(), before_seconds, after_seconds, factor, interval, n_pairs })
}

/// Where a file lies, links followed: how imports name it.
fn on_disk(root: &Path, path: &str) -> PathBuf {
    let path = root.join(path);
    fs::canonicalize(&path).unwrap_or(path)
}

fn overlay(root: &Path, texts: Texts) -> BTreeMap<PathBuf, Vec<u8>> {
    texts.into_iter().map(|(path, text)| (on_disk(root, &path), text)).collect()
}
