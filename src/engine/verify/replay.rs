//! Makes recorded calls again, to the old code and to the new, and compares what came of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::VerifyError;
use super::room::{Grabs, Overlay, RecordedCalls, Room, Setting};
use crate::harness;
use crate::model::{ExitReason, Workload, WorkloadKind};
use crate::support::atomic_file;

/// A function by its file and name.
pub(super) type FunctionKey = (PathBuf, String);

/// What came of the calls of one function.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Answer {
    pub path: PathBuf,
    pub function: String,
    /// Why it could not be called.
    pub why: Option<String>,
    pub outcomes: Vec<CallOutcome>,
    /// CPU time of one round of all calls, when it was asked for.
    pub seconds: Option<f64>,
}

/// What came of one call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct CallOutcome {
    /// Why it was stopped.
    refused: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    result: String,
    #[serde(default)]
    arguments: String,
    #[serde(default)]
    output: String,
    /// Digest of the rows in the databases it opened.
    #[serde(default)]
    rows: String,
    #[serde(default)]
    shown: String,
    /// The error that ended an iteration.
    #[serde(default)]
    ended_by: Option<String>,
    /// `returned`, `raised KeyError`.
    #[serde(default)]
    ending: String,
    /// False when the call ended otherwise in the program it was recorded in.
    #[serde(default = "yes")]
    is_as_recorded: bool,
}

fn yes() -> bool {
    true
}

impl CallOutcome {
    /// True when two calls came to the same; how they are shown to people may hold an address.
    fn is_like(&self, other: &Self) -> bool {
        let told = |outcome: &Self| Self { shown: String::new(), ..outcome.clone() };
        told(self) == told(other)
    }
}

/// What the replay says of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Replayed {
    Same { n_calls: usize },
    Differs { first: String },
    NotChecked { why: String },
}

/// The surroundings of the program whose calls are made again.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    pub room: &'a Room,
    pub python: &'a Path,
    pub workload: &'a Workload,
    pub deadline: Duration,
}

/// Makes the calls with `overlay` in place, in a process of its own. An empty answer means that the process ended
/// before it could say anything.
pub(super) fn replay(
    stage: Stage<'_>,
    calls: &[&RecordedCalls],
    overlay: &Overlay,
    repeat_seconds: f64,
) -> Result<Vec<Answer>, VerifyError> {
    let directory = stage.room.run_directory()?;
    let (job, out) = (directory.join("job.json"), directory.join("answers.json"));
    let content = json!({ "calls": calls, "repeat_seconds": repeat_seconds }).to_string();
    atomic_file::write(&job, content.as_bytes()).map_err(VerifyError::of_room(&job))?;
    let script = stage.room.script("cmdx_replay.py");
    let argv = [stage.python, &script, &job, &out].map(|word| word.display().to_string()).to_vec();
    let workload = Workload { kind: WorkloadKind::Script, title: "replay".into(), argv, ..stage.workload.clone() };
    let mut grabs = Grabs::new();
    for call in calls.iter().filter(|call| call.n_decorators > 0) {
        grabs.entry(call.path.clone()).or_default().insert(call.function.clone(), call.n_decorators);
    }
    let setting = Setting { grabs: Some(&grabs), ..Setting::default() };
    let mut variables = stage.room.variables(&workload, overlay, setting, &directory)?;
    // Results that depend on the order of a set are then the same from run to run.
    variables.push(("PYTHONHASHSEED".into(), "0".into()));
    let run = harness::run_plain(&workload, &variables, &directory, stage.deadline)?;
    if run.exit == ExitReason::Interrupted {
        return Err(VerifyError::Interrupted);
    }
    let Ok(content) = fs::read(&out) else { return Ok(vec![]) };
    Ok(serde_json::from_slice(&content).unwrap_or_default())
}

/// Compares two replays of the old code with one of the new. `words_errors` tells the functions in which another
/// library raises the errors: of the same kind, in words of its own.
pub(super) fn compare(
    first: &[Answer],
    second: &[Answer],
    after: &[Answer],
    words_errors: &dyn Fn(&FunctionKey) -> bool,
) -> BTreeMap<FunctionKey, Replayed> {
    let of = |answers: &[Answer], key: &FunctionKey| {
        answers.iter().find(|answer| answer.path == key.0 && answer.function == key.1).cloned()
    };
    let mut verdicts = BTreeMap::new();
    for answer in first {
        let key = (answer.path.clone(), answer.function.clone());
        let verdict = match (of(second, &key), of(after, &key)) {
            (Some(second), Some(after)) => of_function(answer, &second, &after, words_errors(&key)),
            (Some(_), None) if after.is_empty() => Replayed::Differs { first: "the new code ends the process".into() },
            _ => Replayed::NotChecked { why: "its recorded calls could not be made again".into() },
        };
        verdicts.insert(key, verdict);
    }
    verdicts
}

fn of_function(first: &Answer, second: &Answer, after: &Answer, words_errors: bool) -> Replayed {
    if let Some(why) = &first.why {
        return Replayed::NotChecked { why: why.clone() };
    }
    if let Some(why) = &after.why {
        return Replayed::Differs { first: format!("`{}` is gone: {why}", first.function) };
    }
    let mut n_calls = 0;
    let mut refused = None;
    let pairs = first.outcomes.iter().zip(&second.outcomes).zip(&after.outcomes);
    for (number, ((before, again), now)) in pairs.enumerate() {
        if let Some(why) = before.refused.as_ref().or(now.refused.as_ref()) {
            refused = Some(why.clone());
            continue;
        }
        if !before.is_as_recorded {
            refused = Some(format!("it needs the running program (by itself it {})", before.ending));
            continue;
        }
        if !before.is_like(again) {
            refused = Some("its results differ from call to call".into());
            continue;
        }
        if let Some(first_difference) = difference(before, now, words_errors) {
            return Replayed::Differs {
                first: format!("`{}`, recorded call {}: {first_difference}", first.function, number + 1),
            };
        }
        n_calls += 1;
    }
    match (n_calls, refused) {
        (0, Some(why)) => Replayed::NotChecked { why },
        (0, None) => Replayed::NotChecked { why: "no call of it could be recorded".into() },
        (n_calls, _) => Replayed::Same { n_calls },
    }
}

fn difference(before: &CallOutcome, now: &CallOutcome, words_errors: bool) -> Option<String> {
    let said = |outcome: &CallOutcome| match outcome.kind.as_str() {
        "raised" => format!("raised {}", outcome.shown),
        _ => format!("returned {}", outcome.shown),
    };
    // Errors of a function that became a generator come when it is iterated: to the callers, who iterate, the same.
    let is_raised_later = before.kind == "raised" && now.ended_by.as_ref() == Some(&before.result);
    let is_same_kind = words_errors && before.kind == "raised" && before.ending == now.ending;
    if (&before.kind, &before.result) != (&now.kind, &now.result) && !is_raised_later && !is_same_kind {
        return Some(format!("it {}, now it {}", said(before), said(now)));
    }
    if before.arguments != now.arguments {
        return Some("it leaves its arguments in another state".into());
    }
    if before.rows != now.rows {
        return Some("it leaves other rows in the database".into());
    }
    (before.output != now.output).then(|| "it prints something else".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(outcomes: &[(&str, &str)]) -> Answer {
        let outcome = |(kind, result): &(&str, &str)| CallOutcome {
            kind: (*kind).into(),
            result: (*result).into(),
            shown: (*result).into(),
            is_as_recorded: true,
            ..CallOutcome::default()
        };
        let outcomes = outcomes.iter().map(outcome).collect();
        Answer { path: "a.py".into(), function: "f".into(), why: None, outcomes, seconds: None }
    }

    fn verdict(first: &Answer, second: &Answer, after: &Answer) -> Replayed {
        let slice = std::slice::from_ref;
        compare(slice(first), slice(second), slice(after), &|_| false)
            .remove(&("a.py".into(), "f".into()))
            .expect("one function")
    }

    #[test]
    fn equal_outcomes_are_the_same_and_the_first_difference_is_told() {
        let before = answer(&[("value", "1"), ("value", "2")]);
        assert_eq!(verdict(&before, &before, &before), Replayed::Same { n_calls: 2 });
        let now = answer(&[("value", "1"), ("raised", "KeyError('x')")]);
        let Replayed::Differs { first } = verdict(&before, &before, &now) else { panic!("it differs") };
        assert_eq!(first, "`f`, recorded call 2: it returned 2, now it raised KeyError('x')");
    }

    #[test]
    fn what_differs_by_itself_proves_nothing() {
        let (first, second) = (answer(&[("value", "1")]), answer(&[("value", "2")]));
        assert!(matches!(verdict(&first, &second, &first), Replayed::NotChecked { .. }));
    }

    #[test]
    fn a_call_that_only_fails_without_its_program_proves_nothing() {
        let mut alone = answer(&[("raised", "RuntimeError")]);
        alone.outcomes[0].is_as_recorded = false;
        alone.outcomes[0].ending = "raised RuntimeError".into();
        let expected = "it needs the running program (by itself it raised RuntimeError)";
        assert_eq!(verdict(&alone, &alone, &alone), Replayed::NotChecked { why: expected.into() });
    }

    #[test]
    fn an_error_may_come_while_the_result_is_iterated() {
        let before = answer(&[("raised", "ValueError")]);
        let mut now = answer(&[("items", "1,!ValueError")]);
        assert!(matches!(verdict(&before, &before, &now), Replayed::Differs { .. }));
        now.outcomes[0].ended_by = Some("ValueError".into());
        assert_eq!(verdict(&before, &before, &now), Replayed::Same { n_calls: 1 });
    }

    #[test]
    fn another_library_may_word_an_error_but_raises_the_same_kind() {
        let raised = |result: &str, ending: &str| {
            let mut answer = answer(&[("raised", result)]);
            answer.outcomes[0].ending = ending.into();
            answer
        };
        let before = raised("TypeError('not serializable')", "raised TypeError");
        let reworded = raised("TypeError('cannot be written')", "raised TypeError");
        let other = raised("KeyError('x')", "raised KeyError");
        assert!(difference(&before.outcomes[0], &reworded.outcomes[0], true).is_none());
        assert!(difference(&before.outcomes[0], &reworded.outcomes[0], false).is_some());
        assert!(difference(&before.outcomes[0], &other.outcomes[0], true).is_some());
    }

    #[test]
    fn a_call_that_reaches_outside_proves_nothing() {
        let mut stopped = answer(&[("value", "1")]);
        stopped.outcomes[0].refused = Some("it writes a file".into());
        let verdict = verdict(&stopped, &stopped, &stopped);
        assert_eq!(verdict, Replayed::NotChecked { why: "it writes a file".into() });
    }
}
