//! What may be typed after `run-all-tests`, and the plan it comes to.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::report::RunFormat;
use crate::support::units;

const EXAMPLES: &str = "\
Examples:
  cmdx run-all-tests                             the tests, and which of them fail where and why
  cmdx run-all-tests --jobs 4 --format junit=tests.xml
  cmdx run-all-tests --shard 2/3                 the second of three parts of the suite
  cmdx run-all-tests -- -k users                 what follows -- is for pytest
  cmdx run-all-tests --benchmark --scientific    is it faster than before, and how sure is that?
  cmdx run-all-tests --benchmark --base main     against another revision
  cmdx run-all-tests --benchmark --report        and keep the run in the history
  cmdx run-all-tests --auto-fix                  which rewrites break tests? take those back, keep the rest";

/// Run the project's tests, and its benchmarks before against after
///
/// Finds the tests of pytest and unittest and runs them with the project's interpreter. A test that fails is run again
/// alone: one that then passes is called flaky. A test that hangs or ends the interpreter is named, and the rest runs on
/// without it.
///
/// With --benchmark the performance tests, or the tests, are measured against the code before: the revision of --base,
/// the files before the last `optimize --implement`, HEAD of a changed tree, or where the branch began. Both run in
/// trees of their own, in fresh processes that take turns. A change counts when its whole 99 % interval lies beyond 3 %.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "a flag of the command line each")]
pub struct Args {
    /// Tests to run, or a directory of the project [default: the current directory]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    benchmarks: Benchmarks,
    /// When tests fail after `optimize --implement`: find the rewrites that break them, take those back, keep the rest
    #[arg(long, conflicts_with = "shard")]
    auto_fix: bool,
    /// Run one part of the suite: `2/3` is the second of three; a test file is never split
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    shard: Option<(u32, u32)>,
    /// Make parts of equal length from the times in this record of a run (`cmdx history show --json`)
    #[arg(long, value_name = "FILE", requires = "shard")]
    durations: Option<PathBuf>,
    /// Processes that share the tests: with pytest-xdist when it is installed, else by files
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    jobs: u32,
    /// How often a test that fails is run again alone
    #[arg(long, value_name = "N", default_value_t = 2)]
    reruns: u32,
    /// End with exit code 1 also when tests are flaky
    #[arg(long)]
    fail_on_flaky: bool,
    /// How to write the result: text, json, junit, markdown; `NAME=PATH` writes a file; may be given several times
    #[arg(long, value_name = "FORMAT", value_parser = parse_output)]
    format: Vec<Output>,
    /// Short for --format=json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write the result to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Make an environment under .cmdx/venv when the interpreter lacks the project's packages
    #[arg(long)]
    install: bool,
    /// The interpreter or environment to run the tests with
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// End the suite after this long [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration)]
    deadline: Option<f64>,
    /// Words for pytest or unittest
    #[arg(last = true, value_name = "WORD")]
    words: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Benchmarks")]
#[expect(clippy::struct_excessive_bools, reason = "a flag of the command line each")]
struct Benchmarks {
    /// Measure before against after: 8 pairs of processes
    #[arg(long)]
    benchmark: bool,
    /// Up to 40 pairs, until every figure is decided
    #[arg(long)]
    scientific: bool,
    /// Compare with this revision
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Measure the code before against itself too: where it differs, nothing is concluded [default: in CI]
    #[arg(long, overrides_with = "no_control")]
    control: bool,
    /// Do not
    #[arg(long)]
    no_control: bool,
    /// Begin no pair that would end later than this
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = units::parse_duration)]
    time_budget: f64,
    /// What the order within pairs and the seeds of hashes are made from [default: the time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Keep the run in the history, and write .cmdx/result.json, junit.xml, summary.md
    #[arg(long)]
    report: bool,
    /// Judge the figures by the gates of cmdx.toml
    #[arg(long)]
    validate: bool,
}

/// How sure a measurement has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// One look.
    Quick,
    /// Looks until it is decided.
    Scientific,
}

/// A form of the result and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    pub format: RunFormat,
    /// `None` for standard output.
    pub path: Option<PathBuf>,
}

fn parse_output(text: &str) -> Result<Output, String> {
    let (name, path) = match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => (name, Some(PathBuf::from(path))),
        _ => (text, None),
    };
    Ok(Output { format: name.parse()?, path })
}

fn parse_shard(text: &str) -> Result<(u32, u32), String> {
    let parts = text.split_once('/').and_then(|(part, n)| Some((part.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((part, n_parts)) if part >= 1 && part <= n_parts => Ok((part, n_parts)),
        _ => Err(format!("`{text}` is no part of a suite: write it like 2/3")),
    }
}

/// What the arguments come to.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what several flags come to")]
pub(super) struct Plan {
    pub paths: Vec<PathBuf>,
    pub is_benchmark: bool,
    pub depth: Depth,
    pub base: Option<String>,
    pub has_control: bool,
    pub budget: Duration,
    pub seed: u64,
    pub reports: bool,
    pub validates: bool,
    pub auto_fixes: bool,
    pub shard: Option<(u32, u32)>,
    pub durations: Option<PathBuf>,
    pub n_jobs: u32,
    pub n_reruns: u32,
    pub fails_on_flaky: bool,
    /// Never empty.
    pub outputs: Vec<Output>,
    pub installs: bool,
    pub python: Option<PathBuf>,
    pub deadline: Option<Duration>,
    pub words: Vec<String>,
}

impl Plan {
    /// What `double-check` measures by.
    pub(super) fn for_validation(base: Option<String>, python: Option<PathBuf>) -> Self {
        Self {
            paths: vec![],
            is_benchmark: true,
            depth: Depth::Quick,
            base,
            has_control: false,
            budget: Duration::from_mins(10),
            seed: 1,
            reports: false,
            validates: false,
            auto_fixes: false,
            shard: None,
            durations: None,
            n_jobs: 1,
            n_reruns: 2,
            fails_on_flaky: false,
            outputs: vec![],
            installs: false,
            python,
            deadline: None,
            words: vec![],
        }
    }
}

impl Args {
    pub(super) fn resolve(self) -> Plan {
        let Self { paths, shard, durations, jobs, reruns, fail_on_flaky, format, json, out, install, .. } = self;
        let mut outputs = format;
        if json {
            outputs.push(Output { format: RunFormat::Json, path: None });
        }
        if !outputs.iter().any(|output| output.path.is_none()) {
            outputs.insert(0, Output { format: RunFormat::Text, path: None });
        }
        // The last of those for standard output wins, and goes to the file of `--out`.
        let last = outputs.iter().rposition(|output| output.path.is_none());
        let mut index = 0;
        outputs.retain(|output| {
            index += 1;
            output.path.is_some() || Some(index - 1) == last
        });
        for output in outputs.iter_mut().filter(|output| output.path.is_none()) {
            output.path.clone_from(&out);
        }
        let Benchmarks { benchmark, scientific, base, control, no_control, time_budget, seed, report, validate } =
            self.benchmarks;
        let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
        Plan {
            is_benchmark: benchmark || scientific || base.is_some(),
            depth: if scientific { Depth::Scientific } else { Depth::Quick },
            base,
            has_control: !no_control && (control || (scientific && is_ci)),
            budget: Duration::from_secs_f64(time_budget),
            seed: seed.unwrap_or_else(now),
            reports: report,
            validates: validate,
            auto_fixes: self.auto_fix,
            paths,
            shard,
            durations,
            n_jobs: jobs,
            n_reruns: reruns,
            fails_on_flaky: fail_on_flaky,
            outputs,
            installs: install,
            python: self.python,
            deadline: self.deadline.map(Duration::from_secs_f64),
            words: self.words,
        }
    }
}
