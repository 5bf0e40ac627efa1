//! What a run tells about memory without tracing allocations.

use super::page::Page;
use crate::report::Style;
use crate::support::units;

/// The largest resident size of each process: that much is always seen; where it was allocated is not.
pub(super) fn peaks(page: &mut Page) {
    let Some(profile) = &page.report.profile else {
        return super::nothing_run(page);
    };
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
