//! Findings: query patterns and rule matches with what they cost.

use super::libraries;
use super::reach::Reach;
use crate::model::{
    Category, Finding, FindingKind, Location, Match, Profile, QueryPattern, QueryPatternKind, QueryProfile, Safety,
};

/// Rules that mend a pattern of queries; their matches are named under the pattern instead of beside it.
const QUERY_RULES: &[(QueryPatternKind, &[&str])] = &[
    (QueryPatternKind::NPlusOne, &["n-plus-one", "query-per-row", "lazy-relation", "get-in-loop", "query-in-loop"]),
    (QueryPatternKind::Duplicate, &["invariant-call"]),
    (QueryPatternKind::CommitPerRow, &["commit-in-loop", "execute-in-loop"]),
    (QueryPatternKind::RepeatedByLibrary, &["commit-in-loop", "save-in-loop", "lazy-relation"]),
    (
        QueryPatternKind::UnboundedRead,
        &["orm-linear-search", "orm-filter-in-loop", "orm-len-all", "fetchall", "large-fields"],
    ),
    (QueryPatternKind::HttpPerItem, &["await-in-loop", "blocking-call-in-async"]),
];

/// Longer lists of columns are left out of the evidence.
const COLUMNS_MAX: usize = 60;
/// Longer statements are cut in the evidence.
const STATEMENT_MAX: usize = 160;

/// Returns the findings in `categories`, dearest first; what was not measured comes last, in the order of the source.
pub fn join(profile: Option<&Profile>, matches: &[Match], categories: &[Category]) -> Vec<Finding> {
    let reach = profile.map(|profile| Reach::new(&profile.cpu));
    let mut is_taken = vec![false; matches.len()];
    let mut findings = vec![];
    if let Some(queries) = profile.and_then(|profile| profile.queries.as_ref()) {
        for pattern in &queries.patterns {
            let rewrites = rewrites_for(pattern, body_of(pattern, queries).as_ref(), matches, &mut is_taken);
            findings.push(of_pattern(pattern, queries, rewrites, reach.as_ref()));
        }
    }
    if let (Some(profile), Some(reach)) = (profile, &reach) {
        findings.extend(libraries::findings(&profile.cpu, reach, matches, &mut is_taken));
    }
    for (each, is_taken) in matches.iter().zip(is_taken) {
        if !is_taken {
            findings.push(of_match(each, reach.as_ref()));
        }
    }
    findings.retain(|finding| categories.contains(&finding.category));
    findings.sort_by(|left, right| {
        let seconds = |finding: &Finding| finding.seconds.unwrap_or(-1.0);
        seconds(right).total_cmp(&seconds(left)).then_with(|| left.location.cmp(&right.location))
    });
    findings
}

/// The line inside the loop from which the queries come, through however many functions.
fn body_of(pattern: &QueryPattern, queries: &QueryProfile) -> Option<Location> {
    let group = queries.groups.get(pattern.group as usize)?;
    let repeated_by = group.repeated_by.as_ref()?;
    Some(Location { line: repeated_by.body_line, ..repeated_by.location.clone() })
}

fn rewrites_for(
    pattern: &QueryPattern,
    body: Option<&Location>,
    matches: &[Match],
    is_taken: &mut [bool],
) -> Vec<(String, Safety)> {
    let rules = QUERY_RULES.iter().find(|(kind, _)| *kind == pattern.kind).map_or(&[][..], |(_, rules)| rules);
    let places = [Some(&pattern.site), pattern.loop_location.as_ref(), body];
    let mut rewrites = vec![];
    for (each, is_taken) in matches.iter().zip(is_taken) {
        let holds = |place: &Location| {
            place.path == each.location.path && (each.location.line..=each.end_line).contains(&place.line)
        };
        if rules.contains(&each.rule.as_str()) && places.iter().flatten().any(|place| holds(place)) {
            *is_taken = true;
            if !each.edits.is_empty() {
                rewrites.push((each.rule.clone(), each.safety));
            }
        }
    }
    rewrites
}

fn of_pattern(
    pattern: &QueryPattern,
    queries: &QueryProfile,
    rewrites: Vec<(String, Safety)>,
    reach: Option<&Reach<'_>>,
) -> Finding {
    let function = called(&pattern.function);
    let (title, advice) = wording(pattern.kind, &function);
    let mut evidence = vec![pattern.evidence.clone()];
    if let Some(group) = queries.groups.get(pattern.group as usize) {
        evidence.push(format!("{} at line {}", brief(&group.fingerprint), pattern.site.line));
    }
    let advice = match &pattern.index {
        Some(index) => {
            evidence.push(format!("the plan changes from `{}` to `{}`", index.plan_before, index.plan_after));
            Some(index.statement.clone())
        }
        None => Some(advice.to_owned()),
    };
    // A query costs more than its time in the driver: building it, and making objects of its rows. The samples at
    // its line know; the driver's own time is the floor.
    let place = pattern.loop_location.as_ref().unwrap_or(&pattern.site);
    let cost = |place: &Location| reach.map_or(0.0, |reach| reach.cost(&place.path, place.line, place.line).0);
    let in_loop = body_of(pattern, queries).filter(|_| pattern.kind == QueryPatternKind::NPlusOne);
    let sampled = cost(&pattern.site).max(in_loop.as_ref().map_or(0.0, cost));
    let seconds = sampled.max(pattern.seconds);
    Finding {
        kind: FindingKind::Query(pattern.kind),
        category: category_of(pattern.kind),
        title,
        location: place.clone(),
        seconds: Some(seconds),
        share: reach.map(|reach| reach.share(seconds)),
        evidence,
        advice,
        rewrites,
    }
}

/// The statement without its list of columns, which says little and is long; the profile has it whole.
fn brief(fingerprint: &str) -> String {
    let whole = match fingerprint.split_once(" FROM ") {
        Some((columns, rest)) if columns.starts_with("SELECT ") && columns.len() > COLUMNS_MAX => {
            format!("SELECT … FROM {rest}")
        }
        _ => fingerprint.to_owned(),
    };
    if whole.chars().count() <= STATEMENT_MAX {
        return whole;
    }
    whole.chars().take(STATEMENT_MAX).chain(['…']).collect()
}

fn wording(kind: QueryPatternKind, function: &str) -> (String, &'static str) {
    match kind {
        QueryPatternKind::NPlusOne => (
            format!("N+1 query problem in {function}"),
            "load the related rows together with their parents: eager loading, or one query with IN",
        ),
        QueryPatternKind::Duplicate => (
            format!("Duplicate queries in {function}"),
            "ask once and keep the answer: move the query out of the loop, or cache it for the request",
        ),
        QueryPatternKind::MissingIndex => (format!("Missing index for the query in {function}"), "create an index"),
        QueryPatternKind::UnboundedRead => (
            format!("Unbounded read in {function}"),
            "let the database select: filter or limit in the query, or read in chunks",
        ),
        QueryPatternKind::CommitPerRow => {
            (format!("A commit per row in {function}"), "commit once, after the loop, where all or nothing is right")
        }
        QueryPatternKind::ConnectionPerCall => (
            format!("A database connection per call in {function}"),
            "open the connection once and pass it on, or pool",
        ),
        QueryPatternKind::RepeatedByLibrary => (
            format!("One statement per row from a library call in {function}"),
            "use the bulk form: insert many, `bulk_create`, `executemany`",
        ),
        QueryPatternKind::HttpPerItem => (
            format!("An HTTP call per item in {function}"),
            "keep one session, send in parallel, or ask for many at once",
        ),
    }
}

fn category_of(kind: QueryPatternKind) -> Category {
    match kind {
        QueryPatternKind::NPlusOne
        | QueryPatternKind::Duplicate
        | QueryPatternKind::MissingIndex
        | QueryPatternKind::RepeatedByLibrary => Category::Algorithm,
        QueryPatternKind::CommitPerRow | QueryPatternKind::ConnectionPerCall | QueryPatternKind::HttpPerItem => {
            Category::Io
        }
        QueryPatternKind::UnboundedRead => Category::Memory,
    }
}

fn of_match(each: &Match, reach: Option<&Reach<'_>>) -> Finding {
    let cost = reach.map(|reach| reach.cost(&each.location.path, each.location.line, each.end_line));
    let measured = cost.filter(|(seconds, _)| *seconds > 0.0);
    let place = match each.location.symbol.as_str() {
        "" | "<module>" => String::new(),
        symbol => format!(" in {}", called(symbol)),
    };
    let rewrites = if each.edits.is_empty() { vec![] } else { vec![(each.rule.clone(), each.safety)] };
    Finding {
        kind: FindingKind::Rule(each.rule.clone()),
        category: each.category,
        title: format!("{}{place}", each.message),
        location: each.location.clone(),
        seconds: measured.map(|(seconds, _)| seconds),
        share: measured.map(|(_, share)| share),
        evidence: vec![],
        advice: None,
        rewrites,
    }
}

/// `load()` for a function, `module level` for none.
fn called(symbol: &str) -> String {
    if symbol.is_empty() || symbol == "<module>" { "module level code".to_owned() } else { format!("{symbol}()") }
}
