//! What a page for people says about memory, in words that its forms share.

use super::words;
use crate::model::{
    ByteEstimate, GrowthVerdict, HandleKind, Location, MemoryCost, MemoryProfile, MemoryTracer, Report, UnclosedHandle,
};
use crate::support::units;

/// Lines listed without `--detailed`.
const N_LISTED_MAX: usize = 10;
/// A line below this, and below this part of the peak, is not worth a look.
const BYTES_MIN: u64 = 1_000_000;
const PART_MIN: f64 = 0.01;
/// Figures that rest on fewer samples say too little.
const N_SAMPLES_MIN: u64 = 5;

/// A place and what is to be said about it.
pub(super) struct Item<'a> {
    pub location: &'a Location,
    /// `Loads entire dataset into memory`.
    pub what: String,
    /// `1.2GB`, `500MB+`; empty where there is no figure.
    pub figure: String,
    /// What it rests on; may be empty.
    pub evidence: String,
}

/// The profile, where allocations were traced.
pub(super) fn traced(report: &Report) -> Option<&MemoryProfile> {
    let memory = report.profile.as_ref()?.memory.as_ref()?;
    (memory.tracer != MemoryTracer::None).then_some(memory)
}

/// The lines that hold most at the peak, and how many more there are.
pub(super) fn high_usage(report: &Report) -> (Vec<Item<'_>>, usize) {
    let Some(memory) = traced(report) else { return (vec![], 0) };
    let least = BYTES_MIN.max((PART_MIN * memory.peak.bytes as f64) as u64);
    let is_worth = |cost: &&MemoryCost| is_known(cost) && held(memory, cost).bytes >= least;
    let worth: Vec<&MemoryCost> = memory.lines.iter().filter(is_worth).collect();
    let n_listed = if report.is_detailed { worth.len() } else { worth.len().min(N_LISTED_MAX) };
    let items = worth[..n_listed].iter().map(|cost| usage(memory, cost)).collect();
    (items, worth.len() - n_listed)
}

/// True when enough was recorded to give a figure.
pub(super) fn is_known(cost: &MemoryCost) -> bool {
    cost.is_exact || cost.n_samples >= N_SAMPLES_MIN
}

/// What of a cost is compared: tracemalloc knows no peak by line.
fn held<'a>(memory: &MemoryProfile, cost: &'a MemoryCost) -> &'a ByteEstimate {
    if memory.tracer == MemoryTracer::Native { &cost.peak } else { &cost.live }
}

fn usage<'a>(memory: &MemoryProfile, cost: &'a MemoryCost) -> Item<'a> {
    let bytes = held(memory, cost).bytes;
    let is_cache = memory.caches.iter().any(|cache| cache.location == cost.location);
    let is_leak = memory.growth.iter().any(|site| {
        site.location == cost.location && matches!(site.verdict, GrowthVerdict::Leak | GrowthVerdict::Growth)
    });
    let what = match &cost.what {
        _ if is_cache => "Unbounded cache growth".to_string(),
        Some(what) if !what.is_empty() => what.clone(),
        _ => format!("Allocates in {}", words::symbol(&cost.location)),
    };
    let more = if is_cache || is_leak { "+" } else { "" };
    Item {
        location: &cost.location,
        what,
        figure: format!("{}{more}", units::bytes(bytes)),
        evidence: margin(held(memory, cost)).map(|margin| format!("sampled, {margin}")).unwrap_or_default(),
    }
}

/// `±3MB`: the larger side of the interval; `None` where the figure is exact.
pub(super) fn margin(estimate: &ByteEstimate) -> Option<String> {
    let above = estimate.high_bytes.saturating_sub(estimate.bytes);
    let below = estimate.bytes.saturating_sub(estimate.low_bytes);
    let margin = above.max(below);
    (margin > 0).then(|| format!("±{}", units::bytes(margin)))
}

/// What was not given back: handles first, then containers, then lines that grew.
pub(super) fn leaks(report: &Report) -> Vec<Item<'_>> {
    let Some(memory) = report.profile.as_ref().and_then(|profile| profile.memory.as_ref()) else { return vec![] };
    let mut items: Vec<Item> = memory.handles.iter().map(handle).collect();
    items.extend(memory.caches.iter().map(|cache| Item {
        location: &cache.location,
        what: format!("{} only grows", cache.name),
        figure: cache.bytes.map(|bytes| format!("{}+", units::bytes(bytes))).unwrap_or_default(),
        evidence: format!(
            "a {} of {} when first seen, {} at the end{}",
            cache.kind,
            units::counted(cache.start_items, "item", "items"),
            units::count(cache.end_items),
            if cache.keys.is_empty() { String::new() } else { format!("; keys: {}", cache.keys) },
        ),
    }));
    let is_listed = |verdict: GrowthVerdict| report.is_detailed || verdict != GrowthVerdict::Inconclusive;
    items.extend(memory.growth.iter().filter(|site| is_listed(site.verdict)).map(|site| Item {
        location: &site.location,
        what: match site.verdict {
            GrowthVerdict::Leak => "Keeps growing, never given back".to_string(),
            GrowthVerdict::Growth => "Grows to the end of the run".to_string(),
            GrowthVerdict::Inconclusive => "Grows; too short a run to tell".to_string(),
        },
        figure: units::bytes(site.end_bytes),
        evidence: site.evidence.clone(),
    }));
    items
}

fn handle(handle: &UnclosedHandle) -> Item<'_> {
    let evidence = format!(
        "{} of {} {} still open at the end, the oldest for {}",
        units::count(handle.n_open),
        units::count(handle.n_opened),
        handle.type_name,
        units::duration(handle.oldest_seconds)
    );
    let what = format!("Unclosed {}", handles(handle.kind, handle.n_open == 1));
    Item { location: &handle.location, what, figure: String::new(), evidence }
}

fn handles(kind: HandleKind, is_one: bool) -> &'static str {
    match (kind, is_one) {
        (HandleKind::File, true) => "file",
        (HandleKind::File, false) => "files",
        (HandleKind::Socket, true) => "socket",
        (HandleKind::Socket, false) => "sockets",
        (HandleKind::Connection, true) => "connection",
        (HandleKind::Connection, false) => "connections",
        (HandleKind::Cursor, true) => "cursor",
        (HandleKind::Cursor, false) => "cursors",
        (HandleKind::Session, true) => "HTTP session",
        (HandleKind::Session, false) => "HTTP sessions",
        (HandleKind::TemporaryFile, true) => "temporary file",
        (HandleKind::TemporaryFile, false) => "temporary files",
        (HandleKind::Executor, true) => "executor",
        (HandleKind::Executor, false) => "executors",
        (HandleKind::Task, true) => "task (still pending)",
        (HandleKind::Task, false) => "tasks (still pending)",
    }
}

/// `peak 720MB at 1500ms of 1.2GB allocated in all, 96MB live at the end; …`, for the section on the measurement.
pub(super) fn measured(memory: &MemoryProfile) -> String {
    match memory.tracer {
        MemoryTracer::None => "allocations were not traced".to_string(),
        MemoryTracer::Tracemalloc => {
            format!(
                "peak {}, {} live at the end, by tracemalloc: Python's own objects only",
                units::bytes(memory.peak.bytes),
                units::bytes(memory.live.bytes)
            )
        }
        MemoryTracer::Native => native(memory),
    }
}

fn native(memory: &MemoryProfile) -> String {
    let mut parts = vec![format!(
        "peak {} at {}, {} allocated in all, {} live at the end",
        units::bytes(memory.peak.bytes),
        units::duration(memory.peak_at_seconds),
        units::bytes(memory.total.bytes),
        units::bytes(memory.live.bytes)
    )];
    if memory.mapped_peak_bytes > 0 {
        parts.push(format!("up to {} in mappings besides", units::bytes(memory.mapped_peak_bytes)));
    }
    if memory.peak_rss_bytes > 0 {
        parts.push(format!("{} resident at most", units::bytes(memory.peak_rss_bytes)));
    }
    let processes = units::counted(memory.n_processes, "process", "processes");
    parts.push(format!(
        "{} in {processes}, one about every {}, all larger ones",
        units::counted(memory.n_samples, "sample", "samples"),
        units::bytes(memory.mean_bytes)
    ));
    parts.join("; ")
}
