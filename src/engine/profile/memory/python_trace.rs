//! What Python's own tracer knows, for where the native one could not run.

use std::collections::BTreeMap;

use super::Source;
use crate::agent::wire::ProcessEvents;
use crate::model::{ByteEstimate, Location, MemoryCost, MemoryProfile, MemoryTracer};

/// Fills a profile without a trace from `tracemalloc`, where that ran.
pub fn add_python_trace(profile: &mut MemoryProfile, processes: &[ProcessEvents], source: &Source<'_, '_>) {
    if profile.tracer != MemoryTracer::None || processes.iter().all(|process| process.allocations.is_empty()) {
        return;
    }
    let mut lines: BTreeMap<Location, (u64, u64)> = BTreeMap::new();
    let (mut peak_bytes, mut live_bytes) = (0, 0);
    for process in processes {
        peak_bytes += process.allocations.first().map_or(0, |first| first.peak_bytes);
        profile.n_processes += u64::from(!process.allocations.is_empty());
        for allocation in &process.allocations {
            live_bytes += allocation.bytes;
            let Some(file) = process.texts.get(&allocation.file) else { continue };
            let (path, is_project) = (source.resolve)(file);
            if is_project && (source.is_charged)(&path) {
                let line = lines.entry(place(path, allocation.line, source)).or_default();
                *line = (line.0 + allocation.bytes, line.1 + allocation.n_blocks);
            }
        }
    }
    profile.tracer = MemoryTracer::Tracemalloc;
    profile.peak = exactly(peak_bytes);
    profile.live = exactly(live_bytes);
    profile.lines =
        lines.into_iter().map(|(location, (bytes, n_blocks))| cost(location, bytes, n_blocks, source)).collect();
    profile.lines.sort_by_key(|cost| std::cmp::Reverse(cost.live.bytes));
}

/// A line with the function around it.
fn place(path: String, line: u32, source: &Source<'_, '_>) -> Location {
    let outline = (source.outline)(&path);
    let mut around = outline.iter().flat_map(|outline| outline.functions.iter().rev());
    let function = around.find(|function| (function.first_line..=function.last_line).contains(&line));
    let symbol = function.map_or_else(|| "<module>".to_owned(), |function| function.qualified_name.clone());
    Location::new(path, line, symbol)
}

fn cost(location: Location, bytes: u64, n_blocks: u64, source: &Source<'_, '_>) -> MemoryCost {
    let what = (source.line)(&location.path, location.line).map(|line| super::phrase::of(&line));
    MemoryCost {
        location,
        what,
        peak: ByteEstimate::default(),
        total: ByteEstimate::default(),
        live: exactly(bytes),
        n_allocations: n_blocks,
        n_samples: n_blocks,
        is_exact: true,
        churn: 0.0,
    }
}

fn exactly(bytes: u64) -> ByteEstimate {
    ByteEstimate { bytes, low_bytes: bytes, high_bytes: bytes }
}
