//! Memory: the peak of each process.

use serde::Serialize;

use crate::model::{ProcessSummary, Report};
use crate::report::facts;
use crate::support::units;

/// The section.
#[derive(Serialize)]
pub(super) struct Memory {
    why_nothing: Option<String>,
    processes: Vec<Process>,
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
    pub(super) fn of(report: &Report) -> Self {
        let processes: Vec<_> = report.profile.iter().flat_map(|profile| &profile.cpu.processes).collect();
        let largest = processes.iter().map(|process| process.peak_rss_bytes).max().unwrap_or(0);
        let why_nothing = match (&report.profile, largest) {
            (None, _) => Some(facts::why_no_times(report)),
            (Some(_), 0) => Some("Memory was not measured: no process lived long enough to be asked.".to_string()),
            _ => None,
        };
        Self { why_nothing, processes: processes.iter().map(|each| process(each, largest)).collect() }
    }
}

fn process(process: &ProcessSummary, largest: u64) -> Process {
    let is_measured = process.peak_rss_bytes > 0;
    Process {
        pid: process.pid,
        peak: if is_measured { units::bytes(process.peak_rss_bytes) } else { "not measured".to_string() },
        peak_bytes: process.peak_rss_bytes,
        width: format!("{:.2}", 100.0 * process.peak_rss_bytes as f64 / largest.max(1) as f64),
        python: process.python_version.clone().unwrap_or_else(|| "not Python".to_string()),
        command: process.command.clone(),
    }
}
