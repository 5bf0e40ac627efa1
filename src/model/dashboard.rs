//! All that the HTML report shows: a report, and what surrounds it.

use serde::{Deserialize, Serialize};

use super::{Implementation, Report, Trends};

/// A report with the source it speaks of and what came before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dashboard {
    /// What was measured and found.
    pub report: Report,
    /// When it was measured, `2026-01-31 23:59:59 UTC`; empty when not known.
    #[serde(default)]
    pub measured_at: String,
    /// The words of the command that makes this page again; empty when not known.
    #[serde(default)]
    pub command: Vec<String>,
    /// The lines that cost time, with those around them, by path.
    #[serde(default)]
    pub sources: Vec<SourceExcerpt>,
    /// The runs on record, as lines.
    #[serde(default)]
    pub trends: Trends,
    /// The last rewriting of this project, when one is on record.
    #[serde(default)]
    pub rewriting: Option<Implementation>,
    /// What the figures depend on, by name: processor, system, commit.
    #[serde(default)]
    pub surroundings: Vec<(String, String)>,
}

impl Dashboard {
    /// The report and nothing else.
    pub fn alone(report: Report) -> Self {
        Self {
            report,
            measured_at: String::new(),
            command: vec![],
            sources: vec![],
            trends: Trends::default(),
            rewriting: None,
            surroundings: vec![],
        }
    }
}

/// Lines of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceExcerpt {
    /// Relative to the project root.
    pub path: String,
    /// Lines of the whole file.
    pub n_lines: u32,
    /// Some of them, in order; a gap in the numbers is a gap in the excerpt.
    pub lines: Vec<SourceLine>,
    /// True when the file was changed since it was measured: its lines may have moved.
    #[serde(default)]
    pub is_changed: bool,
}

/// A line of source text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLine {
    /// Counted from 1.
    pub number: u32,
    /// Without its end.
    pub text: String,
}
