//! What is known about a rewrite after it was checked, and what a command did with it.

use serde::{Deserialize, Serialize};

use super::{Match, Problem};

/// What the checks say about one rewrite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// The same behaviour wherever it was compared.
    Same {
        /// What was compared, one phrase each: `12 tests that run it pass as before`.
        checks: Vec<String>,
    },
    /// It behaves differently.
    Differs {
        /// The first difference, one sentence without a final dot.
        first: String,
    },
    /// Nothing compared it.
    NotChecked {
        /// Why, one phrase.
        why: String,
    },
}

/// What a rewrite was measured to bring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredGain {
    /// What was timed: `load() with 12 recorded calls`.
    pub what: String,
    /// Median seconds before.
    pub before_seconds: f64,
    /// Median seconds after.
    pub after_seconds: f64,
    /// How many times faster.
    pub factor: f64,
    /// The 99 % interval of `factor`; `None` with too few pairs for one.
    pub interval: Option<(f64, f64)>,
    /// Pairs measured.
    pub n_pairs: u32,
}

/// A rewrite that was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppliedRewrite {
    /// What was matched, where it stood before.
    pub rewrite: Match,
    /// What says that it behaves the same.
    pub verdict: Verdict,
    /// What it brings; `None` when it could not be measured.
    pub gain: Option<MeasuredGain>,
}

/// A rewrite that was not applied, or taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftRewrite {
    /// What was matched.
    pub rewrite: Match,
    /// Why, one sentence without a final dot.
    pub reason: String,
    /// True when it was tried and taken back.
    pub is_rolled_back: bool,
}

/// The answer of `optimize --implement`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Implementation {
    /// Version of this document's form; additions do not change it.
    pub schema_version: u32,
    /// `cmdx 0.1.0`.
    pub generator: String,
    /// The project root, absolute.
    pub project: String,
    /// True with `--dry-run`: nothing was written or run.
    pub is_dry_run: bool,
    /// Files scanned.
    pub n_files: u64,
    /// Files written, relative to the root.
    pub files: Vec<String>,
    /// The change as a unified diff.
    pub diff: String,
    /// By file and line.
    pub applied: Vec<AppliedRewrite>,
    /// By file and line.
    pub left: Vec<LeftRewrite>,
    /// What was run to check, one sentence each without a final dot.
    pub checks: Vec<String>,
    /// The workload as a whole, before against after.
    pub workload_gain: Option<MeasuredGain>,
    /// Time, queries and memory before and after: the workload, then requests and tests, dearest first.
    #[serde(default)]
    pub figures: Vec<Figure>,
    /// Distributions the new code needs.
    pub requirements: Vec<String>,
    /// Name of the backup.
    pub backup: Option<String>,
    /// What could not be read, checked or written.
    pub problems: Vec<Problem>,
}

/// One figure before and after.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FigureChange {
    /// Median before.
    pub before: f64,
    /// Median after.
    pub after: f64,
    /// How many times smaller it became: the median of before / after, pair by pair; `None` where one of them is 0.
    pub factor: Option<f64>,
    /// The 99 % interval of `factor`; `None` with too few pairs for one.
    pub interval: Option<(f64, f64)>,
    /// Pairs measured.
    pub n_pairs: u32,
}

/// What was measured before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FigureKind {
    /// The whole workload; its memory is that of its largest process.
    Workload,
    /// One test; its memory is what it needed more than there was when it began.
    Test,
    /// One kind of request, by method and path.
    Request,
}

/// Time, queries and memory of one test, request or workload, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is.
    pub kind: FigureKind,
    /// `tests/test_api.py::test_list`, `GET /users`, the workload's title.
    pub name: String,
    /// Seconds.
    pub seconds: Option<FigureChange>,
    /// Database queries, the most of one run of it.
    pub queries: Option<FigureChange>,
    /// Bytes of memory at the peak.
    pub peak_bytes: Option<FigureChange>,
}
