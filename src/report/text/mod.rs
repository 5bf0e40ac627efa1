//! The report for people: the tutorial's headings, then what was run, problems and the next step.

mod detailed;
mod measured;
mod page;
mod table;

use std::io::{self, Write};

use super::{Style, ranks, words};
use crate::model::{Finding, FunctionCost, Problem, Report};
use crate::support::units;
use page::Page;

/// Functions listed without `--detailed`: a screen has room for them and the rest.
const N_BOTTLENECKS_MAX: usize = 10;
/// Below this part of wall time on a processor, a function is called one that waits.
const WAITING_CPU_SHARE_MAX: f64 = 0.25;

/// Writes the whole text at once.
pub(super) fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(report, style);
    title(&mut page);
    if words::is_about_memory(report) {
        measured::memory(&mut page);
    } else {
        bottlenecks(&mut page);
    }
    opportunities(&mut page);
    if report.is_detailed {
        detailed::tables(&mut page);
    }
    measured::section(&mut page);
    problems(&mut page);
    next_step(&mut page);
    out.write_all(page.text.as_bytes())
}

fn title(page: &mut Page) {
    let (symbol, words) =
        if words::is_about_memory(page.report) { ("💾", "Memory Analysis") } else { ("⚡", "Performance Analysis") };
    let title = page.style.symbol(symbol) + &page.style.strong(words);
    page.line(&title);
    let rule = page.style.text(&"═".repeat(50)).into_owned();
    page.line(&page.style.secondary(&rule));
    page.blank();
}

fn bottlenecks(page: &mut Page) {
    let Some(profile) = &page.report.profile else {
        return nothing_run(page);
    };
    let functions: Vec<_> = profile.cpu.functions.iter().filter(|function| function.n_samples > 0).collect();
    if functions.is_empty() {
        return no_bottleneck(page);
    }
    page.heading("🔍", "Bottlenecks Detected:");
    let ranks = ranks::joint(&functions);
    let n_shown = if page.report.is_detailed { functions.len() } else { functions.len().min(N_BOTTLENECKS_MAX) };
    let shown: Vec<_> = functions.iter().zip(&ranks).take(n_shown).collect();
    let has_joint = shown.iter().any(|(_, rank)| rank.is_joint);
    for (function, rank) in shown {
        let mark = if rank.is_joint { "=" } else { "." };
        bottleneck(page, function, &format!("{}{mark}", rank.number));
    }
    if n_shown < functions.len() {
        let rest = units::counted((functions.len() - n_shown) as u64, "more function", "more functions");
        page.note(&format!("{rest} with --detailed"));
    }
    if has_joint {
        page.note("= their intervals overlap: which of them costs more is not certain");
    }
    page.blank();
}

fn bottleneck(page: &mut Page, function: &FunctionCost, rank: &str) {
    let name = words::symbol(&function.location);
    let name = if name.is_empty() { String::new() } else { format!(" - {}", page.style.text(&name)) };
    let line = format!(
        "{} {}{name} - {} ({}){}",
        page.style.secondary(&format!("{rank:>4}")),
        page.place(&function.location),
        page.style.strong(&page.duration(function.wall_seconds)),
        page.style.text(&words::share(&function.share)),
        if is_waiting(page.report, function) { ", mostly waiting" } else { "" },
    );
    page.line(&line);
    if page.report.is_detailed {
        detailed::function(page, function);
    }
}

/// CPU time far below wall time: the processor is not what it lacks. Where no CPU time was measured nothing is said.
fn is_waiting(report: &Report, function: &FunctionCost) -> bool {
    let is_measured = report.profile.as_ref().is_some_and(|profile| profile.cpu.cpu_seconds > 0.0);
    is_measured && function.cpu_seconds < WAITING_CPU_SHARE_MAX * function.wall_seconds
}

fn nothing_run(page: &mut Page) {
    let reason = page.report.not_run_because.as_deref().unwrap_or("no workload was found");
    let was_run = page.report.workload.is_some();
    let sentence = if was_run {
        "The workload was run, but nothing was measured; see what follows. No times are known.".to_string()
    } else {
        format!("Nothing was run: {reason}. What follows was read from the source alone; no times are known.")
    };
    page.paragraph(0, 0, &sentence, Style::warning);
    page.blank();
}

fn no_bottleneck(page: &mut Page) {
    page.heading("🔍", "No bottlenecks detected");
    let looked = measured::looked_at(page.report);
    page.paragraph(
        2,
        2,
        &format!("Looked at {looked}; none of the time was spent in the project's code."),
        |_, text| text.to_string(),
    );
    page.blank();
}

fn opportunities(page: &mut Page) {
    if page.report.findings.is_empty() {
        let about = if words::is_about_memory(page.report) { "memory " } else { "" };
        let files = units::counted(page.report.n_files, "file", "files");
        let lines = units::counted(page.report.n_lines, "line", "lines");
        page.line(&format!("No {about}optimization opportunities found in {files} ({lines})."));
        page.blank();
        return;
    }
    page.heading("💡", "Optimization Opportunities:");
    for finding in &page.report.findings {
        opportunity(page, finding);
    }
    page.blank();
}

fn opportunity(page: &mut Page, finding: &Finding) {
    page.paragraph(2, 4, &format!("- {}", finding.title), |_, text| text.to_string());
    let cost = match (finding.seconds, &finding.share) {
        (Some(seconds), Some(share)) => format!(" - {} ({})", page.duration(seconds), words::share(share)),
        (Some(seconds), None) => format!(" - {}", page.duration(seconds)),
        (None, _) if page.report.profile.is_some() => " - cost not measured".to_string(),
        (None, _) => String::new(),
    };
    let place = page.place(&finding.location);
    let cost = page.style.text(&cost).into_owned();
    page.line(&format!("      {place}{cost}"));
    for sentence in &finding.evidence {
        page.paragraph(6, 6, sentence, Style::secondary);
    }
    if let Some(advice) = &finding.advice {
        page.paragraph(6, 8, &format!("→ {advice}"), |_, text| text.to_string());
    }
    for (rule, safety) in &finding.rewrites {
        page.paragraph(6, 8, &format!("rewrite: {rule} ({})", words::safety(*safety)), Style::secondary);
    }
}

fn problems(page: &mut Page) {
    if page.report.problems.is_empty() {
        return;
    }
    page.line(&page.style.warning("Notes:"));
    for problem in &page.report.problems {
        note(page, problem);
    }
    page.blank();
}

fn note(page: &mut Page, problem: &Problem) {
    let place = problem.location.as_ref().map(|location| format!("{}: ", page.places.place(location)));
    page.paragraph(2, 4, &format!("- {}{}", place.unwrap_or_default(), problem.message), |_, text| text.to_string());
    if let Some(hint) = &problem.hint {
        page.paragraph(4, 4, hint, Style::secondary);
    }
}

/// One line: preview the rewrites when there are some, name a workload when none ran, look closer when nothing was found.
fn next_step(page: &mut Page) {
    let report = page.report;
    let category = words::category(report);
    let paths = words::shell_words(&report.paths);
    let paths = if paths.is_empty() { ".".to_string() } else { paths };
    if report.findings.iter().any(words::is_rewritable) {
        let selected = if category == "all" { String::new() } else { format!(" --category={category}") };
        return page.next("Preview the rewrites", &format!("cmdx optimize --implement --dry-run{selected} {paths}"));
    }
    if report.workload.is_none() {
        return page.next("Say what to run", &format!("cmdx optimize --profile {paths} -- python script.py"));
    }
    let has_functions = report.profile.as_ref().is_some_and(|profile| !profile.cpu.functions.is_empty());
    if report.findings.is_empty() && !has_functions && !report.is_detailed {
        page.next("Look closer", &format!("cmdx optimize --profile --detailed --category={category} {paths}"));
    }
}

#[cfg(test)]
mod tests;
