//! A private directory in which programs are run with rewritten files in front of those on disk, and watched.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::VerifyError;
use crate::harness::{self, PlainRun};
use crate::model::{ExitReason, Workload};
use crate::support::atomic_file;

macro_rules! python_files {
    ($($path:literal),+ $(,)?) => {
        const FILES: &[(&str, &str)] = &[$(($path, include_str!(concat!("python/", $path)))),+];
    };
}

python_files![
    "cmdx_check.py",
    "cmdx_main.py",
    "cmdx_memory.py",
    "cmdx_overlay.py",
    "cmdx_replay.py",
    "cmdx_tests.py",
    "sitecustomize.py",
];

/// Files with the content they are imported with: absolute path without links, and bytes.
pub type Overlay = BTreeMap<PathBuf, Vec<u8>>;

/// Lines to watch: by file, then by number of the rewrite.
pub type Watch = BTreeMap<PathBuf, BTreeMap<usize, Vec<u32>>>;

/// Where the checks work.
#[derive(Debug)]
pub struct Room {
    directory: PathBuf,
    n_runs: Cell<u32>,
}

/// What was seen of one run.
#[derive(Debug)]
pub struct Observed {
    /// How it ended and what it cost.
    pub run: PlainRun,
    /// Outcome of each test, by its name; empty when the workload is no test suite.
    pub tests: BTreeMap<String, TestResult>,
    /// Where the rewrites' lines ran, by number of the rewrite.
    pub reach: BTreeMap<usize, Reach>,
    /// Recorded calls of the rewritten functions.
    pub calls: Vec<RecordedCalls>,
    /// Largest resident memory of one Python process, when it was measured.
    pub peak_bytes: Option<u64>,
}

/// The outcome of one test.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestResult {
    /// `passed`, `failed`, `skipped`, `xfailed`, `xpassed`.
    pub outcome: String,
    /// What failed, in one line.
    pub message: String,
    /// Time of the test itself, without its fixtures.
    pub seconds: f64,
    /// By how much resident memory grew in it at most, when it was measured.
    pub peak_bytes: Option<u64>,
}

/// Whether and by whom the lines of a rewrite were run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Functions (or the module) that hold lines of the rewrite.
    pub n_places: usize,
    /// Those of them that ran.
    pub places: BTreeSet<usize>,
    /// How often.
    pub n_hits: u64,
    /// Tests during which one of them ran.
    pub tests: BTreeSet<String>,
    /// Outermost functions that hold lines of it, by qualified name.
    pub functions: BTreeSet<String>,
}

impl Reach {
    /// True when every function that the rewrite changes ran.
    pub fn is_complete(&self) -> bool {
        self.n_places > 0 && self.places.len() == self.n_places
    }
}

/// Calls of one function, kept to be made again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordedCalls {
    /// The file it is defined in.
    pub path: PathBuf,
    /// `load`, `Reader.load`.
    pub function: String,
    /// Name of its module.
    pub module: String,
    /// Decorators that stand between the name and the function.
    pub n_decorators: u32,
    /// Calls seen.
    pub n_calls: u64,
    /// Calls kept.
    pub n_kept: u64,
    /// Why calls could not be kept.
    pub refused: Option<String>,
    /// Where the arguments are.
    pub file: Option<PathBuf>,
    /// Where the program imported from.
    pub sys_path: Vec<String>,
}

#[derive(Deserialize)]
struct ObservedFile {
    hits: Vec<Hit>,
    calls: Vec<RecordedCalls>,
}

#[derive(Deserialize)]
struct Hit {
    rewrite: usize,
    n_places: usize,
    places: BTreeSet<usize>,
    n_hits: u64,
    tests: BTreeSet<String>,
    functions: BTreeSet<String>,
}

#[derive(Deserialize)]
struct TestLine {
    test: String,
    when: String,
    outcome: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    seconds: f64,
    #[serde(default)]
    peak_bytes: Option<u64>,
}

/// Functions to reach below their decorators: by file, then name, with the number of decorators.
pub(super) type Grabs = BTreeMap<PathBuf, BTreeMap<String, u32>>;

/// What is put in front of the files on disk, or done to them, for one run.
#[derive(Clone, Copy, Default)]
pub(super) struct Setting<'a> {
    pub watch: Option<&'a Watch>,
    pub grabs: Option<&'a Grabs>,
    /// Whether unittest's outcomes are wanted.
    pub collects_unittest: bool,
}

/// Gives further variables of a run; one of them is the `PYTHONPATH` it is given, with more in front.
pub(super) type MoreVariables<'a> = dyn Fn(&OsString) -> Vec<(String, OsString)> + 'a;

/// How one run is watched.
#[derive(Clone, Copy, Default)]
pub(super) struct Manner<'a> {
    pub watch: Option<&'a Watch>,
    /// The only tests wanted.
    pub only: Option<&'a BTreeSet<String>>,
    /// Whether peak memory is wanted.
    pub measures_memory: bool,
    /// Further variables.
    pub more: Option<&'a MoreVariables<'a>>,
}

impl Room {
    /// Makes the room in an existing directory that nobody else uses.
    pub fn new(directory: &Path) -> Result<Self, VerifyError> {
        let python = directory.join("python");
        fs::create_dir_all(&python).map_err(VerifyError::of_room(&python))?;
        for (name, content) in FILES {
            let path = python.join(name);
            atomic_file::write(&path, content.as_bytes()).map_err(VerifyError::of_room(&path))?;
        }
        Ok(Self { directory: directory.to_path_buf(), n_runs: Cell::new(0) })
    }

    pub(super) fn script(&self, name: &str) -> PathBuf {
        self.directory.join("python").join(name)
    }

    /// A new directory for one run.
    pub(super) fn run_directory(&self) -> Result<PathBuf, VerifyError> {
        self.n_runs.set(self.n_runs.get() + 1);
        let directory = self.directory.join(format!("run-{}", self.n_runs.get()));
        fs::create_dir_all(&directory).map_err(VerifyError::of_room(&directory))?;
        Ok(directory)
    }

    /// Runs a workload with `overlay` in front of the files on disk.
    pub(super) fn observe(
        &self,
        workload: &Workload,
        overlay: &Overlay,
        manner: Manner<'_>,
        deadline: Duration,
    ) -> Result<Observed, VerifyError> {
        let directory = self.run_directory()?;
        let is_pytest = pytest_at(&workload.argv).is_some();
        let setting = Setting { watch: manner.watch, grabs: None, collects_unittest: !is_pytest };
        let mut variables = self.variables(workload, overlay, setting, &directory)?;
        if let Some(only) = manner.only.filter(|_| is_pytest) {
            let path = directory.join("only");
            let names: Vec<&str> = only.iter().map(String::as_str).collect();
            atomic_file::write(&path, names.join("\n").as_bytes()).map_err(VerifyError::of_room(&path))?;
            variables.push(("CMDX_ONLY".into(), path.into()));
        }
        if manner.measures_memory {
            variables.push(("CMDX_MEMORY".into(), "1".into()));
        }
        if let Some(more) = manner.more {
            let at = variables.iter().position(|(name, _)| name == "PYTHONPATH");
            let python_path = at.map_or_else(OsString::new, |at| variables.remove(at).1);
            variables.extend(more(&python_path));
        }
        let workload = Workload { argv: self.argv(workload, overlay, manner.watch), ..workload.clone() };
        let run = harness::run_plain(&workload, &variables, &directory, deadline)?;
        if run.exit == ExitReason::Interrupted {
            return Err(VerifyError::Interrupted);
        }
        let mut observed =
            Observed { run, tests: BTreeMap::new(), reach: BTreeMap::new(), calls: vec![], peak_bytes: None };
        read(&directory, &mut observed).map_err(VerifyError::of_room(&directory))?;
        Ok(observed)
    }

    /// The environment that puts the overlay in place.
    pub(super) fn variables(
        &self,
        workload: &Workload,
        overlay: &Overlay,
        setting: Setting<'_>,
        directory: &Path,
    ) -> Result<Vec<(String, OsString)>, VerifyError> {
        let mut files = BTreeMap::new();
        for (index, (path, content)) in overlay.iter().enumerate() {
            let copy = directory.join(format!("file-{index:04}.py"));
            atomic_file::write(&copy, content).map_err(VerifyError::of_room(&copy))?;
            files.insert(path, copy);
        }
        let settings = json!({
            "files": files,
            "probes": setting.watch,
            "grabs": setting.grabs,
            "record": setting.watch.map(|_| directory),
            "results": setting.collects_unittest.then_some(directory),
        });
        let path = directory.join("overlay.json");
        atomic_file::write(&path, settings.to_string().as_bytes()).map_err(VerifyError::of_room(&path))?;
        let own = workload.env.iter().find(|(name, _)| name == "PYTHONPATH").map(|(_, value)| OsString::from(value));
        let inherited = own.or_else(|| std::env::var_os("PYTHONPATH")).filter(|value| !value.is_empty());
        let mut python_path = self.directory.join("python").into_os_string();
        if let Some(inherited) = inherited {
            python_path.push(":");
            python_path.push(inherited);
        }
        Ok(vec![
            ("PYTHONPATH".into(), python_path),
            ("CMDX_OVERLAY".into(), path.into()),
            ("CMDX_RESULTS".into(), directory.into()),
        ])
    }

    /// The command line with the test plugin, or with the runner of scripts whose own file is rewritten.
    fn argv(&self, workload: &Workload, overlay: &Overlay, watch: Option<&Watch>) -> Vec<String> {
        let mut argv = workload.argv.clone();
        if let Some(at) = pytest_at(&argv) {
            argv.insert(at + 1, "-p".to_owned());
            argv.insert(at + 2, "cmdx_tests".to_owned());
            return argv;
        }
        let script = argv.get(1).and_then(|script| fs::canonicalize(workload.cwd.join(script)).ok());
        let is_ours =
            |path: &PathBuf| overlay.contains_key(path) || watch.is_some_and(|watch| watch.contains_key(path));
        if script.as_ref().is_some_and(is_ours) {
            argv.insert(1, self.script("cmdx_main.py").display().to_string());
        }
        argv
    }
}

/// Where `pytest` stands in `python -m pytest …`.
pub(super) fn pytest_at(argv: &[String]) -> Option<usize> {
    argv.windows(2).position(|pair| pair[0] == "-m" && pair[1] == "pytest").map(|at| at + 1)
}

fn read(directory: &Path, observed: &mut Observed) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("tests-") {
            for line in fs::read_to_string(&path)?.lines() {
                // A killed run may have left half a line.
                let Ok(line) = serde_json::from_str::<TestLine>(line) else { continue };
                add_test(&mut observed.tests, line);
            }
        } else if name.starts_with("observed-") && path.extension().is_some_and(|extension| extension == "json") {
            let Ok(file) = serde_json::from_slice::<ObservedFile>(&fs::read(&path)?) else { continue };
            add_observed(observed, file);
        } else if name.starts_with("peak-") {
            let peak = fs::read_to_string(&path)?.trim().parse().ok();
            observed.peak_bytes = observed.peak_bytes.max(peak);
        }
    }
    Ok(())
}

/// A test has up to three reports; it failed when one of them did.
fn add_test(tests: &mut BTreeMap<String, TestResult>, line: TestLine) {
    let test = tests.entry(line.test).or_default();
    if line.when == "memory" {
        test.peak_bytes = test.peak_bytes.max(line.peak_bytes);
        return;
    }
    if line.when == "call" {
        test.seconds += line.seconds;
    }
    let is_news = test.outcome.is_empty() || test.outcome == "passed";
    if test.outcome != "failed" && (line.outcome == "failed" || is_news) {
        test.outcome = line.outcome;
        test.message = line.message;
    }
}

fn add_observed(observed: &mut Observed, file: ObservedFile) {
    for hit in file.hits {
        let reach = observed.reach.entry(hit.rewrite).or_default();
        reach.n_places = reach.n_places.max(hit.n_places);
        reach.places.extend(hit.places);
        reach.n_hits += hit.n_hits;
        reach.tests.extend(hit.tests);
        reach.functions.extend(hit.functions);
    }
    for calls in file.calls {
        let same = |known: &&mut RecordedCalls| (&known.path, &known.function) == (&calls.path, &calls.function);
        match observed.calls.iter_mut().find(same) {
            Some(known) if known.n_kept >= calls.n_kept => known.n_calls += calls.n_calls,
            Some(known) => *known = RecordedCalls { n_calls: known.n_calls + calls.n_calls, ..calls },
            None => observed.calls.push(calls),
        }
    }
}
