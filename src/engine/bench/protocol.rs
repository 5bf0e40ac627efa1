//! The order of measurements, and when there are enough: pairs in ABBA order, looks at 12, 20 and 40 of them, base
//! against base as control. Runs nothing itself: a [`Runner`] does.

use std::collections::BTreeMap;
use std::time::Duration;

use super::verdict::{Band, judge};
use crate::model::{BenchmarkKind, Change, Metric, Series};

/// Which code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The code before.
    Before,
    /// The code as it is.
    After,
    /// The code before once more.
    Control,
}

/// What a figure belongs to.
pub type Key = (BenchmarkKind, String, Metric);

/// The figures of one process.
pub type Sample = BTreeMap<Key, f64>;

/// Runs one process; the double of the tests hands out numbers.
pub trait Runner {
    /// Why no figure could be had.
    type Error;

    /// One fresh process of the side. Processes of one pair are given the same number.
    fn sample(&mut self, side: Side, pair: u32) -> Result<Sample, Self::Error>;

    /// Time since the first sample.
    fn elapsed(&self) -> Duration;
}

/// A look at the pairs so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// After so many pairs.
    pub n_pairs: u32,
    /// Part of the error that it may spend.
    pub alpha: f64,
}

/// Three looks that share an error of 1 %. A first look at 10 could never decide at 0.1 %: that takes 11 pairs.
pub const LOOKS: [Look; 3] =
    [Look { n_pairs: 12, alpha: 0.001 }, Look { n_pairs: 20, alpha: 0.003 }, Look { n_pairs: 40, alpha: 0.006 }];

/// One look at the fewest pairs that allow a 99 % interval.
pub const QUICK: [Look; 1] = [Look { n_pairs: 8, alpha: 0.01 }];

/// How to measure.
#[derive(Clone, Debug)]
pub struct Rules {
    /// By number of pairs.
    pub looks: Vec<Look>,
    /// Changes within this part do not matter.
    pub band: Band,
    /// Whether base against base is measured too.
    pub has_control: bool,
    /// No pair is begun that would pass this.
    pub budget: Duration,
    /// What the order within pairs is made from.
    pub seed: u64,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Samples of pairs, with what they say.
    pub series: BTreeMap<Key, Series>,
    /// Pairs.
    pub n_pairs: u32,
    /// True when time ran out before the last look.
    pub is_cut_short: bool,
}

/// Measures until every figure is decided, the last look is done or time is out. A look decides with the confidence
/// that its part of the error leaves; the interval of the look at which it ended is reported.
pub fn measure<R: Runner>(
    runner: &mut R,
    rules: &Rules,
    progress: &mut dyn FnMut(u32, u32),
) -> Result<Measured, R::Error> {
    let mut pairs: Vec<BTreeMap<Side, Sample>> = vec![];
    let mut measured = Measured::default();
    let n_most = rules.looks.last().map_or(0, |look| look.n_pairs);
    let mut spent = 0.0;
    for look in &rules.looks {
        while (pairs.len() as u32) < look.n_pairs {
            let number = pairs.len() as u32;
            if is_over(runner.elapsed(), number, rules.budget) {
                let left = rules.looks.iter().map(|look| look.alpha).sum::<f64>() - spent;
                measured.series = judged(&pairs, 1.0 - left, rules);
                measured.n_pairs = number;
                measured.is_cut_short = true;
                return Ok(measured);
            }
            progress(number, n_most);
            let mut pair = BTreeMap::new();
            for side in order(number, rules) {
                pair.insert(side, runner.sample(side, number)?);
            }
            pairs.push(pair);
        }
        spent += look.alpha;
        measured.n_pairs = look.n_pairs;
        measured.series = judged(&pairs, 1.0 - look.alpha, rules);
        if is_decided(&measured.series) {
            break;
        }
    }
    Ok(measured)
}

/// True when another pair like the past ones would pass the budget.
fn is_over(elapsed: Duration, n_done: u32, budget: Duration) -> bool {
    n_done > 0 && elapsed + elapsed / n_done > budget
}

/// The order within a pair: by the seed, and in the next pair turned around, so that drift hits all sides alike.
fn order(pair: u32, rules: &Rules) -> Vec<Side> {
    let mut sides = vec![Side::Before, Side::After];
    if rules.has_control {
        sides.push(Side::Control);
    }
    let mut state = rules.seed ^ u64::from(pair / 2).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for last in (1..sides.len()).rev() {
        sides.swap(last, (next(&mut state) % (last as u64 + 1)) as usize);
    }
    if pair % 2 == 1 {
        sides.reverse();
    }
    sides
}

/// `SplitMix64`. Source: G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn judged(pairs: &[BTreeMap<Side, Sample>], confidence: f64, rules: &Rules) -> BTreeMap<Key, Series> {
    let mut found: BTreeMap<Key, Series> = BTreeMap::new();
    for pair in pairs {
        let (Some(before), Some(after)) = (pair.get(&Side::Before), pair.get(&Side::After)) else { continue };
        for (key, old) in before {
            let Some(new) = after.get(key) else { continue };
            let series = found.entry(key.clone()).or_insert_with(|| Series { metric: key.2, ..Series::default() });
            series.before.push(*old);
            series.after.push(*new);
            series.control.extend(pair.get(&Side::Control).and_then(|control| control.get(key)));
        }
    }
    for series in found.values_mut() {
        series.comparison = judge(series, confidence, &rules.band);
    }
    found
}

/// True when no time is inconclusive. Memory hardly varies: it never needs more pairs.
fn is_decided(series: &BTreeMap<Key, Series>) -> bool {
    let undecided = |series: &Series| {
        series.comparison.as_ref().is_some_and(|comparison| comparison.change == Change::Inconclusive)
    };
    !series.values().any(|series| series.metric.is_time() && undecided(series))
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
