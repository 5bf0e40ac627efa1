//! Speedscope's file format, version 0.0.1: sampled profiles in seconds, wall time first, then CPU time.
//! The stacks of a report are sums over the run, so the left-heavy view is the one that means something.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::{bottlenecks, stacks};
use crate::model::{Profile, Report, Stack};
use crate::support::printable::printable;

/// What the viewer reads to recognise the format.
const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

/// Writes one document; a report without a profile has no profiles in it.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut frames = Frames::default();
    let mut profiles = vec![];
    if let Some(profile) = &report.profile {
        profiles.push(sampled("Wall time", profile, &mut frames, |stack| stack.wall_seconds));
        if bottlenecks::is_cpu_measured(report) {
            profiles.push(sampled("CPU time", profile, &mut frames, |stack| stack.cpu_seconds));
        }
    }
    let name = report.workload.as_ref().map_or("nothing was run", |workload| &workload.title);
    let document = json!({
        "$schema": SCHEMA,
        "exporter": report.generator,
        "name": printable(name),
        "activeProfileIndex": 0,
        "shared": { "frames": frames.list },
        "profiles": profiles,
    });
    serde_json::to_writer(&mut *out, &document)?;
    out.write_all(b"\n")
}

/// Functions in the order first met; lines of one function are one frame.
#[derive(Default)]
struct Frames {
    indexes: BTreeMap<(String, String), usize>,
    list: Vec<Value>,
}

impl Frames {
    fn index(&mut self, frame: &crate::model::Frame) -> usize {
        let key = (frame.path.clone(), frame.symbol.clone());
        *self.indexes.entry(key).or_insert_with(|| {
            self.list.push(json!({ "name": stacks::name(frame), "file": printable(&frame.path) }));
            self.list.len() - 1
        })
    }
}

fn sampled(name: &str, profile: &Profile, frames: &mut Frames, weight: fn(&Stack) -> f64) -> Value {
    let mut samples = vec![];
    let mut weights = vec![];
    for stack in profile.cpu.stacks.iter().filter(|stack| weight(stack) > 0.0) {
        samples.push(stacks::frames(profile, stack).map(|frame| frames.index(frame)).collect::<Vec<_>>());
        weights.push(weight(stack));
    }
    json!({
        "type": "sampled",
        "name": name,
        "unit": "seconds",
        "startValue": 0,
        "endValue": weights.iter().sum::<f64>(),
        "samples": samples,
        "weights": weights,
    })
}

#[cfg(test)]
mod tests;
