//! Times old against new in pairs: recorded calls of a function, or a whole workload.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::VerifyError;
use super::replay::{Answer, FunctionKey, Stage, replay};
use super::room::{Manner, Overlay, RecordedCalls};
use crate::model::ExitReason;

/// Fewer pairs allow no 99 % interval; more only narrow it.
const PAIRS: usize = 8;
/// Fewer pairs than this are not worth their time.
const PAIRS_LEAST: f64 = 3.0;
/// Calls are repeated this long in each process.
const REPEAT_SECONDS: f64 = 0.02;

/// Times of one thing, pair by pair: (before, after) in seconds.
pub(super) type Pairs = Vec<(f64, f64)>;

/// Times the calls in pairs of processes, in the order ABBA so that drift hits both sides; ends early, with fewer
/// pairs, when the budget is used up.
pub(super) fn functions(
    stage: Stage<'_>,
    calls: &[&RecordedCalls],
    before: &Overlay,
    after: &Overlay,
    budget: Duration,
) -> Result<BTreeMap<FunctionKey, Pairs>, VerifyError> {
    let mut pairs: BTreeMap<FunctionKey, Pairs> = BTreeMap::new();
    let start = Instant::now();
    for number in 0..PAIRS {
        if calls.is_empty() || is_over(start, number, budget) {
            break;
        }
        let time = |overlay: &Overlay| replay(stage, calls, overlay, REPEAT_SECONDS);
        let (old, new) = in_turns(number, || time(before), || time(after))?;
        for answer in &old {
            let same = |other: &&Answer| (&other.path, &other.function) == (&answer.path, &answer.function);
            let other = new.iter().find(same).and_then(|other| other.seconds);
            if let (Some(old), Some(new)) = (answer.seconds, other) {
                pairs.entry((answer.path.clone(), answer.function.clone())).or_default().push((old, new));
            }
        }
    }
    Ok(pairs)
}

/// Times the workload in pairs of runs, wall time; `None` when it does not end well, or takes too long for a few pairs.
pub(super) fn workload(
    stage: Stage<'_>,
    before: &Overlay,
    after: &Overlay,
    budget: Duration,
) -> Result<Option<Pairs>, VerifyError> {
    let mut pairs = vec![];
    let start = Instant::now();
    // The first run fills caches and tells whether there is time for more; it does not count.
    let first = stage.room.observe(stage.workload, after, Manner::default(), stage.deadline)?;
    if first.run.wall_seconds * PAIRS_LEAST > budget.as_secs_f64() {
        return Ok(None);
    }
    for number in 0..PAIRS {
        if is_over(start, number, budget) {
            break;
        }
        let time = |overlay: &Overlay| stage.room.observe(stage.workload, overlay, Manner::default(), stage.deadline);
        let (old, new) = in_turns(number, || time(before), || time(after))?;
        if old.run.exit != new.run.exit || !matches!(old.run.exit, ExitReason::Exited(_)) {
            return Ok(None);
        }
        pairs.push((old.run.wall_seconds, new.run.wall_seconds));
    }
    Ok(Some(pairs))
}

/// True when another round like the past ones would exceed the budget.
fn is_over(start: Instant, n_done: usize, budget: Duration) -> bool {
    let spent = start.elapsed().as_secs_f64();
    n_done > 0 && spent + spent / n_done as f64 > budget.as_secs_f64()
}

fn in_turns<T>(
    number: usize,
    before: impl Fn() -> Result<T, VerifyError>,
    after: impl Fn() -> Result<T, VerifyError>,
) -> Result<(T, T), VerifyError> {
    if number.is_multiple_of(2) {
        let old = before()?;
        return Ok((old, after()?));
    }
    let new = after()?;
    Ok((before()?, new))
}
