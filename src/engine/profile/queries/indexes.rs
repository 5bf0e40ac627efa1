//! Chooses the statements of which the planner is asked, and turns its answers into patterns.

use std::collections::{BTreeMap, BTreeSet};

use crate::agent::wire::{self, Operation, ProcessEvents};
use crate::model::{PlanAnswer, PlanQuestion, QueryPattern, QueryPatternKind, QueryProfile};

use super::fingerprint::{StatementKind, fingerprint};

/// Statements asked about per run: each costs a few timed executions on a copy.
const QUESTIONS_MAX: usize = 20;

/// An index saves at least a millisecond per execution or is not advised; cheaper statements need no question.
const MAX_SECONDS_MIN: f64 = 1e-3;

/// The reads worth a question, dearest first, with the database that answered them.
pub fn plan_questions(events: &[ProcessEvents], profile: &QueryProfile) -> Vec<PlanQuestion> {
    let mut wanted: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for (index, group) in profile.groups.iter().enumerate() {
        let is_dear = group.max_seconds >= MAX_SECONDS_MIN && !group.site.path.is_empty();
        if is_dear && matches!(group.driver.as_str(), "sqlite3" | "psycopg2" | "psycopg" | "asyncpg") {
            wanted.entry((&group.driver, &group.fingerprint)).or_insert(index as u32);
        }
    }
    let mut questions: BTreeMap<u32, PlanQuestion> = BTreeMap::new();
    for process in events {
        add_questions(&mut questions, &wanted, process);
    }
    questions.into_values().take(QUESTIONS_MAX).collect()
}

fn add_questions(
    questions: &mut BTreeMap<u32, PlanQuestion>,
    wanted: &BTreeMap<(&str, &str), u32>,
    process: &ProcessEvents,
) {
    let text = |number: u32| process.texts.get(&number).map_or("", String::as_str);
    let connects: BTreeMap<u32, &str> = process
        .queries
        .iter()
        .filter(|query| query.operation == Operation::Connect)
        .map(|query| (query.slot, text(query.text)))
        .collect();
    let mut known: BTreeSet<(u16, u32)> = BTreeSet::new();
    for query in process.queries.iter().filter(|query| query.operation == Operation::Execute && !query.is_failed) {
        if !known.insert((query.driver, query.text)) {
            continue;
        }
        let driver = wire::driver_name(query.driver);
        let statement = text(query.text);
        let fingerprint = fingerprint(driver, statement);
        if fingerprint.kind != StatementKind::Read {
            continue;
        }
        let Some(group) = wanted.get(&(driver, fingerprint.text.as_str())) else { continue };
        let is_sqlite = driver == "sqlite3";
        // A driver that does not tell which connection it was leaves no choice when there is only one database.
        let only = || {
            let of_kind = connects.values().filter(|name| name.starts_with("postgresql://") != is_sqlite);
            let all: BTreeSet<&str> = of_kind.copied().collect();
            if all.len() == 1 { all.into_iter().next() } else { None }
        };
        let Some(database) = connects.get(&query.connection).copied().or_else(only) else { continue };
        if is_sqlite && (database.is_empty() || database == ":memory:" || database.starts_with("file:")) {
            continue;
        }
        questions.entry(*group).or_insert_with(|| PlanQuestion {
            group: *group,
            driver: driver.to_owned(),
            database: database.to_owned(),
            statement: statement.to_owned(),
        });
    }
}

/// Adds the indexes that the planner would use to the profile's patterns.
pub fn add_index_advice(profile: &mut QueryProfile, answers: Vec<PlanAnswer>) {
    for answer in answers {
        let Some(group) = profile.groups.get(answer.group as usize) else { continue };
        let Some(advice) = answer.advice else { continue };
        let gain = advice.seconds.map_or(String::new(), |(before, after)| {
            let milliseconds = |seconds: f64| format!("{:.1} ms", seconds * 1e3);
            format!(", {} instead of {} on a copy", milliseconds(after), milliseconds(before))
        });
        profile.patterns.push(QueryPattern {
            kind: QueryPatternKind::MissingIndex,
            site: group.site.clone(),
            loop_location: None,
            function: group.site.symbol.clone(),
            seconds: group.seconds,
            n_queries: group.n_queries,
            evidence: format!("`{}` without an index that fits{gain}", advice.plan_before),
            group: answer.group,
            index: Some(advice),
        });
    }
    profile.patterns.sort_by(|left, right| right.seconds.total_cmp(&left.seconds));
}
