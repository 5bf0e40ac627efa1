//! What was run and how well it was measured; what was not measured is said, never shown as 0.

use super::page::Page;
use crate::model::{CpuProfile, ExitReason, Profile, QueryProfile, Report, WorkloadSummary};
use crate::report::{Style, words};
use crate::support::units;

/// `12 files (1,204 lines), 1,980 samples over 2000ms, 0 queries`.
pub(super) fn looked_at(report: &Report) -> String {
    let files = units::counted(report.n_files, "file", "files");
    let lines = units::counted(report.n_lines, "line", "lines");
    let mut parts = vec![format!("{files} ({lines})")];
    if let Some(profile) = &report.profile {
        let samples = units::counted(profile.cpu.n_samples, "sample", "samples");
        parts.push(format!("{samples} over {}", units::duration(profile.cpu.wall_seconds)));
        if let Some(queries) = &profile.queries {
            parts.push(units::counted(queries.n_queries, "query", "queries"));
        }
    }
    parts.join(", ")
}

/// The largest resident size of each process: that much is always seen; where it was allocated is not.
pub(super) fn memory(page: &mut Page) {
    let Some(profile) = &page.report.profile else {
        return super::nothing_run(page);
    };
    let mut processes: Vec<_> = profile.cpu.processes.iter().filter(|process| process.peak_rss_bytes > 0).collect();
    processes.sort_by_key(|process| std::cmp::Reverse(process.peak_rss_bytes));
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

/// The section under the opportunities.
pub(super) fn section(page: &mut Page) {
    let report = page.report;
    let Some(workload) = &report.workload else { return };
    page.heading("", "Measured:");
    labelled(page, "workload", &format!("{}, {}", workload.title, words::exit(workload.exit)));
    if workload.exit != ExitReason::Exited(0) {
        failure(page, workload);
    }
    if let Some(interpreter) = &report.interpreter {
        labelled(page, "interpreter", &words::interpreter(interpreter));
    }
    match &report.profile {
        Some(profile) => profile_lines(page, profile),
        None => labelled(page, "time", "not measured"),
    }
    page.blank();
}

/// A run that failed may have stopped early: what follows is about the part that ran.
fn failure(page: &mut Page, workload: &WorkloadSummary) {
    let log = if workload.stderr_log.is_empty() { &workload.stdout_log } else { &workload.stderr_log };
    let see = if log.is_empty() { String::new() } else { format!("; its output is in {log}") };
    page.paragraph(15, 15, &format!("it did not end well: figures are of the part that ran{see}"), Style::warning);
}

fn profile_lines(page: &mut Page, profile: &Profile) {
    labelled(page, "time", &time(&profile.cpu));
    labelled(page, "samples", &samples(&profile.cpu));
    match &profile.queries {
        Some(queries) => query_lines(page, queries),
        None => labelled(page, "queries", "not measured"),
    }
}

fn time(cpu: &CpuProfile) -> String {
    let wall = units::duration(cpu.wall_seconds);
    let processor = if cpu.cpu_seconds > 0.0 {
        format!("{} CPU", units::duration(cpu.cpu_seconds))
    } else {
        "CPU time not measured".to_string()
    };
    if cpu.outside_seconds <= 0.0 {
        return format!("{wall}, {processor}");
    }
    let outside = units::duration(cpu.outside_seconds);
    format!("{wall}, {processor}; {outside} outside the project's code")
}

fn samples(cpu: &CpuProfile) -> String {
    let n_processes = cpu.processes.len() as u64;
    let processes = units::counted(n_processes, "process", "processes");
    let processes = if n_processes > 0 { format!(" in {processes}") } else { String::new() };
    let interval = if cpu.n_samples > 0 { "; ± is the 95% interval" } else { "" };
    format!("{}{processes}{}{interval}", units::count(cpu.n_samples), failed_samples(cpu))
}

fn failed_samples(cpu: &CpuProfile) -> String {
    if cpu.n_failed_samples == 0 {
        return String::new();
    }
    let share = cpu.n_failed_samples as f64 / (cpu.n_samples + cpu.n_failed_samples) as f64;
    format!(", {} more could not be read ({})", units::count(cpu.n_failed_samples), words::part(share))
}

fn query_lines(page: &mut Page, queries: &QueryProfile) {
    let drivers = queries.drivers.join(", ");
    let text = match (queries.n_queries, queries.drivers.is_empty()) {
        (0, true) => "none seen: no database driver was loaded".to_string(),
        (0, false) => format!("none ({drivers} traced)"),
        (n, _) => {
            let by = if drivers.is_empty() { String::new() } else { format!(" ({drivers})") };
            format!("{} in {}{by}", units::count(n), units::duration(queries.seconds))
        }
    };
    labelled(page, "queries", &text);
    for note in &queries.notes {
        page.paragraph(15, 15, note, Style::warning);
    }
}

fn labelled(page: &mut Page, label: &str, text: &str) {
    let label = page.style.secondary(&format!("{label:<11}"));
    let start = page.text.len();
    page.paragraph(15, 15, text, |_, text| text.to_string());
    page.text.replace_range(start..start + 15, &format!("  {label}  "));
}
