//! Joins replay, growth and the source into the memory profile.

use super::replay::{self, Replay};
use super::stacks::{self, Stacks};
use super::tally::Tally;
use super::{growth, phrase};
use crate::agent::memory_log::{ProcessMemory, TracerNote};
use crate::model::{Frame, Location, MemoryCost, MemoryProfile, MemoryStack, MemoryTracer};
use crate::syntax::Outline;

/// What the memory is charged to.
pub struct Source<'call, 'text> {
    /// True for a file whose lines are charged; other files of the project count as libraries.
    pub is_charged: &'call dyn Fn(&str) -> bool,
    /// The outline of a file, by its path relative to the project root.
    pub outline: &'call dyn Fn(&str) -> Option<&'text Outline>,
    /// The text of a line, by path and number.
    pub line: &'call dyn Fn(&str, u32) -> Option<String>,
    /// A file as the interpreter names it: its path relative to the project, and whether it is the project's.
    pub resolve: &'call dyn Fn(&str) -> (String, bool),
}

/// Builds the memory profile of a run's logs. `frames` grows by frames that the CPU profile did not meet.
pub fn build(processes: &[ProcessMemory], frames: &mut Vec<Frame>, source: &Source<'_, '_>) -> MemoryProfile {
    let stacks = stacks::of(processes, frames, source);
    let steps = replay::steps(processes);
    let replay = replay::replay(processes, &stacks, &steps);
    let has_ended = processes.first().is_some_and(|process| process.has_ended);
    let mut lines = costs(&stacks.lines, &stacks, &replay, |stack| stacks.line_of[stack]);
    for cost in &mut lines {
        cost.what = (source.line)(&cost.location.path, cost.location.line).map(|line| phrase::of(&line));
    }
    let function_of = |stack: usize| stacks.line_of[stack].map(|line| stacks.function_of[line as usize]);
    MemoryProfile {
        tracer: MemoryTracer::Native,
        notes: notes(processes),
        n_processes: processes.len() as u64,
        mean_bytes: processes.iter().map(|process| process.mean_bytes).max().unwrap_or(0),
        n_samples: replay.n_samples,
        peak: sum(&replay.at_peak).estimate(),
        peak_at_seconds: replay.peak_at_seconds,
        total: sum(&replay.total).estimate(),
        live: sum(&replay.live).estimate(),
        mapped_peak_bytes: replay.mapped_peak_bytes,
        peak_rss_bytes: replay.peak_rss_bytes,
        functions: costs(&stacks.functions, &stacks, &replay, function_of),
        lines,
        growth: growth::sites(&stacks, &steps, &replay.live, has_ended),
        stacks: with_bytes(&stacks, &replay),
        timeline: replay.timeline,
        caches: vec![],
        handles: vec![],
    }
}

fn sum(tallies: &[Tally]) -> Tally {
    let mut sum = Tally::default();
    for tally in tallies {
        sum.merge(tally);
    }
    sum
}

#[derive(Clone, Default)]
struct Columns {
    peak: Tally,
    total: Tally,
    live: Tally,
    short_lived_bytes: f64,
}

/// Costs by line or function, most at the peak first.
fn costs(
    locations: &[Location],
    stacks: &Stacks,
    replay: &Replay,
    owner: impl Fn(usize) -> Option<u32>,
) -> Vec<MemoryCost> {
    let mut columns = vec![Columns::default(); locations.len()];
    for stack in 0..stacks.frames.len() {
        let Some(owner) = owner(stack) else { continue };
        let columns = &mut columns[owner as usize];
        columns.peak.merge(&replay.at_peak[stack]);
        columns.total.merge(&replay.total[stack]);
        columns.live.merge(&replay.live[stack]);
        columns.short_lived_bytes += replay.short_lived_bytes[stack];
    }
    let mut costs: Vec<MemoryCost> = locations
        .iter()
        .zip(&columns)
        .filter(|(_, columns)| columns.total.n_samples > 0)
        .map(|(location, columns)| MemoryCost {
            location: location.clone(),
            what: None,
            peak: columns.peak.estimate(),
            total: columns.total.estimate(),
            live: columns.live.estimate(),
            n_allocations: columns.total.n_allocations(),
            n_samples: columns.total.n_samples,
            is_exact: columns.total.is_exact(),
            churn: columns.short_lived_bytes / (columns.total.bytes().max(1) as f64),
        })
        .collect();
    costs.sort_by(|left, right| {
        let key = |cost: &MemoryCost| (cost.peak.bytes, cost.total.bytes);
        key(right).cmp(&key(left)).then(left.location.cmp(&right.location))
    });
    costs
}

fn with_bytes(stacks: &Stacks, replay: &Replay) -> Vec<MemoryStack> {
    let all = stacks.frames.iter().enumerate().map(|(stack, frames)| MemoryStack {
        frames: frames.clone(),
        peak_bytes: replay.at_peak[stack].bytes(),
        total_bytes: replay.total[stack].bytes(),
        live_bytes: replay.live[stack].bytes(),
    });
    all.filter(|stack| stack.total_bytes > 0).collect()
}

/// What the tracers of the processes could not do, each once.
fn notes(processes: &[ProcessMemory]) -> Vec<String> {
    let mut notes: Vec<TracerNote> = processes.iter().flat_map(|process| process.notes.iter().copied()).collect();
    notes.sort_unstable();
    notes.dedup();
    notes.into_iter().map(|note| sentence(note).to_owned()).collect()
}

fn sentence(note: TracerNote) -> &'static str {
    match note {
        TracerNote::UnknownPython => "a process runs a Python that the memory tracer does not know: it was not traced",
        TracerNote::FreeThreaded => "a process runs a free-threaded Python: its memory was not traced",
        TracerNote::SubInterpreters => "a process started sub-interpreters: its memory was traced up to there",
        TracerNote::FramesNotUnderstood => {
            "a process's Python stacks could not be read: its memory was traced up to there"
        }
        TracerNote::OtherAllocator => {
            "the program chooses its own allocator (PYTHONMALLOC, development mode): unless that is malloc, small \
             objects are seen only in blocks of 256 KB or more, at the line that needed the block"
        }
        TracerNote::OutOfSpace => "a memory log could not grow: memory was traced up to there",
        TracerNote::GaveUp => "the memory tracer of a process turned itself off: its memory was traced up to there",
    }
}
