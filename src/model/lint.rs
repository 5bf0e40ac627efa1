//! What `check-code-quality` has to say, before it is rendered.

use serde::{Deserialize, Serialize};

use super::{Category, Location, Problem, Safety};

/// The answer of `check-code-quality`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LintReport {
    /// Version of this document's form; additions do not change it.
    pub schema_version: u32,
    /// `cmdx 0.1.0`.
    pub generator: String,
    /// The project root, absolute.
    pub project: String,
    /// Leads from the root of the repository to that of the project, with `/` at its end; empty where they are one.
    pub prefix: String,
    /// The paths that were asked about, relative to the root.
    pub paths: Vec<String>,
    /// Files asked about.
    pub n_files: u64,
    /// Lines of them.
    pub n_lines: u64,
    /// By path and line.
    pub findings: Vec<LintFinding>,
    /// Findings that comments in the source ask to leave alone.
    pub n_ignored: u64,
    /// What the rules of the findings are about, by name.
    pub rules: Vec<LintRule>,
    /// The most complex first.
    pub functions: Vec<FunctionComplexity>,
    /// The limit that was asked for.
    pub max_complexity: Option<u32>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// One place and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LintFinding {
    /// The rule's name, as `--rule` takes it.
    pub rule: String,
    /// What the rule is about; `None` for the complexity of a function.
    pub category: Option<Category>,
    /// Where.
    pub location: Location,
    /// The character of its line at which it begins, counted from 1; 0 for the whole line.
    #[serde(default)]
    pub column: u32,
    /// Last line of the statement or function.
    pub end_line: u32,
    /// One sentence without a final dot.
    pub message: String,
    /// How sure the rewrite is at this place.
    pub safety: Safety,
    /// What the rewrite rests on, one sentence each.
    pub assumptions: Vec<String>,
    /// True when `optimize` can rewrite the place.
    pub is_rewritable: bool,
}

/// A rule that found something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintRule {
    /// As `--rule` takes it.
    pub name: String,
    /// What it is about; `None` for the complexity of a function.
    pub category: Option<Category>,
    /// One sentence: what it finds.
    pub summary: String,
}

/// How many ways lead through a function, after McCabe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionComplexity {
    /// The line of its `def`; the symbol is its qualified name.
    pub location: Location,
    /// Its last line.
    pub end_line: u32,
    /// 1 for a function without branches.
    pub complexity: u32,
}
