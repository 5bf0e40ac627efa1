//! Before against after as a user sees it: time, queries and peak memory of each test and request, and of the whole
//! workload.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::VerifyError;
use super::room::{Manner, Observed, Overlay, Room};
use crate::agent;
use crate::agent::wire::{self, Operation, ProcessEvents, Scope};
use crate::model::{ExitReason, Workload};

/// Fewer pairs allow no 99 % interval.
const PAIRS: usize = 8;
/// Queries are counted exactly; their runs are repeated only for the times of the requests.
const TRACED_PAIRS: usize = 8;
/// Kinds of the agent's scopes.
const REQUEST: u8 = 1;
const TEST: u8 = 2;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The workload.
    pub workload: &'a Workload,
    /// The only tests wanted, when it is a test suite.
    pub only: Option<&'a BTreeSet<String>>,
    /// The files as they were, and as they will be.
    pub before: &'a Overlay,
    /// The files as they will be.
    pub after: &'a Overlay,
    /// The project root: frames below it are the project's.
    pub root: &'a Path,
    /// A run that takes longer is ended.
    pub deadline: Duration,
    /// What may be spent; one pair is always measured.
    pub budget: Duration,
}

/// What was measured: pairs of (before, after).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Wall time of the whole workload.
    pub wall_seconds: Vec<(f64, f64)>,
    /// Largest resident memory of one process.
    pub peak_bytes: Vec<(f64, f64)>,
    /// Database queries of a whole run; `None` when they were not counted.
    pub n_queries: Option<(u64, u64)>,
    /// Each test, by name.
    pub tests: BTreeMap<String, Series>,
    /// Each kind of request, by method and path.
    pub requests: BTreeMap<String, Series>,
}

/// One test or request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// How long it took.
    pub seconds: Vec<(f64, f64)>,
    /// By how much resident memory grew in it at most.
    pub peak_bytes: Vec<(f64, f64)>,
    /// Most queries of one run of it.
    pub n_queries: Option<(u64, u64)>,
}

/// Measures pairs of runs, in the order ABBA; `None` when a run does not end as it should.
pub fn figures(room: &Room, measured: &Measured<'_>) -> Result<Option<Figures>, VerifyError> {
    let mut figures = Figures::default();
    let start = Instant::now();
    // A first traced pair counts the queries; what is left of the time goes to times.
    if !traced_pair(room, measured, 0, &mut figures)? {
        return Ok(None);
    }
    for number in 0..PAIRS {
        if is_over(start, number + 1, measured.budget) && number > 0 {
            break;
        }
        if !plain_pair(room, measured, number, &mut figures)? {
            return Ok(None);
        }
    }
    let n_plain = figures.wall_seconds.len();
    for number in 1..TRACED_PAIRS {
        let is_wanted = !figures.requests.is_empty();
        if !is_wanted || is_over(start, n_plain + number, measured.budget) {
            break;
        }
        if !traced_pair(room, measured, number, &mut figures)? {
            break;
        }
    }
    Ok(Some(figures))
}

/// True when another pair like the past ones would exceed the budget.
fn is_over(start: Instant, n_done: usize, budget: Duration) -> bool {
    let spent = start.elapsed().as_secs_f64();
    spent + spent / n_done.max(1) as f64 > budget.as_secs_f64()
}

/// Both sides, the order turned from pair to pair.
fn both<T>(
    measured: &Measured<'_>,
    number: usize,
    one: &dyn Fn(&Overlay) -> Result<T, VerifyError>,
) -> Result<(T, T), VerifyError> {
    if number.is_multiple_of(2) {
        let before = one(measured.before)?;
        return Ok((before, one(measured.after)?));
    }
    let after = one(measured.after)?;
    Ok((one(measured.before)?, after))
}

fn is_well(before: &Observed, after: &Observed) -> bool {
    before.run.exit == after.run.exit && matches!(before.run.exit, ExitReason::Exited(_))
}

fn plain_pair(room: &Room, measured: &Measured<'_>, number: usize, figures: &mut Figures) -> Result<bool, VerifyError> {
    let manner = Manner { only: measured.only, measures_memory: true, ..Manner::default() };
    let one = |overlay: &Overlay| room.observe(measured.workload, overlay, manner, measured.deadline);
    let (before, after) = both(measured, number, &one)?;
    if !is_well(&before, &after) {
        return Ok(false);
    }
    figures.wall_seconds.push((before.run.wall_seconds, after.run.wall_seconds));
    if let (Some(old), Some(new)) = (before.peak_bytes, after.peak_bytes) {
        figures.peak_bytes.push((old as f64, new as f64));
    }
    for (name, old) in &before.tests {
        let Some(new) = after.tests.get(name) else { continue };
        let series = figures.tests.entry(name.clone()).or_default();
        series.seconds.push((old.seconds, new.seconds));
        if let (Some(old), Some(new)) = (old.peak_bytes, new.peak_bytes) {
            series.peak_bytes.push((old as f64, new as f64));
        }
    }
    Ok(true)
}

/// What the agent saw in one run: its queries, and those of each test and request with their mean duration.
#[derive(Default)]
struct Traced {
    n_queries: u64,
    scopes: BTreeMap<(u8, String), (u64, Vec<f64>)>,
}

fn traced_pair(
    room: &Room,
    measured: &Measured<'_>,
    number: usize,
    figures: &mut Figures,
) -> Result<bool, VerifyError> {
    let (before, after) = both(measured, number, &|overlay| traced(room, measured, overlay))?;
    let (Some(before), Some(after)) = (before, after) else { return Ok(false) };
    figures.n_queries = Some((before.n_queries, after.n_queries));
    for (key, (old_queries, old_seconds)) in &before.scopes {
        let Some((new_queries, new_seconds)) = after.scopes.get(key) else { continue };
        let (kind, name) = key;
        let series = match *kind {
            TEST => figures.tests.entry(name.clone()).or_default(),
            _ => figures.requests.entry(name.clone()).or_default(),
        };
        series.n_queries = Some((*old_queries, *new_queries));
        if *kind == REQUEST {
            series.seconds.push((mean(old_seconds), mean(new_seconds)));
        }
    }
    Ok(true)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn traced(room: &Room, measured: &Measured<'_>, overlay: &Overlay) -> Result<Option<Traced>, VerifyError> {
    let directory = room.run_directory()?;
    let (agent_directory, events_directory) = (directory.join("agent"), directory.join("events"));
    fs::create_dir_all(&agent_directory)
        .and_then(|()| fs::create_dir_all(&events_directory))
        .and_then(|()| agent::install(&agent_directory))
        .map_err(VerifyError::of_room(&agent_directory))?;
    let more = |python_path: &OsString| {
        agent::environment(&agent::Settings {
            agent_directory: &agent_directory,
            events_directory: &events_directory,
            project_root: measured.root,
            excludes: &[],
            python_path: Some(python_path),
        })
    };
    let manner = Manner { only: measured.only, more: Some(&more), ..Manner::default() };
    let observed = room.observe(measured.workload, overlay, manner, measured.deadline)?;
    if !matches!(observed.run.exit, ExitReason::Exited(_)) {
        return Ok(None);
    }
    Ok(Some(seen(&events_directory)))
}

fn seen(events_directory: &Path) -> Traced {
    let mut traced = Traced::default();
    for process in wire::read_directory(events_directory).0 {
        let counts = counts(&process);
        traced.n_queries += process.queries.iter().filter(|query| is_statement(query.operation)).count() as u64;
        traced.n_queries += process.summaries.iter().map(|summary| summary.n_queries).sum::<u64>();
        for (number, scope) in &process.scopes {
            let (REQUEST | TEST, Some(end)) = (scope.kind, scope.end_ns) else { continue };
            let name = process.texts.get(&scope.name).cloned().unwrap_or_default();
            let entry = traced.scopes.entry((scope.kind, name)).or_default();
            entry.0 = entry.0.max(counts.get(number).copied().unwrap_or(0));
            entry.1.push(end.saturating_sub(scope.start_ns) as f64 * 1e-9);
        }
    }
    traced
}

fn is_statement(operation: Operation) -> bool {
    matches!(operation, Operation::Execute | Operation::ExecuteMany | Operation::Script)
}

/// Statements of each scope, those of the scopes within it included.
fn counts(process: &ProcessEvents) -> BTreeMap<u32, u64> {
    let mut counts = BTreeMap::new();
    for query in process.queries.iter().filter(|query| is_statement(query.operation)) {
        let mut at = query.scope;
        // A scope lies in one with a lower number; a file that says otherwise is broken and must not hold us up.
        while let Some(Scope { parent, .. }) = process.scopes.get(&at) {
            *counts.entry(at).or_insert(0) += 1;
            if *parent >= at {
                break;
            }
            at = *parent;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::wire::Query;

    fn query(scope: u32, operation: Operation) -> Query {
        Query {
            slot: 0,
            start_ns: 0,
            duration_ns: 1,
            n_rows: None,
            n_parameter_sets: 0,
            parameters: 0,
            activation: 0,
            line: 0,
            text: 0,
            scope,
            connection: 0,
            driver: 0,
            is_failed: false,
            is_autocommit: false,
            operation,
        }
    }

    #[test]
    fn queries_count_for_the_request_and_the_test_around_it_and_connects_for_none() {
        let scope = |kind, parent| Scope { kind, name: 0, parent, start_ns: 0, end_ns: Some(1) };
        let process = ProcessEvents {
            scopes: [(3, scope(TEST, 0)), (5, scope(REQUEST, 3))].into(),
            queries: vec![
                query(5, Operation::Execute),
                query(3, Operation::Execute),
                query(5, Operation::Connect),
                query(0, Operation::Execute),
            ],
            ..ProcessEvents::default()
        };
        assert_eq!(counts(&process), [(3, 2), (5, 1)].into());
    }
}
