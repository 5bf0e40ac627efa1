//! Ranks that claim no more than the samples can tell.

use crate::model::FunctionCost;

/// A place in the order of costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rank {
    /// Counted from 1.
    pub number: usize,
    /// True when others share it: their intervals overlap, so their order is not known.
    pub is_joint: bool,
}

/// The rank of each function. A rank ends where every interval before lies above every interval after, so two
/// functions of different rank never overlap.
pub(super) fn joint(functions: &[&FunctionCost]) -> Vec<Rank> {
    let mut highest_after = vec![f64::NEG_INFINITY; functions.len() + 1];
    for (index, function) in functions.iter().enumerate().rev() {
        highest_after[index] = highest_after[index + 1].max(function.share.high);
    }
    let mut starts = vec![];
    let mut lowest_before = f64::INFINITY;
    for (index, function) in functions.iter().enumerate() {
        if index == 0 || lowest_before > highest_after[index] {
            starts.push(index);
        }
        lowest_before = lowest_before.min(function.share.low);
    }
    let ends = starts.iter().skip(1).copied().chain([functions.len()]);
    let groups = starts.iter().zip(ends);
    groups.flat_map(|(&start, end)| vec![Rank { number: start + 1, is_joint: end - start > 1 }; end - start]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn check(intervals: &[(f64, f64)], expected: &[(usize, bool)]) {
        let costs: Vec<_> = intervals.iter().map(|&(low, high)| sample::cost(low, high)).collect();
        let ranks: Vec<_> = joint(&costs.iter().collect::<Vec<_>>()).iter().map(|r| (r.number, r.is_joint)).collect();
        assert_eq!(ranks, expected);
    }

    #[test]
    fn intervals_apart_are_ranked() {
        check(&[(0.7, 0.8), (0.2, 0.3), (0.0, 0.1)], &[(1, false), (2, false), (3, false)]);
        check(&[], &[]);
    }

    #[test]
    fn intervals_that_overlap_share_a_rank_and_the_next_rank_counts_them() {
        check(&[(0.4, 0.6), (0.3, 0.5), (0.0, 0.1)], &[(1, true), (1, true), (3, false)]);
    }

    #[test]
    fn a_chain_of_overlaps_is_one_rank() {
        check(&[(0.5, 0.6), (0.4, 0.55), (0.3, 0.45)], &[(1, true), (1, true), (1, true)]);
    }

    #[test]
    fn a_wide_interval_further_down_joins_all_it_reaches() {
        check(&[(0.5, 0.6), (0.4, 0.45), (0.1, 0.55)], &[(1, true), (1, true), (1, true)]);
    }
}
