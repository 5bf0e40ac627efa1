//! Times old against new in pairs: recorded calls of a function, or a whole workload.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::VerifyError;
use super::replay::{Answer, FunctionKey, Stage, replay};
use super::room::{Overlay, RecordedCalls};

/// Fewer pairs allow no 99 % interval; more only narrow it.
const PAIRS: usize = 8;
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
