//! Finds the project's tests and performance tests by their names and their text; imports nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::pytest::{self, Settings};
use super::{Project, SourcePath};

/// Directories whose test files belong to something else than the project's suite.
const OTHER_DIRECTORIES: &[&str] =
    &["docs", "doc", "examples", "example", "vendor", "_vendor", "third_party", "templates", "fixtures", "samples"];
/// Directories of performance tests.
const PERFORMANCE_DIRECTORIES: &[&str] =
    &["benchmarks", "benchmark", "bench", "benches", "perf", "performance", "perf_tests", "performance_tests"];
/// Beginnings of names of performance tests.
const PERFORMANCE_NAMES: &[&str] = &["test_performance", "test_perf_", "test_perf.", "test_bench"];
/// More places than this are named by the directories they share.
const PLACES_MAX: usize = 8;
/// More single tests than this are named by their files.
const NODES_MAX: usize = 200;

/// The test suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Suite {
    /// Files and directories relative to the root.
    pub(super) paths: Vec<String>,
    /// True when pytest finds them by its own configuration, so none need to be named.
    pub(super) is_configured: bool,
    /// True when nothing in it needs pytest.
    pub(super) is_plain_unittest: bool,
}

/// Performance tests that pytest can run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PerformanceTests {
    /// Files and single tests relative to the root.
    pub(super) paths: Vec<String>,
    /// True when the project's conftest defines `--benchmark`.
    pub(super) has_benchmark_option: bool,
}

/// True for files that belong to tests: `tests/…`, `test_*.py`, `conftest.py`.
pub fn is_test_code(relative: &str) -> bool {
    let mut parts: Vec<&str> = relative.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    is_test_file(name, &[]) || name == "conftest.py" || parts.iter().any(|part| is_test_directory(part))
}

fn is_test_directory(name: &str) -> bool {
    matches!(name, "tests" | "test" | "testing" | "unit_tests" | "unittests")
}

fn is_test_file(name: &str, patterns: &[String]) -> bool {
    if !patterns.is_empty() {
        return patterns.iter().any(|pattern| fits(pattern, name));
    }
    let is_python = Path::new(name).extension().is_some_and(|extension| extension == "py");
    is_python && (name.starts_with("test_") || name.ends_with("_test.py") || name == "tests.py" || name == "test.py")
}

/// A pattern with at most a few `*`, as `python_files` has them.
fn fits(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for piece in pieces {
        last = Some(piece);
        match rest.find(piece) {
            Some(start) => rest = &rest[start + piece.len()..],
            None => return false,
        }
    }
    last.map_or(rest.is_empty(), |piece| name.ends_with(piece))
}

/// The suite, if there are tests.
pub(super) fn find(project: &Project, settings: &Settings) -> Option<Suite> {
    let named: Vec<String> = named_tests(project);
    let files: Vec<&SourcePath> = project.all_files().iter().filter(|file| is_suite_file(file, settings)).collect();
    if !named.is_empty() {
        return Some(Suite { paths: named, is_configured: false, is_plain_unittest: false });
    }
    let below = |path: &String| {
        let path = path.trim_start_matches("./").trim_end_matches('/');
        let prefix = path.split('*').next().unwrap_or_default();
        files.iter().any(|file| path == "." || file.relative == path || file.relative.starts_with(prefix))
    };
    let is_configured = settings.testpaths.iter().any(below);
    if files.is_empty() {
        return None;
    }
    let paths = if is_configured { settings.testpaths.clone() } else { places(&files) };
    Some(Suite { paths, is_configured, is_plain_unittest: is_plain_unittest(project, &files) })
}

/// The targets, when all of them are tests.
fn named_tests(project: &Project) -> Vec<String> {
    let shown: Vec<String> = project.targets.iter().map(|target| project.relative(target)).collect();
    let is_named = |(target, shown): (&std::path::PathBuf, &String)| {
        let name = shown.rsplit('/').next().unwrap_or_default();
        if target.is_dir() { shown.split('/').any(is_test_directory) } else { is_test_file(name, &[]) }
    };
    let all = project.targets.iter().zip(&shown).all(is_named) && !shown.iter().any(String::is_empty);
    if all { shown } else { vec![] }
}

fn is_suite_file(file: &SourcePath, settings: &Settings) -> bool {
    let mut parts: Vec<&str> = file.relative.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    let is_other =
        parts.first().is_some_and(|first| OTHER_DIRECTORIES.contains(first) || is_performance_directory(first));
    // A name alone says little elsewhere: `test_utils.py` may be a library's helper.
    let is_at_home = parts.is_empty()
        || !settings.python_files.is_empty()
        || (name != "test.py" && parts.iter().any(|part| is_test_directory(part)));
    !is_other && is_test_file(name, &settings.python_files) && (is_at_home || defines_tests(file))
}

fn defines_tests(file: &SourcePath) -> bool {
    fs::read_to_string(&file.path).is_ok_and(|source| source.contains("def test") || source.contains("TestCase"))
}

/// The topmost directories called `tests`, and test files outside of any; joined when they are many.
fn places(files: &[&SourcePath]) -> Vec<String> {
    let (inside, outside): (Vec<&SourcePath>, Vec<&SourcePath>) =
        files.iter().partition(|file| test_directory(&file.relative).is_some());
    // A few `test_*.py` in a package whose tests stand elsewhere are helpers for tests, not tests.
    let outside = if outside.len() < inside.len() { vec![] } else { outside };
    let directories = inside.iter().filter_map(|file| test_directory(&file.relative));
    let exact: BTreeSet<String> = directories.chain(outside.iter().map(|file| file.relative.clone())).collect();
    if exact.len() <= PLACES_MAX {
        return exact.into_iter().collect();
    }
    let top = |path: &String| path.split('/').next().unwrap_or_default().to_owned();
    exact.iter().map(top).collect::<BTreeSet<_>>().into_iter().collect()
}

fn test_directory(relative: &str) -> Option<String> {
    let parts: Vec<&str> = relative.split('/').collect();
    let index = parts[..parts.len() - 1].iter().position(|part| is_test_directory(part))?;
    Some(parts[..=index].join("/"))
}

fn is_plain_unittest(project: &Project, files: &[&SourcePath]) -> bool {
    if project.all_files().iter().any(|file| file.relative.ends_with("conftest.py")) {
        return false;
    }
    let sources: Vec<String> = files.iter().filter_map(|file| fs::read_to_string(&file.path).ok()).collect();
    let needs_pytest = |source: &String| {
        source.contains("import pytest") || source.contains("from pytest") || source.contains("\ndef test")
    };
    sources.iter().any(|source| source.contains("unittest")) && !sources.iter().any(needs_pytest)
}

fn is_performance_directory(name: &str) -> bool {
    PERFORMANCE_DIRECTORIES.contains(&name)
}

/// Performance tests, with what was looked at and left out in `considered`. `has_fixture` tells whether a plugin
/// brings the fixture `benchmark`.
pub(super) fn performance(project: &Project, has_fixture: bool, considered: &mut Vec<String>) -> PerformanceTests {
    let conftests = conftest_sources(project);
    let has_fixture = has_fixture || conftests.contains("def benchmark(");
    let has_benchmark_option = conftests.contains("\"--benchmark\"") || conftests.contains("'--benchmark'");
    let mut found = BTreeMap::new();
    let mut lacking = vec![];
    for file in project.all_files().iter().filter(|file| may_hold_performance_tests(file)) {
        let Ok(source) = fs::read_to_string(&file.path) else { continue };
        let functions = test_functions(&source);
        let using: Vec<_> = functions.iter().filter(|function| function.uses_benchmark).collect();
        let is_named = is_performance_file(&file.relative);
        if (!is_named && using.is_empty()) || functions.is_empty() {
            continue;
        }
        if !using.is_empty() && !has_fixture {
            lacking.push(file.relative.clone());
            continue;
        }
        let is_whole = is_named || using.len() == functions.len();
        let nodes = using.iter().map(|function| format!("{}::{}", file.relative, function.node));
        found.insert(file.relative.clone(), if is_whole { vec![file.relative.clone()] } else { nodes.collect() });
    }
    if !lacking.is_empty() {
        considered.push(format!(
            "`{}`: needs the fixture `benchmark` of pytest-benchmark, which is not installed",
            lacking.join("`, `")
        ));
    }
    considered.extend(not_for_pytest(project));
    let n_nodes: usize = found.values().map(Vec::len).sum();
    let paths = if n_nodes > NODES_MAX { found.into_keys().collect() } else { found.into_values().flatten().collect() };
    PerformanceTests { paths, has_benchmark_option }
}

fn conftest_sources(project: &Project) -> String {
    let conftests = project.all_files().iter().filter(|file| file.relative.ends_with("conftest.py"));
    conftests.filter_map(|file| fs::read_to_string(&file.path).ok()).collect::<Vec<_>>().join("\n")
}

fn may_hold_performance_tests(file: &SourcePath) -> bool {
    let first = file.relative.split('/').next().unwrap_or_default();
    !OTHER_DIRECTORIES.contains(&first)
        && (is_test_code(&file.relative) || is_performance_file(&file.relative))
        && !file.relative.ends_with("conftest.py")
}

fn is_performance_file(relative: &str) -> bool {
    let mut parts: Vec<&str> = relative.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    let is_pytest_file = is_test_file(name, &[]) || name.starts_with("bench_") || name.ends_with("_bench.py");
    // Only directories at the top or among the tests: `package/performance/` is the project's own code.
    let is_among = |(index, part): (usize, &&str)| {
        is_performance_directory(part) && (index == 0 || parts[..index].iter().any(|part| is_test_directory(part)))
    };
    PERFORMANCE_NAMES.iter().any(|prefix| name.starts_with(prefix))
        || (is_pytest_file && parts.iter().enumerate().any(is_among))
}

/// Benchmarks that are there and that pytest cannot run, one sentence for each kind.
fn not_for_pytest(project: &Project) -> Vec<String> {
    let mut said = vec![];
    let has_asv = ["asv.conf.json", "benchmarks/asv.conf.json", "asv_bench/asv.conf.json"];
    if let Some(found) = has_asv.iter().find(|name| project.root.join(name).is_file()) {
        said.push(format!("`{found}`: a suite for asv, which pytest cannot run; name a command after `--`"));
    }
    let is_script = |file: &&SourcePath| {
        let first = file.relative.split('/').next().unwrap_or_default();
        is_performance_directory(first)
            && !is_performance_file(&file.relative)
            && fs::read_to_string(&file.path).is_ok_and(|source| source.contains("__main__"))
    };
    let scripts: Vec<_> =
        project.all_files().iter().filter(is_script).take(3).map(|file| file.relative.as_str()).collect();
    if !scripts.is_empty() {
        said.push(format!("`{}`: scripts, not tests; name one after `--`", scripts.join("`, `")));
    }
    said
}

/// A test function: how pytest names it, and whether it takes the fixture `benchmark`.
#[derive(Debug, PartialEq, Eq)]
struct TestFunction {
    node: String,
    uses_benchmark: bool,
}

fn test_functions(source: &str) -> Vec<TestFunction> {
    let mut class = None;
    let mut found = vec![];
    let mut offset = 0;
    for line in source.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let content = line.trim_start();
        let is_indented = content.len() < line.len();
        if let Some(rest) = line.strip_prefix("class ") {
            class = Some(rest.split([':', '(']).next().unwrap_or_default().trim().to_owned());
            continue;
        }
        let definition = content.strip_prefix("async ").unwrap_or(content);
        let Some(rest) = definition.strip_prefix("def ").filter(|rest| rest.starts_with("test")) else {
            if !is_indented && !content.is_empty() && !content.starts_with(['#', '@', ')']) {
                class = None;
            }
            continue;
        };
        let name = rest.split('(').next().unwrap_or_default().trim();
        let signature = &source[start..];
        let parameters = signature.split_once('(').map(|(_, rest)| rest.split(')').next().unwrap_or_default());
        let uses_benchmark = parameters
            .unwrap_or_default()
            .split(',')
            .any(|parameter| parameter.split([':', '=']).next().is_some_and(|name| name.trim() == "benchmark"));
        let node = match &class {
            Some(class) if is_indented => format!("{class}::{name}"),
            _ => name.to_owned(),
        };
        found.push(TestFunction { node, uses_benchmark });
    }
    found
}

/// True when pytest's plugins bring the fixture.
pub(super) fn brings_benchmark(distribution: &str) -> bool {
    matches!(distribution, "pytest-benchmark" | "pytest-codspeed")
}

/// The settings, for callers that have none yet.
pub(super) fn settings(project: &Project) -> Settings {
    pytest::settings(project)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names_as_pytest_has_them() {
        for (pattern, name, expected) in [
            ("test_*.py", "test_a.py", true),
            ("test_*.py", "a_test.py", false),
            ("*_test.py", "a_test.py", true),
            ("*.py", "a.py", true),
            ("check_*.py", "test_a.py", false),
            ("tests.py", "tests.py", true),
            ("tests.py", "tests.pyx", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn tests_that_take_the_fixture_are_found_with_their_class() {
        let source = "
def test_plain(tmp_path):
    pass

class TestSpeed(Base):
    def test_method(self, benchmark):
        pass

    def test_other(self, benchmark_name):
        pass

async def test_after(
    tmp_path,
    benchmark: Any,
) -> None:
    pass
";
        let found: Vec<_> = test_functions(source).into_iter().map(|f| (f.node, f.uses_benchmark)).collect();
        let expected = [
            ("test_plain", false),
            ("TestSpeed::test_method", true),
            ("TestSpeed::test_other", false),
            ("test_after", true),
        ];
        assert_eq!(found, expected.map(|(node, uses)| (node.to_owned(), uses)));
    }

    #[test]
    fn performance_tests_are_known_by_name_and_place() {
        for path in [
            "tests/test_performance.py",
            "tests/test_performance_api.py",
            "benchmarks/test_a.py",
            "bench/bench_a.py",
            "tests/perf/test_a.py",
        ] {
            assert!(is_performance_file(path), "{path}");
        }
        for path in ["tests/test_perfume.py", "package/performance/test_a.py", "benchmarks/run.py", "tests/test_a.py"] {
            assert!(!is_performance_file(path), "{path}");
        }
    }
}
