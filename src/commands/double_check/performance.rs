//! `--validate performance`: the newest figures of the code as it is, against the gates.

use std::collections::BTreeMap;

use super::args::{Plan, today};
use crate::commands::run_all_tests::{measure_again, revision_of};
use crate::commands::{Context, Failure, FailureKind, Outcome};
use crate::engine::bench::gates::{GateError, Gates, Policy};
use crate::engine::bench::history;
use crate::model::{Benchmark, GateReport, GateStatus, GateVerdict, RunRecord};
use crate::project::Project;

/// Judges, and measures once more what fails. Returns the policies for what has no clear answer; `None` when there is
/// no gate and everything was asked for.
pub(super) fn check(
    plan: &Plan,
    project: &Project,
    context: &Context,
    report: &mut GateReport,
) -> anyhow::Result<Option<Gates>> {
    let gates = gates(plan, project)?;
    if gates.is_empty() {
        if plan.is_all {
            report.problems.push("there are no gates: performance was not validated".to_owned());
            return Ok(None);
        }
        let hint = "write [gates] into cmdx.toml (`cmdx ci-setup --performance-gates`), or give --max-response-time, \
                    --max-memory or --max-queries";
        return Err(usage("nothing to validate: there are no gates".to_owned(), Some(hint.to_owned())).into());
    }
    let revision = revision_of(project);
    let (run, stale) = newest(project, &revision.tree_hash, context);
    report.run.clone_from(&run.id);
    let mut verdicts = gates.judge(&run, &today());
    if let Some(stale) = stale {
        for verdict in verdicts.iter_mut().filter(|verdict| verdict.status == GateStatus::Missing) {
            verdict.status = GateStatus::Stale;
            verdict.message = format!(
                "the results of {stale} are of other code than this ({}): run `cmdx run-all-tests --benchmark --report`",
                revision.tree_hash
            );
        }
    }
    let is_doubtful = |verdict: &GateVerdict| {
        let is_noisy = gates.limits.iter().any(|limit| limit.kind.name() == verdict.gate && limit.kind.is_noisy());
        verdict.status == GateStatus::Fail
            && (is_noisy || !verdict.benchmark.is_empty() && verdict.gate.ends_with("time"))
    };
    if gates.confirms && plan.confirms && verdicts.iter().any(is_doubtful) {
        confirm(plan, project, context, &gates, &mut verdicts, report);
    }
    report.verdicts.extend(verdicts);
    Ok(Some(gates))
}

/// `[gates]` of the project; empty when there is none.
pub(in crate::commands) fn configured(project: &Project) -> Result<Gates, Failure> {
    let refused = |error: GateError| {
        let hint = error.hint.clone();
        usage(error.to_string(), hint)
    };
    match project.config.tables.get("gates") {
        Some(table) => Gates::read(table).map_err(refused),
        None => Ok(Gates::default()),
    }
}

/// What the answers come to: a real "no" outranks what could not be measured.
pub(in crate::commands) fn outcome(verdicts: &[GateVerdict], gates: &Gates) -> Outcome {
    let has = |status: GateStatus| verdicts.iter().any(|verdict| verdict.status == status);
    if has(GateStatus::Fail) {
        return Outcome::No;
    }
    let is_missing = has(GateStatus::Missing) || has(GateStatus::Stale);
    let is_unmeasured = (is_missing && gates.on_missing == Policy::Fail)
        || (has(GateStatus::Inconclusive) && gates.on_inconclusive == Policy::Fail);
    if is_unmeasured { Outcome::NotMeasured } else { Outcome::Done }
}

fn gates(plan: &Plan, project: &Project) -> Result<Gates, Failure> {
    let mut gates = configured(project)?;
    for limit in &plan.limits {
        gates.set(*limit);
    }
    if plan.is_strict {
        (gates.on_missing, gates.on_inconclusive) = (Policy::Fail, Policy::Fail);
    }
    Ok(gates)
}

fn usage(message: String, hint: Option<String>) -> Failure {
    Failure { kind: FailureKind::Usage, message, hint }
}

/// The figures of the code as it is, of all its runs, the newest first; and the name of the newest run of other code.
fn newest(project: &Project, tree_hash: &str, context: &Context) -> (RunRecord, Option<String>) {
    let state = project.root.join(".cmdx");
    let mut history = history::read(&state);
    for problem in &history.problems {
        context.ui.warning(&problem.message);
    }
    history.runs.extend(history::read_file(&state.join("result.json")).ok());
    history.runs.retain(|run| !run.benchmarks.is_empty());
    history.runs.sort_by(|left, right| left.started.cmp(&right.started));
    let mut joined = RunRecord::default();
    let mut benchmarks: BTreeMap<_, Benchmark> = BTreeMap::new();
    for run in history.runs.iter().filter(|run| run.revision.tree_hash == tree_hash) {
        for benchmark in &run.benchmarks {
            let known = benchmarks.entry((benchmark.kind, benchmark.name.clone())).or_default();
            let old = std::mem::replace(known, benchmark.clone());
            // A later run may have measured less: what it left out still holds for the same code.
            let is_left_out =
                |series: &crate::model::Series| known.series.iter().all(|new| new.metric != series.metric);
            let kept: Vec<_> = old.series.into_iter().filter(is_left_out).collect();
            known.series.extend(kept);
        }
        joined = run.clone();
    }
    joined.benchmarks = benchmarks.into_values().collect();
    let older = if joined.benchmarks.is_empty() { history.runs.last().map(|run| run.id.clone()) } else { None };
    (joined, older)
}

/// A gate fails when a second measurement agrees.
fn confirm(
    plan: &Plan,
    project: &Project,
    context: &Context,
    gates: &Gates,
    verdicts: &mut [GateVerdict],
    report: &mut GateReport,
) {
    let again = match measure_again(project, context, plan.base.clone(), plan.python.clone()) {
        Ok(Some(again)) => again,
        Ok(None) => return,
        Err(error) => {
            report.problems.push(format!("what fails could not be measured once more: {error:#}"));
            return;
        }
    };
    let second = gates.judge(&again, &today());
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.status == GateStatus::Fail) {
        let same = |other: &&GateVerdict| (&other.gate, &other.benchmark) == (&verdict.gate, &verdict.benchmark);
        match second.iter().find(same) {
            Some(other) if other.status == GateStatus::Fail => {
                verdict.message = format!("{}; a second run agrees: {}", verdict.message, other.message);
            }
            Some(other) => {
                verdict.status = GateStatus::Inconclusive;
                verdict.message = format!("{}; a second run does not agree: {}", verdict.message, other.message);
            }
            None => {}
        }
    }
}
