//! pprof's `profile.proto`, gzipped: samples, wall and CPU nanoseconds by stack, down to the line.

use std::collections::BTreeMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use pprof::protos::{self, Message};

use super::{bottlenecks, stacks};
use crate::model::{Frame, Profile, Report, Stack};
use crate::support::printable::printable;

/// Python has one mapping: pprof asks for one to believe that names and lines are known.
const MAPPING: u64 = 1;

/// Writes the compressed message; a report without a profile has no samples in it.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut encoder = GzEncoder::new(out, Compression::default());
    encoder.write_all(&message(report).encode_to_vec())?;
    encoder.finish().map(drop)
}

fn message(report: &Report) -> protos::Profile {
    let mut tables = Tables::new();
    let has_cpu = bottlenecks::is_cpu_measured(report);
    let mut sample_type = vec![tables.value_type("samples", "count"), tables.value_type("wall", "nanoseconds")];
    if has_cpu {
        sample_type.push(tables.value_type("cpu", "nanoseconds"));
    }
    let profile = report.profile.as_ref();
    let stacks = profile.iter().flat_map(|profile| profile.cpu.stacks.iter().map(move |stack| (*profile, stack)));
    let sample = stacks.map(|(profile, stack)| tables.sample(profile, stack, has_cpu)).collect();
    let mapping = tables.mapping(report);
    let comment = vec![tables.string(&report.generator)];
    let default_sample_type = tables.string("wall");
    protos::Profile {
        sample_type,
        sample,
        mapping: vec![mapping],
        location: tables.locations,
        function: tables.functions,
        string_table: tables.strings,
        duration_nanos: profile.map_or(0, |profile| nanos(profile.cpu.wall_seconds)),
        comment,
        default_sample_type,
        ..protos::Profile::default()
    }
}

/// The tables that samples refer to. Ids of functions and locations are counted from 1, 0 means none.
struct Tables<'a> {
    strings: Vec<String>,
    string_indexes: BTreeMap<String, i64>,
    functions: Vec<protos::Function>,
    function_ids: BTreeMap<(&'a str, &'a str), u64>,
    locations: Vec<protos::Location>,
    location_ids: BTreeMap<&'a Frame, u64>,
}

impl<'a> Tables<'a> {
    fn new() -> Self {
        Self {
            strings: vec![String::new()],
            string_indexes: BTreeMap::from([(String::new(), 0)]),
            functions: vec![],
            function_ids: BTreeMap::new(),
            locations: vec![],
            location_ids: BTreeMap::new(),
        }
    }

    fn string(&mut self, text: &str) -> i64 {
        let text = printable(text);
        if let Some(index) = self.string_indexes.get(text.as_ref()) {
            return *index;
        }
        let index = i64::try_from(self.strings.len()).expect("memory holds no more strings than that");
        self.strings.push(text.to_string());
        self.string_indexes.insert(text.into_owned(), index);
        index
    }

    fn value_type(&mut self, kind: &str, unit: &str) -> protos::ValueType {
        protos::ValueType { ty: self.string(kind), unit: self.string(unit) }
    }

    fn sample(&mut self, profile: &'a Profile, stack: &'a Stack, has_cpu: bool) -> protos::Sample {
        let mut value = vec![i64::try_from(stack.n_samples).unwrap_or(i64::MAX), nanos(stack.wall_seconds)];
        if has_cpu {
            value.push(nanos(stack.cpu_seconds));
        }
        // The format wants the leaf first.
        let location_id = stacks::frames(profile, stack).rev().map(|frame| self.location(frame)).collect();
        protos::Sample { location_id, value, label: vec![] }
    }

    fn location(&mut self, frame: &'a Frame) -> u64 {
        if let Some(id) = self.location_ids.get(frame) {
            return *id;
        }
        let line = protos::Line { function_id: self.function(frame), line: i64::from(frame.line) };
        let id = self.locations.len() as u64 + 1;
        self.locations.push(protos::Location { id, mapping_id: MAPPING, line: vec![line], ..Default::default() });
        self.location_ids.insert(frame, id);
        id
    }

    fn function(&mut self, frame: &'a Frame) -> u64 {
        let key = (frame.path.as_str(), frame.symbol.as_str());
        if let Some(id) = self.function_ids.get(&key) {
            return *id;
        }
        let id = self.functions.len() as u64 + 1;
        let name = self.string(if frame.symbol.is_empty() { "?" } else { &frame.symbol });
        let filename = self.string(&frame.path);
        // pprof takes a name that equals the system's for C++ and strips `<module>` from it.
        self.functions.push(protos::Function { id, name, system_name: 0, filename, start_line: 0 });
        self.function_ids.insert(key, id);
        id
    }

    fn mapping(&mut self, report: &Report) -> protos::Mapping {
        let python = report.interpreter.as_ref().map(|interpreter| interpreter.path.to_string_lossy());
        protos::Mapping {
            id: MAPPING,
            filename: self.string(python.as_deref().unwrap_or("python")),
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
            ..Default::default()
        }
    }
}

fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

#[cfg(test)]
mod tests;
