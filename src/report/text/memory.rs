//! Memory for people: what holds most, and what was not given back.

use super::page::{self, Page};
use crate::report::memory::{self, Item};
use crate::report::{Style, words};
use crate::support::units;

/// The section of an analysis of memory alone.
pub(super) fn analysis(page: &mut Page) {
    let Some(profile) = &page.report.profile else {
        return super::nothing_run(page);
    };
    if memory::traced(page.report).is_none() {
        peaks(page);
    } else if !usage(page) {
        page.heading("", "No high memory usage detected");
        let peak = profile.memory.as_ref().map_or(0, |memory| memory.peak.bytes);
        let sentence = format!("No line of the project holds much of the peak of {}.", units::bytes(peak));
        page.paragraph(2, 2, &sentence, page::as_is);
        page.blank();
    }
    if !leaks(page) && memory::traced(page.report).is_some() {
        page.line("No memory leaks detected.");
        page.blank();
    }
}

/// What an analysis of everything says about memory, if there is something to say.
pub(super) fn beside_times(page: &mut Page) {
    usage(page);
    leaks(page);
}

fn usage(page: &mut Page) -> bool {
    let (items, n_hidden) = memory::high_usage(page.report);
    if items.is_empty() {
        return false;
    }
    page.heading("", "High Memory Usage:");
    for found in &items {
        item(page, found);
    }
    if n_hidden > 0 {
        page.note(&format!("{} with --detailed", units::counted(n_hidden as u64, "more line", "more lines")));
    }
    page.blank();
    true
}

fn leaks(page: &mut Page) -> bool {
    let items = memory::leaks(page.report);
    if items.is_empty() {
        return false;
    }
    page.heading("", "Memory Leaks Detected:");
    for found in &items {
        item(page, found);
        if !found.evidence.is_empty() {
            page.note(&found.evidence);
        }
    }
    page.blank();
    true
}

fn item(page: &mut Page, item: &Item) {
    let symbol = words::symbol(item.location);
    let what = page.style.text(&item.what).into_owned();
    let figure = if item.figure.is_empty() {
        String::new()
    } else {
        let shown = page.style.text(&item.figure).into_owned();
        format!(" ({})", page.style.strong(&shown))
    };
    let place = page.place(item.location);
    let line = format!("  - {place} - {what}{figure}");
    let remark = if page.report.is_detailed && !symbol.is_empty() { format!("in {symbol}") } else { String::new() };
    page.line_with_remark(&line, &remark);
}

/// The largest resident size of each process: that much is always seen; where it was allocated is not.
fn peaks(page: &mut Page) {
    let Some(profile) = &page.report.profile else { return };
    let processes: Vec<_> = profile.cpu.processes.iter().filter(|process| process.peak_rss_bytes > 0).collect();
    page.heading("", "Peak Memory:");
    for process in &processes {
        let command = format!("  - process {} - {}", process.pid, process.command);
        let command = page.style.text(&command).into_owned();
        let peak = page.style.strong(&units::bytes(process.peak_rss_bytes));
        page.line(&format!("{command} ({peak})"));
    }
    if processes.is_empty() {
        page.paragraph(2, 2, "Not measured.", Style::warning);
    }
    page.paragraph(2, 2, "Which lines allocated it was not measured.", Style::secondary);
    page.blank();
}
