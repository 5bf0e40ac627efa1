//! The forms a report can have, by name, and the one entry to their renderers.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use super::{Style, collapsed, flamegraph, html, json, markdown, pprof, sarif, speedscope, text};
use crate::model::{Dashboard, Report};

/// A form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// For people, in a terminal.
    Text,
    /// The whole report as one document, for programs.
    Json,
    /// For pages on GitHub and the like.
    Markdown,
    /// For people, as one page that loads nothing.
    Html,
    /// Findings, for code scanning.
    Sarif,
    /// Stacks, for <https://www.speedscope.app> and its offline twin.
    Speedscope,
    /// Stacks, folded one a line.
    Collapsed,
    /// Stacks, for `go tool pprof` and its relatives.
    Pprof,
    /// Stacks, as a picture.
    Flamegraph,
}

impl Format {
    /// All of them, in the order help lists them.
    pub const ALL: [Self; 9] = [
        Self::Text,
        Self::Json,
        Self::Markdown,
        Self::Html,
        Self::Sarif,
        Self::Speedscope,
        Self::Collapsed,
        Self::Pprof,
        Self::Flamegraph,
    ];

    /// The name `--format` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Sarif => "sarif",
            Self::Speedscope => "speedscope",
            Self::Collapsed => "collapsed",
            Self::Pprof => "pprof",
            Self::Flamegraph => "flamegraph",
        }
    }

    /// What follows the name of a file in this form.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text | Self::Collapsed => "txt",
            Self::Json => "json",
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Sarif => "sarif",
            Self::Speedscope => "speedscope.json",
            Self::Pprof => "pb.gz",
            Self::Flamegraph => "svg",
        }
    }

    /// True when the bytes must not reach a terminal.
    pub fn is_binary(self) -> bool {
        self == Self::Pprof
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

    /// By name in any case; `md` and `svg` as people type them.
    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let wanted = name.to_ascii_lowercase();
        match wanted.as_str() {
            "md" => Ok(Self::Markdown),
            "svg" => Ok(Self::Flamegraph),
            _ => Self::ALL
                .into_iter()
                .find(|format| format.name() == wanted)
                .ok_or_else(|| UnknownFormat { name: name.to_string() }),
        }
    }
}

/// Writes the report in this form; `style` matters to the text form alone.
pub fn write(report: &Report, format: Format, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => text::write(report, style, out),
        Format::Json => json::write(report, out),
        Format::Markdown => markdown::write(report, out),
        Format::Html => html::write(&Dashboard::alone(report.clone()), out),
        Format::Sarif => sarif::write(report, out),
        Format::Speedscope => speedscope::write(report, out),
        Format::Collapsed => collapsed::write(report, out),
        Format::Pprof => pprof::write(report, out),
        Format::Flamegraph => flamegraph::write(report, out),
    }?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            assert_eq!(format.name().to_uppercase().parse(), Ok(format));
        }
        assert_eq!("md".parse(), Ok(Format::Markdown));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "xml".parse::<Format>().expect_err("no such format");
        let known = "text, json, markdown, html, sarif, speedscope, collapsed, pprof, flamegraph";
        assert_eq!(error.to_string(), format!("`xml` is no format of a report; the formats are {known}"));
    }
}
