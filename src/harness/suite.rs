//! Runs a test suite with a plugin of ours in it, which writes what every test does and measures what is asked for.
//! The plugin is put on the path of this run alone: nothing is installed, nothing of the project is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::error::HarnessError;
use super::plain::{PlainRun, run_watched};
use crate::model::{Location, TestOutcome, TestRecord, Workload};
use crate::support::atomic_file;

macro_rules! python_files {
    ($($path:literal),+ $(,)?) => {
        const FILES: &[(&str, &str)] = &[$(($path, include_str!(concat!("python/", $path)))),+];
    };
}

python_files!["cmdx_benchmark.py", "cmdx_jobs.py", "cmdx_measure.py", "cmdx_pytest.py", "cmdx_unittest.py"];

/// How often what was seen so far is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What is wanted of a run besides the outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    #[default]
    Test,
    /// Times of tests, requests and benchmarks.
    Time,
    /// The most memory that Python objects held at once, by test; slow.
    Trace,
}

/// How a suite is run.
#[derive(Clone, Debug, Default)]
pub struct SuiteOptions {
    /// What is wanted.
    pub mode: Mode,
    /// The only tests wanted.
    pub only: Option<BTreeSet<String>>,
    /// Tests that are not run.
    pub skip: BTreeSet<String>,
    /// Part and number of parts.
    pub shard: Option<(u32, u32)>,
    /// Seconds of tests, to make parts of equal length.
    pub weights: Option<BTreeMap<String, f64>>,
    /// Calls in a round of each benchmark, as an earlier run chose them.
    pub loops: BTreeMap<String, u64>,
    /// Whether `--benchmark` is to be an option of pytest.
    pub adds_benchmark_option: bool,
    /// The root of the code that is to be imported.
    pub own: PathBuf,
    /// A root whose code is not to be imported.
    pub foreign: Option<PathBuf>,
    /// Processes that share the tests.
    pub n_jobs: u32,
    /// True when pytest-xdist can share them.
    pub has_xdist: bool,
    /// Variables on top of the workload's.
    pub variables: Vec<(String, OsString)>,
    /// `PYTHONPATH` that has to stand first, for an agent.
    pub first_on_path: Option<PathBuf>,
    /// A longer run is ended.
    pub deadline: Duration,
}

/// What was seen of a run.
#[derive(Debug)]
pub struct SuiteRun {
    /// How it ended and what it cost.
    pub run: PlainRun,
    /// Tests in the order of their names.
    pub tests: BTreeMap<String, TestRecord>,
    /// Tests that had begun and not ended.
    pub unfinished: Vec<TestRecord>,
    /// Tests that were chosen; `None` when the suite did not come so far.
    pub n_collected: Option<u64>,
    /// Times of tests without their fixtures, in seconds: wall and CPU.
    pub times: BTreeMap<String, (f64, f64)>,
    /// Most memory that Python objects held during a test.
    pub traced_peaks: BTreeMap<String, u64>,
    /// Wall and CPU times of requests, by name.
    pub requests: BTreeMap<String, (Vec<f64>, Vec<f64>)>,
    /// Seconds a call of what the fixture `benchmark` was given, round by round.
    pub benchmarks: BTreeMap<String, Vec<f64>>,
    /// Calls in a round.
    pub loops: BTreeMap<String, u64>,
    /// Largest resident set of a process that ran tests.
    pub peak_rss_bytes: Option<u64>,
    /// Files of the other side that were imported.
    pub foreign: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
enum Line {
    Collected { n: u64 },
    Start { test: String, path: Option<String>, line: Option<u32> },
    Report(ReportLine),
    Test { test: String, wall: f64, cpu: f64, traced_peak: Option<u64> },
    Request { name: String, wall: Vec<f64>, cpu: Vec<f64> },
    Benchmark { name: String, values: Vec<f64>, loops: Option<u64> },
    Process { peak_rss: Option<u64>, foreign: Vec<String> },
}

#[derive(Deserialize)]
struct ReportLine {
    test: String,
    when: String,
    outcome: String,
    #[serde(default)]
    seconds: f64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: String,
    path: Option<String>,
    line: Option<u32>,
}

/// Writes the plugin below `directory`.
pub fn install_plugin(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for (name, content) in FILES {
        atomic_file::write(&directory.join(name), content.as_bytes())?;
    }
    Ok(())
}

/// Runs the suite once. `plugin` is where [`install_plugin`] wrote; `directory` must be new.
///
/// # Errors
/// When it could not be started or its logs could not be written.
pub fn run_suite(
    workload: &Workload,
    options: &SuiteOptions,
    plugin: &Path,
    directory: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<SuiteRun, HarnessError> {
    let failed = |source| HarnessError::NotWritable { path: directory.to_path_buf(), source };
    fs::create_dir_all(directory).map_err(failed)?;
    let variables = variables(workload, options, plugin, directory).map_err(failed)?;
    let workload = Workload { argv: argv(workload, options, plugin), ..workload.clone() };
    let mut seen = Counter { directory: directory.to_path_buf(), next: LOOK_INTERVAL };
    let run = run_watched(&workload, &variables, directory, options.deadline, &mut |elapsed| {
        if let Some(n_tests) = seen.look(elapsed) {
            progress(n_tests);
        }
    })?;
    read(directory, run, &options.own).map_err(failed)
}

/// Counts the tests that have begun.
struct Counter {
    directory: PathBuf,
    next: Duration,
}

impl Counter {
    fn look(&mut self, elapsed: Duration) -> Option<u64> {
        if elapsed < self.next {
            return None;
        }
        self.next = elapsed + LOOK_INTERVAL;
        let count =
            |path: PathBuf| fs::read_to_string(path).map_or(0, |text| text.matches("\"kind\": \"start\"").count());
        Some(seen_files(&self.directory).into_iter().map(count).sum::<usize>() as u64)
    }
}

fn variables(
    workload: &Workload,
    options: &SuiteOptions,
    plugin: &Path,
    directory: &Path,
) -> io::Result<Vec<(String, OsString)>> {
    let own = workload.env.iter().find(|(name, _)| name == "PYTHONPATH").map(|(_, value)| OsString::from(value));
    let inherited = own.or_else(|| std::env::var_os("PYTHONPATH")).filter(|value| !value.is_empty());
    let mode = match options.mode {
        Mode::Test => "test",
        Mode::Time => "time",
        Mode::Trace => "trace",
    };
    let settings = json!({
        "results": directory,
        "mode": mode,
        "only": options.only,
        "skip": options.skip,
        "shard": options.shard,
        "weights": options.weights,
        "loops": options.loops,
        "adds_benchmark_option": options.adds_benchmark_option,
        "own": options.own,
        "foreign": options.foreign,
        "has_workers": options.n_jobs > 1 && options.has_xdist,
        "path": inherited.as_ref().map(|path| path.to_string_lossy()),
    });
    let path = directory.join("suite.json");
    atomic_file::write(&path, settings.to_string().as_bytes())?;
    let mut python_path = OsString::new();
    let folders = options.first_on_path.iter().map(|path| path.as_os_str()).chain([plugin.as_os_str()]);
    for folder in folders.chain(inherited.as_deref()) {
        if !python_path.is_empty() {
            python_path.push(":");
        }
        python_path.push(folder);
    }
    let mut variables = options.variables.clone();
    variables.push(("PYTHONPATH".into(), python_path));
    variables.push(("CMDX_SUITE".into(), path.into()));
    Ok(variables)
}

/// The command line with our plugin in it.
fn argv(workload: &Workload, options: &SuiteOptions, plugin: &Path) -> Vec<String> {
    let mut argv = workload.argv.clone();
    let script = |name: &str| plugin.join(name).display().to_string();
    if let Some(at) = argv.windows(2).position(|pair| pair[0] == "-m" && pair[1] == "pytest") {
        argv.splice(at + 2..at + 2, ["-p".to_owned(), "cmdx_pytest".to_owned()]);
        if options.n_jobs > 1 && options.has_xdist {
            argv.extend(["-n".to_owned(), options.n_jobs.to_string()]);
            return argv;
        }
    } else if argv.len() > 1 {
        argv.insert(1, script("cmdx_unittest.py"));
    }
    if options.n_jobs > 1 && !argv.is_empty() {
        argv = [argv[0].clone(), script("cmdx_jobs.py"), options.n_jobs.to_string()].into_iter().chain(argv).collect();
    }
    argv
}

fn seen_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_seen = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "jsonl");
    let mut found: Vec<PathBuf> = entries.filter(is_seen).collect();
    found.sort();
    found
}

fn read(directory: &Path, run: PlainRun, root: &Path) -> io::Result<SuiteRun> {
    let mut seen = SuiteRun {
        run,
        tests: BTreeMap::new(),
        unfinished: vec![],
        n_collected: None,
        times: BTreeMap::new(),
        traced_peaks: BTreeMap::new(),
        requests: BTreeMap::new(),
        benchmarks: BTreeMap::new(),
        loops: BTreeMap::new(),
        peak_rss_bytes: None,
        foreign: BTreeSet::new(),
    };
    for path in seen_files(directory) {
        let mut begun: BTreeMap<String, TestRecord> = BTreeMap::new();
        for line in String::from_utf8_lossy(&fs::read(&path)?).lines() {
            // A killed process may have left half a line.
            let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
            match line {
                Line::Start { test, path, line } => {
                    let location = place(path, line, root);
                    begun.insert(test.clone(), TestRecord { name: test, location, ..TestRecord::default() });
                }
                Line::Report(report) => {
                    let location = begun.get(&report.test).and_then(|begun| begun.location.clone());
                    if report.when == "teardown" {
                        begun.remove(&report.test);
                    }
                    seen.add_report(report, location, root);
                }
                Line::Test { test, wall, cpu, traced_peak } => {
                    seen.traced_peaks.extend(traced_peak.map(|peak| (test.clone(), peak)));
                    seen.times.insert(test, (wall, cpu));
                }
                other => seen.add(other),
            }
        }
        // What its first reports said of a test that did not end is not its outcome.
        for (name, test) in begun {
            seen.tests.remove(&name);
            seen.unfinished.push(test);
        }
    }
    Ok(seen)
}

impl SuiteRun {
    fn add(&mut self, line: Line) {
        match line {
            Line::Collected { n } => *self.n_collected.get_or_insert(0) += n,
            Line::Request { name, wall, cpu } => {
                let samples = self.requests.entry(name).or_default();
                samples.0.extend(wall);
                samples.1.extend(cpu);
            }
            Line::Benchmark { name, values, loops } => {
                self.loops.extend(loops.map(|loops| (name.clone(), loops)));
                self.benchmarks.insert(name, values);
            }
            Line::Process { peak_rss, foreign } => {
                self.peak_rss_bytes = self.peak_rss_bytes.max(peak_rss);
                self.foreign.extend(foreign);
            }
            Line::Start { .. } | Line::Report(_) | Line::Test { .. } => {}
        }
    }

    /// A test has up to three reports; it failed when one of them did.
    fn add_report(&mut self, report: ReportLine, location: Option<Location>, root: &Path) {
        let outcome = match (report.outcome.as_str(), report.when.as_str()) {
            ("failed", "call") => TestOutcome::Failed,
            ("failed", _) => TestOutcome::Error,
            ("skipped", _) => TestOutcome::Skipped,
            ("xfailed", _) => TestOutcome::Xfailed,
            ("xpassed", _) => TestOutcome::Xpassed,
            _ => TestOutcome::Passed,
        };
        let is_new = !self.tests.contains_key(&report.test);
        let test = self.tests.entry(report.test.clone()).or_default();
        test.name = report.test;
        test.seconds += report.seconds;
        if test.location.is_none() {
            test.location = location;
        }
        let is_worse = outcome.is_failure() && !test.outcome.is_failure();
        if is_new || is_worse || test.outcome == TestOutcome::Passed {
            test.outcome = outcome;
            test.message = report.message;
            test.details = report.details;
            test.location = place(report.path, report.line, root).or(test.location.take());
        }
    }
}

fn place(path: Option<String>, line: Option<u32>, root: &Path) -> Option<Location> {
    let path = path?;
    let inside = Path::new(&path).strip_prefix(root).map(|rest| rest.to_string_lossy().replace('\\', "/"));
    Some(Location::new(inside.unwrap_or(path), line?, ""))
}

#[cfg(test)]
#[path = "suite_tests.rs"]
mod tests;
