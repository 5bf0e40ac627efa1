//! Queries: what is wrong with them and where they come from, every statement, and who issued how many.

use serde::Serialize;

use crate::model::{Caller, QueryGroup, QueryPattern, QueryProfile, Report, ScopeSummary};
use crate::report::places::Places;
use crate::report::words;
use crate::support::printable::one_line;
use crate::support::units;

/// A longer statement is cut in the page; the data block has it whole.
const STATEMENT_LENGTH_MAX: usize = 2_000;
/// Statements and scopes listed; the data block has them all.
const N_LISTED_MAX: usize = 500;

/// The section.
#[derive(Serialize)]
pub(super) struct Queries {
    why_nothing: Option<String>,
    summary: String,
    patterns: Vec<Pattern>,
    groups: Vec<Group>,
    n_groups_left_out: usize,
    scopes: Vec<Scope>,
    n_scopes_left_out: usize,
}

#[derive(Serialize)]
struct Pattern {
    name: &'static str,
    function: String,
    evidence: String,
    time: String,
    n_queries: String,
    site: String,
    loop_site: Option<String>,
    callers: Vec<String>,
    statement: String,
    index: Option<Index>,
}

#[derive(Serialize)]
struct Index {
    statement: String,
    before: String,
    after: String,
    gain: Option<String>,
}

#[derive(Serialize)]
struct Group {
    statement: String,
    n_queries: String,
    n_queries_value: u64,
    width: String,
    per_call: String,
    identical: String,
    time: String,
    seconds: f64,
    slowest: String,
    slowest_seconds: f64,
    rows: String,
    n_rows: u64,
    site: String,
    looped: String,
    n_errors: u64,
}

#[derive(Serialize)]
struct Scope {
    kind: &'static str,
    name: String,
    n_runs: String,
    n_runs_value: u64,
    most: String,
    n_most: u64,
    n_queries: String,
    n_queries_value: u64,
    time: String,
    seconds: f64,
    width: String,
}

impl Queries {
    pub(super) fn of(report: &Report, places: &Places) -> Self {
        let queries = report.profile.as_ref().and_then(|profile| profile.queries.as_ref());
        let Some(queries) = queries.filter(|queries| queries.n_queries > 0) else {
            return Self::none(why_nothing(report, queries));
        };
        let most = queries.groups.iter().map(|group| group.n_queries).max().unwrap_or(1);
        let most_scoped = queries.scopes.iter().map(|scope| scope.n_queries).max().unwrap_or(1);
        Self {
            why_nothing: None,
            summary: format!(
                "{} in {} over {}.",
                units::counted(queries.n_queries, "query", "queries"),
                units::duration(queries.seconds),
                queries.drivers.join(", ")
            ),
            patterns: queries.patterns.iter().map(|each| pattern(queries, each, places)).collect(),
            groups: queries.groups.iter().take(N_LISTED_MAX).map(|each| group(each, most, places)).collect(),
            n_groups_left_out: queries.groups.len().saturating_sub(N_LISTED_MAX),
            scopes: queries.scopes.iter().take(N_LISTED_MAX).map(|each| scope(each, most_scoped)).collect(),
            n_scopes_left_out: queries.scopes.len().saturating_sub(N_LISTED_MAX),
        }
    }

    fn none(why: String) -> Self {
        Self {
            why_nothing: Some(why),
            summary: String::new(),
            patterns: vec![],
            groups: vec![],
            n_groups_left_out: 0,
            scopes: vec![],
            n_scopes_left_out: 0,
        }
    }
}

/// Not traced, nothing to trace, and no query sent are three different things.
fn why_nothing(report: &Report, queries: Option<&QueryProfile>) -> String {
    match queries {
        None if report.profile.is_none() => "Nothing was run, so no query was seen.".to_string(),
        None => "Queries were not traced in this run, so how many there were is not known.".to_string(),
        Some(queries) if queries.drivers.is_empty() => {
            "No database seen: the program loaded no database driver that cmdx knows, so there was nothing to trace."
                .to_string()
        }
        Some(queries) => {
            format!("No query was sent: {} was traced for the whole run.", queries.drivers.join(", "))
        }
    }
}

fn statement(group: &QueryGroup) -> String {
    let mut text = one_line(&group.fingerprint);
    if let Some((end, _)) = text.char_indices().nth(STATEMENT_LENGTH_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn pattern(queries: &QueryProfile, pattern: &QueryPattern, places: &Places) -> Pattern {
    let group = queries.groups.get(pattern.group as usize);
    let caller = |caller: &Caller| {
        let name = words::symbol(&caller.location);
        format!("{name} {}", places.place(&caller.location)).trim().to_string()
    };
    Pattern {
        name: words::pattern(pattern.kind),
        function: pattern.function.clone(),
        evidence: pattern.evidence.clone(),
        time: units::duration(pattern.seconds),
        n_queries: units::counted(pattern.n_queries, "query", "queries"),
        site: places.place(&pattern.site),
        loop_site: pattern.loop_location.as_ref().map(|location| places.place(location)),
        callers: group.iter().flat_map(|group| &group.callers).map(caller).collect(),
        statement: group.map(statement).unwrap_or_default(),
        index: pattern.index.as_ref().map(|advice| Index {
            statement: advice.statement.clone(),
            before: advice.plan_before.clone(),
            after: advice.plan_after.clone(),
            gain: advice.seconds.map(|(before, after)| {
                format!("{} → {} on a copy of the database", units::duration(before), units::duration(after))
            }),
        }),
    }
}

fn group(group: &QueryGroup, most: u64, places: &Places) -> Group {
    Group {
        statement: statement(group),
        n_queries: units::count(group.n_queries),
        n_queries_value: group.n_queries,
        width: width(group.n_queries, most),
        per_call: group.repeated_by.as_ref().map_or_else(|| "–".to_string(), words::per_call),
        identical: if group.n_identical == 0 { "–".to_string() } else { units::count(group.n_identical) },
        time: units::duration(group.seconds),
        seconds: group.seconds,
        slowest: units::duration(group.max_seconds),
        slowest_seconds: group.max_seconds,
        rows: group.n_rows.map_or_else(|| "not told".to_string(), units::count),
        n_rows: group.n_rows.unwrap_or(0),
        site: places.place(&group.site),
        looped: group.repeated_by.as_ref().map(|found| places.looped(found)).unwrap_or_default(),
        n_errors: group.n_errors,
    }
}

fn scope(scope: &ScopeSummary, most: u64) -> Scope {
    Scope {
        kind: words::scope_kind(scope.kind),
        name: scope.name.clone(),
        n_runs: units::count(scope.n_runs),
        n_runs_value: scope.n_runs,
        most: units::count(scope.n_queries_max),
        n_most: scope.n_queries_max,
        n_queries: units::count(scope.n_queries),
        n_queries_value: scope.n_queries,
        time: units::duration(scope.query_seconds),
        seconds: scope.query_seconds,
        width: width(scope.n_queries, most),
    }
}

fn width(value: u64, most: u64) -> String {
    format!("{:.2}", 100.0 * value as f64 / most.max(1) as f64)
}
