//! The forms of a run, and which renderer writes each.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use super::{junit, markdown, text};
use crate::model::RunRecord;
use crate::support::style::Style;

/// How a run is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunFormat {
    /// For people.
    Text,
    /// The record.
    Json,
    /// For continuous integration.
    Junit,
    /// For comments and summaries.
    Markdown,
}

impl RunFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::Json, Self::Junit, Self::Markdown];

    /// As `--format` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
        }
    }
}

impl fmt::Display for RunFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for RunFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| format!("`{name}` is no form of a run: {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Writes the run.
pub fn write(run: &RunRecord, format: RunFormat, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        RunFormat::Text => text::write(run, style, out),
        RunFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, run)?;
            out.write_all(b"\n")
        }
        RunFormat::Junit => junit::write(run, out),
        RunFormat::Markdown => markdown::write(run, out),
    }
}
