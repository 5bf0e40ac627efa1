//! What tells one finding from another across commits: rule, file and function, and which of several it is there.
//! Lines are no part of it, so that code above may grow.

use std::collections::BTreeMap;

use crate::model::{Location, Problem};

/// Gives each finding of a report its fingerprint, in their order.
#[derive(Default)]
pub(super) struct Fingerprints(BTreeMap<String, u64>);

impl Fingerprints {
    pub(super) fn of(&mut self, rule: &str, location: &Location) -> String {
        self.next(&format!("{rule}\n{}\n{}", location.path, location.symbol))
    }

    pub(super) fn of_problem(&mut self, problem: &Problem) -> String {
        let path = problem.location.as_ref().map_or("", |location| &location.path);
        self.next(&format!("problem\n{path}\n{}", problem.message))
    }

    fn next(&mut self, place: &str) -> String {
        let nth = self.0.entry(place.to_owned()).and_modify(|nth| *nth += 1).or_insert(1);
        blake3::hash(format!("{place}\n{nth}").as_bytes()).to_hex()[..32].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_outlives_a_change_of_lines_and_tells_twins_apart() {
        let all = |lines: [u32; 2]| {
            let mut fingerprints = Fingerprints::default();
            lines.map(|line| fingerprints.of("list-membership", &Location::new("a.py", line, "load")))
        };
        let [first, second] = all([3, 9]);
        assert_ne!(first, second);
        assert_eq!(all([13, 19]), [first, second]);
    }
}
