//! The order of the checks: compile, tests, output, replay, time. What differs is found by bisecting and taken out;
//! the rest is checked again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::compile::{CompileJob, compile};
use super::gain;
use super::outcomes::{Baseline, baseline, broken};
use super::replay::{FunctionKey, Replayed, Stage, compare, replay};
use super::room::{Manner, Observed, Overlay, Reach, RecordedCalls, Room, Watch, pytest_at};
use super::{VerifyError, guilty};
use crate::model::{ExitReason, Verdict, Workload};
use crate::support::units;

/// The new code may be slower than the old in the tests, but not without bound.
const DEADLINE_FACTOR: f64 = 5.0;
/// What a start of the interpreter and a test runner may take on a busy machine.
const DEADLINE_BASE: Duration = Duration::from_secs(30);
/// Recorded calls take as long as they took in the workload; a hung one must not hold up the rest.
const REPLAY_DEADLINE: Duration = Duration::from_mins(1);

/// Recorded calls are short: more time would tell little more.
const CALLS_BUDGET: Duration = Duration::from_secs(12);

/// One rewrite.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The file on disk, links followed.
    pub path: PathBuf,
    /// Lines that it changes, as the file is now.
    pub lines: Vec<u32>,
    /// True when another library raises the errors: of the same kind, in words of its own.
    pub words_errors: bool,
}

/// What is checked: rewrites, and how a choice of them becomes files.
pub struct Subject<'a> {
    /// The rewrites; everything else names them by index.
    pub units: &'a [Unit],
    /// The content of the files without any of them, where it is not the one on disk.
    pub base: &'a Overlay,
    /// The content of the files with some of them.
    pub build: &'a dyn Fn(&[usize]) -> Overlay,
}

/// With what it is checked.
pub struct Options<'a> {
    /// The interpreter.
    pub python: &'a Path,
    /// The test suite.
    pub suite: Option<&'a Workload>,
    /// Another program to run: its output is compared, its calls recorded, its time measured.
    pub workload: Option<&'a Workload>,
    /// A run that takes longer is ended.
    pub deadline: Duration,
    /// How long may be spent on timing; zero for none.
    pub timing_budget: Duration,
    /// The outcomes of the tests before, when they are known already.
    pub known: Option<&'a Baseline>,
}

/// What goes on, for whoever shows progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A check begins.
    Step(String),
}

/// What the checks say.
#[derive(Debug, Default)]
pub struct Checked {
    /// One for each rewrite.
    pub verdicts: Vec<Verdict>,
    /// Times of recorded calls of its function, for each rewrite.
    pub timings: Vec<Option<Timing>>,
    /// Tests that run it, for each rewrite.
    pub tests: Vec<BTreeSet<String>>,
    /// What was run, one sentence each.
    pub notes: Vec<String>,
    /// What could not be run or compared, one sentence each.
    pub problems: Vec<String>,
    /// The outcomes of the tests before.
    pub baseline: Option<Baseline>,
}

/// Times before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// What was timed.
    pub what: String,
    /// Calls in one time.
    pub n_calls: u64,
    /// (before, after) in seconds.
    pub pairs: Vec<(f64, f64)>,
    /// True when the calls are those of tests, whose inputs are small: they say what is slower, not what is no faster.
    pub is_of_tests: bool,
}

/// Checks the rewrites. Those that differ are taken out one by one; the verdicts of the others hold with the rest of
/// them in place.
pub fn verify(
    room: &Room,
    subject: &Subject<'_>,
    options: &Options<'_>,
    progress: &mut dyn FnMut(Event),
) -> Result<Checked, VerifyError> {
    let mut session = Session {
        room,
        subject,
        options,
        progress,
        alive: (0..subject.units.len()).collect(),
        differing: BTreeMap::new(),
        checks: vec![vec![]; subject.units.len()],
        why_not: vec![None; subject.units.len()],
        reach: BTreeMap::new(),
        calls: vec![],
        checked: Checked { timings: vec![None; subject.units.len()], ..Checked::default() },
    };
    session.static_checks()?;
    if let Some(suite) = options.suite {
        session.tests(suite)?;
    }
    if let Some(workload) = options.workload {
        session.output(workload)?;
    }
    session.replays()?;
    session.timings()?;
    Ok(session.into_checked())
}

/// Runs the tests with the files as they are on disk now; returns what broke, with its message.
pub fn confirm(
    room: &Room,
    suite: &Workload,
    known: &Baseline,
    deadline: Duration,
) -> Result<BTreeMap<String, String>, VerifyError> {
    let observed = room.observe(suite, &Overlay::new(), Manner::default(), deadline)?;
    Ok(broken(known, &observed.tests, None))
}

struct Session<'a> {
    room: &'a Room,
    subject: &'a Subject<'a>,
    options: &'a Options<'a>,
    progress: &'a mut dyn FnMut(Event),
    /// Rewrites that nothing speaks against so far.
    alive: Vec<usize>,
    differing: BTreeMap<usize, String>,
    checks: Vec<Vec<String>>,
    why_not: Vec<Option<String>>,
    reach: BTreeMap<usize, Reach>,
    /// Recorded calls, and whether tests made them.
    calls: Vec<(RecordedCalls, bool)>,
    checked: Checked,
}

impl<'a> Session<'a> {
    fn step(&mut self, what: &str) {
        (self.progress)(Event::Step(what.to_owned()));
    }

    fn drop_units(&mut self, units: &[usize], first: &str) {
        self.alive.retain(|unit| !units.contains(unit));
        for unit in units {
            let with = if units.len() > 1 { " (together with another rewrite)" } else { "" };
            self.differing.insert(*unit, format!("{first}{with}"));
        }
    }

    /// Every file compiles and its names resolve; a file that does not is tried again rewrite by rewrite.
    fn static_checks(&mut self) -> Result<(), VerifyError> {
        self.step("Compiling");
        let problems = self.compiled(&self.alive)?;
        for path in problems.keys() {
            let own: Vec<usize> =
                self.alive.iter().copied().filter(|unit| self.subject.units[*unit].path == *path).collect();
            let mut kept: Vec<usize> = vec![];
            for unit in own {
                let mut tried = kept.clone();
                tried.push(unit);
                match self.compiled(&tried)?.remove(path) {
                    None => kept = tried,
                    Some(problem) => self.drop_units(&[unit], &problem),
                }
            }
        }
        Ok(())
    }

    fn compiled(&self, units: &[usize]) -> Result<BTreeMap<PathBuf, String>, VerifyError> {
        let overlay = (self.subject.build)(units);
        let mut before = BTreeMap::new();
        for path in overlay.keys() {
            let content = match self.subject.base.get(path) {
                Some(content) => content.clone(),
                None => std::fs::read(path).map_err(VerifyError::of_room(path))?,
            };
            before.insert(path.clone(), content);
        }
        let names: Vec<String> = overlay.keys().map(|path| path.display().to_string()).collect();
        let jobs: Vec<CompileJob<'_>> = overlay
            .iter()
            .zip(&names)
            .map(|((path, after), name)| CompileJob { path: name, before: &before[path], after })
            .collect();
        let found = compile(self.room, self.options.python, &jobs)?;
        Ok(found.into_iter().map(|(path, problem)| (PathBuf::from(path), problem)).collect())
    }

    fn watch(&self) -> Watch {
        let mut watch = Watch::new();
        for unit in &self.alive {
            let Unit { path, lines, .. } = &self.subject.units[*unit];
            watch.entry(path.clone()).or_default().insert(*unit, lines.clone());
        }
        watch
    }

    fn observe_base(&self, workload: &Workload, watch: Option<&Watch>) -> Result<Observed, VerifyError> {
        let manner = Manner { watch, ..Manner::default() };
        self.room.observe(workload, self.subject.base, manner, self.options.deadline)
    }

    /// Keeps what was seen. Calls of the workload take the place of those of the tests: their inputs are real.
    fn remember(&mut self, observed: &mut Observed, is_of_tests: bool) {
        for (unit, reach) in std::mem::take(&mut observed.reach) {
            let known = self.reach.entry(unit).or_default();
            known.n_places = known.n_places.max(reach.n_places);
            known.places.extend(reach.places);
            known.n_hits += reach.n_hits;
            known.tests.extend(reach.tests);
            known.functions.extend(reach.functions);
        }
        for calls in std::mem::take(&mut observed.calls) {
            let is_same =
                |(known, _): &(RecordedCalls, bool)| known.path == calls.path && known.function == calls.function;
            match self.calls.iter_mut().find(|known| is_same(known)) {
                None => self.calls.push((calls, is_of_tests)),
                Some(known) if calls.file.is_some() && (known.1 || known.0.file.is_none()) => {
                    *known = (calls, is_of_tests);
                }
                Some(_) => {}
            }
        }
    }

    /// The tests: before (twice, once watched), and after; what breaks one is taken out.
    fn tests(&mut self, suite: &Workload) -> Result<(), VerifyError> {
        if self.alive.is_empty() && self.options.known.is_some() {
            return Ok(());
        }
        self.step(&format!("Running {} as it is", suite.title));
        let mut runs = vec![];
        if self.options.known.is_none() {
            runs.push(self.observe_base(suite, None)?);
            if let Some(problem) = unusable(suite, &runs[0]) {
                self.checked.problems.push(problem);
                return Ok(());
            }
        }
        let watch = self.watch();
        self.step(&format!("Running {} again, watched", suite.title));
        let mut watched = self.observe_base(suite, Some(&watch))?;
        self.remember(&mut watched, true);
        let base_seconds = watched.run.wall_seconds;
        runs.push(watched);
        let joined = match self.options.known {
            Some(known) => known.clone(),
            None => self.joined(suite, &mut runs)?,
        };
        self.tell(suite, &joined);
        let deadline =
            self.options.deadline.min(DEADLINE_BASE + Duration::from_secs_f64(base_seconds * DEADLINE_FACTOR));
        self.after(suite, &joined, deadline)?;
        for unit in self.alive.clone() {
            self.credit_tests(unit, &joined);
        }
        self.checked.baseline = Some(joined);
        Ok(())
    }

    /// A test that differs between the plain and the watched run is flaky only if it differs between plain runs too.
    fn joined(&mut self, suite: &Workload, runs: &mut Vec<Observed>) -> Result<Baseline, VerifyError> {
        let all: Vec<_> = runs.iter().map(|observed| &observed.tests).collect();
        let joined = baseline(&all);
        if joined.flaky.is_empty() {
            return Ok(joined);
        }
        self.step(&format!("Running {} once more: outcomes differed", suite.title));
        runs.push(self.observe_base(suite, None)?);
        let mut plain = baseline(&[&runs[0].tests, &runs[2].tests]);
        // What passed even once did not simply fail before.
        plain.flaky.extend(plain.failing.difference(&joined.failing).cloned());
        plain.failing.retain(|test| joined.failing.contains(test));
        Ok(plain)
    }

    fn tell(&mut self, suite: &Workload, joined: &Baseline) {
        if self.options.known.is_some() {
            return;
        }
        let n_stable = joined.stable.len() as u64;
        self.checked.notes.push(format!("{}: {}", suite.title, units::counted(n_stable, "test passes", "tests pass")));
        for (tests, what) in
            [(&joined.failing, "failed before already"), (&joined.flaky, "come out differently from run to run")]
        {
            if !tests.is_empty() {
                self.checked.notes.push(format!("left out because they {what}: {}", listed(tests)));
            }
        }
    }

    fn after(&mut self, suite: &Workload, joined: &Baseline, deadline: Duration) -> Result<(), VerifyError> {
        while !self.alive.is_empty() {
            self.step(&format!("Running {} with {}", suite.title, rewrites(self.alive.len())));
            let lost = self.lost(suite, joined, &self.alive, None, deadline)?;
            let Some((test, message)) = lost.iter().next() else { return Ok(()) };
            let first = format!("`{test}` fails: {message}");
            let only: BTreeSet<String> = lost.keys().cloned().collect();
            self.step(&format!("Looking for the rewrite that breaks `{test}`"));
            let culprits = guilty(&self.alive, &mut |units| {
                Ok::<bool, VerifyError>(!self.lost(suite, joined, units, Some(&only), deadline)?.is_empty())
            })?;
            self.drop_units(&culprits, &first);
        }
        Ok(())
    }

    fn lost(
        &self,
        suite: &Workload,
        joined: &Baseline,
        units: &[usize],
        only: Option<&BTreeSet<String>>,
        deadline: Duration,
    ) -> Result<BTreeMap<String, String>, VerifyError> {
        let observed =
            self.room.observe(suite, &(self.subject.build)(units), Manner { only, ..Manner::default() }, deadline)?;
        Ok(broken(joined, &observed.tests, only))
    }

    fn credit_tests(&mut self, unit: usize, joined: &Baseline) {
        let Some(reach) = self.reach.get(&unit) else { return };
        let n_tests = reach.tests.intersection(&joined.stable).count() as u64;
        if reach.is_complete() && n_tests > 0 {
            let tests = units::counted(n_tests, "test that runs it passes", "tests that run it pass");
            self.checks[unit].push(format!("{tests} as before"));
        } else if reach.is_complete() && reach.n_hits > 0 && reach.tests.is_empty() && !joined.stable.is_empty() {
            let tests = units::counted(joined.stable.len() as u64, "test passes", "tests pass");
            self.checks[unit].push(format!("it runs when the tests are loaded; {tests} as before"));
        } else {
            self.why_not[unit] = Some("no test runs it".into());
        }
    }

    /// The workload's output and exit code, when they are the same from run to run.
    fn output(&mut self, workload: &Workload) -> Result<(), VerifyError> {
        // A test runner prints times; its tests are compared one by one.
        if self.alive.is_empty() || pytest_at(&workload.argv).is_some() {
            return Ok(());
        }
        self.step(&format!("Running {} as it is", workload.title));
        let plain = self.observe_base(workload, None)?;
        if !matches!(plain.run.exit, ExitReason::Exited(_)) {
            self.checked.problems.push(format!("{} did not run to its end; it was not compared", workload.title));
            return Ok(());
        }
        let watch = self.watch();
        let mut watched = self.observe_base(workload, Some(&watch))?;
        let reached: Vec<usize> = watched
            .reach
            .iter()
            .filter(|(_, reach)| reach.is_complete() && reach.n_hits > 0)
            .map(|(unit, _)| *unit)
            .collect();
        self.remember(&mut watched, false);
        let wanted = printed(&plain)?;
        if printed(&watched)? != wanted || plain.run.exit != watched.run.exit {
            let problem = format!("{} prints something else each time; its output was not compared", workload.title);
            self.checked.problems.push(problem);
            return Ok(());
        }
        let deadline = self
            .options
            .deadline
            .min(DEADLINE_BASE + Duration::from_secs_f64(plain.run.wall_seconds * DEADLINE_FACTOR));
        let differs = |session: &Self, units: &[usize]| -> Result<Option<String>, VerifyError> {
            let overlay = (session.subject.build)(units);
            let now = session.room.observe(workload, &overlay, Manner::default(), deadline)?;
            if now.run.exit != plain.run.exit {
                return Ok(Some(format!("{} ends with {}", workload.title, ended(now.run.exit))));
            }
            Ok(first_line(&wanted, &printed(&now)?).map(|line| format!("{} prints {line}", workload.title)))
        };
        while !self.alive.is_empty() {
            self.step(&format!("Running {} with {}", workload.title, rewrites(self.alive.len())));
            let Some(first) = differs(self, &self.alive)? else { break };
            let culprits = guilty(&self.alive, &mut |units| Ok::<bool, VerifyError>(differs(self, units)?.is_some()))?;
            self.drop_units(&culprits, &first);
        }
        for unit in reached.into_iter().filter(|unit| self.alive.contains(unit)) {
            self.checks[unit].push(format!("{} runs it and prints the same", workload.title));
        }
        self.checked.notes.push(format!("{}: output and exit code compared", workload.title));
        Ok(())
    }

    fn stage(&self) -> Option<Stage<'a>> {
        let workload = self.options.workload.or(self.options.suite)?;
        Some(Stage { room: self.room, python: self.options.python, workload, deadline: REPLAY_DEADLINE })
    }

    /// The calls that can be made again.
    fn replayable(&self) -> Vec<RecordedCalls> {
        self.calls.iter().filter(|(calls, _)| calls.file.is_some()).map(|(calls, _)| calls.clone()).collect()
    }

    /// Recorded calls to old and new code; what differs is taken out.
    fn replays(&mut self) -> Result<(), VerifyError> {
        let calls = self.replayable();
        if self.alive.is_empty() || calls.is_empty() {
            return Ok(());
        }
        let calls: Vec<&RecordedCalls> = calls.iter().collect();
        self.step("Making recorded calls again");
        let Some(stage) = self.stage() else { return Ok(()) };
        let first = replay(stage, &calls, self.subject.base, 0.0)?;
        let second = replay(stage, &calls, self.subject.base, 0.0)?;
        let subject = self.subject;
        let mut verdicts;
        loop {
            let now = |units: &[usize]| {
                let after = replay(stage, &calls, &(subject.build)(units), 0.0)?;
                let words_errors = |key: &FunctionKey| {
                    self.units_of(key).iter().any(|unit| units.contains(unit) && subject.units[*unit].words_errors)
                };
                Ok::<_, VerifyError>(compare(&first, &second, &after, &words_errors))
            };
            verdicts = now(&self.alive)?;
            let difference = verdicts.iter().find_map(|(key, verdict)| match verdict {
                Replayed::Differs { first } => Some((key.clone(), first.clone())),
                _ => None,
            });
            let Some((key, first_difference)) = difference else { break };
            let suspects = self.units_of(&key);
            let suspects = if suspects.is_empty() { self.alive.clone() } else { suspects };
            let culprits = guilty(&suspects, &mut |units| {
                Ok::<bool, VerifyError>(matches!(now(units)?.get(&key), Some(Replayed::Differs { .. })))
            })?;
            self.alive.retain(|unit| !culprits.contains(unit));
            for unit in culprits {
                self.differing.insert(unit, first_difference.clone());
            }
            if self.alive.is_empty() {
                break;
            }
        }
        self.credit_replays(&verdicts);
        Ok(())
    }

    /// Rewrites that change the function.
    fn units_of(&self, key: &FunctionKey) -> Vec<usize> {
        let changes = |unit: &usize| {
            self.subject.units[*unit].path == key.0
                && self.reach.get(unit).is_some_and(|reach| reach.functions.contains(&key.1))
        };
        self.alive.iter().copied().filter(changes).collect()
    }

    fn credit_replays(&mut self, verdicts: &BTreeMap<FunctionKey, Replayed>) {
        for unit in self.alive.clone() {
            let Some(reach) = self.reach.get(&unit).filter(|reach| reach.is_complete()) else { continue };
            let path = &self.subject.units[unit].path;
            let own: Vec<Option<&Replayed>> =
                reach.functions.iter().map(|function| verdicts.get(&(path.clone(), function.clone()))).collect();
            let mut n_total = 0;
            let mut why = None;
            for verdict in &own {
                match verdict {
                    Some(Replayed::Same { n_calls }) => n_total += *n_calls as u64,
                    Some(Replayed::NotChecked { why: reason }) => why = Some(reason.clone()),
                    _ => why = Some("its calls could not be recorded".into()),
                }
            }
            match why {
                None if n_total > 0 => {
                    let calls = units::counted(n_total, "recorded call gives", "recorded calls give");
                    self.checks[unit].push(format!("{calls} the same result, arguments and output"));
                }
                Some(why) if self.checks[unit].is_empty() => self.why_not[unit] = Some(format!("replay: {why}")),
                _ => {}
            }
        }
    }

    /// Times recorded calls.
    fn timings(&mut self) -> Result<(), VerifyError> {
        let budget = self.options.timing_budget;
        if self.alive.is_empty() || budget.is_zero() {
            return Ok(());
        }
        let after = (self.subject.build)(&self.alive);
        let calls = self.replayable();
        let calls: Vec<&RecordedCalls> = calls
            .iter()
            .filter(|calls| !self.units_of(&(calls.path.clone(), calls.function.clone())).is_empty())
            .collect();
        self.step("Timing recorded calls");
        let Some(stage) = self.stage() else { return Ok(()) };
        let pairs = gain::functions(stage, &calls, self.subject.base, &after, budget.min(CALLS_BUDGET))?;
        for ((path, function), pairs) in pairs {
            let n_calls = calls.iter().find(|calls| calls.function == function).map_or(0, |calls| calls.n_kept);
            let what = format!("{function}() with {}", units::counted(n_calls, "recorded call", "recorded calls"));
            let is_it = |known: &&(RecordedCalls, bool)| known.0.path == path && known.0.function == function;
            let is_of_tests = self.calls.iter().find(is_it).is_none_or(|known| known.1);
            for unit in self.units_of(&(path, function)) {
                let timing = Timing { what: what.clone(), n_calls, pairs: pairs.clone(), is_of_tests };
                self.checked.timings[unit] = Some(timing);
            }
        }
        Ok(())
    }

    fn into_checked(mut self) -> Checked {
        for unit in 0..self.subject.units.len() {
            self.checked.tests.push(self.reach.remove(&unit).map(|reach| reach.tests).unwrap_or_default());
            let checks = std::mem::take(&mut self.checks[unit]);
            let verdict = if let Some(first) = self.differing.remove(&unit) {
                Verdict::Differs { first }
            } else if checks.is_empty() {
                let why = self.why_not[unit].take().unwrap_or_else(|| self.nothing_ran());
                Verdict::NotChecked { why }
            } else {
                Verdict::Same { checks }
            };
            self.checked.verdicts.push(verdict);
        }
        self.checked
    }

    fn nothing_ran(&self) -> String {
        match (self.options.suite, self.options.workload) {
            (None, None) => "there are no tests and there is nothing else that could be run".into(),
            _ if self.checked.baseline.is_none() && self.options.suite.is_some() => {
                "the tests could not be used".into()
            }
            _ => "nothing that was run reaches it".into(),
        }
    }
}

/// Why a run of the tests says nothing.
fn unusable(suite: &Workload, observed: &Observed) -> Option<String> {
    match observed.run.exit {
        ExitReason::DeadlinePassed => Some(format!("{} did not end in time; it was not used as a check", suite.title)),
        ExitReason::Signaled(signal) => {
            Some(format!("{} was ended by signal {signal}; it was not used as a check", suite.title))
        }
        _ if observed.tests.is_empty() => {
            let said = std::fs::read_to_string(&observed.run.stderr_log).unwrap_or_default();
            let last =
                said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it ran no test").trim().to_owned();
            Some(format!("{} could not be used as a check: {last}", suite.title))
        }
        _ => None,
    }
}

fn printed(observed: &Observed) -> Result<Vec<u8>, VerifyError> {
    std::fs::read(&observed.run.stdout_log).map_err(VerifyError::of_room(&observed.run.stdout_log))
}

/// The first line that differs, for people.
fn first_line(before: &[u8], now: &[u8]) -> Option<String> {
    if before == now {
        return None;
    }
    let (before, now) = (String::from_utf8_lossy(before), String::from_utf8_lossy(now));
    let mut pairs = before.lines().zip(now.lines());
    let shown = |line: &str| line.chars().take(100).collect::<String>();
    Some(match pairs.find(|(old, new)| old != new) {
        Some((old, new)) => format!("`{}`, before `{}`", shown(new), shown(old)),
        None => "another number of lines".to_owned(),
    })
}

fn ended(exit: ExitReason) -> String {
    match exit {
        ExitReason::Exited(code) => format!("exit code {code}"),
        ExitReason::Signaled(signal) => format!("signal {signal}"),
        ExitReason::DeadlinePassed => "its deadline".into(),
        ExitReason::Interrupted => "an interruption".into(),
    }
}

fn rewrites(n: usize) -> String {
    units::counted(n as u64, "rewrite", "rewrites")
}

fn listed(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 5;
    let first: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", first.join(", ")),
        _ => first.join(", "),
    }
}
