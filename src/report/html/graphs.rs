//! The flame graphs of the page: which stacks each shows, and whose code a frame is.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::flame::{self, Drawing, Flame, Origin};
use crate::model::{Frame, MemoryStack, Profile, Report};
use crate::report::{facts, stacks, words};
use crate::support::units;

/// Where installed packages lie.
const PACKAGE_DIRECTORIES: &[&str] = &["/site-packages/", "/dist-packages/"];

/// Identifier, title, and the bytes of a stack.
type MemoryGraph = (&'static str, &'static str, fn(&MemoryStack) -> u64);

/// What else the width of a frame may stand for.
const MEMORY_GRAPHS: &[MemoryGraph] = &[
    ("flame-peak", "Memory at the peak", |stack| stack.peak_bytes),
    ("flame-total", "Memory allocated", |stack| stack.total_bytes),
];

/// The section.
#[derive(Serialize)]
pub(super) struct Graphs {
    why_nothing: Option<String>,
    flames: Vec<Flame>,
}

impl Graphs {
    pub(super) fn of(report: &Report) -> io::Result<Self> {
        let Some(profile) = &report.profile else {
            return Ok(Self { why_nothing: Some(facts::why_no_times(report)), flames: vec![] });
        };
        let origins = origins(profile);
        let micros = |value: u64| units::duration(value as f64 / 1e6);
        let draw = |id, title, seconds: fn(&crate::model::Stack) -> f64| {
            let stacks = &weighed(stacks::folded_by(profile, seconds));
            flame::draw(&Drawing { id, title, stacks, origins: &origins, unit: &micros, part: &words::part })
        };
        let mut flames = vec![];
        flames.extend(draw("flame-wall", "Wall time", |stack| stack.wall_seconds)?);
        flames.extend(draw("flame-cpu", "CPU time", |stack| stack.cpu_seconds)?);
        for (id, title, bytes) in MEMORY_GRAPHS {
            let folded = profile.memory.as_ref().map(|memory| stacks::folded_bytes(profile, memory, *bytes));
            let stacks = &weighed(folded.unwrap_or_default());
            let origins = &origins;
            flames.extend(flame::draw(&Drawing {
                id,
                title,
                stacks,
                origins,
                unit: &units::bytes,
                part: &words::part,
            })?);
        }
        let too_short = "No sample was taken: the program ended too soon for a flame graph.";
        Ok(Self { why_nothing: flames.is_empty().then(|| too_short.to_string()), flames })
    }
}

fn weighed(stacks: BTreeMap<String, u64>) -> BTreeMap<String, (u64, Option<u64>)> {
    stacks.into_iter().map(|(stack, weight)| (stack, (weight, None))).collect()
}

fn origins(profile: &Profile) -> BTreeMap<String, Origin> {
    let origin = |frame: &Frame| match frame {
        frame if frame.is_project => Origin::Project,
        frame if PACKAGE_DIRECTORIES.iter().any(|directory| frame.path.contains(directory)) => Origin::Library,
        _ => Origin::Python,
    };
    profile.cpu.frames.iter().map(|frame| (stacks::folded_name(frame), origin(frame))).collect()
}
