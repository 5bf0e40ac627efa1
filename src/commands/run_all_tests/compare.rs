//! Benchmarks: warms both trees up, counts what is exact, and takes pairs of samples until they say something.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::args::{Depth, Plan};
use super::before::{Origin, Trees};
use super::exact;
use super::setting::{Setting, last_line};
use super::suite::failed;
use crate::commands::{Failure, FailureKind};
use crate::engine::bench::protocol::{self, Key, Rules, Runner, Sample, Side};
use crate::engine::bench::{Band, request_name};
use crate::harness::{self, SuiteMode, SuiteOptions, SuiteRun};
use crate::model::{Benchmark, BenchmarkKind, ExitReason, Location, Metric, RunRecord, Series, TestOutcome, Workload};
use crate::support::interrupt;

/// Changes within this part do not matter.
const BAND: f64 = 0.03;
/// Samples of the code alone, when there is nothing to compare it with.
const SAMPLES_ALONE: u32 = 8;
/// Shorter tests and requests measure the clock and the runner; the fixture `benchmark` repeats its calls.
const SECONDS_LEAST: f64 = 1e-3;
/// Tests that are compared one by one; more are joined in the figure of the process.
const TESTS_MAX: usize = 50;

/// One tree ready to run.
pub(super) struct Tree {
    pub root: PathBuf,
    pub workload: Workload,
    /// A root whose code must not be imported.
    pub foreign: Option<PathBuf>,
    /// Where its tests stand, by name.
    pub places: BTreeMap<String, Location>,
}

/// Why the benchmarks could not be measured.
#[derive(Debug)]
pub(super) enum Trouble {
    Failure(Failure),
    Interrupted,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Infallible> for Trouble {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Measures the benchmarks into the record.
pub(super) fn measure(
    plan: &Plan,
    setting: &Setting<'_>,
    workload: &Workload,
    origin: Option<&Origin>,
    record: &mut RunRecord,
) -> anyhow::Result<Result<(), Trouble>> {
    let trees = Trees::new(origin, setting)?;
    Ok(measured(plan, setting, workload, origin, &trees, record))
}

fn measured(
    plan: &Plan,
    setting: &Setting<'_>,
    workload: &Workload,
    origin: Option<&Origin>,
    trees: &Trees,
    record: &mut RunRecord,
) -> Result<(), Trouble> {
    let mut session = Session::new(setting, plan.seed);
    record.environment.seed = plan.seed;
    let tree = |root: &Path, foreign: Option<PathBuf>| Tree {
        root: root.to_path_buf(),
        workload: Trees::moved(workload, setting.project, root),
        foreign,
        places: BTreeMap::new(),
    };
    let mut after = tree(&trees.after, Some(setting.project.root.clone()));
    let warm = session.warm_up(&mut after)?;
    let mut before = None;
    if let Some(origin) = origin {
        let mut old = tree(&trees.before, Some(setting.project.root.clone()));
        let mut seen = session.warm_up(&mut old);
        let is_comparable = |seen: &Result<SuiteRun, Trouble>| {
            seen.as_ref()
                .is_ok_and(|seen| !keys(&sample_of(seen, workload)).is_disjoint(&keys(&sample_of(&warm, workload))))
        };
        if !is_comparable(&seen) && trees.share_tests(setting.project).is_ok() {
            seen = session.warm_up(&mut old);
            if is_comparable(&seen) {
                record.problems.push("the tests of the code as it is were used for the code before too".to_owned());
            }
        }
        match seen {
            Ok(_) => {
                record.before = Some(origin.told().clone());
                before = Some(old);
            }
            Err(Trouble::Failure(failure)) if plan.base.is_none() => {
                record.problems.push(format!("{} could not be measured: {}", origin.told().title, failure.message));
            }
            Err(trouble) => return Err(trouble),
        }
    } else {
        record.problems.push("there is no code before to compare with: name one with --base".to_owned());
    }
    let mut series = BTreeMap::new();
    exact::add(&mut session, before.as_ref(), &after, &mut series, &mut record.problems)?;
    session.begin();
    match &before {
        Some(before) => paired(plan, &mut session, before, &after, &mut series, record)?,
        None => alone(&mut session, &after, &mut series)?,
    }
    record.benchmarks = joined(series, &after);
    Ok(())
}

fn keys(sample: &Sample) -> BTreeSet<Key> {
    sample.keys().filter(|key| key.0 != BenchmarkKind::Process).cloned().collect()
}

/// One process after the other.
pub(super) struct Session<'a> {
    pub setting: &'a Setting<'a>,
    seed: u64,
    loops: BTreeMap<String, u64>,
    n_runs: u32,
    start: Instant,
}

impl<'a> Session<'a> {
    fn new(setting: &'a Setting<'a>, seed: u64) -> Self {
        Self { setting, seed, loops: BTreeMap::new(), n_runs: 0, start: Instant::now() }
    }

    fn begin(&mut self) {
        self.start = Instant::now();
    }

    /// Fills caches, learns how often a round has to call its function, and looks that the tree imports its own code.
    fn warm_up(&mut self, tree: &mut Tree) -> Result<SuiteRun, Trouble> {
        let progress = self.setting.context.ui.progress("Warming up");
        let mut seen = self.once(tree, SuiteMode::Time, vec![])?;
        if !seen.foreign.is_empty() {
            // An editable install or a path of the environment came first: the tree's own code has to stand before it.
            own_code_first(tree, self.setting);
            seen = self.once(tree, SuiteMode::Time, vec![])?;
        }
        drop(progress);
        if let Some(file) = seen.foreign.first() {
            let message = format!(
                "the run in a tree of its own imported `{file}` from elsewhere: it would compare code with itself"
            );
            let hint =
                Some("is the project installed in its environment? install it editable, or not at all".to_owned());
            return Err(Failure { kind: FailureKind::CannotRun, message, hint }.into());
        }
        if seen.tests.values().all(|test| test.outcome != TestOutcome::Passed) {
            let said = [&seen.run.stderr_log, &seen.run.stdout_log].map(|log| last_line(log));
            let failing = seen.tests.values().find(|test| test.outcome.is_failure()).map(|test| test.message.clone());
            let why = failing.or_else(|| said.into_iter().find(|line| !line.is_empty())).unwrap_or_default();
            let message = format!("no benchmark passes: {why}");
            return Err(Failure { kind: FailureKind::CannotRun, message, hint: None }.into());
        }
        if self.loops.is_empty() {
            self.loops.clone_from(&seen.loops);
        }
        tree.places =
            seen.tests.iter().filter_map(|(name, test)| Some((name.clone(), test.location.clone()?))).collect();
        Ok(seen)
    }

    /// One fresh process.
    pub(super) fn once(
        &mut self,
        tree: &Tree,
        mode: SuiteMode,
        variables: Vec<(String, OsString)>,
    ) -> Result<SuiteRun, Trouble> {
        let options = SuiteOptions { mode, variables, ..self.options(tree) };
        self.run(tree, &options)
    }

    pub(super) fn options(&self, tree: &Tree) -> SuiteOptions {
        SuiteOptions {
            loops: self.loops.clone(),
            own: tree.root.clone(),
            foreign: tree.foreign.clone(),
            n_jobs: 1,
            deadline: self.setting.deadline,
            ..SuiteOptions::default()
        }
    }

    pub(super) fn run(&mut self, tree: &Tree, options: &SuiteOptions) -> Result<SuiteRun, Trouble> {
        self.n_runs += 1;
        let directory = self.setting.directory.join(format!("bench-{}", self.n_runs));
        let seen = harness::run_suite(&tree.workload, options, &self.setting.plugin, &directory, &mut |_| {});
        // Samples are in the record; hundreds of logs would only fill the disk.
        let seen = seen.map_err(|error| Trouble::Failure(failed(error)))?;
        if seen.run.exit == ExitReason::Interrupted || interrupt::is_requested() {
            return Err(Trouble::Interrupted);
        }
        Ok(seen)
    }
}

/// The source roots of the tree before everything else.
fn own_code_first(tree: &mut Tree, setting: &Setting<'_>) {
    let inside = |root: &PathBuf| root.strip_prefix(&setting.project.root).map(|rest| tree.root.join(rest));
    let roots: Vec<PathBuf> = setting.project.source_roots.iter().filter_map(|root| inside(root).ok()).collect();
    let known = tree.workload.env.iter().position(|(name, _)| name == "PYTHONPATH");
    let inherited = known.map(|at| tree.workload.env.remove(at).1).or_else(|| std::env::var("PYTHONPATH").ok());
    let all = roots.into_iter().chain(inherited.iter().flat_map(std::env::split_paths));
    if let Some(path) = std::env::join_paths(all).ok().and_then(|path| path.into_string().ok()) {
        tree.workload.env.push(("PYTHONPATH".to_owned(), path));
    }
}

/// The two trees as the protocol sees them.
struct Pair<'s, 'a> {
    session: &'s mut Session<'a>,
    before: &'s Tree,
    after: &'s Tree,
}

impl Runner for Pair<'_, '_> {
    type Error = Trouble;

    fn sample(&mut self, side: Side, pair: u32) -> Result<Sample, Trouble> {
        let tree = if side == Side::After { self.after } else { self.before };
        let hash_seed = (self.session.seed.wrapping_add(u64::from(pair))) % 4_294_967_295;
        let variables = vec![("PYTHONHASHSEED".to_owned(), hash_seed.to_string().into())];
        let seen = self.session.once(tree, SuiteMode::Time, variables)?;
        Ok(sample_of(&seen, &tree.workload))
    }

    fn elapsed(&self) -> Duration {
        self.session.start.elapsed()
    }
}

fn paired(
    plan: &Plan,
    session: &mut Session<'_>,
    before: &Tree,
    after: &Tree,
    series: &mut BTreeMap<Key, Series>,
    record: &mut RunRecord,
) -> Result<(), Trouble> {
    let rules = Rules {
        looks: match plan.depth {
            Depth::Scientific => protocol::LOOKS.to_vec(),
            Depth::Quick => protocol::QUICK.to_vec(),
        },
        band: Band { part: BAND },
        has_control: plan.has_control,
        budget: plan.budget,
        seed: plan.seed,
    };
    let progress = session.setting.context.ui.progress("Measuring");
    let measured = protocol::measure(&mut Pair { session, before, after }, &rules, &mut |n_done, n_most| {
        progress.message(&format!("Measuring pair {} of at most {n_most}", n_done + 1));
    })?;
    if measured.is_cut_short {
        let pairs = crate::support::units::counted(u64::from(measured.n_pairs), "pair", "pairs");
        record.problems.push(format!("time was out after {pairs}: --time-budget gives more"));
    }
    series.extend(measured.series);
    Ok(())
}

fn alone(session: &mut Session<'_>, after: &Tree, series: &mut BTreeMap<Key, Series>) -> Result<(), Trouble> {
    let progress = session.setting.context.ui.progress("Measuring");
    for number in 0..SAMPLES_ALONE {
        progress.message(&format!("Measuring sample {} of {SAMPLES_ALONE}", number + 1));
        let variables = vec![("PYTHONHASHSEED".to_owned(), number.to_string().into())];
        let seen = session.once(after, SuiteMode::Time, variables)?;
        for (key, value) in sample_of(&seen, &after.workload) {
            let metric = key.2;
            series.entry(key).or_insert_with(|| Series { metric, ..Series::default() }).after.push(value);
        }
    }
    Ok(())
}

/// The figures of one process: medians of wall times, the smallest of CPU times, which load only ever adds to.
fn sample_of(seen: &SuiteRun, workload: &Workload) -> Sample {
    let mut sample = Sample::new();
    let mut requests: BTreeMap<String, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for (name, (wall, cpu)) in &seen.requests {
        let joined = requests.entry(request_name(name)).or_default();
        joined.0.extend(wall);
        joined.1.extend(cpu);
    }
    for (name, (wall, cpu)) in requests {
        let wall = median(wall);
        if wall >= SECONDS_LEAST {
            sample.insert((BenchmarkKind::Request, name.clone(), Metric::WallTime), wall);
            sample.insert((BenchmarkKind::Request, name, Metric::CpuTime), smallest(&cpu));
        }
    }
    for (name, values) in &seen.benchmarks {
        sample.insert((BenchmarkKind::Iteration, name.clone(), Metric::WallTime), smallest(values));
    }
    let is_passed = |name: &String| seen.tests.get(name).is_some_and(|test| test.outcome == TestOutcome::Passed);
    let mut tests: Vec<_> = seen.times.iter().filter(|(name, _)| is_passed(name)).collect();
    tests.retain(|(name, (wall, _))| *wall >= SECONDS_LEAST && !seen.benchmarks.contains_key(*name));
    if tests.len() <= TESTS_MAX {
        for (name, (wall, cpu)) in tests {
            sample.insert((BenchmarkKind::Test, name.clone(), Metric::WallTime), *wall);
            sample.insert((BenchmarkKind::Test, name.clone(), Metric::CpuTime), *cpu);
        }
    }
    let process = |metric| (BenchmarkKind::Process, workload.title.clone(), metric);
    sample.insert(process(Metric::WallTime), seen.run.wall_seconds);
    sample.insert(process(Metric::CpuTime), seen.run.cpu_seconds);
    if let Some(peak) = seen.peak_rss_bytes {
        sample.insert(process(Metric::PeakRss), peak as f64);
    }
    sample
}

fn smallest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::MAX, f64::min)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Series by benchmark, requests first.
fn joined(series: BTreeMap<Key, Series>, after: &Tree) -> Vec<Benchmark> {
    let mut benchmarks: Vec<Benchmark> = vec![];
    for ((kind, name, _), series) in series {
        if let Some(last) = benchmarks.last_mut().filter(|last| last.kind == kind && last.name == name) {
            last.series.push(series);
        } else {
            let location = after.places.get(&name).cloned();
            benchmarks.push(Benchmark { name, kind, location, series: vec![series] });
        }
    }
    benchmarks
}
