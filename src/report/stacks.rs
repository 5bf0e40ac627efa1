//! Stacks by function, as flame graphs want them: one frame a function, named for people.

use std::collections::BTreeMap;

use crate::model::{Frame, MemoryProfile, MemoryStack, Profile, Report, Stack};
use crate::support::printable::printable;

/// Where installed packages lie; what follows is the path their users know.
const PACKAGE_DIRECTORIES: &[&str] = &["/site-packages/", "/dist-packages/"];

/// `query_users (src/database.py)`.
pub(super) fn name(frame: &Frame) -> String {
    let path = short_path(&frame.path);
    let symbol = if frame.symbol.is_empty() { "?" } else { &frame.symbol };
    let name = if path.is_empty() { symbol.to_string() } else { format!("{symbol} ({path})") };
    printable(&name).into_owned()
}

/// As [`folded`], by bytes.
pub(super) fn folded_bytes(
    profile: &Profile,
    memory: &MemoryProfile,
    bytes: impl Fn(&MemoryStack) -> u64,
) -> BTreeMap<String, u64> {
    let mut folded = BTreeMap::<String, u64>::new();
    for stack in &memory.stacks {
        let frames = stack.frames.iter().filter_map(|index| profile.cpu.frames.get(*index as usize));
        let names: Vec<_> = frames.map(folded_name).collect();
        if !names.is_empty() && bytes(stack) > 0 {
            *folded.entry(names.join(";")).or_default() += bytes(stack);
        }
    }
    folded
}

/// The name as it stands in a folded stack.
pub(super) fn folded_name(frame: &Frame) -> String {
    name(frame).replace(';', ":")
}

fn short_path(path: &str) -> &str {
    PACKAGE_DIRECTORIES.iter().find_map(|directory| path.rsplit_once(directory)).map_or(path, |(_, inside)| inside)
}

/// Frames of a stack that exist, root first.
pub(super) fn frames<'a>(profile: &'a Profile, stack: &'a Stack) -> impl DoubleEndedIterator<Item = &'a Frame> {
    stack.frames.iter().filter_map(|index| profile.cpu.frames.get(*index as usize))
}

/// Folded stacks (`root;caller;leaf`) with their wall time in microseconds, in the order of their names. Stacks that
/// differ in lines alone are one.
pub(super) fn folded(report: &Report) -> BTreeMap<String, u64> {
    report.profile.as_ref().map(|profile| folded_by(profile, |stack| stack.wall_seconds)).unwrap_or_default()
}

/// As [`folded`], by another cost of a stack.
pub(super) fn folded_by(profile: &Profile, cost_seconds: impl Fn(&Stack) -> f64) -> BTreeMap<String, u64> {
    let mut seconds = BTreeMap::<String, f64>::new();
    for stack in &profile.cpu.stacks {
        let names: Vec<_> = frames(profile, stack).map(folded_name).collect();
        if !names.is_empty() {
            *seconds.entry(names.join(";")).or_default() += cost_seconds(stack);
        }
    }
    let micros = seconds.into_iter().map(|(names, seconds)| (names, (seconds * 1e6).round() as u64));
    micros.filter(|(_, micros)| *micros > 0).collect()
}

/// Folded stacks with their bytes, below what the bytes are: at the peak, in all, at the end. Never empty.
pub(super) fn folded_memory(report: &Report) -> BTreeMap<String, u64> {
    let mut bytes = BTreeMap::from([("at the peak".to_string(), 1)]);
    let Some(profile) = &report.profile else { return bytes };
    for stack in profile.memory.iter().flat_map(|memory| &memory.stacks) {
        let frames = stack.frames.iter().filter_map(|index| profile.cpu.frames.get(*index as usize));
        let names: Vec<_> = frames.map(folded_name).collect();
        let names = if names.is_empty() { "outside Python".to_string() } else { names.join(";") };
        let columns = [
            ("at the peak", stack.peak_bytes),
            ("allocated in all", stack.total_bytes),
            ("live at the end", stack.live_bytes),
        ];
        for (column, of_column) in columns.into_iter().filter(|(_, of_column)| *of_column > 0) {
            *bytes.entry(format!("{column};{names}")).or_default() += of_column;
        }
    }
    bytes
}
