//! Which files of the project a bottleneck may be named in.

use std::path::{Component, Path};

/// Directories and files that exercise the project rather than being it.
const TEST_DIRECTORIES: &[&str] = &["tests", "test", "testing", "benchmarks", "benchmark", "bench"];

/// The files asked about, tests left out unless they were asked about by name.
pub(super) struct Charged {
    /// Relative to the root; empty for the root itself.
    targets: Vec<String>,
    has_tests: bool,
}

impl Charged {
    /// `targets` are relative to the root, with `/`.
    pub(super) fn new(targets: Vec<String>) -> Self {
        let targets: Vec<String> =
            targets.into_iter().map(|target| if target == "." { String::new() } else { target }).collect();
        let has_tests = targets.iter().any(|target| is_test(target));
        Self { targets, has_tests }
    }

    /// The same files, tests included: for a project that consists of nothing else.
    pub(super) fn with_tests(self) -> Self {
        Self { has_tests: true, ..self }
    }

    pub(super) fn holds(&self, path: &str) -> bool {
        let is_below = |target: &String| Path::new(path).starts_with(target);
        self.targets.iter().any(is_below) && (self.has_tests || !is_test(path))
    }
}

fn is_test(path: &str) -> bool {
    let path = Path::new(path);
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let in_tests = path.components().any(|part| match part {
        Component::Normal(part) => TEST_DIRECTORIES.iter().any(|directory| part == *directory),
        _ => false,
    });
    in_tests || name.starts_with("test_") || name.ends_with("_test.py") || name == "conftest.py" || name == "tests.py"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_charged_only_when_asked_for() {
        let all = Charged::new(vec![".".into()]);
        assert!(all.holds("src/database.py"));
        assert!(!all.holds("tests/helpers.py"));
        assert!(!all.holds("src/shop/test_cart.py"));
        assert!(Charged::new(vec!["tests/test_api.py".into()]).holds("tests/test_api.py"));
        assert!(all.with_tests().holds("tests/helpers.py"));
    }

    #[test]
    fn only_what_lies_below_a_target_is_charged() {
        let source = Charged::new(vec!["src".into()]);
        assert!(source.holds("src/api.py"));
        assert!(!source.holds("src2/api.py"));
        assert!(!source.holds("seed.py"));
    }
}
