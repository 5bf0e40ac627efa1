//! Folded stacks, one a line, with wall time in microseconds: the input of flame graph tools.

use std::io::{self, Write};

use super::stacks;
use crate::model::Report;

/// Writes nothing when nothing was measured.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for (stack, micros) in stacks::folded(report) {
        writeln!(out, "{stack} {micros}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
