//! The forms of the answer, and which renderer writes each.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use super::{ci, junit, text};
use crate::model::{GateReport, GateStatus, GateVerdict};
use crate::support::style::Style;

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateFormat {
    /// For people.
    Text,
    /// The document.
    Json,
    /// Annotations of GitHub Actions.
    Github,
    /// GitLab's report on code quality.
    Gitlab,
    /// SARIF 2.1.0.
    Sarif,
    /// For continuous integration.
    Junit,
    /// For comments and summaries.
    Markdown,
}

impl GateFormat {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Json, Self::Github, Self::Gitlab, Self::Sarif, Self::Junit, Self::Markdown];

    /// As `--format` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
        }
    }
}

impl fmt::Display for GateFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for GateFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| format!("`{name}` is no form of an answer: {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Writes the answer.
pub fn write(report: &GateReport, format: GateFormat, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        GateFormat::Text => text::write(report, style, out),
        GateFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, report)?;
            out.write_all(b"\n")
        }
        GateFormat::Github => ci::write_github(report, out),
        GateFormat::Gitlab => ci::write_gitlab(report, out),
        GateFormat::Sarif => ci::write_sarif(report, out),
        GateFormat::Junit => junit::write(report, out),
        GateFormat::Markdown => text::write_markdown(report, out),
    }
}

/// `FAIL`, as it stands before a sentence.
pub(in crate::report) fn label(status: GateStatus) -> &'static str {
    match status {
        GateStatus::Fail => "FAIL",
        GateStatus::Missing => "MISSING",
        GateStatus::Stale => "STALE",
        GateStatus::Inconclusive => "INCONCLUSIVE",
        GateStatus::Waived => "WAIVED",
        GateStatus::Pass => "PASS",
    }
}

/// `absolute.response_time GET /users: 300ms [290ms, 310ms] > 250ms (n=12)`.
pub(in crate::report) fn sentence(verdict: &GateVerdict) -> String {
    let name = if verdict.benchmark.is_empty() { String::new() } else { format!(" {}", verdict.benchmark) };
    format!("{}{name}: {}", verdict.gate, verdict.message)
}
