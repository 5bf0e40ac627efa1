//! The exact order-statistic interval of the median of log ratios. No random numbers and no assumption about the
//! distribution: among `n` pairs the number above the true median is binomial with one half.

use serde::{Deserialize, Serialize};

/// Before against after of one thing, measured in pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Pairs.
    pub n_pairs: u32,
    /// Median time before.
    pub before_seconds: f64,
    /// Median time after.
    pub after_seconds: f64,
    /// How many times faster: the median of before / after, pair by pair.
    pub factor: f64,
    /// The 99 % interval of `factor`; `None` with fewer than 8 pairs.
    pub interval: Option<(f64, f64)>,
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gain {
    /// The whole interval lies beyond the smallest gain that counts.
    Faster,
    /// The whole interval lies below it: what there may be of a gain does not count.
    NotFaster,
    /// The interval straddles it, or there is none.
    Inconclusive,
}

impl Comparison {
    /// Decides for a smallest gain that counts: `0.05` for 5 %.
    pub fn gain(&self, least: f64) -> Gain {
        let limit = 1.0 / (1.0 - least);
        match self.interval {
            Some((low, _)) if low >= limit => Gain::Faster,
            Some((_, high)) if high < limit => Gain::NotFaster,
            _ => Gain::Inconclusive,
        }
    }

    /// True when it is slower for sure, by more than the share `least`.
    pub fn is_slower(&self, least: f64) -> bool {
        self.interval.is_some_and(|(_, high)| high < 1.0 - least)
    }
}

/// Compares pairs of (before, after) in seconds; `None` without a usable pair.
pub fn compare(pairs: &[(f64, f64)]) -> Option<Comparison> {
    let usable: Vec<(f64, f64)> =
        pairs.iter().copied().filter(|(before, after)| *before > 0.0 && *after > 0.0).collect();
    if usable.is_empty() {
        return None;
    }
    let mut logs: Vec<f64> = usable.iter().map(|(before, after)| (before / after).ln()).collect();
    logs.sort_by(f64::total_cmp);
    Some(Comparison {
        n_pairs: usable.len() as u32,
        before_seconds: median(usable.iter().map(|(before, _)| *before).collect()),
        after_seconds: median(usable.iter().map(|(_, after)| *after).collect()),
        factor: median(logs.clone()).exp(),
        interval: median_interval(&logs, 0.99).map(|(low, high)| (low.exp(), high.exp())),
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// The narrowest symmetric interval between two order statistics of `sorted` that covers the median with at least
/// `confidence`; `None` when there are too few values. Source: J. D. Gibbons and S. Chakraborti, Nonparametric
/// Statistical Inference, section 5.2.
pub fn median_interval(sorted: &[f64], confidence: f64) -> Option<(f64, f64)> {
    let n = sorted.len();
    // Probability that at most `k` of n fair coins show heads, summed from the tail on.
    let mut term = 0.5_f64.powi(i32::try_from(n).ok()?);
    let mut tail = 0.0;
    let mut rank = None;
    for k in 0..n / 2 {
        tail += term;
        if 1.0 - 2.0 * tail < confidence {
            break;
        }
        rank = Some(k);
        term *= (n - k) as f64 / (k + 1) as f64;
    }
    rank.map(|k| (sorted[k], sorted[n - 1 - k]))
}

/// The interval of the value below which `part` of all values lie, between order statistics of `sorted`; an end that so
/// few values do not hold is `None`. Each end errs with at most half of what `confidence` leaves.
pub fn quantile_interval(sorted: &[f64], part: f64, confidence: f64) -> (Option<f64>, Option<f64>) {
    let n = sorted.len();
    let error = (1.0 - confidence) / 2.0;
    // Of `n` values the number below the true quantile is binomial; its distribution, summed from below.
    let mut below = Vec::with_capacity(n + 1);
    let (mut term, mut sum) = ((1.0 - part).powi(i32::try_from(n).unwrap_or(i32::MAX)), 0.0);
    for k in 0..=n {
        sum += term;
        below.push(sum);
        term *= (n - k) as f64 / (k + 1) as f64 * part / (1.0 - part);
    }
    let low = (0..n).rev().find(|k| below[*k] <= error).map(|k| sorted[k]);
    let high = (0..n).find(|k| 1.0 - below[*k] <= error).map(|k| sorted[k]);
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(n: usize) -> Option<(f64, f64)> {
        let values: Vec<f64> = (1..=n).map(|rank| rank as f64).collect();
        median_interval(&values, 0.99)
    }

    /// The table of order statistics of the design: 8 [1,8], 10 [1,10], 12 [2,11], 20 [4,17], 30 [8,23], 40 [12,29].
    #[test]
    fn intervals_match_the_table_of_order_statistics() {
        assert_eq!(ranks(7), None);
        assert_eq!(ranks(8), Some((1.0, 8.0)));
        assert_eq!(ranks(10), Some((1.0, 10.0)));
        assert_eq!(ranks(12), Some((2.0, 11.0)));
        assert_eq!(ranks(20), Some((4.0, 17.0)));
        assert_eq!(ranks(30), Some((8.0, 23.0)));
        assert_eq!(ranks(40), Some((12.0, 29.0)));
        assert_eq!(ranks(0), None);
    }

    /// `scipy.stats.quantile_test(sample, q=0, p=0.5).confidence_interval(0.99)` of scipy 1.17, and the other levels
    /// from `scipy.stats.binom.cdf`.
    #[test]
    fn intervals_of_the_median_are_those_of_any_part() {
        let sorted: Vec<f64> = (1..=40).map(f64::from).collect();
        assert_eq!(quantile_interval(&sorted, 0.5, 0.99), (Some(12.0), Some(29.0)));
        assert_eq!(quantile_interval(&sorted[..8], 0.5, 0.99), (Some(1.0), Some(8.0)));
        assert_eq!(quantile_interval(&sorted[..7], 0.5, 0.99), (None, None));
        let (low, high) = quantile_interval(&sorted, 0.95, 0.99);
        assert!(low.is_some_and(|low| (33.0..=36.0).contains(&low)) && high.is_none(), "{low:?} {high:?}");
    }

    #[test]
    fn intervals_match_scipy() {
        let sample = [
            0.012, -0.034, 0.101, 0.055, -0.011, 0.078, 0.043, 0.029, 0.066, -0.002, 0.091, 0.038, 0.047, 0.020, 0.084,
            0.005, 0.061, 0.033, 0.072, 0.015,
        ];
        let interval = |n: usize, confidence: f64| {
            let mut sorted = sample[..n].to_vec();
            sorted.sort_by(f64::total_cmp);
            median_interval(&sorted, confidence)
        };
        assert_eq!(interval(20, 0.95), Some((0.015, 0.066)));
        assert_eq!(interval(20, 0.99), Some((0.005, 0.078)));
        assert_eq!(interval(20, 0.997), Some((0.005, 0.078)));
        assert_eq!(interval(20, 0.999), Some((-0.002, 0.084)));
        assert_eq!(interval(12, 0.95), Some((-0.002, 0.078)));
        assert_eq!(interval(12, 0.99), Some((-0.011, 0.091)));
        assert_eq!(interval(12, 0.999), Some((-0.034, 0.101)));
        assert!((median(sample.to_vec()) - 0.0405).abs() < 1e-12);
    }

    #[test]
    fn a_gain_counts_only_with_its_whole_interval() {
        let gain = |pairs: &[(f64, f64)]| compare(pairs).expect("pairs").gain(0.05);
        assert_eq!(gain(&[(1.0, 0.1); 8]), Gain::Faster);
        assert_eq!(gain(&[(1.0, 1.0); 8]), Gain::NotFaster);
        assert_eq!(gain(&[(1.0, 0.1); 7]), Gain::Inconclusive);
        let mut noisy = [(1.0, 0.5); 8];
        noisy[3] = (1.0, 1.2);
        assert_eq!(gain(&noisy), Gain::Inconclusive);
        assert_eq!(compare(&[(0.0, 1.0)]), None);
    }

    #[test]
    fn drift_that_hits_both_sides_of_a_pair_does_not_matter() {
        let pairs: Vec<(f64, f64)> = (1..=12).map(|load| (f64::from(load), f64::from(load) * 0.5)).collect();
        let comparison = compare(&pairs).expect("pairs");
        assert!((comparison.factor - 2.0).abs() < 1e-9, "{comparison:?}");
        assert_eq!(comparison.gain(0.05), Gain::Faster);
    }
}
