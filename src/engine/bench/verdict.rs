//! What pairs of samples say: the interval of the median ratio, and one of four verdicts.

use super::paired::median_interval;
use crate::model::{Change, Metric, Series, SeriesComparison};

/// Power of 80 % at 1 %: (2.576 + 0.842) / 2.576 half-widths. Slightly optimistic; said with "about".
const VISIBLE_HALF_WIDTHS: f64 = 1.33;
/// The change that a doubtful measurement should have been able to show.
const WANTED_VISIBLE: f64 = 0.05;
/// Half-widths of the classes of noise A, B and C.
const NOISE_CLASSES: [(f64, &str); 3] = [(0.02, "A"), (0.05, "B"), (0.15, "C")];
/// Resident sets of equal runs differ by a tenth of a percent; one percent is beyond doubt.
const MEMORY_PART: f64 = 0.01;

/// What does not matter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// As a part of the time: 0.03.
    pub part: f64,
}

/// What the samples of a series say; `None` without a usable pair.
pub fn judge(series: &Series, confidence: f64, band: &Band) -> Option<SeriesComparison> {
    if series.metric.is_exact() {
        return exact(series);
    }
    let pairs = series.before.iter().zip(&series.after).filter(|(before, after)| **before > 0.0 && **after > 0.0);
    let pairs: Vec<(f64, f64)> = pairs.map(|(before, after)| (*before, *after)).collect();
    if pairs.is_empty() {
        return None;
    }
    let logs = sorted(pairs.iter().map(|(before, after)| (before / after).ln()).collect());
    let interval = median_interval(&logs, confidence);
    let part = if series.metric.is_time() { band.part } else { MEMORY_PART };
    let is_control_quiet = control(series, confidence);
    let n_better = pairs.iter().filter(|(before, after)| after < before).count();
    let mut comparison = SeriesComparison {
        before: median(pairs.iter().map(|(before, _)| *before).collect()),
        after: median(pairs.iter().map(|(_, after)| *after).collect()),
        factor: median_of(&logs).exp(),
        low: interval.map(|(low, _)| low.exp()),
        high: interval.map(|(_, high)| high.exp()),
        confidence,
        n_pairs: pairs.len() as u32,
        won: n_better as f64 / pairs.len() as f64,
        change: interval.map_or(Change::Inconclusive, |interval| change(interval, part)),
        is_control_quiet,
        ..SeriesComparison::default()
    };
    if is_control_quiet == Some(false) {
        comparison.change = Change::Inconclusive;
    }
    if let Some(interval) = interval {
        add_sureness(&mut comparison, interval, part);
    }
    Some(comparison)
}

/// Of the interval of ln(before / after).
fn change((low, high): (f64, f64), part: f64) -> Change {
    let limit = (1.0 + part).ln();
    if low > limit {
        Change::Faster
    } else if high < -limit {
        Change::Slower
    } else if low >= -limit && high <= limit {
        Change::Equivalent
    } else {
        Change::Inconclusive
    }
}

fn add_sureness(comparison: &mut SeriesComparison, (low, high): (f64, f64), part: f64) {
    let half_width = (high - low) / 2.0;
    let class = NOISE_CLASSES.iter().find(|(limit, _)| half_width < *limit);
    class.map_or("D", |(_, name)| name).clone_into(&mut comparison.noise);
    let visible = (VISIBLE_HALF_WIDTHS * half_width).exp() - 1.0;
    comparison.visible = Some(visible.max(part));
    if comparison.change == Change::Inconclusive && comparison.is_control_quiet != Some(false) {
        let n = f64::from(comparison.n_pairs);
        let wanted = n * (visible / WANTED_VISIBLE).powi(2);
        // Where the interval is narrow enough, the change lies at the limit: twice the pairs tell more.
        let more = if wanted > n { wanted - n } else { n };
        comparison.pairs_needed = Some(more.min(1e6).ceil() as u32);
    }
}

/// Counts: the largest of each side decides.
fn exact(series: &Series) -> Option<SeriesComparison> {
    let largest = |values: &[f64]| values.iter().copied().reduce(f64::max);
    let (before, after) = (largest(&series.before)?, largest(&series.after)?);
    let tolerance = if series.metric == Metric::Queries { 0.0 } else { MEMORY_PART * before };
    let change = match after - before {
        difference if difference.abs() <= tolerance => Change::Equivalent,
        difference if difference < 0.0 => Change::Faster,
        _ => Change::Slower,
    };
    // None of a thing is not a part of some: the factor counts it as one.
    let factor = if before.to_bits() == after.to_bits() { 1.0 } else { before.max(1.0) / after.max(1.0) };
    Some(SeriesComparison {
        before,
        after,
        factor,
        low: Some(factor),
        high: Some(factor),
        confidence: 1.0,
        n_pairs: series.before.len().min(series.after.len()) as u32,
        won: f64::from(u8::from(after < before)),
        change,
        noise: "A".into(),
        ..SeriesComparison::default()
    })
}

/// Whether base against base says "the same"; `None` without control.
fn control(series: &Series, confidence: f64) -> Option<bool> {
    let pairs = series.before.iter().zip(&series.control).filter(|(before, again)| **before > 0.0 && **again > 0.0);
    let logs = sorted(pairs.map(|(before, again)| (before / again).ln()).collect());
    let (low, high) = median_interval(&logs, confidence)?;
    Some(low <= 0.0 && high >= 0.0)
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: Vec<f64>) -> f64 {
    median_of(&sorted(values))
}

fn median_of(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
