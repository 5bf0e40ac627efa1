//! The forms of a lint report by name, and the one entry to their renderers.

use std::io::{self, Write};

use super::{github, gitlab, junit, sarif, text};
use crate::model::LintReport;
use crate::report::{Style, json};

/// A form of the lint report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LintFormat {
    /// For people, a line for each finding.
    Text,
    /// The whole report as one document.
    Json,
    /// For code scanning and editors.
    Sarif,
    /// Workflow commands, which GitHub shows beside the lines of a pull request.
    Github,
    /// A code quality report, which GitLab shows in a merge request.
    Gitlab,
    /// Test results, which most build servers show.
    Junit,
}

impl LintFormat {
    /// All of them, in the order help lists them.
    pub const ALL: [Self; 6] = [Self::Text, Self::Json, Self::Sarif, Self::Github, Self::Gitlab, Self::Junit];

    /// The name `--format` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Junit => "junit",
        }
    }
}

/// Writes the report in this form; `style` matters to the text form alone.
pub fn write(report: &LintReport, format: LintFormat, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        LintFormat::Text => text::write(report, style, out),
        LintFormat::Json => json::write(report, out),
        LintFormat::Sarif => sarif::write(report, out),
        LintFormat::Github => github::write(report, out),
        LintFormat::Gitlab => gitlab::write(report, out),
        LintFormat::Junit => junit::write(report, out),
    }?;
    out.flush()
}
