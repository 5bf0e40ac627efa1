//! Sums of sampled bytes with the certainty they have.

use crate::model::ByteEstimate;
use crate::support::statistics;

/// A block stands for `bytes / chance` bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    bytes: f64,
    exact_bytes: f64,
    variance: f64,
    n_allocations: f64,
    pub n_samples: u64,
}

impl Tally {
    pub(super) fn add(&mut self, bytes: u64, chance: f64) {
        let estimate = bytes as f64 / chance;
        self.bytes += estimate;
        if chance >= 1.0 {
            self.exact_bytes += estimate;
        }
        self.variance += estimate * estimate * (1.0 - chance);
        self.n_allocations += 1.0 / chance;
        self.n_samples += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.exact_bytes += other.exact_bytes;
        self.variance += other.variance;
        self.n_allocations += other.n_allocations;
        self.n_samples += other.n_samples;
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.round() as u64
    }

    /// True when nothing in it was left to chance.
    pub(super) fn is_exact(&self) -> bool {
        self.variance <= 0.0
    }

    pub(super) fn n_allocations(&self) -> u64 {
        self.n_allocations.round() as u64
    }

    /// With the interval that as many samples of equal weight would give. Samples lie evenly, so the truth is nearer
    /// than for independent ones.
    pub(super) fn estimate(&self) -> ByteEstimate {
        let sampled_bytes = self.bytes - self.exact_bytes;
        if self.variance <= 0.0 || sampled_bytes <= 0.0 {
            return ByteEstimate { bytes: self.bytes(), low_bytes: self.bytes(), high_bytes: self.bytes() };
        }
        let n = sampled_bytes * sampled_bytes / self.variance;
        let (low, high) = statistics::count_interval(n);
        let end = |count: f64| (self.exact_bytes + sampled_bytes * count / n).round() as u64;
        ByteEstimate { bytes: self.bytes(), low_bytes: end(low), high_bytes: end(high) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_whatever_its_size_is_exact() {
        let mut tally = Tally::default();
        tally.add(1 << 20, 1.0);
        tally.add(5, 1.0);
        let exact = (1 << 20) + 5;
        assert_eq!(tally.estimate(), ByteEstimate { bytes: exact, low_bytes: exact, high_bytes: exact });
    }

    #[test]
    fn the_interval_of_few_samples_is_wide() {
        let mut tally = Tally::default();
        for _ in 0..4 {
            tally.add(100, 0.001);
        }
        let estimate = tally.estimate();
        assert_eq!(estimate.bytes, 400_000);
        assert!(estimate.low_bytes < 170_000 && estimate.high_bytes > 1_000_000, "{estimate:?}");
        assert_eq!(tally.n_allocations(), 4000);
    }

    #[test]
    fn sums_of_parts_are_sums_of_the_whole() {
        let (mut whole, mut left, mut right) = (Tally::default(), Tally::default(), Tally::default());
        for (index, chance) in [0.5, 0.25, 1.0, 0.1].into_iter().enumerate() {
            whole.add(100, chance);
            if index % 2 == 0 { left.add(100, chance) } else { right.add(100, chance) }
        }
        left.merge(&right);
        assert_eq!(left.estimate(), whole.estimate());
    }
}
