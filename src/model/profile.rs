//! Where the time of a run went.

use serde::{Deserialize, Serialize};

use super::{Location, MemoryProfile, QueryProfile};

/// A Python frame as the sampler names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Frame {
    /// Relative to the project root when the file lies in it, else as the interpreter gives it.
    pub path: String,
    /// Function name.
    pub symbol: String,
    /// Line being executed, 0 when unknown.
    pub line: u32,
    /// True when the file belongs to the project (never a virtual environment).
    pub is_project: bool,
}

/// Everything concluded from one recording.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Profile {
    /// CPU and wall time by place.
    pub cpu: CpuProfile,
    /// Database queries and HTTP calls, when the agent ran.
    pub queries: Option<QueryProfile>,
    /// Allocations, growth and what was left open, when memory was asked about.
    #[serde(default)]
    pub memory: Option<MemoryProfile>,
}

/// A part of the whole with the interval its sample size allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Point estimate, 0 to 1.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

impl Share {
    /// True when the two intervals have a point in common: the two must not be ranked against each other.
    pub fn overlaps(&self, other: &Share) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// Samples turned into costs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CpuProfile {
    /// Start to end of the run.
    pub wall_seconds: f64,
    /// CPU time of the process tree.
    pub cpu_seconds: f64,
    /// Samples the costs rest on.
    pub n_samples: u64,
    /// Samples that could not be read.
    pub n_failed_samples: u64,
    /// Costs by function of the project, dearest first.
    pub functions: Vec<FunctionCost>,
    /// Costs by line of the project, dearest first.
    pub lines: Vec<LineCost>,
    /// Frames that stacks refer to.
    pub frames: Vec<Frame>,
    /// Distinct stacks with their weights.
    pub stacks: Vec<Stack>,
    /// Processes seen.
    pub processes: Vec<ProcessSummary>,
    /// Wall time of samples with no project frame on the stack (interpreter start, test runner, idle pools).
    pub outside_seconds: f64,
}

/// A distinct stack and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// Indexes into `CpuProfile::frames`, root first.
    pub frames: Vec<u32>,
    /// Wall time.
    pub wall_seconds: f64,
    /// CPU time.
    pub cpu_seconds: f64,
    /// Samples.
    pub n_samples: u64,
}

/// What a function of the project cost, time in libraries it called included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionCost {
    /// Its definition; the line is the dearest one when the definition is unknown.
    pub location: Location,
    /// Wall time with this function innermost of the project's functions.
    pub wall_seconds: f64,
    /// CPU time likewise.
    pub cpu_seconds: f64,
    /// Wall time with this function anywhere on the stack.
    pub total_wall_seconds: f64,
    /// CPU time with this function anywhere on the stack.
    pub total_cpu_seconds: f64,
    /// Part of the run's project time, by `wall_seconds`.
    pub share: Share,
    /// Samples with this function innermost.
    pub n_samples: u64,
    /// Its dearest line.
    pub dearest_line: u32,
    /// The library modules its time was spent in (`sqlalchemy`, `json`), dearest first, with seconds.
    pub libraries: Vec<(String, f64)>,
    /// The project's functions that called it, with wall seconds, dearest first.
    pub callers: Vec<(Location, f64)>,
}

/// What a line of the project cost, time in libraries it called included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineCost {
    /// The line.
    pub location: Location,
    /// Wall time.
    pub wall_seconds: f64,
    /// CPU time.
    pub cpu_seconds: f64,
    /// Part of the run's project time.
    pub share: Share,
    /// Samples.
    pub n_samples: u64,
}

/// One process of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessSummary {
    /// Process id.
    pub pid: i32,
    /// Command line.
    pub command: String,
    /// Python version when known.
    pub python_version: Option<String>,
    /// Samples taken in it.
    pub n_samples: u64,
    /// Largest resident set size seen.
    pub peak_rss_bytes: u64,
}
