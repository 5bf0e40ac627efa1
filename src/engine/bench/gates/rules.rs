//! What holds for some benchmarks alone: other limits, and leave to be beyond them for a while.

use super::Limit;
use crate::model::{GateStatus, GateVerdict};

/// Limits for benchmarks whose name fits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub pattern: String,
    pub limits: Vec<Limit>,
}

/// Leave to fail until a day.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Waiver {
    pub pattern: String,
    /// `2026-12-31`, the last day it holds.
    pub until: String,
    pub reason: String,
}

impl Waiver {
    pub(super) fn apply(&self, verdict: &mut GateVerdict, today: &str) {
        if today <= self.until.as_str() {
            verdict.status = GateStatus::Waived;
            verdict.message = format!("{}; waived until {}: {}", verdict.message, self.until, self.reason);
        } else {
            verdict.message = format!("{}; its waiver ended on {}: {}", verdict.message, self.until, self.reason);
        }
    }
}

/// True when the name fits a pattern in which `*` stands for any characters.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, inner)) = parts.split_last() else { return rest.is_empty() };
    for part in inner {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("tests/test_api.py::test_list*", "tests/test_api.py::test_list[a*b]", true),
            ("GET /users", "GET /users", true),
            ("GET /users", "GET /users/{n}", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*::test_a", "t.py::test_ab", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
