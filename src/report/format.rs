//! The forms a report can have, by name, and the one entry to their renderers.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use super::{Style, json, text};
use crate::model::Report;

/// A form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// For people, in a terminal.
    Text,
    /// The whole report as one document, for programs.
    Json,
}

impl Format {
    /// All of them, in the order help lists them.
    pub const ALL: [Self; 2] = [Self::Text, Self::Json];

    /// The name `--format` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }

    /// True when the bytes must not reach a terminal.
    pub fn is_binary(self) -> bool {
        false
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A name that no form has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no format of a report; the formats are {}", Format::ALL.map(Format::name).join(", "))]
pub struct UnknownFormat {
    /// What was asked for.
    pub name: String,
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let wanted = name.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|format| format.name() == wanted)
            .ok_or_else(|| UnknownFormat { name: name.to_string() })
    }
}

/// Writes the report in this form; `style` matters to the text form alone.
pub fn write(report: &Report, format: Format, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => text::write(report, style, out),
        Format::Json => json::write(report, out),
    }
}
