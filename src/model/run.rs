//! One run of the tests or benchmarks, as the history keeps it: where it ran, what was measured, what was decided.

use serde::{Deserialize, Serialize};

use super::Location;

/// One entry of the history, never changed once it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRecord {
    /// Version of this document's form; additions do not change it.
    pub schema_version: u32,
    /// `20261122T211500-1a2b3c4d`: when it began, and a hash of what it holds.
    pub id: String,
    /// What it is.
    pub kind: RunKind,
    /// When it began, `20261122T211500` in UTC.
    pub started: String,
    /// The command line.
    pub command: String,
    /// `cmdx 0.1.0`, or the tool it was imported from.
    pub generator: String,
    /// The code that ran.
    pub revision: Revision,
    /// What it was compared with.
    pub before: Option<Before>,
    /// `2/3` for the second of three parts of the suite.
    pub shard: Option<String>,
    /// Where it ran. Figures of different fingerprints are never joined.
    pub environment: RunEnvironment,
    /// Outcomes of tests, by name.
    pub tests: Vec<TestRecord>,
    /// What was measured, by name.
    pub benchmarks: Vec<Benchmark>,
    /// What the gates said.
    pub gates: Vec<GateVerdict>,
    /// What could not be measured or limits what was, one sentence each without a final dot.
    pub problems: Vec<String>,
}

/// What kind of run it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// The test suite.
    #[default]
    Tests,
    /// Benchmarks.
    Benchmark,
    /// Figures that another tool measured.
    Imported,
}

/// The code of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Revision {
    /// The commit, in full; empty outside of a repository.
    pub commit: String,
    /// The branch; empty when none is checked out.
    pub branch: String,
    /// True with changes that are not committed.
    pub is_dirty: bool,
    /// Hash of the Python files and configuration as they were: two runs with the same one ran the same code.
    pub tree_hash: String,
}

/// What a run was compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Before {
    /// `revision`, `backup`, `head`, `merge-base`.
    pub kind: String,
    /// For people: `HEAD (1a2b3c4)`, `the files before cmdx optimize --implement`.
    pub title: String,
    /// The commit, when it is one.
    pub commit: String,
}

/// Where a run took place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunEnvironment {
    /// Hash of processor, number of processors, operating system, Python version and packages.
    pub fingerprint: String,
    /// Model of the processor.
    pub processor: String,
    /// Processors cmdx may use.
    pub n_processors: u32,
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub system: String,
    /// Release of the kernel.
    pub kernel: String,
    /// `3.11.7`.
    pub python: String,
    /// Hash of the installed packages with their versions.
    pub packages_hash: String,
    /// Load of the machine when the run began.
    pub load: f64,
    /// Seconds of a fixed piece of work, to tell a slow machine from slow code.
    pub speed_seconds: f64,
    /// The seed that pair orders and hash seeds were made from.
    pub seed: u64,
}

/// How a test ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestOutcome {
    /// As it should.
    #[default]
    Passed,
    /// Not as it should.
    Failed,
    /// It could not be set up, imported or taken down.
    Error,
    /// It failed, and passed when it was run again alone.
    Flaky,
    /// It was running when its deadline passed.
    Timeout,
    /// It was running when the interpreter died.
    Crashed,
    /// It failed as it was expected to.
    Xfailed,
    /// It passed although it was expected to fail.
    Xpassed,
    /// It did not want to run here.
    Skipped,
}

impl TestOutcome {
    /// True for what makes a suite red.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Timeout | Self::Crashed)
    }
}

/// One test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestRecord {
    /// `tests/test_api.py::test_list`, `tests.test_api.Case.test_list`.
    pub name: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// Time of the test with its fixtures.
    pub seconds: f64,
    /// Where it stands, or where it failed.
    pub location: Option<Location>,
    /// Why it failed or was skipped, in one line.
    pub message: String,
    /// The whole report of a failure.
    pub details: String,
}

/// What a benchmark is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BenchmarkKind {
    /// A request that a web framework answered.
    Request,
    /// A function called through the fixture `benchmark`.
    Iteration,
    /// A test.
    Test,
    /// The whole process that ran the tests.
    #[default]
    Process,
    /// A command or a figure of another tool.
    Command,
}

/// One thing that was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Benchmark {
    /// `GET /users`, `tests/test_api.py::test_list`.
    pub name: String,
    /// What it is.
    pub kind: BenchmarkKind,
    /// Where it stands, when that is known.
    pub location: Option<Location>,
    /// Its figures, one for each metric.
    pub series: Vec<Series>,
}

/// What is measured; the order is that of reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Wall time, seconds.
    #[default]
    WallTime,
    /// Time on the processor, seconds.
    CpuTime,
    /// Largest resident set of the process, bytes.
    PeakRss,
    /// Most memory that Python objects held at once, bytes; exact.
    TracedPeak,
    /// Database queries, a count; exact.
    Queries,
    /// Instructions, a count; exact on one machine.
    Instructions,
}

impl Metric {
    /// All, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::WallTime, Self::CpuTime, Self::PeakRss, Self::TracedPeak, Self::Queries, Self::Instructions];

    /// `wall-time`, as documents write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WallTime => "wall-time",
            Self::CpuTime => "cpu-time",
            Self::PeakRss => "peak-rss",
            Self::TracedPeak => "traced-peak",
            Self::Queries => "queries",
            Self::Instructions => "instructions",
        }
    }

    /// True when two runs of the same code give the same figure.
    pub fn is_exact(self) -> bool {
        matches!(self, Self::TracedPeak | Self::Queries | Self::Instructions)
    }

    /// True for times.
    pub fn is_time(self) -> bool {
        matches!(self, Self::WallTime | Self::CpuTime)
    }
}

/// The samples of one metric. Samples of one position belong to one pair: they were taken right after each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// What.
    pub metric: Metric,
    /// The code before; empty when there was none.
    pub before: Vec<f64>,
    /// The code of the run.
    pub after: Vec<f64>,
    /// The code before once more, in the same pairs: what differs from `before` is noise.
    pub control: Vec<f64>,
    /// Before against after.
    pub comparison: Option<SeriesComparison>,
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The whole interval lies below: less time, memory or queries.
    Faster,
    /// The whole interval lies above: more time, memory or queries.
    Slower,
    /// The whole interval lies within the band of what does not matter.
    Equivalent,
    /// The samples do not say.
    #[default]
    Inconclusive,
}

/// Before against after of one metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeriesComparison {
    /// Median before.
    pub before: f64,
    /// Median after.
    pub after: f64,
    /// Before divided by after, the median of the pairs: 10 is ten times faster, or a tenth of the memory.
    pub factor: f64,
    /// Lower end of its interval; `None` with too few pairs for one.
    pub low: Option<f64>,
    /// Upper end of its interval.
    pub high: Option<f64>,
    /// What the interval covers: 0.99.
    pub confidence: f64,
    /// Pairs it rests on.
    pub n_pairs: u32,
    /// Part of the pairs in which the code of the run was better.
    pub won: f64,
    /// The verdict.
    pub change: Change,
    /// The smallest change these pairs could have shown, as a part: 0.09 for 9 %.
    pub visible: Option<f64>,
    /// About how many pairs more would decide; only when inconclusive.
    pub pairs_needed: Option<u32>,
    /// How noisy the pairs are: `A` quiet to `D` useless.
    pub noise: String,
    /// False when base against base differed: the machine was too unstable to say anything.
    pub is_control_quiet: Option<bool>,
}

/// How a gate answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateStatus {
    /// Beyond its limit with the whole interval.
    Fail,
    /// No figure to judge.
    #[default]
    Missing,
    /// The figures belong to other code.
    Stale,
    /// The interval straddles the limit.
    Inconclusive,
    /// It would fail, and is allowed to for a while.
    Waived,
    /// Within its limit.
    Pass,
}

/// The answer of one gate for one benchmark.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GateVerdict {
    /// `absolute.response_time`, `relative.time`, as the configuration names it.
    pub gate: String,
    /// What was judged; empty when nothing was there.
    pub benchmark: String,
    /// The answer.
    pub status: GateStatus,
    /// The figure, in the units of its metric; for relative gates the change as a part: 0.05 is 5 % more.
    pub measured: Option<f64>,
    /// Lower end of its interval.
    pub low: Option<f64>,
    /// Upper end of its interval.
    pub high: Option<f64>,
    /// The limit in the same units.
    pub limit: f64,
    /// One sentence without a final dot: figures, limit, and what to do.
    pub message: String,
    /// Where to look.
    pub location: Option<Location>,
}
