//! The report as one JSON document: exactly the nouns of `model`, field by field as `docs/API_REFERENCE.md` lists them.
//! Indented where people look, one line for each function, stack and query.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};

/// Objects and arrays nested deeper than this stand on one line: `profile.cpu.functions[0]` and what is below.
const INDENTED_DEPTH_MAX: usize = 4;

/// Writes the document and a final newline.
pub(super) fn write(report: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut document = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut document, Outline::default());
    report.serialize(&mut serializer).map_err(io::Error::from)?;
    document.push(b'\n');
    out.write_all(&document)
}

/// Indents the outer levels and keeps the inner ones on one line.
#[derive(Default)]
struct Outline {
    pretty: PrettyFormatter<'static>,
    depth: usize,
}

impl Outline {
    fn is_indented(&self) -> bool {
        self.depth <= INDENTED_DEPTH_MAX
    }

    fn separate<W: ?Sized + Write>(writer: &mut W, is_first: bool) -> io::Result<()> {
        if is_first { Ok(()) } else { writer.write_all(b", ") }
    }
}

impl Formatter for Outline {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.is_indented() { self.pretty.begin_array(writer) } else { writer.write_all(b"[") }
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let is_indented = self.is_indented();
        self.depth -= 1;
        if is_indented { self.pretty.end_array(writer) } else { writer.write_all(b"]") }
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, is_first: bool) -> io::Result<()> {
        if self.is_indented() {
            return self.pretty.begin_array_value(writer, is_first);
        }
        Self::separate(writer, is_first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.is_indented() { self.pretty.end_array_value(writer) } else { Ok(()) }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.is_indented() { self.pretty.begin_object(writer) } else { writer.write_all(b"{") }
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let is_indented = self.is_indented();
        self.depth -= 1;
        if is_indented { self.pretty.end_object(writer) } else { writer.write_all(b"}") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, is_first: bool) -> io::Result<()> {
        if self.is_indented() {
            return self.pretty.begin_object_key(writer, is_first);
        }
        Self::separate(writer, is_first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.is_indented() { self.pretty.end_object_value(writer) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
