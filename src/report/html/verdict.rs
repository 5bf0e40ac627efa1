//! The head of the page: one sentence that answers, and the figures beside it.

use serde::Serialize;

use crate::model::{Dashboard, ExitReason, FunctionCost, Report};
use crate::report::bottlenecks::{self, Bottlenecks};
use crate::report::facts;
use crate::report::places::Places;
use crate::report::words;
use crate::support::units;

/// The answer in short.
#[derive(Serialize)]
pub(super) struct Verdict {
    /// `75% of the time goes to`, `query_users()`, and what follows.
    lead: String,
    subject: String,
    tail: String,
    place: String,
    detail: String,
    warnings: Vec<String>,
    tiles: Vec<Tile>,
    meta: Vec<String>,
    step: Option<Step>,
}

#[derive(Serialize)]
struct Tile {
    label: &'static str,
    value: String,
    note: String,
    link: &'static str,
    /// True when there is no figure: it was not measured.
    is_missing: bool,
}

#[derive(Serialize)]
struct Step {
    what: &'static str,
    command: String,
}

struct Headline {
    lead: String,
    subject: String,
    tail: String,
    place: String,
    detail: String,
}

impl Verdict {
    pub(super) fn of(dashboard: &Dashboard, places: &Places) -> Self {
        let report = &dashboard.report;
        let headline = headline(report, places);
        let mut meta = vec![];
        meta.extend((!dashboard.measured_at.is_empty()).then(|| dashboard.measured_at.clone()));
        meta.extend(report.interpreter.iter().map(|found| {
            let (major, minor, micro) = found.version;
            let name = if found.implementation == "pypy" { "PyPy" } else { "Python" };
            format!("{name} {major}.{minor}.{micro}")
        }));
        meta.extend(report.workload.iter().map(|workload| workload.title.clone()));
        meta.push(facts::scanned(report));
        Self {
            lead: headline.lead,
            subject: headline.subject,
            tail: headline.tail,
            place: headline.place,
            detail: headline.detail,
            warnings: warnings(report),
            tiles: vec![time(report), queries(report), memory(report), opportunities(report)],
            meta,
            step: facts::next_step(report).map(|step| Step { what: step.what, command: step.command }),
        }
    }
}

fn sentence(lead: &str, detail: String) -> Headline {
    Headline { lead: lead.into(), subject: String::new(), tail: String::new(), place: String::new(), detail }
}

fn headline(report: &Report, places: &Places) -> Headline {
    if report.profile.is_none() {
        return sentence("No times are known", facts::why_no_times(report));
    }
    let Bottlenecks { listed, .. } = bottlenecks::of(report);
    match listed.first() {
        None if report.profile.iter().any(|profile| profile.cpu.n_samples == 0) => {
            sentence("The program ended too soon to be measured", facts::looked_at(report))
        }
        None => sentence("No bottleneck in the project’s code", words::none_in_project(&facts::looked_at(report))),
        Some((top, rank)) => {
            let n_joint = listed.iter().filter(|(_, other)| other.number == rank.number).count();
            if rank.is_joint { joint(n_joint, top, places) } else { single(report, top, places) }
        }
    }
}

fn single(report: &Report, top: &FunctionCost, places: &Places) -> Headline {
    let waits = if bottlenecks::is_waiting(report, top) { ", most of it waiting" } else { "" };
    Headline {
        lead: format!("{} of the time goes to", words::part(top.share.value)),
        subject: subject(top),
        tail: String::new(),
        place: places.place(&top.location),
        detail: format!(
            "{}{waits}; 95% interval {} to {}",
            units::duration(top.wall_seconds),
            words::part(top.share.low),
            words::part(top.share.high)
        ),
    }
}

fn joint(n_joint: usize, top: &FunctionCost, places: &Places) -> Headline {
    Headline {
        lead: "Most of the time may go to".into(),
        subject: subject(top),
        tail: format!("or to {}", units::counted(n_joint as u64 - 1, "other function alike", "other functions alike")),
        place: places.place(&top.location),
        detail: format!(
            "{}; their intervals overlap, so which of them costs most is not certain",
            units::duration(top.wall_seconds)
        ),
    }
}

fn subject(function: &FunctionCost) -> String {
    match words::symbol(&function.location) {
        name if name.is_empty() => function.location.path.clone(),
        name => name,
    }
}

/// What limits everything below.
fn warnings(report: &Report) -> Vec<String> {
    let mut warnings = vec![];
    if let Some(workload) = report.workload.as_ref().filter(|workload| workload.exit != ExitReason::Exited(0)) {
        warnings.push(format!(
            "The run did not end well ({}): all figures are of the part that ran.",
            words::exit(workload.exit)
        ));
    }
    let queries = report.profile.iter().filter_map(|profile| profile.queries.as_ref());
    warnings.extend(queries.flat_map(|queries| &queries.notes).map(|note| format!("{note}.")));
    warnings
}

fn tile(label: &'static str, value: String, note: String, link: &'static str) -> Tile {
    Tile { label, value, note, link, is_missing: false }
}

fn missing(label: &'static str, note: &str, link: &'static str) -> Tile {
    Tile { label, value: "not measured".into(), note: note.into(), link, is_missing: true }
}

fn time(report: &Report) -> Tile {
    let Some(profile) = &report.profile else { return missing("Time", "nothing was run", "method") };
    let cpu = &profile.cpu;
    let processor = if cpu.cpu_seconds > 0.0 {
        format!("{} on the processor", units::duration(cpu.cpu_seconds))
    } else {
        "CPU time not measured".to_string()
    };
    tile("Time", units::duration(cpu.wall_seconds), processor, "bottlenecks")
}

fn queries(report: &Report) -> Tile {
    let Some(queries) = report.profile.as_ref().and_then(|profile| profile.queries.as_ref()) else {
        return missing("Queries", "not traced", "queries");
    };
    if queries.drivers.is_empty() && queries.n_queries == 0 {
        let note = "no database driver was loaded".to_string();
        return Tile { label: "Queries", value: "none seen".into(), note, link: "queries", is_missing: true };
    }
    let note = format!("{} in {}", units::duration(queries.seconds), queries.drivers.join(", "));
    tile("Queries", units::count(queries.n_queries), note, "queries")
}

fn memory(report: &Report) -> Tile {
    let processes = report.profile.iter().flat_map(|profile| &profile.cpu.processes);
    let peak = processes.clone().map(|process| process.peak_rss_bytes).max().unwrap_or(0);
    if peak == 0 {
        return missing("Peak memory", "no process was measured", "memory");
    }
    let n_measured = processes.filter(|process| process.peak_rss_bytes > 0).count();
    let note = match n_measured {
        1 => "resident, one process".to_string(),
        n => format!("resident, largest of {n} processes"),
    };
    tile("Peak memory", units::bytes(peak), note, "memory")
}

fn opportunities(report: &Report) -> Tile {
    let n_rewritable = report.findings.iter().filter(|finding| words::is_rewritable(finding)).count() as u64;
    let note = match n_rewritable {
        0 if report.findings.is_empty() => format!("in {}", facts::scanned(report)),
        0 => "to be done by hand".to_string(),
        n => format!("{} can be rewritten for you", units::count(n)),
    };
    tile("Opportunities", units::count(report.findings.len() as u64), note, "opportunities")
}
