//! What a rewrite rule says about one place in the source.

use serde::{Deserialize, Serialize};

use super::Location;

/// What a rule or finding is about; `--category` selects by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Complexity, data structures, database access patterns.
    Algorithm,
    /// Files, serialisation, network.
    Io,
    /// Peaks, growth, leaks.
    Memory,
}

/// How sure it is that a rewrite keeps the program's behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// The same behaviour for every input.
    Proven,
    /// The same behaviour if a run of tests or a replay says so; applied only then.
    NeedsRun,
    /// Reported, never applied by itself.
    ShowOnly,
}

/// Replaces the bytes `start..end` of the file as it was scanned by `replacement`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TextEdit {
    /// First byte replaced.
    pub start: usize,
    /// First byte kept again; equal to `start` for an insertion.
    pub end: usize,
    /// What stands there afterwards.
    pub replacement: String,
}

/// One place a rule matched, with the edits that would mend it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// The rule's name, as `--rule` takes it (`list-membership`).
    pub rule: String,
    /// The rule's category.
    pub category: Category,
    /// The line a report prints; its symbol is the qualified name of the enclosing function.
    pub location: Location,
    /// The character of that line at which it begins, counted from 1.
    #[serde(default)]
    pub column: u32,
    /// First line of the enclosing function, 0 at module level: joins a match with a profile.
    pub function_line: u32,
    /// Last line of the statement that matched.
    pub end_line: u32,
    /// One sentence that says what is slow here, without a final dot.
    pub message: String,
    /// What the rewrite rests on, one sentence each; empty for an unconditional one.
    pub assumptions: Vec<String>,
    /// How sure the rewrite is at this place.
    pub safety: Safety,
    /// Edits of the matched file, ordered, without overlap; empty when the rule only reports.
    pub edits: Vec<TextEdit>,
    /// Import statements the edits need (`from collections import deque`).
    pub imports: Vec<String>,
    /// Distributions the edits need (`orjson>=3.6`).
    pub requirements: Vec<String>,
}

/// Something about the user's project that could not be read, parsed or measured; reported, never fatal by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Where, when there is a place.
    pub location: Option<Location>,
    /// What, in one sentence without a final dot.
    pub message: String,
    /// What to do about it, when there is something.
    pub hint: Option<String>,
}
