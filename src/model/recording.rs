//! What a run left behind, before anything is concluded from it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Frame, Problem};

/// How the workload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason", content = "value")]
pub enum ExitReason {
    /// It exited with this code.
    Exited(i32),
    /// A signal ended it.
    Signaled(i32),
    /// It was still running at the deadline and was ended.
    DeadlinePassed,
    /// The user pressed Ctrl-C.
    Interrupted,
}

/// One run of a workload: samples of its stacks and the files its agents wrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recording {
    /// How it ended.
    pub exit: ExitReason,
    /// Start to end.
    pub wall_seconds: f64,
    /// User and system time of the whole process tree, sampler excluded.
    pub cpu_seconds: f64,
    /// Nominal sampling rate.
    pub rate_hz: f64,
    /// Processes that were sampled.
    pub processes: Vec<SampledProcess>,
    /// Frames that samples refer to by index.
    pub frames: Vec<Frame>,
    /// Distinct stacks, root first, as indexes into `frames`.
    pub stacks: Vec<Vec<u32>>,
    /// Samples in the order taken.
    pub samples: Vec<Sample>,
    /// Stacks that could not be read.
    pub n_failed_samples: u64,
    /// Directory with the agents' event files, when an agent ran.
    pub events_directory: Option<PathBuf>,
    /// The target's captured standard output.
    pub stdout_log: PathBuf,
    /// The target's captured standard error.
    pub stderr_log: PathBuf,
    /// What could not be measured, and why.
    pub problems: Vec<Problem>,
}

/// One thread's stack at one instant, with the time it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Index into `Recording::processes`.
    pub process: u32,
    /// Operating system thread id.
    pub thread: u64,
    /// Index into `Recording::stacks`.
    pub stack: u32,
    /// Seconds since the start of the run.
    pub at_seconds: f64,
    /// Wall time this sample stands for.
    pub wall_seconds: f64,
    /// CPU time the thread used since its previous sample.
    pub cpu_seconds: f64,
    /// True when it used none because every core was taken: it did not wait, it was made to.
    #[serde(default)]
    pub is_queued: bool,
}

/// A process of the target's tree that was sampled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampledProcess {
    /// Process id.
    pub pid: i32,
    /// Id of its parent when first seen.
    pub parent_pid: i32,
    /// Its command line, for the report.
    pub command: String,
    /// `3.11.7`, when its interpreter was recognised.
    pub python_version: Option<String>,
    /// Largest resident set size seen.
    pub peak_rss_bytes: u64,
}
