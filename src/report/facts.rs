//! What was run, how well it was measured and what to do next, in words that the text and the Markdown page share.
//! What was not measured is said, never shown as 0.

use super::{memory, words};
use crate::model::{CpuProfile, ExitReason, Profile, QueryProfile, Report, WorkloadSummary};
use crate::support::units;

/// One line of the section on the measurement.
pub(super) struct Fact {
    /// `workload`; empty for a line that goes with the one before.
    pub label: &'static str,
    pub text: String,
    /// True when it limits what the report can say.
    pub is_warning: bool,
}

/// A thing to do and the command that does it.
pub(super) struct Step {
    pub what: &'static str,
    pub command: String,
}

/// All lines; empty when nothing was run.
pub(super) fn of(report: &Report) -> Vec<Fact> {
    let Some(workload) = &report.workload else { return vec![] };
    let mut facts = vec![fact("workload", format!("{}, {}", workload.title, words::exit(workload.exit)))];
    if workload.exit != ExitReason::Exited(0) {
        facts.push(warning(failure(workload)));
    }
    facts.extend(interpreter(report).map(|name| fact("interpreter", name)));
    match &report.profile {
        Some(profile) => facts.extend(profile_facts(profile)),
        None => facts.push(fact("time", "not measured".to_string())),
    }
    facts
}

/// The interpreter that ran: a command brings its own along.
fn interpreter(report: &Report) -> Option<String> {
    let found = report.interpreter.as_ref()?;
    let (major, minor, micro) = found.version;
    let leader = report.profile.as_ref().and_then(|profile| profile.cpu.processes.first());
    match leader.and_then(|process| process.python_version.as_deref()) {
        Some(own) if own != format!("{major}.{minor}.{micro}") => Some(format!("CPython {own} (the command's own)")),
        _ => Some(words::interpreter(found)),
    }
}

/// `12 files (1,204 lines)`.
pub(super) fn scanned(report: &Report) -> String {
    let files = units::counted(report.n_files, "file", "files");
    let lines = units::counted(report.n_lines, "line", "lines");
    format!("{files} ({lines})")
}

/// `12 files (1,204 lines), 1,980 samples over 2000ms, 0 queries`.
pub(super) fn looked_at(report: &Report) -> String {
    let mut parts = vec![scanned(report)];
    if let Some(profile) = &report.profile {
        let samples = units::counted(profile.cpu.n_samples, "sample", "samples");
        parts.push(format!("{samples} over {}", units::duration(profile.cpu.wall_seconds)));
        let queries = profile.queries.as_ref();
        parts.extend(queries.map(|queries| units::counted(queries.n_queries, "query", "queries")));
    }
    parts.join(", ")
}

/// The sentence that stands where opportunities would.
pub(super) fn no_opportunities(report: &Report) -> String {
    let about = if words::is_about_memory(report) { "memory " } else { "" };
    format!("No {about}optimization opportunities found in {}.", scanned(report))
}

/// True when at least one sample was taken: only then a share of time, or the lack of one, means something.
pub(super) fn has_times(report: &Report) -> bool {
    report.profile.as_ref().is_some_and(|profile| profile.cpu.n_samples > 0)
}

/// The sentence that stands where measured times would.
pub(super) fn why_no_times(report: &Report) -> String {
    if report.workload.is_some() {
        return "The workload was run, but no sample of it could be taken. No times are known.".to_string();
    }
    let reason = report.not_run_because.as_deref().unwrap_or("no workload was found");
    format!("Nothing was run: {reason}. What follows was read from the source alone; no times are known.")
}

/// Preview the rewrites when there are some, name a workload when none ran, look closer when nothing was found.
pub(super) fn next_step(report: &Report) -> Option<Step> {
    let category = words::category(report);
    let paths = if report.typed_paths.is_empty() { ".".to_string() } else { words::shell_words(&report.typed_paths) };
    if report.findings.iter().any(words::is_rewritable) {
        let selected = if category == "all" { String::new() } else { format!(" --category={category}") };
        let command = format!("cmdx optimize --implement --dry-run{selected} {paths}");
        return Some(Step { what: "Preview the rewrites", command });
    }
    if report.workload.is_none() {
        let command = format!("cmdx optimize --profile {paths} -- python script.py");
        return Some(Step { what: "Say what to run", command });
    }
    let has_functions = report.profile.as_ref().is_some_and(|profile| !profile.cpu.functions.is_empty());
    if !report.findings.is_empty() || has_functions || report.is_detailed {
        return None;
    }
    let command = format!("cmdx optimize --profile --detailed --category={category} {paths}");
    Some(Step { what: "Look closer", command })
}

fn fact(label: &'static str, text: String) -> Fact {
    Fact { label, text, is_warning: false }
}

fn warning(text: String) -> Fact {
    Fact { label: "", text, is_warning: true }
}

/// A run that failed may have stopped early.
fn failure(workload: &WorkloadSummary) -> String {
    let log = if workload.stderr_log.is_empty() { &workload.stdout_log } else { &workload.stderr_log };
    let see = if log.is_empty() { String::new() } else { format!("; its output is in {log}") };
    format!("it did not end well: figures are of the part that ran{see}")
}

fn profile_facts(profile: &Profile) -> Vec<Fact> {
    let mut facts = vec![fact("time", time(&profile.cpu)), fact("samples", samples(&profile.cpu))];
    match &profile.queries {
        Some(queries) => {
            facts.push(fact("queries", queried(queries)));
            facts.extend(queries.notes.iter().map(|note| warning(note.clone())));
        }
        None => facts.push(fact("queries", "not measured".to_string())),
    }
    if let Some(memory) = &profile.memory {
        facts.push(fact("memory", memory::measured(memory)));
        facts.extend(memory.notes.iter().map(|note| warning(note.clone())));
    }
    facts
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
    format!("{wall}, {processor}; {} outside the project's code", units::duration(cpu.outside_seconds))
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

fn queried(queries: &QueryProfile) -> String {
    let drivers = queries.drivers.join(", ");
    match (queries.n_queries, drivers.is_empty()) {
        (0, true) => "none seen: no database driver was loaded".to_string(),
        (0, false) => format!("none ({drivers} traced)"),
        (n, true) => format!("{} in {}", units::count(n), units::duration(queries.seconds)),
        (n, false) => format!("{} in {} ({drivers})", units::count(n), units::duration(queries.seconds)),
    }
}
