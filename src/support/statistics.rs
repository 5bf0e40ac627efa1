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
}
