//! What `--detailed` adds: more about each function, and tables of lines, queries, scopes and processes.

use super::page::Page;
use super::table::{Side, Table};
use crate::model::{ByteEstimate, CpuProfile, FunctionCost, IndexAdvice, MemoryProfile, QueryProfile};
use crate::report::memory::{is_known, margin};
use crate::report::{Style, bottlenecks, words};
use crate::support::printable::one_line;
use crate::support::units;

/// Libraries and callers named under a function; the document has all of them.
const N_NAMED_MAX: usize = 5;
/// What stands in a cell for what the driver or platform does not tell.
const UNKNOWN: &str = "?";

/// What stands in a cell where there is nothing to tell.
const NONE: &str = "-";

/// The lines under a bottleneck.
pub(super) fn function(page: &mut Page, function: &FunctionCost) {
    let mut facts = vec![format!("{} with all it calls", page.duration(function.total_wall_seconds))];
    if bottlenecks::is_cpu_measured(page.report) {
        facts.push(format!("{} CPU", page.duration(function.cpu_seconds)));
    }
    facts.push(units::counted(function.n_samples, "sample", "samples"));
    if function.dearest_line > 0 && function.dearest_line != function.location.line {
        facts.push(format!("dearest line {}", function.dearest_line));
    }
    page.paragraph(7, 7, &facts.join(" · "), Style::secondary);
    if !function.libraries.is_empty() {
        let named = function.libraries.iter().take(N_NAMED_MAX);
        let named: Vec<_> = named.map(|(name, seconds)| format!("{name} {}", page.duration(*seconds))).collect();
        page.paragraph(7, 7, &format!("inside {}", named.join(", ")), Style::secondary);
    }
    if !function.callers.is_empty() {
        let named = function.callers.iter().take(N_NAMED_MAX);
        let named: Vec<_> = named
            .map(|(caller, seconds)| format!("{} {}", page.place_and_symbol(caller), page.duration(*seconds)))
            .collect();
        page.paragraph(7, 7, &format!("called by {}", named.join(", ")), Style::secondary);
    }
}

/// The tables, each only when it has rows.
pub(super) fn tables(page: &mut Page) {
    let Some(profile) = &page.report.profile else { return };
    lines(page, &profile.cpu);
    if let Some(queries) = &profile.queries {
        query_groups(page, queries);
        indexes(page, queries);
        scopes(page, queries);
    }
    if let Some(memory) = &profile.memory {
        allocations(page, memory);
    }
    processes(page, &profile.cpu);
}

fn section(page: &mut Page, heading: &str, table: &Table) {
    if table.is_empty() {
        return;
    }
    page.heading("", heading);
    table.write(page);
    page.blank();
}

fn lines(page: &mut Page, cpu: &CpuProfile) {
    let columns = [
        ("wall", Side::Right),
        ("CPU", Side::Right),
        ("share", Side::Right),
        ("samples", Side::Right),
        ("line", Side::Left),
    ];
    let mut table = Table::new(&columns);
    for line in &cpu.lines {
        let share = format!("{} {}", words::part(line.share.value), words::margin(&line.share));
        table.row(vec![
            page.duration(line.wall_seconds),
            if bottlenecks::is_cpu_measured(page.report) {
                page.duration(line.cpu_seconds)
            } else {
                UNKNOWN.to_string()
            },
            page.style.text(&share).into_owned(),
            units::count(line.n_samples),
            page.place_and_symbol(&line.location),
        ]);
    }
    section(page, "Lines:", &table);
}

fn allocations(page: &mut Page, memory: &MemoryProfile) {
    let columns = [
        ("at peak", Side::Right),
        ("in all", Side::Right),
        ("at end", Side::Right),
        ("allocations", Side::Right),
        ("short-lived", Side::Right),
        ("line", Side::Left),
    ];
    let mut table = Table::new(&columns);
    for cost in memory.lines.iter().filter(|cost| is_known(cost)) {
        let column = |estimate: &ByteEstimate| {
            let margin = margin(estimate).map(|margin| format!(" {margin}")).unwrap_or_default();
            page.style.text(&format!("{}{margin}", units::bytes(estimate.bytes))).into_owned()
        };
        table.row(vec![
            column(&cost.peak),
            column(&cost.total),
            column(&cost.live),
            units::count(cost.n_allocations),
            words::part(cost.churn),
            page.place_and_symbol(&cost.location),
        ]);
    }
    section(page, "Allocations:", &table);
}

fn query_groups(page: &mut Page, queries: &QueryProfile) {
    let columns = [
        ("queries", Side::Right),
        ("per call", Side::Right),
        ("time", Side::Right),
        ("rows", Side::Right),
        ("site", Side::Left),
        ("loop", Side::Left),
        ("statement", Side::Left),
    ];
    let mut table = Table::new(&columns);
    for group in &queries.groups {
        let looped = group.repeated_by.as_ref();
        table.row(vec![
            units::count(group.n_queries),
            looped.map_or_else(|| NONE.to_string(), words::per_call),
            page.duration(group.seconds),
            group.n_rows.map_or_else(|| UNKNOWN.to_string(), units::count),
            page.places.place(&group.site),
            looped.map_or_else(|| NONE.to_string(), |found| page.places.looped(found)),
            one_line(&group.fingerprint),
        ]);
    }
    section(page, "Queries:", &table);
}

fn indexes(page: &mut Page, queries: &QueryProfile) {
    let advice: Vec<_> = queries.patterns.iter().filter_map(|pattern| pattern.index.as_ref()).collect();
    if advice.is_empty() {
        return;
    }
    page.heading("", "Indexes:");
    for index in advice {
        index_lines(page, index);
    }
    page.blank();
}

fn index_lines(page: &mut Page, index: &IndexAdvice) {
    page.paragraph(2, 4, &one_line(&index.statement), Style::command);
    page.paragraph(
        4,
        4,
        &format!("plan: {} → {}", one_line(&index.plan_before), one_line(&index.plan_after)),
        Style::secondary,
    );
    let effect = match index.seconds {
        Some((before, after)) => {
            format!("on a copy: {} → {} per execution", units::duration(before), units::duration(after))
        }
        None => "its effect was not measured".to_string(),
    };
    page.paragraph(4, 4, &effect, Style::secondary);
}

fn scopes(page: &mut Page, queries: &QueryProfile) {
    let columns = [
        ("runs", Side::Right),
        ("queries", Side::Right),
        ("most in one", Side::Right),
        ("query time", Side::Right),
        ("time", Side::Right),
        ("kind", Side::Left),
        ("name", Side::Left),
    ];
    let mut table = Table::new(&columns);
    for scope in &queries.scopes {
        table.row(vec![
            units::count(scope.n_runs),
            units::count(scope.n_queries),
            units::count(scope.n_queries_max),
            page.duration(scope.query_seconds),
            page.duration(scope.wall_seconds),
            words::scope_kind(scope.kind).to_string(),
            scope.name.clone(),
        ]);
    }
    section(page, "Requests, tests and tasks:", &table);
}

fn processes(page: &mut Page, cpu: &CpuProfile) {
    let columns = [
        ("pid", Side::Right),
        ("Python", Side::Left),
        ("samples", Side::Right),
        ("peak memory", Side::Right),
        ("command", Side::Left),
    ];
    let mut table = Table::new(&columns);
    for process in &cpu.processes {
        let peak = process.peak_rss_bytes;
        table.row(vec![
            process.pid.to_string(),
            process.python_version.clone().unwrap_or_else(|| UNKNOWN.to_string()),
            units::count(process.n_samples),
            if peak > 0 { units::bytes(peak) } else { UNKNOWN.to_string() },
            process.command.clone(),
        ]);
    }
    section(page, "Processes:", &table);
}
