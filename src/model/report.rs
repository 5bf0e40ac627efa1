//! What a command has to say, before it is rendered.

use serde::{Deserialize, Serialize};

use super::{Category, ExitReason, Finding, Interpreter, Problem, Profile, WorkloadKind};

/// The answer of `optimize --profile`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Version of this document's form; additions do not change it.
    pub schema_version: u32,
    /// `cmdx 0.1.0`.
    pub generator: String,
    /// The project root, absolute.
    pub project: String,
    /// The paths that were asked about, relative to the root.
    pub paths: Vec<String>,
    /// The same as they were typed, for commands to type next; empty when none was.
    #[serde(default)]
    pub typed_paths: Vec<String>,
    /// What was asked for.
    pub categories: Vec<Category>,
    /// The interpreter, when one was needed.
    pub interpreter: Option<Interpreter>,
    /// What was run; `None` when nothing could be: static findings only.
    pub workload: Option<WorkloadSummary>,
    /// Why nothing was run, in one sentence without a final dot; only when `workload` is `None`.
    #[serde(default)]
    pub not_run_because: Option<String>,
    /// Files scanned.
    pub n_files: u64,
    /// Lines scanned.
    pub n_lines: u64,
    /// What was measured.
    pub profile: Option<Profile>,
    /// Opportunities, dearest first.
    pub findings: Vec<Finding>,
    /// What could not be read or measured.
    pub problems: Vec<Problem>,
    /// True with `--detailed`.
    pub is_detailed: bool,
}

/// What was run and how it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkloadSummary {
    /// Where it came from.
    pub kind: WorkloadKind,
    /// One line.
    pub title: String,
    /// The command line.
    pub argv: Vec<String>,
    /// How it ended.
    pub exit: ExitReason,
    /// Log of its output, relative to the project root.
    pub stdout_log: String,
    /// Log of its errors, relative to the project root.
    pub stderr_log: String,
}
