//! Compares outcomes of tests: what counts, what is left out, what broke.

use std::collections::{BTreeMap, BTreeSet};

use super::room::TestResult;

/// What the project's tests say before anything is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Tests that passed each time.
    pub stable: BTreeSet<String>,
    /// Tests that failed each time.
    pub failing: BTreeSet<String>,
    /// Tests that came out differently from run to run.
    pub flaky: BTreeSet<String>,
}

type Tests = BTreeMap<String, TestResult>;

fn passes(test: Option<&TestResult>) -> bool {
    test.is_some_and(|test| matches!(test.outcome.as_str(), "passed" | "xfailed" | "xpassed"))
}

fn fails(test: Option<&TestResult>) -> bool {
    test.is_some_and(|test| test.outcome == "failed")
}

/// Joins the runs made before a change.
pub fn baseline(runs: &[&Tests]) -> Baseline {
    let mut joined = Baseline::default();
    let names: BTreeSet<&String> = runs.iter().flat_map(|tests| tests.keys()).collect();
    for name in names {
        let each = || runs.iter().map(|tests| tests.get(name));
        if each().all(passes) {
            joined.stable.insert(name.clone());
        } else if each().all(fails) {
            joined.failing.insert(name.clone());
        } else if each().any(fails) || (each().any(passes) && each().any(|test| test.is_none())) {
            joined.flaky.insert(name.clone());
        }
    }
    joined
}

/// Tests that passed each time and do not pass now, with what they say.
pub fn broken(baseline: &Baseline, after: &Tests, only: Option<&BTreeSet<String>>) -> BTreeMap<String, String> {
    let wanted = baseline.stable.iter().filter(|name| only.is_none_or(|only| only.contains(*name)));
    let lost = wanted.filter(|name| !passes(after.get(*name)));
    let message = |name: &String| match after.get(name) {
        Some(test) if !test.message.is_empty() => test.message.clone(),
        Some(test) => test.outcome.clone(),
        None => collection_error(after).unwrap_or_else(|| "it did not run".to_owned()),
    };
    lost.map(|name| (name.clone(), message(name))).collect()
}

/// Why tests are missing: their module could not be imported.
fn collection_error(after: &Tests) -> Option<String> {
    let error = |(name, test): (&String, &TestResult)| {
        (test.outcome == "failed" && !name.contains("::")).then(|| test.message.clone())
    };
    after.iter().find_map(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(outcomes: &[(&str, &str)]) -> Tests {
        let result =
            |outcome: &str| TestResult { outcome: outcome.into(), message: "said".into(), ..TestResult::default() };
        outcomes.iter().map(|(name, outcome)| ((*name).to_owned(), result(outcome))).collect()
    }

    fn names(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn failing_and_flaky_tests_are_left_out() {
        let first = run(&[("a", "passed"), ("b", "failed"), ("c", "passed"), ("d", "skipped"), ("e", "passed")]);
        let second = run(&[("a", "passed"), ("b", "failed"), ("c", "failed"), ("d", "skipped")]);
        let joined = baseline(&[&first, &second]);
        assert_eq!(names(&joined.stable), ["a"]);
        assert_eq!(names(&joined.failing), ["b"]);
        assert_eq!(names(&joined.flaky), ["c", "e"]);
        let after = run(&[("a", "failed"), ("b", "failed"), ("c", "failed")]);
        let lost = broken(&joined, &after, None);
        assert_eq!(lost.into_iter().collect::<Vec<_>>(), [("a".to_owned(), "said".to_owned())]);
    }

    #[test]
    fn a_test_that_is_gone_or_skipped_is_broken() {
        let before = run(&[("t.py::a", "passed"), ("t.py::b", "passed"), ("t.py::c", "xfailed")]);
        let joined = baseline(&[&before, &before]);
        let after = run(&[("t.py", "failed"), ("t.py::b", "skipped"), ("t.py::c", "xpassed")]);
        let lost = broken(&joined, &after, None);
        assert_eq!(lost.keys().collect::<Vec<_>>(), ["t.py::a", "t.py::b"]);
        assert_eq!(lost["t.py::a"], "said");
    }
}
