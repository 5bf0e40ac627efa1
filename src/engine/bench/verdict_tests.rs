use super::*;

fn series(metric: Metric, pairs: &[(f64, f64)]) -> Series {
    Series {
        metric,
        before: pairs.iter().map(|(before, _)| *before).collect(),
        after: pairs.iter().map(|(_, after)| *after).collect(),
        ..Series::default()
    }
}

fn change_of(metric: Metric, pairs: &[(f64, f64)]) -> Change {
    judge(&series(metric, pairs), 0.99, &Band { part: 0.03 }).expect("compared").change
}

#[test]
fn four_verdicts() {
    assert_eq!(change_of(Metric::WallTime, &[(2.0, 0.2); 12]), Change::Faster);
    assert_eq!(change_of(Metric::WallTime, &[(1.0, 1.1); 12]), Change::Slower);
    assert_eq!(change_of(Metric::WallTime, &[(1.0, 1.01); 12]), Change::Equivalent);
    assert_eq!(change_of(Metric::WallTime, &[(1.0, 0.5); 7]), Change::Inconclusive, "too few pairs");
    let mut noisy = [(1.0, 1.2); 12];
    (noisy[0], noisy[1], noisy[2]) = ((1.0, 0.7), (1.0, 0.8), (1.0, 0.9));
    assert_eq!(change_of(Metric::WallTime, &noisy), Change::Inconclusive);
}

#[test]
fn counts_are_compared_exactly() {
    let one = |before, after| judge(&series(Metric::Queries, &[(before, after)]), 0.99, &Band { part: 0.0 });
    let comparison = one(1001.0, 1.0).expect("compared");
    assert_eq!((comparison.change, comparison.factor.to_bits()), (Change::Faster, 1001.0_f64.to_bits()));
    assert_eq!(one(1.0, 2.0).expect("compared").change, Change::Slower);
    assert_eq!(one(5.0, 5.0).expect("compared").change, Change::Equivalent);
    assert_eq!(one(0.0, 0.0).expect("compared").factor.to_bits(), 1.0_f64.to_bits());
    let comparison = one(3.0, 0.0).expect("compared");
    assert!(comparison.factor.is_finite() && comparison.change == Change::Faster);
}

#[test]
fn nothing_usable_is_no_comparison() {
    assert_eq!(judge(&series(Metric::WallTime, &[]), 0.99, &Band { part: 0.03 }), None);
    assert_eq!(judge(&series(Metric::WallTime, &[(0.0, 1.0), (-1.0, 1.0)]), 0.99, &Band { part: 0.03 }), None);
    assert_eq!(judge(&series(Metric::Queries, &[]), 0.99, &Band { part: 0.03 }), None);
}
