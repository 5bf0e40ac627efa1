//! The report for people: the tutorial's headings, then what was run, problems and the next step.

mod detailed;
mod memory;
mod page;
mod table;

use std::io::{self, Write};

use super::ranks::Rank;
use super::{Style, bottlenecks, facts, words};
use crate::model::{Finding, FunctionCost, Problem, Report};
use crate::support::units;
use page::Page;

/// Writes the whole text at once.
pub(super) fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(report, style);
    title(&mut page);
    if words::is_about_memory(report) {
        memory::analysis(&mut page);
    } else {
        dearest(&mut page);
        memory::beside_times(&mut page);
    }
    opportunities(&mut page);
    if report.is_detailed {
        detailed::tables(&mut page);
    }
    measured(&mut page);
    problems(&mut page);
    if let Some(step) = facts::next_step(report) {
        page.next(step.what, &step.command);
    }
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

fn dearest(page: &mut Page) {
    if !facts::has_times(page.report) {
        return nothing_run(page);
    }
    let bottlenecks = bottlenecks::of(page.report);
    if bottlenecks.listed.is_empty() {
        return no_bottleneck(page);
    }
    page.heading("🔍", "Bottlenecks Detected:");
    for (function, rank) in &bottlenecks.listed {
        bottleneck(page, function, *rank);
    }
    if bottlenecks.n_hidden > 0 {
        let rest = units::counted(bottlenecks.n_hidden as u64, "more function", "more functions");
        page.note(&format!("{rest} with --detailed"));
    }
    if bottlenecks.has_joint {
        page.note(words::JOINT_RANKS);
    }
    page.blank();
}

fn bottleneck(page: &mut Page, function: &FunctionCost, rank: Rank) {
    let mark = if rank.is_joint { "=" } else { "." };
    let name = words::symbol(&function.location);
    let name = if name.is_empty() { String::new() } else { format!(" - {}", page.style.text(&name)) };
    let cost = format!(
        "{} {}{name} - {} ({})",
        page.style.secondary(&format!("{:>3}{mark}", rank.number)),
        page.place(&function.location),
        page.style.strong(&page.duration(function.wall_seconds)),
        page.style.text(&words::share(&function.share)),
    );
    let remark = if bottlenecks::is_waiting(page.report, function) { "mostly waiting" } else { "" };
    page.line_with_remark(&cost, remark);
    if page.report.is_detailed {
        detailed::function(page, function);
    }
}

fn nothing_run(page: &mut Page) {
    let sentence = facts::why_no_times(page.report);
    page.paragraph(0, 0, &sentence, Style::warning);
    page.blank();
}

fn no_bottleneck(page: &mut Page) {
    page.heading("🔍", "No bottlenecks detected");
    page.paragraph(2, 2, &words::none_in_project(&facts::looked_at(page.report)), page::as_is);
    page.blank();
}

fn opportunities(page: &mut Page) {
    if page.report.findings.is_empty() {
        page.line(&facts::no_opportunities(page.report));
        page.blank();
        return;
    }
    page.heading("💡", "Optimization Opportunities:");
    let (shown, n_hidden) = words::worth_showing(page.report);
    for finding in shown {
        opportunity(page, finding);
    }
    if n_hidden > 0 {
        let places = units::counted(n_hidden as u64, "more place that costs", "more places that cost");
        let line = format!("     {places} little or did not run, with --detailed");
        page.line(&page.style.secondary(&line));
    }
    page.blank();
}

fn opportunity(page: &mut Page, finding: &Finding) {
    page.paragraph(2, 4, &format!("- {}", finding.title), page::as_is);
    let place = page.place(&finding.location);
    let cost = words::cost(page.report, finding);
    let gap = if cost.is_empty() { "" } else { " - " };
    let line = format!("      {place}{gap}{}", page.style.text(&cost));
    page.line(&line);
    for sentence in &finding.evidence {
        page.paragraph(6, 6, sentence, Style::secondary);
    }
    if let Some(advice) = &finding.advice {
        page.paragraph(6, 8, &format!("→ {advice}"), page::as_is);
    }
    for (rule, safety) in &finding.rewrites {
        page.paragraph(6, 8, &format!("rewrite: {rule} ({})", words::safety(*safety)), Style::secondary);
    }
}

fn measured(page: &mut Page) {
    let facts = facts::of(page.report);
    if facts.is_empty() {
        return;
    }
    page.heading("", "Measured:");
    for fact in &facts {
        page.labelled(fact.label, &fact.text, if fact.is_warning { Style::warning } else { page::as_is });
    }
    page.blank();
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
    page.paragraph(2, 4, &format!("- {}{}", place.unwrap_or_default(), problem.message), page::as_is);
    if let Some(hint) = &problem.hint {
        page.paragraph(4, 4, hint, Style::secondary);
    }
}

#[cfg(test)]
mod tests;
