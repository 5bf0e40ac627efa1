//! Where the memory of a run went, and what it did not give back.

use serde::{Deserialize, Serialize};

use super::Location;

/// What was traced of a run's memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryProfile {
    /// How allocations were traced.
    pub tracer: MemoryTracer,
    /// Why it was not the native tracer, or what that could not see; sentences without a final dot.
    pub notes: Vec<String>,
    /// Python processes that were traced.
    pub n_processes: u64,
    /// Mean distance of samples; allocations of this size and more are all recorded. 0 where all are.
    pub mean_bytes: u64,
    /// Allocations recorded.
    pub n_samples: u64,
    /// The high-water mark of what Python and its libraries allocated, all processes together, mappings left out.
    pub peak: ByteEstimate,
    /// Seconds since the start of the run when that was.
    pub peak_at_seconds: f64,
    /// All that was allocated over the run.
    pub total: ByteEstimate,
    /// What was allocated and not freed when the interpreter began to end, or when the log ends.
    pub live: ByteEstimate,
    /// The high-water mark of anonymous mappings that programs and libraries made themselves. They are reserved, not
    /// necessarily used: thread pools and linear algebra keep such pools.
    pub mapped_peak_bytes: u64,
    /// Largest sum of resident set sizes of all traced processes.
    pub peak_rss_bytes: u64,
    /// By line of the project, most at the peak first.
    pub lines: Vec<MemoryCost>,
    /// By function of the project, most at the peak first.
    pub functions: Vec<MemoryCost>,
    /// Distinct stacks that allocated; frames are those of `Profile::cpu`.
    pub stacks: Vec<MemoryStack>,
    /// Traced bytes and resident set over time.
    pub timeline: Vec<MemoryPoint>,
    /// Lines whose live bytes grew to the end, most first.
    pub growth: Vec<GrowingSite>,
    /// Dictionaries, lists and sets at module or class level that only grew, largest first.
    pub caches: Vec<GrowingCache>,
    /// What was opened and not closed, by the line that opened it, most first.
    pub handles: Vec<UnclosedHandle>,
}

/// How allocations were traced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryTracer {
    /// Sampled, by the native library: every allocation of the C library and of Python.
    Native,
    /// By Python's own `tracemalloc`, one frame deep: Python's objects, live at the end.
    Tracemalloc,
    /// Not at all.
    #[default]
    None,
}

/// Bytes with the interval that sampling allows; the ends are equal where every allocation was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByteEstimate {
    /// Point estimate.
    pub bytes: u64,
    /// Lower end of the 95 % interval.
    pub low_bytes: u64,
    /// Upper end of the 95 % interval.
    pub high_bytes: u64,
}

/// What a line or function of the project allocated, in libraries that it called included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryCost {
    /// The line; for a function its definition.
    pub location: Location,
    /// What a line does with it, in a few words (`Loads entire dataset into memory`); for lines, where the source is
    /// at hand.
    pub what: Option<String>,
    /// Of the run's peak.
    pub peak: ByteEstimate,
    /// Over the run.
    pub total: ByteEstimate,
    /// At the end.
    pub live: ByteEstimate,
    /// Allocations, estimated.
    pub n_allocations: u64,
    /// Allocations recorded; figures that rest on fewer than five are not shown.
    pub n_samples: u64,
    /// True when every allocation was recorded, whatever its size.
    pub is_exact: bool,
    /// Part of the total that was freed within a tenth of the run: what was allocated only to be thrown away.
    pub churn: f64,
}

/// A distinct stack and what it allocated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryStack {
    /// Indexes into `CpuProfile::frames`, root first.
    pub frames: Vec<u32>,
    /// Bytes at the run's peak.
    pub peak_bytes: u64,
    /// Bytes over the run.
    pub total_bytes: u64,
    /// Bytes at the end.
    pub live_bytes: u64,
}

/// Memory at one instant, all processes together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryPoint {
    /// Seconds since the start of the run.
    pub at_seconds: f64,
    /// Estimated bytes of live allocations.
    pub traced_bytes: u64,
    /// Resident set, as last read.
    pub rss_bytes: u64,
}

/// What growth amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GrowthVerdict {
    /// It grew steadily to the end and was not given back.
    Leak,
    /// It grew to the end; the run does not tell whether it would have stopped.
    Growth,
    /// The run was too short to tell.
    Inconclusive,
}

/// A line whose live bytes kept growing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrowingSite {
    /// The line.
    pub location: Location,
    /// What it amounts to.
    pub verdict: GrowthVerdict,
    /// Live bytes of the line at a quarter of its time.
    pub start_bytes: u64,
    /// Live bytes of the line at the end.
    pub end_bytes: u64,
    /// Growth of the second half, bytes per second.
    pub bytes_per_second: f64,
    /// The statistics, one sentence without a final dot.
    pub evidence: String,
}

/// A container at module or class level that only grew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrowingCache {
    /// The line that filled it, where one is known; else the definition.
    pub location: Location,
    /// `leakapp.render._frames`.
    pub name: String,
    /// `dict`, `list`, `set`, …
    pub kind: String,
    /// Items when it was first seen.
    pub start_items: u64,
    /// Items at the end.
    pub end_items: u64,
    /// What the keys are (`str`), or the items where there are no keys.
    pub keys: String,
    /// Estimated bytes of what it holds, where that is known.
    pub bytes: Option<u64>,
}

/// What kind of handle was left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandleKind {
    /// A file.
    File,
    /// A socket.
    Socket,
    /// A database connection.
    Connection,
    /// A database cursor.
    Cursor,
    /// A session of an HTTP client.
    Session,
    /// A temporary file or directory.
    TemporaryFile,
    /// A pool of threads or processes.
    Executor,
    /// A task of asyncio that was still pending.
    Task,
}

/// Handles opened at one line and never closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnclosedHandle {
    /// The line of the project that opened them.
    pub location: Location,
    /// What they are.
    pub kind: HandleKind,
    /// The type as Python names it (`sqlite3.Connection`).
    pub type_name: String,
    /// Opened at this line over the run.
    pub n_opened: u64,
    /// Still open at the end.
    pub n_open: u64,
    /// Age of the oldest that is open.
    pub oldest_seconds: f64,
}
