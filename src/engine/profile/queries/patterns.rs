//! Names what is wrong with a group of queries. Each threshold stands here with its reason.

use crate::agent::wire::Operation;
use crate::model::{QueryLoop, QueryPattern, QueryPatternKind};

use super::build::Group;
use super::fingerprint::StatementKind;
use super::loops::Cause;

/// One row is no N+1, two may be a retry; three of three rows show the pattern even with little test data.
const PER_CALL_MIN: f64 = 3.0;

/// A repeated answer is worth a cache or a variable from this many repetitions on.
const IDENTICAL_MIN: u64 = 4;

/// Most of a group must be repetitions, or its parameters do vary and a batch is the better cure.
const IDENTICAL_SHARE_MIN: f64 = 0.5;

/// More rows than a page, a report or a batch job's chunk usually holds.
const UNBOUNDED_ROWS_MIN: u64 = 10_000;

/// A library's own batches and retries stay below this.
const PER_LIBRARY_CALL_MIN: f64 = 5.0;

/// The patterns of all groups, dearest first.
pub(super) fn find(groups: &[Group]) -> Vec<QueryPattern> {
    let mut patterns: Vec<_> =
        groups.iter().enumerate().flat_map(|(index, group)| patterns_of(group, index as u32)).collect();
    patterns.sort_by(|left, right| right.seconds.total_cmp(&left.seconds));
    patterns
}

fn patterns_of(group: &Group, index: u32) -> Vec<QueryPattern> {
    if group.reported.site.path.is_empty() {
        return vec![];
    }
    let mut found = vec![];
    found.extend(duplicate(group, index).or_else(|| repeated(group, index)));
    found.extend(unbounded(group, index));
    found
}

fn duplicate(group: &Group, index: u32) -> Option<QueryPattern> {
    let public = &group.reported;
    let share = public.n_identical as f64 / public.n_queries as f64;
    if public.n_identical < IDENTICAL_MIN || share < IDENTICAL_SHARE_MIN {
        return None;
    }
    // A function that asks for many rows one by one is an N+1 also when it is called twice for the same rows.
    let n_calls = public.repeated_by.as_ref().map_or(0, |found| found.n_calls);
    if n_calls > 0 && group.n_distinct_in_loop as f64 / n_calls as f64 >= PER_CALL_MIN {
        return None;
    }
    let evidence = format!(
        "{} of {} queries had been sent before with the same parameters{}",
        public.n_identical,
        public.n_queries,
        group.reported.repeated_by.as_ref().map(|found| format!(", {}", place(group, found))).unwrap_or_default()
    );
    let mut pattern = pattern(group, index, QueryPatternKind::Duplicate, evidence);
    pattern.n_queries = public.n_identical;
    pattern.seconds = group.identical_seconds;
    Some(pattern)
}

fn repeated(group: &Group, index: u32) -> Option<QueryPattern> {
    let found = group.reported.repeated_by.as_ref()?;
    let is_library = group.cause == Some(Cause::Library);
    let minimum = if is_library { PER_LIBRARY_CALL_MIN } else { PER_CALL_MIN };
    if found.per_call < minimum {
        return None;
    }
    let is_autocommitted = group.n_autocommits * 2 > group.reported.n_queries;
    let (kind, noun) = match (group.operation, group.fingerprint.kind) {
        (Operation::Commit, _) | (_, StatementKind::Commit) => (QueryPatternKind::CommitPerRow, "commits"),
        (Operation::Connect, _) => (QueryPatternKind::ConnectionPerCall, "connections"),
        (Operation::Http, _) => (QueryPatternKind::HttpPerItem, "HTTP calls"),
        (Operation::Execute, StatementKind::Read | StatementKind::Write) if group.fingerprint.is_batch => return None,
        (Operation::Execute, StatementKind::Write) if is_autocommitted => {
            (QueryPatternKind::CommitPerRow, "writes with a commit each")
        }
        (Operation::Execute, StatementKind::Read | StatementKind::Write) if is_library => {
            (QueryPatternKind::RepeatedByLibrary, "queries")
        }
        (Operation::Execute, StatementKind::Read) => (QueryPatternKind::NPlusOne, "queries"),
        _ => return None,
    };
    let evidence = if found.is_measured {
        format!("{} {noun} per call, {}", per_call(found.per_call), place(group, found))
    } else {
        format!("{} {noun}, {} (calls could not be told apart)", group.reported.n_queries, place(group, found))
    };
    Some(pattern(group, index, kind, evidence))
}

fn unbounded(group: &Group, index: u32) -> Option<QueryPattern> {
    let is_read = group.operation == Operation::Execute && group.fingerprint.kind == StatementKind::Read;
    if !is_read || group.fingerprint.has_limit || group.n_rows_max < UNBOUNDED_ROWS_MIN {
        return None;
    }
    let evidence = format!("{} rows fetched by one query without a limit", group.n_rows_max);
    Some(pattern(group, index, QueryPatternKind::UnboundedRead, evidence))
}

fn pattern(group: &Group, index: u32, kind: QueryPatternKind, evidence: String) -> QueryPattern {
    let public = &group.reported;
    let looping = public.repeated_by.as_ref().filter(|_| kind != QueryPatternKind::UnboundedRead);
    QueryPattern {
        kind,
        site: public.site.clone(),
        loop_location: looping.map(|found| found.location.clone()),
        function: looping.map_or(&public.site.symbol, |found| &found.location.symbol).clone(),
        seconds: public.seconds,
        n_queries: public.n_queries,
        evidence,
        group: index,
        index: None,
    }
}

/// `1000`, and one decimal where the calls differ.
fn per_call(mean: f64) -> String {
    if (mean - mean.round()).abs() < 0.05 { format!("{mean:.0}") } else { format!("{mean:.1}") }
}

/// `from the loop at line 47`; the file is named when it is another one than the query's.
fn place(group: &Group, found: &QueryLoop) -> String {
    let line = if found.location.path == group.reported.site.path {
        format!("line {}", found.location.line)
    } else {
        found.location.to_string()
    };
    match group.cause {
        Some(Cause::Library) => format!("repeated inside the library call at {line}"),
        Some(Cause::Callback) => format!("from the calls made at {line}"),
        _ => format!("from the loop at {line}"),
    }
}
