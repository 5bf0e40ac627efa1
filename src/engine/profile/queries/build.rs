//! Groups the events by statement, site and loop.

use std::collections::{BTreeMap, BTreeSet};

use crate::agent::wire::{self, FrameIdentity, Operation, ProcessEvents, Query};
use crate::model::{Caller, Location, QueryGroup, QueryLoop, QueryProfile, ScopeKind, ScopeSummary};
use crate::syntax::Outline;

use super::fingerprint::{Fingerprint, StatementKind, fingerprint, url_fingerprint};
use super::loops::{Cause, Execution, Repetition, repetition};
use super::patterns;
use super::stacks::{CallStack, Codes, FrameAt, Sources, Stacks};

/// Callers kept per group: the lines a reader follows by hand.
const CALLERS_MAX: usize = 8;

/// Nanoseconds in a second.
const NS: f64 = 1e9;

/// The query profile of a run. `outline_of` gives the outline of a source file by its path relative to the project root.
pub fn build(events: &[ProcessEvents], outline_of: &dyn Fn(&str) -> Option<Outline>) -> QueryProfile {
    let sources = Sources::new(outline_of);
    let mut codes = Codes::default();
    let mut statements = Statements::default();
    let mut scopes = Scopes::default();
    let mut alike: BTreeMap<AlikeKey, Vec<Occurrence>> = BTreeMap::new();
    for (index, process) in events.iter().enumerate() {
        let stacks = Stacks::new(process, &sources, &mut codes);
        let identical = identical_queries(process, &mut statements);
        for query in process.queries.iter().filter(|query| !is_of_tooling(process, query.text)) {
            let stack = stacks.stack(query.activation, query.line);
            let statement = statements.number(process, query.driver, query.operation, query.text);
            let scope = scopes.count(process, index as u32, query);
            let key = AlikeKey { statement, frames: stack.frames.clone() };
            let is_identical = identical.contains(&query.slot);
            alike.entry(key).or_default().push(Occurrence {
                process: index as u32,
                query: *query,
                stack,
                scope,
                is_identical,
            });
        }
    }
    let mut groups: BTreeMap<GroupKey, Group> = BTreeMap::new();
    for (key, occurrences) in &alike {
        add_alike(&mut groups, key, occurrences, &statements, &codes, &sources);
    }
    let mut profile = QueryProfile { notes: notes(events), scopes: scopes.summaries, ..QueryProfile::default() };
    for (process, summary) in
        events.iter().flat_map(|process| process.summaries.iter().map(move |each| (process, each)))
    {
        add_summary(&mut groups, process, summary, &mut statements);
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by(|left, right| right.reported.seconds.total_cmp(&left.reported.seconds));
    order_scopes(&mut profile, &mut groups);
    total(&mut profile, &groups);
    profile.patterns = patterns::find(&groups);
    profile.groups = groups.into_iter().map(|group| group.reported).collect();
    profile
}

/// Django's debug cursor, which tests that count queries switch on, has SQLite quote the parameters of every statement
/// for its log. These are no queries of the program.
fn is_of_tooling(process: &ProcessEvents, text: u32) -> bool {
    process.texts.get(&text).is_some_and(|text| text.starts_with("SELECT QUOTE(?)"))
}

/// A group with what patterns are found by.
pub(super) struct Group {
    /// What is reported.
    pub reported: QueryGroup,
    /// The statement.
    pub fingerprint: Fingerprint,
    /// What was asked of the driver.
    pub operation: Operation,
    /// What repeats it.
    pub cause: Option<Cause>,
    /// Most rows that one execution fetched.
    pub n_rows_max: u64,
    /// Executions that were a transaction of their own.
    pub n_autocommits: u64,
    /// Time of the executions that repeated an earlier one.
    pub identical_seconds: f64,
    /// Executions that differ within one activation of the function that holds the loop.
    pub n_distinct_in_loop: u64,
}

/// Occurrences with the same statement and the same lines on the stack.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct AlikeKey {
    statement: u32,
    frames: Vec<FrameAt>,
}

struct Occurrence {
    process: u32,
    query: Query,
    stack: CallStack,
    scope: Option<u32>,
    is_identical: bool,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct GroupKey {
    statement: u32,
    site: Location,
    looping: Option<(Location, Cause)>,
}

/// Statements of all processes by driver, operation and fingerprint.
#[derive(Default)]
struct Statements {
    all: Vec<(u16, Operation, Fingerprint)>,
    by_text: BTreeMap<(u16, Operation, String), u32>,
    by_fingerprint: BTreeMap<(u16, Operation, String), u32>,
}

impl Statements {
    fn number(&mut self, process: &ProcessEvents, driver: u16, operation: Operation, text: u32) -> u32 {
        let text = process.texts.get(&text).map_or("", String::as_str);
        if let Some(known) = self.by_text.get(&(driver, operation, text.to_owned())) {
            return *known;
        }
        let fingerprint = match operation {
            Operation::Http => plain(url_fingerprint(text), StatementKind::Read),
            Operation::Connect => plain(format!("connect to {text}"), StatementKind::Other),
            _ => fingerprint(wire::driver_name(driver), text),
        };
        let next = self.all.len() as u32;
        let key = (driver, operation, fingerprint.text.clone());
        let number = *self.by_fingerprint.entry(key).or_insert_with(|| {
            self.all.push((driver, operation, fingerprint));
            next
        });
        self.by_text.insert((driver, operation, text.to_owned()), number);
        number
    }
}

fn plain(text: String, kind: StatementKind) -> Fingerprint {
    Fingerprint { text, kind, is_batch: false, has_limit: false }
}

/// Slots of the queries whose statement and parameters had been sent before in the same scope, with no write between.
fn identical_queries(process: &ProcessEvents, statements: &mut Statements) -> BTreeSet<u32> {
    let mut seen: BTreeMap<u32, BTreeSet<(u32, i64)>> = BTreeMap::new();
    let mut identical = BTreeSet::new();
    for query in &process.queries {
        let number = statements.number(process, query.driver, query.operation, query.text);
        let is_read = statements.all[number as usize].2.kind == StatementKind::Read;
        let seen = seen.entry(query.scope).or_default();
        match query.operation {
            Operation::Execute if is_read => {
                if query.parameters != 0 && !seen.insert((query.text, query.parameters)) {
                    identical.insert(query.slot);
                }
            }
            // The database, or what a transaction sees of it, may be another one now.
            _ => seen.clear(),
        }
    }
    identical
}

/// Scopes of all processes, by kind and name.
#[derive(Default)]
struct Scopes {
    summaries: Vec<ScopeSummary>,
    by_name: BTreeMap<(ScopeKind, String), u32>,
    /// Queries of each run: process, scope slot.
    runs: BTreeMap<(u32, u32), u64>,
}

impl Scopes {
    fn count(&mut self, process: &ProcessEvents, index: u32, query: &Query) -> Option<u32> {
        let scope = process.scopes.get(&query.scope)?;
        let kind = match scope.kind {
            1 => ScopeKind::Request,
            2 => ScopeKind::Test,
            3 => ScopeKind::Iteration,
            _ => ScopeKind::Task,
        };
        let name = process.texts.get(&scope.name).map_or("", String::as_str);
        let name = if kind == ScopeKind::Request { url_fingerprint(name) } else { name.to_owned() };
        let next = self.summaries.len() as u32;
        let number = *self.by_name.entry((kind, name.clone())).or_insert_with(|| {
            self.summaries.push(ScopeSummary {
                kind,
                name,
                n_runs: 0,
                n_queries: 0,
                n_queries_max: 0,
                query_seconds: 0.0,
                wall_seconds: 0.0,
            });
            next
        });
        let summary = &mut self.summaries[number as usize];
        let n_queries = self.runs.entry((index, query.scope)).or_insert_with(|| {
            summary.n_runs += 1;
            summary.wall_seconds += scope.end_ns.map_or(0.0, |end| end.saturating_sub(scope.start_ns) as f64 / NS);
            0
        });
        if is_statement(query.operation) {
            *n_queries += 1;
            summary.n_queries += 1;
            summary.n_queries_max = summary.n_queries_max.max(*n_queries);
        }
        summary.query_seconds += query.duration_ns as f64 / NS;
        Some(number)
    }
}

/// Commits and connects are events, not queries.
fn is_statement(operation: Operation) -> bool {
    !matches!(operation, Operation::Commit | Operation::Connect)
}

fn add_alike(
    groups: &mut BTreeMap<GroupKey, Group>,
    key: &AlikeKey,
    occurrences: &[Occurrence],
    statements: &Statements,
    codes: &Codes,
    sources: &Sources<'_>,
) {
    let executions: Vec<_> = occurrences
        .iter()
        .map(|each| Execution { process: each.process, scope: each.query.scope, stack: &each.stack })
        .collect();
    let location = |frame: &FrameAt| sources.location(&codes.codes[frame.code as usize], frame.line);
    let repetition = repetition(&executions, codes, sources);
    let site = key.frames.first().map(location).unwrap_or_default();
    let looping = repetition.map(|found| (loop_location(&found, codes, sources), found.cause));
    let entry = groups.entry(GroupKey { statement: key.statement, site: site.clone(), looping });
    let group = entry.or_insert_with(|| {
        let (driver, operation, fingerprint) = statements.all[key.statement as usize].clone();
        let callers = key.frames.iter().skip(1).take(CALLERS_MAX).map(|frame| Caller { location: location(frame) });
        let mut group = empty_group(wire::driver_name(driver), operation, fingerprint, site);
        group.reported.callers = callers.collect();
        group
    });
    for occurrence in occurrences {
        add_occurrence(group, occurrence);
    }
    if let Some(found) = repetition {
        group.n_distinct_in_loop += n_distinct(occurrences, found.depth);
        add_repetition(group, &found, occurrences.len() as u64, loop_location(&found, codes, sources));
    }
}

/// Statements with their parameters, each once per activation at `depth`; unknown parameters count as new ones.
fn n_distinct(occurrences: &[Occurrence], depth: usize) -> u64 {
    let distinct: BTreeSet<_> = occurrences
        .iter()
        .map(|each| {
            let query = &each.query;
            let slot = if query.parameters == 0 { query.slot } else { 0 };
            let holder = each.stack.activations.get(depth);
            (each.process, query.scope, holder, query.text, query.parameters, slot)
        })
        .collect();
    distinct.len() as u64
}

fn loop_location(found: &Repetition, codes: &Codes, sources: &Sources<'_>) -> Location {
    let mut location = sources.location(&codes.codes[found.frame.code as usize], found.frame.line);
    location.line = found.header_line;
    location
}

fn empty_group(driver: &str, operation: Operation, fingerprint: Fingerprint, site: Location) -> Group {
    Group {
        reported: QueryGroup {
            fingerprint: fingerprint.text.clone(),
            driver: driver.to_owned(),
            site,
            callers: vec![],
            repeated_by: None,
            n_queries: 0,
            n_identical: 0,
            seconds: 0.0,
            max_seconds: 0.0,
            n_rows: None,
            n_errors: 0,
            scopes: vec![],
        },
        fingerprint,
        operation,
        cause: None,
        n_rows_max: 0,
        n_autocommits: 0,
        identical_seconds: 0.0,
        n_distinct_in_loop: 0,
    }
}

fn add_occurrence(group: &mut Group, occurrence: &Occurrence) {
    let query = &occurrence.query;
    let seconds = query.duration_ns as f64 / NS;
    let public = &mut group.reported;
    public.n_queries += 1;
    public.seconds += seconds;
    public.max_seconds = public.max_seconds.max(seconds);
    public.n_errors += u64::from(query.is_failed);
    if let Some(n_rows) = query.n_rows.map(u64::from) {
        public.n_rows = Some(public.n_rows.unwrap_or_default() + n_rows);
        group.n_rows_max = group.n_rows_max.max(n_rows);
    }
    if let Some(scope) = occurrence.scope
        && let Err(at) = public.scopes.binary_search(&scope)
    {
        public.scopes.insert(at, scope);
    }
    group.n_autocommits += u64::from(query.is_autocommit);
    if occurrence.is_identical {
        public.n_identical += 1;
        group.identical_seconds += seconds;
    }
}

/// Joins the repetition of further stacks that lead to the same loop.
fn add_repetition(group: &mut Group, found: &Repetition, n_queries: u64, location: Location) {
    group.cause = Some(found.cause);
    match &mut group.reported.repeated_by {
        None => {
            group.reported.repeated_by = Some(QueryLoop {
                location,
                body_line: found.frame.line,
                per_call: n_queries as f64 / found.n_calls as f64,
                n_calls: found.n_calls,
                is_measured: found.is_measured,
            });
        }
        Some(known) => {
            let n_before = known.per_call * known.n_calls as f64;
            known.n_calls += found.n_calls;
            known.per_call = (n_before + n_queries as f64) / known.n_calls as f64;
            known.is_measured &= found.is_measured;
        }
    }
}

fn add_summary(
    groups: &mut BTreeMap<GroupKey, Group>,
    process: &ProcessEvents,
    summary: &wire::Summary,
    statements: &mut Statements,
) {
    let statement = statements.number(process, summary.driver, summary.operation, summary.text);
    let site = process.codes.get(&summary.code);
    let site = site.map(|code| Location::new(code.path.clone(), summary.line, code.name.clone())).unwrap_or_default();
    // The fullest group of the same statement and site is the one these would have joined.
    let known = groups
        .iter_mut()
        .filter(|(key, _)| key.statement == statement && key.site == site)
        .max_by_key(|(_, group)| group.reported.n_queries)
        .map(|(_, group)| group);
    let group = match known {
        Some(group) => group,
        None => groups.entry(GroupKey { statement, site: site.clone(), looping: None }).or_insert_with(|| {
            let (driver, operation, fingerprint) = statements.all[statement as usize].clone();
            empty_group(wire::driver_name(driver), operation, fingerprint, site)
        }),
    };
    let public = &mut group.reported;
    public.n_queries += summary.n_queries;
    public.seconds += summary.duration_ns as f64 / NS;
    public.max_seconds = public.max_seconds.max(summary.max_ns as f64 / NS);
    public.n_errors += u64::from(summary.n_errors);
}

/// Most queries first; groups refer to the new places.
fn order_scopes(profile: &mut QueryProfile, groups: &mut [Group]) {
    let mut order: Vec<usize> = (0..profile.scopes.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(profile.scopes[*index].n_queries));
    let mut places = vec![0_u32; order.len()];
    for (place, index) in order.iter().enumerate() {
        places[*index] = place as u32;
    }
    profile.scopes = order.iter().map(|index| profile.scopes[*index].clone()).collect();
    for group in groups {
        for scope in &mut group.reported.scopes {
            *scope = places[*scope as usize];
        }
        group.reported.scopes.sort_unstable();
    }
}

fn total(profile: &mut QueryProfile, groups: &[Group]) {
    let mut drivers = BTreeSet::new();
    for group in groups {
        if is_statement(group.operation) {
            profile.n_queries += group.reported.n_queries;
        }
        profile.seconds += group.reported.seconds;
        drivers.insert(group.reported.driver.clone());
    }
    profile.drivers = drivers.into_iter().collect();
}

/// What a reader must know about how the figures came about.
fn notes(events: &[ProcessEvents]) -> Vec<String> {
    let mut notes = BTreeSet::new();
    for process in events {
        let (major, minor, _) = process.python;
        match process.identity {
            FrameIdentity::Tokens => {}
            FrameIdentity::Lines => drop(notes.insert(format!(
                "Python {major}.{minor} does not let calls be told apart: loops are concluded from the source"
            ))),
            FrameIdentity::LinesUnknownPython => drop(notes.insert(format!(
                "Python {major}.{minor} is newer than this cmdx: loops are concluded from the source"
            ))),
            FrameIdentity::LinesFreeThreaded => drop(
                notes
                    .insert("this Python runs without its global lock: loops are concluded from the source".to_owned()),
            ),
        }
        let is_traced_elsewhere = process.identity == FrameIdentity::Tokens
            && process.activations.values().any(|activation| activation.is_context);
        if is_traced_elsewhere {
            notes.insert("a tracer (coverage, a debugger) ran: its loops are concluded from the source".to_owned());
        }
        let n_counted: u64 = process.summaries.iter().map(|summary| summary.n_queries).sum();
        if n_counted > 0 {
            notes.insert(format!(
                "the event file of process {} was full: its last {n_counted} queries are counted by line only",
                process.pid
            ));
        }
        notes.extend(process.notes.iter().cloned());
    }
    notes.into_iter().collect()
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
