use std::convert::Infallible;

use super::*;

/// Hands out numbers and notes who asked.
struct Script<F: FnMut(Side, u32) -> f64> {
    value: F,
    asked: Vec<(Side, u32)>,
    seconds_each: u64,
}

impl<F: FnMut(Side, u32) -> f64> Runner for Script<F> {
    type Error = Infallible;

    fn sample(&mut self, side: Side, pair: u32) -> Result<Sample, Infallible> {
        self.asked.push((side, pair));
        let key = (BenchmarkKind::Request, "GET /".to_owned(), Metric::WallTime);
        Ok(BTreeMap::from([(key, (self.value)(side, pair))]))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.asked.len() as u64 * self.seconds_each)
    }
}

fn rules(looks: &[Look], has_control: bool) -> Rules {
    let band = Band { part: 0.03 };
    Rules { looks: looks.to_vec(), band, has_control, budget: Duration::from_hours(1), seed: 7 }
}

fn run(rules: &Rules, seconds_each: u64, value: impl FnMut(Side, u32) -> f64) -> (Measured, Vec<(Side, u32)>) {
    let mut script = Script { value, asked: vec![], seconds_each };
    let Ok(measured) = measure(&mut script, rules, &mut |_, _| {});
    (measured, script.asked)
}

fn change(measured: &Measured) -> Change {
    measured.series.values().next().and_then(|series| series.comparison.as_ref()).expect("compared").change
}

/// Noise of a part, the same on every machine.
fn noise(side: Side, pair: u32, part: f64) -> f64 {
    let mut state = (u64::from(pair) << 8) ^ side as u64;
    next(&mut state);
    1.0 + part * ((next(&mut state) % 2_001) as f64 / 1000.0 - 1.0)
}

#[test]
fn a_clear_change_ends_at_the_first_look() {
    let (measured, asked) = run(&rules(&LOOKS, false), 0, |side, _| if side == Side::After { 0.2 } else { 2.0 });
    assert_eq!((measured.n_pairs, asked.len(), measured.is_cut_short), (12, 24, false));
    assert_eq!(change(&measured), Change::Faster);
    let comparison = measured.series.values().next().and_then(|series| series.comparison.clone()).expect("compared");
    assert!((comparison.factor - 10.0).abs() < 1e-9 && (comparison.confidence - 0.999).abs() < 1e-12);
    assert!(comparison.won > 0.99 && comparison.noise == "A");
}

#[test]
fn equal_code_is_equivalent_and_doubt_goes_to_the_last_look() {
    let (measured, _) = run(&rules(&LOOKS, false), 0, |_, _| 1.0);
    assert_eq!((measured.n_pairs, change(&measured)), (12, Change::Equivalent));
    let (measured, asked) = run(&rules(&LOOKS, false), 0, |side, pair| noise(side, pair, 0.5));
    assert_eq!((measured.n_pairs, asked.len()), (40, 80));
    assert_eq!(change(&measured), Change::Inconclusive);
    let comparison = measured.series.values().next().and_then(|series| series.comparison.clone()).expect("compared");
    assert!((comparison.confidence - 0.994).abs() < 1e-12);
    assert!(comparison.visible.expect("told") > 0.1 && comparison.pairs_needed.expect("told") > 40, "{comparison:?}");
}

#[test]
fn sides_take_turns_and_the_order_is_turned_around() {
    let (_, asked) = run(&rules(&LOOKS, false), 0, |_, _| 1.0);
    for pairs in asked.chunks(4) {
        assert_eq!((pairs[0].0, pairs[1].0), (pairs[3].0, pairs[2].0), "ABBA: {pairs:?}");
        assert_ne!(pairs[0].0, pairs[1].0);
        assert_eq!((pairs[0].1, pairs[2].1), (pairs[1].1, pairs[3].1));
    }
    let first: Vec<Side> = asked.iter().step_by(4).map(|(side, _)| *side).collect();
    assert!(first.contains(&Side::Before) && first.contains(&Side::After), "{first:?}");
    let (_, again) = run(&rules(&LOOKS, false), 0, |_, _| 1.0);
    assert_eq!(asked, again, "the seed decides");
}

#[test]
fn a_base_that_differs_from_itself_allows_no_verdict() {
    let (measured, asked) = run(&rules(&LOOKS, true), 0, |side, _| match side {
        Side::Before => 2.0,
        Side::After => 1.0,
        Side::Control => 1.8,
    });
    assert_eq!(asked.len(), 120);
    let comparison = measured.series.values().next().and_then(|series| series.comparison.clone()).expect("compared");
    assert_eq!((comparison.is_control_quiet, comparison.change), (Some(false), Change::Inconclusive));
    let (measured, _) = run(&rules(&LOOKS, true), 0, |side, _| if side == Side::After { 1.0 } else { 2.0 });
    assert_eq!(change(&measured), Change::Faster);
}

#[test]
fn the_budget_is_kept() {
    let rules = Rules { budget: Duration::from_secs(100), ..rules(&LOOKS, false) };
    let (measured, asked) = run(&rules, 5, |side, _| if side == Side::After { 1.0 } else { 2.0 });
    assert_eq!((measured.n_pairs, asked.len(), measured.is_cut_short), (10, 20, true));
    let comparison = measured.series.values().next().and_then(|series| series.comparison.clone()).expect("compared");
    assert!((comparison.confidence - 0.99).abs() < 1e-12, "nothing was spent on looks");
    assert_eq!(comparison.change, Change::Faster);
}

#[test]
fn load_on_one_half_alone_gives_no_verdict() {
    // From the middle on everything takes half as long again, whoever runs.
    let (measured, _) =
        run(&rules(&LOOKS, false), 0, |side, pair| noise(side, pair, 0.02) * if pair >= 6 { 1.5 } else { 1.0 });
    assert!(matches!(change(&measured), Change::Equivalent | Change::Inconclusive), "{measured:?}");
}

#[test]
fn of_two_hundred_comparisons_of_equal_code_at_most_two_are_wrong() {
    let mut n_wrong = 0;
    for session in 0..200_u32 {
        let (measured, _) = run(&rules(&LOOKS, false), 0, |side, pair| noise(side, pair + session * 64, 0.15));
        n_wrong += u32::from(matches!(change(&measured), Change::Faster | Change::Slower));
    }
    assert!(n_wrong <= 2, "{n_wrong} of 200");
}

#[test]
fn ten_percent_more_are_found() {
    let mut n_found = 0;
    for session in 0..100_u32 {
        let (measured, _) = run(&rules(&LOOKS, false), 0, |side, pair| {
            noise(side, pair + session * 64, 0.06) * if side == Side::After { 1.1 } else { 1.0 }
        });
        n_found += u32::from(change(&measured) == Change::Slower);
    }
    assert!(n_found >= 95, "{n_found} of 100");
}
