//! Memory: over the run, by line at the peak, in all and at the end, what was not given back, and by process.

use serde::Serialize;

use crate::model::{ByteEstimate, MemoryCost, MemoryPoint, MemoryProfile, ProcessSummary, Report};
use crate::report::memory::{self, Item};
use crate::report::places::Places;
use crate::report::{facts, words};
use crate::support::units;

/// Points of the chart; more cannot be told apart.
const N_POINTS_MAX: usize = 300;
/// Rows of the table beside the chart.
const N_TABLE_MAX: usize = 16;
/// Lines listed; the data block has them all.
const N_LINES_MAX: usize = 200;

/// The section.
#[derive(Serialize)]
pub(super) struct Memory {
    why_nothing: Option<String>,
    measured: Option<String>,
    notes: Vec<String>,
    why_no_lines: Option<&'static str>,
    timeline: Option<Timeline>,
    high: Vec<Note>,
    leaks: Vec<Note>,
    lines: Vec<Line>,
    n_lines_left_out: usize,
    processes: Vec<Process>,
}

/// Memory over the run; the chart is drawn from the data block.
#[derive(Serialize)]
struct Timeline {
    summary: String,
    table: Vec<Point>,
}

#[derive(Serialize)]
struct Point {
    time: String,
    traced: String,
    resident: String,
}

#[derive(Serialize)]
struct Note {
    place: String,
    what: String,
    figure: String,
    evidence: String,
}

#[derive(Serialize)]
struct Line {
    name: String,
    place: String,
    peak: Estimate,
    total: Estimate,
    live: Estimate,
    width: String,
}

#[derive(Serialize)]
struct Estimate {
    text: String,
    margin: String,
    bytes: u64,
}

#[derive(Serialize)]
struct Process {
    pid: i32,
    peak: String,
    peak_bytes: u64,
    /// Length of its bar, in percent of the largest.
    width: String,
    python: String,
    command: String,
}

impl Memory {
    pub(super) fn of(report: &Report, places: &Places) -> Self {
        let processes: Vec<_> = report.profile.iter().flat_map(|profile| &profile.cpu.processes).collect();
        let largest = processes.iter().map(|process| process.peak_rss_bytes).max().unwrap_or(0);
        let profile = report.profile.as_ref().and_then(|profile| profile.memory.as_ref());
        let traced = memory::traced(report);
        let why_nothing = match (&report.profile, largest, traced) {
            (None, ..) => Some(facts::why_no_times(report)),
            (Some(_), 0, None) => {
                Some("Memory was not measured: no process lived long enough to be asked.".to_string())
            }
            _ => None,
        };
        let known = traced.iter().flat_map(|memory| &memory.lines).filter(|cost| memory::is_known(cost));
        let known: Vec<_> = known.collect();
        let most = known.iter().map(|cost| cost.peak.bytes.max(cost.live.bytes)).max().unwrap_or(0);
        let note = |item: Item| Note {
            place: places.place(item.location),
            what: item.what,
            figure: item.figure,
            evidence: item.evidence,
        };
        Self {
            why_no_lines: (why_nothing.is_none() && traced.is_none())
                .then_some("Allocations were not traced, so which lines hold the memory is not known."),
            why_nothing,
            measured: traced.map(memory::measured),
            notes: profile.map(|memory| memory.notes.clone()).unwrap_or_default(),
            timeline: traced.and_then(timeline),
            high: memory::high_usage(report).0.into_iter().map(note).collect(),
            leaks: memory::leaks(report).into_iter().map(note).collect(),
            lines: known.iter().take(N_LINES_MAX).map(|cost| line(cost, most, places)).collect(),
            n_lines_left_out: known.len().saturating_sub(N_LINES_MAX),
            processes: processes.iter().map(|each| process(each, largest)).collect(),
        }
    }
}

fn timeline(memory: &MemoryProfile) -> Option<Timeline> {
    let (first, last) = (memory.timeline.first()?, memory.timeline.last()?);
    let resident = |point: &MemoryPoint| match point.rss_bytes {
        0 => "not read".to_string(),
        bytes => units::bytes(bytes),
    };
    let step = memory.timeline.len().div_ceil(N_TABLE_MAX);
    let row = |point: &MemoryPoint| Point {
        time: units::duration(point.at_seconds),
        traced: units::bytes(point.traced_bytes),
        resident: resident(point),
    };
    Some(Timeline {
        summary: format!(
            "Allocated: {} at the start, {} at the peak after {}, {} at the end.",
            units::bytes(first.traced_bytes),
            units::bytes(memory.peak.bytes),
            units::duration(memory.peak_at_seconds),
            units::bytes(last.traced_bytes)
        ),
        table: memory.timeline.iter().step_by(step).map(row).collect(),
    })
}

/// As many points as the chart can show; of each stretch the one that holds most.
pub(super) fn thinned(timeline: &[MemoryPoint]) -> Vec<MemoryPoint> {
    let size = timeline.len().div_ceil(N_POINTS_MAX).max(1);
    let stretches = timeline.chunks(size);
    stretches
        .filter_map(|points| points.iter().max_by_key(|point| point.traced_bytes.max(point.rss_bytes)))
        .copied()
        .collect()
}

fn line(cost: &MemoryCost, most: u64, places: &Places) -> Line {
    Line {
        name: words::symbol(&cost.location),
        place: places.place(&cost.location),
        peak: estimate(&cost.peak),
        total: estimate(&cost.total),
        live: estimate(&cost.live),
        width: width(cost.peak.bytes, most),
    }
}

fn estimate(estimate: &ByteEstimate) -> Estimate {
    Estimate {
        text: units::bytes(estimate.bytes),
        margin: memory::margin(estimate).unwrap_or_default(),
        bytes: estimate.bytes,
    }
}

fn process(process: &ProcessSummary, largest: u64) -> Process {
    let is_measured = process.peak_rss_bytes > 0;
    Process {
        pid: process.pid,
        peak: if is_measured { units::bytes(process.peak_rss_bytes) } else { "not measured".to_string() },
        peak_bytes: process.peak_rss_bytes,
        width: width(process.peak_rss_bytes, largest),
        python: process.python_version.clone().unwrap_or_else(|| "not Python".to_string()),
        command: process.command.clone(),
    }
}

fn width(value: u64, most: u64) -> String {
    format!("{:.2}", 100.0 * value as f64 / most.max(1) as f64)
}
