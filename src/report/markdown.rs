//! A page of GitHub-flavoured Markdown: step summaries, comments on pull requests, wikis.
//! Its layout is `templates/report.md.hbs`; every value is escaped, none can be markup.

use std::io::{self, Write};

use handlebars::Handlebars;
use serde::Serialize;

use super::places::Places;
use super::ranks::Rank;
use super::{bottlenecks, facts, words};
use crate::model::{Finding, FunctionCost, Problem, ProcessSummary, QueryGroup, Report};
use crate::support::printable::{one_line, printable};
use crate::support::units;

const TEMPLATE: &str = include_str!("../../templates/report.md.hbs");
/// A statement longer than this makes the table unreadable; the JSON document has it whole.
const STATEMENT_LENGTH_MAX: usize = 300;

/// Fills in the template.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut handlebars = Handlebars::new();
    handlebars.register_escape_fn(escaped);
    let page = handlebars.render_template(TEMPLATE, &Page::of(report)).map_err(io::Error::other)?;
    out.write_all(page.as_bytes())
}

/// Backslashes before what Markdown reads as markup, references where HTML, mentions and links begin. Control
/// characters are written out, so a value cannot leave its line.
fn escaped(text: &str) -> String {
    let mut clean = String::with_capacity(text.len() + 8);
    if text.starts_with(['-', '+']) {
        clean.push('\\');
    }
    for character in printable(text).chars() {
        match character {
            '<' => clean.push_str("&lt;"),
            '>' => clean.push_str("&gt;"),
            '&' => clean.push_str("&amp;"),
            '@' => clean.push_str("&#64;"),
            ':' if clean.ends_with("http") || clean.ends_with("https") || clean.ends_with("ftp") => {
                clean.push_str("&#58;");
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '$' => clean.extend(['\\', character]),
            _ => clean.push(character),
        }
    }
    clean
}

#[derive(Serialize)]
struct Page {
    symbol: &'static str,
    title: &'static str,
    why_no_times: Option<String>,
    bottlenecks: Vec<BottleneckRow>,
    hidden: Option<String>,
    legend: Option<&'static str>,
    nothing: Option<String>,
    memory: Vec<MemoryRow>,
    findings: Vec<FindingItem>,
    no_findings: Option<String>,
    queries: Vec<QueryRow>,
    facts: Vec<FactRow>,
    problems: Vec<String>,
    step: Option<StepLine>,
}

#[derive(Serialize)]
struct BottleneckRow {
    rank: String,
    place: String,
    symbol: String,
    waiting: &'static str,
    time: String,
    share: String,
    cpu: String,
}

#[derive(Serialize)]
struct MemoryRow {
    pid: i32,
    peak: String,
    command: String,
}

#[derive(Serialize)]
struct FindingItem {
    title: String,
    place: String,
    cost: String,
    lines: Vec<String>,
}

#[derive(Serialize)]
struct QueryRow {
    n_queries: String,
    per_call: String,
    time: String,
    rows: String,
    site: String,
    looped: String,
    statement: String,
}

#[derive(Serialize)]
struct FactRow {
    label: &'static str,
    text: String,
}

#[derive(Serialize)]
struct StepLine {
    what: &'static str,
    command: String,
}

impl Page {
    fn of(report: &Report) -> Self {
        let places = Places::of(report);
        let bottlenecks = bottlenecks::of(report);
        let is_memory = words::is_about_memory(report);
        let groups = report.profile.iter().filter_map(|profile| profile.queries.as_ref());
        let groups = groups.flat_map(|queries| &queries.groups).filter(|_| report.is_detailed);
        let listed = if is_memory { vec![] } else { bottlenecks.listed };
        let has_times = facts::has_times(report);
        let is_empty = !is_memory && has_times && listed.is_empty();
        let rows = listed.iter().map(|(function, rank)| bottleneck(report, &places, function, *rank));
        Self {
            symbol: if is_memory { "💾" } else { "⚡" },
            title: if is_memory { "Memory Analysis" } else { "Performance Analysis" },
            why_no_times: (!is_memory && !has_times).then(|| facts::why_no_times(report)),
            bottlenecks: rows.collect(),
            memory: if is_memory { memory(report) } else { vec![] },
            hidden: (bottlenecks.n_hidden > 0).then(|| {
                units::counted(bottlenecks.n_hidden as u64, "more function", "more functions") + " with --detailed"
            }),
            legend: bottlenecks.has_joint.then_some(words::JOINT_RANKS),
            nothing: is_empty.then(|| words::none_in_project(&facts::looked_at(report))),
            findings: report.findings.iter().map(|found| finding(report, &places, found)).collect(),
            no_findings: report.findings.is_empty().then(|| facts::no_opportunities(report)),
            queries: groups.map(|group| query(&places, group)).collect(),
            facts: facts::of(report).into_iter().map(|fact| FactRow { label: fact.label, text: fact.text }).collect(),
            problems: report.problems.iter().map(|found| problem(&places, found)).collect(),
            step: facts::next_step(report).map(|step| StepLine { what: step.what, command: step.command }),
        }
    }
}

fn bottleneck(report: &Report, places: &Places, function: &FunctionCost, rank: Rank) -> BottleneckRow {
    let is_measured = bottlenecks::is_cpu_measured(report);
    BottleneckRow {
        rank: format!("{}{}", rank.number, if rank.is_joint { "=" } else { "" }),
        place: places.place(&function.location),
        symbol: words::symbol(&function.location),
        waiting: if bottlenecks::is_waiting(report, function) { ", mostly waiting" } else { "" },
        time: units::duration(function.wall_seconds),
        share: format!("{} {}", words::part(function.share.value), words::margin(&function.share)),
        cpu: if is_measured { units::duration(function.cpu_seconds) } else { "not measured".to_string() },
    }
}

fn memory(report: &Report) -> Vec<MemoryRow> {
    let processes = report.profile.iter().flat_map(|profile| &profile.cpu.processes);
    let row = |process: &ProcessSummary| MemoryRow {
        pid: process.pid,
        peak: if process.peak_rss_bytes > 0 {
            units::bytes(process.peak_rss_bytes)
        } else {
            "not measured".to_string()
        },
        command: process.command.clone(),
    };
    processes.map(row).collect()
}

fn finding(report: &Report, places: &Places, finding: &Finding) -> FindingItem {
    let mut lines = finding.evidence.clone();
    lines.extend(finding.advice.iter().map(|advice| format!("→ {advice}")));
    let rewrites = finding.rewrites.iter();
    lines.extend(rewrites.map(|(rule, safety)| format!("rewrite: {rule} ({})", words::safety(*safety))));
    FindingItem {
        title: finding.title.clone(),
        place: places.place(&finding.location),
        cost: words::cost(report, finding),
        lines,
    }
}

fn query(places: &Places, group: &QueryGroup) -> QueryRow {
    let mut statement: String = one_line(&group.fingerprint);
    if let Some((end, _)) = statement.char_indices().nth(STATEMENT_LENGTH_MAX) {
        statement.truncate(end);
        statement.push('…');
    }
    QueryRow {
        n_queries: units::count(group.n_queries),
        per_call: group.repeated_by.as_ref().map_or_else(|| "-".to_string(), words::per_call),
        time: units::duration(group.seconds),
        rows: group.n_rows.map_or_else(|| "?".to_string(), units::count),
        site: places.place(&group.site),
        looped: group.repeated_by.as_ref().map_or_else(|| "-".to_string(), |found| places.looped(found)),
        statement,
    }
}

fn problem(places: &Places, problem: &Problem) -> String {
    let place = problem.location.as_ref().map(|location| format!("{}: ", places.place(location))).unwrap_or_default();
    let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{place}{}{hint}", problem.message)
}

#[cfg(test)]
mod tests;
