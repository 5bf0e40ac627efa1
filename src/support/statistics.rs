//! Intervals for what was sampled.

/// 97.5 % quantile of the normal distribution: a two-sided 95 % interval.
const Z_95: f64 = 1.959_964;

/// Wilson's 95 % interval for a proportion: `hits` of `n` independent samples, both possibly fractional
/// (effective) counts. Unlike the textbook interval it stays within 0 to 1 and is right for small counts.
/// Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927).
pub fn wilson_interval(hits: f64, n: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let p = (hits / n).clamp(0.0, 1.0);
    let z2 = Z_95 * Z_95;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_95 * ((p * (1.0 - p) / n) + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// The score interval, 95 %, for the mean of a count: what `n` events, possibly fractional (effective), allow.
pub fn count_interval(n: f64) -> (f64, f64) {
    let z2 = Z_95 * Z_95;
    let centre = n + z2 / 2.0;
    let half = Z_95 * (n + z2 / 4.0).sqrt();
    ((centre - half).max(0.0), centre + half)
}

/// The z value of the Mann-Kendall test for a rising trend, ties taken into account.
pub fn mann_kendall_z(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mut rises = 0.0;
    for (index, earlier) in values.iter().enumerate() {
        for later in &values[index + 1..] {
            rises += f64::from(i8::from(later > earlier)) - f64::from(i8::from(later < earlier));
        }
    }
    let mut variance = n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    for ties in sorted.chunk_by(|left, right| left.total_cmp(right).is_eq()) {
        let t = ties.len() as f64;
        variance -= t * (t - 1.0) * (2.0 * t + 5.0) / 18.0;
    }
    if variance <= 0.0 { 0.0 } else { (rises - rises.signum()) / variance.sqrt() }
}

/// The median of the slopes between all pairs of equally spaced values, a step apart.
pub fn theil_sen_slope(values: &[f64]) -> f64 {
    let mut slopes = vec![];
    for (index, earlier) in values.iter().enumerate() {
        for (distance, later) in (1..).zip(&values[index + 1..]) {
            slopes.push((later - earlier) / f64::from(distance));
        }
    }
    slopes.sort_by(f64::total_cmp);
    match slopes.len() {
        0 => 0.0,
        n if n % 2 == 1 => slopes[n / 2],
        n => f64::midpoint(slopes[n / 2 - 1], slopes[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: (f64, f64), right: (f64, f64)) -> bool {
        (left.0 - right.0).abs() < 5e-4 && (left.1 - right.1).abs() < 5e-4
    }

    /// Reference values: `statsmodels.stats.proportion.proportion_confint(method="wilson")`.
    #[test]
    fn wilson_intervals_match_reference_values() {
        assert!(close(wilson_interval(10.0, 100.0), (0.0552, 0.1744)));
        assert!(close(wilson_interval(0.0, 20.0), (0.0, 0.1611)));
        assert!(close(wilson_interval(75.0, 100.0), (0.6570, 0.8246)));
        assert_eq!(wilson_interval(0.0, 0.0), (0.0, 1.0));
    }

    #[test]
    fn count_intervals_match_reference_values() {
        // `statsmodels.stats.rates.confint_poisson(count, 1, method="score")`.
        assert!(close(count_interval(10.0), (5.4320, 18.4095)), "{:?}", count_interval(10.0));
        assert!(close(count_interval(0.0), (0.0, 3.8415)), "{:?}", count_interval(0.0));
    }

    #[test]
    fn a_trend_is_told_from_none() {
        let rising: Vec<f64> = (0..10).map(f64::from).collect();
        assert!((mann_kendall_z(&rising) - 44.0 / 125.0_f64.sqrt()).abs() < 1e-9);
        assert!((theil_sen_slope(&rising) - 1.0).abs() < 1e-12);
        let flat = [3.0; 10];
        assert!(mann_kendall_z(&flat).abs() < 1e-12);
        assert!(theil_sen_slope(&flat).abs() < 1e-12);
        let falling: Vec<f64> = rising.iter().rev().copied().collect();
        assert!(mann_kendall_z(&falling) < -2.33);
    }
}
