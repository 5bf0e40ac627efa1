//! The flame graph as one SVG file that loads nothing.

use std::io::{self, Write};

use inferno::flamegraph::{self, Options};

use super::{facts, memory, stacks, words};
use crate::model::Report;
use crate::support::printable::printable;

/// Frames narrower than this part of the picture, in percent, cannot be seen; they stay in the other formats.
const WIDTH_MIN_PERCENT: f64 = 0.05;

/// Draws wall time by function, or memory where the report is about memory; without any, the sentence that says why.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if words::is_about_memory(report) && memory::traced(report).is_some() {
        return write_memory(report, out);
    }
    let folded = stacks::folded(report);
    if folded.is_empty() {
        return write_empty(report, out);
    }
    let mut options = Options::default();
    options.title = "Wall time by function".to_string();
    options.subtitle = report.workload.as_ref().map(|workload| printable(&workload.title).into_owned());
    options.count_name = "ms".to_string();
    options.factor = 1e-3;
    options.min_width = WIDTH_MIN_PERCENT;
    options.deterministic = true;
    let lines: Vec<_> = folded.iter().map(|(stack, micros)| format!("{stack} {micros}")).collect();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), out)
}

/// Three towers of one picture, to click on: at the peak, allocated in all, live at the end.
fn write_memory(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut options = Options::default();
    options.title = "Memory by function: at the peak, allocated in all, live at the end".to_string();
    options.subtitle = report.workload.as_ref().map(|workload| printable(&workload.title).into_owned());
    options.count_name = "KB".to_string();
    options.factor = 1e-3;
    options.min_width = WIDTH_MIN_PERCENT;
    options.deterministic = true;
    let folded = stacks::folded_memory(report);
    let lines: Vec<_> = folded.iter().map(|(stack, bytes)| format!("{stack} {bytes}")).collect();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), out)
}

fn write_empty(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let reason = facts::why_no_times(report);
    let reason = handlebars::html_escape(&printable(&reason));
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="60" viewBox="0 0 1200 60">"#)?;
    writeln!(out, r#"<text x="10" y="35" font-family="monospace" font-size="14">{reason}</text>"#)?;
    writeln!(out, "</svg>")
}

#[cfg(test)]
mod tests;
