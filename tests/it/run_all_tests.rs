//! `run-all-tests` on suites that pass, fail, hang, crash and depend on their order.

use std::path::Path;

use serde_json::Value;

use crate::environments;
use crate::runs::{Said, cmdx, project, say};

const SUITE: &str = "\
import pytest


def test_passes():
    pass


def test_fails():
    left = [1, 2]
    assert left == [1, 3]


@pytest.mark.skip(reason='not today')
def test_skipped():
    pass


@pytest.mark.xfail
def test_known():
    assert False


@pytest.fixture
def broken():
    raise ValueError('no such luck')


def test_cannot_start(broken):
    pass
";

fn run(root: &Path, words: &[&str]) -> Said {
    say(cmdx(root).args(["run-all-tests", "--python"]).arg(environments::environment(&["pytest"])).args(words))
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

fn outcomes(document: &Value) -> Vec<(String, String)> {
    let tests = document["tests"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    tests.iter().map(|test| (text(&test["name"]), text(&test["outcome"]))).collect()
}

fn expect(document: &Value, expected: &[(&str, &str)]) {
    let expected: Vec<(String, String)> =
        expected.iter().map(|(name, outcome)| ((*name).to_owned(), (*outcome).to_owned())).collect();
    assert_eq!(outcomes(document), expected, "{document:#}");
}

#[test]
fn failures_are_told_with_place_and_reason_and_in_every_form() {
    let project = project(&[("app.py", ""), ("test_app.py", SUITE)]);
    let said = run(project.path(), &["--format=junit=out.xml", "--format=json=out.json"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.stdout
            .contains("FAILED test_app.py::test_fails  test_app.py:10\n    AssertionError: assert [1, 2] == [1, 3]\n")
            || said.stdout.contains("assert [1, 2] == [1, 3]"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout.contains("❌ 1 passed, 1 failed, 1 with an error, 1 skipped, 1 failed as expected"),
        "{}",
        said.stdout
    );
    let text = std::fs::read_to_string(project.path().join("out.json")).expect("written");
    let document: Value = serde_json::from_str(&text).expect("one document");
    expect(
        &document,
        &[
            ("test_app.py::test_cannot_start", "error"),
            ("test_app.py::test_fails", "failed"),
            ("test_app.py::test_known", "xfailed"),
            ("test_app.py::test_passes", "passed"),
            ("test_app.py::test_skipped", "skipped"),
        ],
    );
    assert_eq!(document["tests"][0]["message"], "ValueError: no such luck");
    assert_eq!(document["tests"][1]["location"]["line"], 10);
    let xml = std::fs::read_to_string(project.path().join("out.xml")).expect("written");
    assert!(xml.contains("tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"2\""), "{xml}");
    assert!(xml.contains("classname=\"test_app.py\" name=\"test_fails\" file=\"test_app.py\" line=\"10\""), "{xml}");
}

#[test]
fn nothing_is_left_in_the_project_but_the_state() {
    let project = project(&[("app.py", ""), ("test_app.py", "def test_a():\n    pass\n")]);
    let said = say(cmdx(project.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["run-all-tests", "--python"])
        .arg(environments::environment(&["pytest"])));
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    let mut left: Vec<_> = std::fs::read_dir(project.path())
        .expect("there")
        .flatten()
        .map(|entry| entry.file_name().into_string().expect("text"))
        .collect();
    left.sort();
    assert_eq!(left, [".cmdx", "app.py", "test_app.py"]);
}

#[test]
fn a_project_without_tests_is_not_measured() {
    let project = project(&[("app.py", "x = 1\n")]);
    let said = run(project.path(), &[]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains("the project has no tests"), "{}", said.stderr);
}

#[test]
fn a_test_that_ends_the_interpreter_is_named_and_the_rest_runs() {
    let suite = "import os\n\ndef test_a():\n    pass\n\ndef test_b():\n    os.kill(os.getpid(), 11)\n\ndef test_c():\n    pass\n";
    let project = project(&[("app.py", ""), ("test_app.py", suite)]);
    let said = run(project.path(), &["--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let document = json(&said);
    expect(
        &document,
        &[("test_app.py::test_a", "passed"), ("test_app.py::test_b", "crashed"), ("test_app.py::test_c", "passed")],
    );
    assert_eq!(document["tests"][1]["message"], "the interpreter died of signal 11");
    assert_eq!(document["tests"][1]["location"]["line"], 6);
}

#[test]
fn a_test_that_hangs_is_named() {
    let suite =
        "import time\n\ndef test_a():\n    pass\n\ndef test_b():\n    time.sleep(600)\n\ndef test_c():\n    pass\n";
    let project = project(&[("app.py", ""), ("test_app.py", suite)]);
    let said = run(project.path(), &["--json", "--deadline", "4s"]);
    assert_eq!(said.code, 1, "{said:?}");
    let document = json(&said);
    expect(&document, &[("test_app.py::test_a", "passed"), ("test_app.py::test_b", "timeout")]);
    assert!(document["problems"].to_string().contains("1 test was not run"), "{document:#}");
}

#[test]
fn a_test_that_fails_only_in_company_is_flaky() {
    let suite = "seen = []\n\ndef test_a():\n    seen.append(1)\n\ndef test_b():\n    assert not seen\n";
    let project = project(&[("app.py", ""), ("test_app.py", suite)]);
    let said = run(project.path(), &["--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    expect(&json(&said), &[("test_app.py::test_a", "passed"), ("test_app.py::test_b", "flaky")]);
    assert_eq!(run(project.path(), &["--fail-on-flaky"]).code, 1);
    assert_eq!(run(project.path(), &["--reruns=0"]).code, 1);
}

#[test]
fn parts_of_a_suite_make_the_whole_and_no_test_runs_twice() {
    let files: Vec<(String, String)> = (0..5)
        .map(|n| (format!("test_{n}.py"), format!("def test_a():\n    pass\n\ndef test_b{n}():\n    pass\n")))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let project = project(&files);
    let mut all = vec![];
    for part in 1..=3 {
        let said = run(project.path(), &["--json", "--shard", &format!("{part}/3")]);
        assert_eq!(said.code, 0, "{said:?}");
        let document = json(&said);
        assert_eq!(document["shard"], format!("{part}/3"));
        let part = outcomes(&document);
        assert!((2..=4).contains(&part.len()), "{part:?}");
        all.extend(part);
    }
    all.sort();
    assert_eq!(all, outcomes(&json(&run(project.path(), &["--json"]))));
    // Several processes come to the same.
    assert_eq!(all, outcomes(&json(&run(project.path(), &["--json", "--jobs=2"]))));
    assert_eq!(run(project.path(), &["--shard", "4/3"]).code, 2);
}

#[test]
fn suites_of_unittest_are_run_without_pytest() {
    let suite = "\
import unittest


class Case(unittest.TestCase):
    def test_a(self):
        pass

    def test_b(self):
        self.assertEqual(1, 2)

    @unittest.skip('not here')
    def test_c(self):
        pass


if __name__ == '__main__':
    unittest.main()
";
    let project = project(&[("app.py", ""), ("tests/__init__.py", ""), ("tests/test_case.py", suite)]);
    let said =
        say(cmdx(project.path()).args(["run-all-tests", "--json", "--python"]).arg(environments::environment(&[])));
    assert_eq!(said.code, 1, "{said:?}");
    let document = json(&said);
    expect(
        &document,
        &[
            ("tests.test_case.Case.test_a", "passed"),
            ("tests.test_case.Case.test_b", "failed"),
            ("tests.test_case.Case.test_c", "skipped"),
        ],
    );
    assert_eq!(document["tests"][1]["message"], "AssertionError: 1 != 2");
    assert_eq!(document["tests"][1]["location"]["path"], "tests/test_case.py");
    assert_eq!(document["tests"][1]["location"]["line"], 9);
}

/// The calls of pytest-benchmark's documentation, with and without the package.
const BENCHMARKS: &str = "\
import pytest


def work(n=100, start=0):
    return sum(range(start, n))


def test_call(benchmark):
    assert benchmark(work, 10, start=1) == 45
    assert benchmark.stats.stats.min <= benchmark.stats.stats.mean <= benchmark.stats['max']
    assert benchmark.stats.stats.rounds >= 1
    assert benchmark.extra_info == {}


@pytest.mark.benchmark(group='g', min_rounds=3, disable_gc=True)
def test_decorated(benchmark):
    assert benchmark.group == 'g'

    @benchmark
    def result():
        return work()
    assert result == 4950


def test_pedantic(benchmark):
    made = []

    def setup():
        made.append(1)
        return (5,), {'start': 2}
    assert benchmark.pedantic(work, setup=setup, rounds=4, warmup_rounds=1) == 9
    assert len(made) == 5
    assert benchmark.stats.stats.rounds == 4


def test_pedantic_arguments(benchmark):
    assert benchmark.pedantic(work, args=(4,), kwargs={'start': 1}, iterations=3, rounds=2) == 6


def test_errors_pass_through(benchmark):
    with pytest.raises(ZeroDivisionError):
        benchmark(lambda: 1 / 0)


def test_only_once(benchmark):
    benchmark(work)
    with pytest.raises(Exception):
        benchmark(work)
";

#[test]
fn the_fixture_benchmark_is_that_of_pytest_benchmark() {
    let project = project(&[("app.py", ""), ("test_app.py", BENCHMARKS)]);
    for packages in [&["pytest"][..], &["pytest", "pytest-benchmark"]] {
        let python = environments::environment(packages);
        let said = say(cmdx(project.path()).args(["run-all-tests", "--python"]).arg(python));
        assert_eq!(said.code, 0, "{packages:?}: {said:?}");
        assert!(said.stdout.contains("✅ 6 passed"), "{packages:?}: {}", said.stdout);
    }
}

#[test]
fn hostile_names_are_told_as_they_are() {
    let suite = "import pytest\n\n@pytest.mark.parametrize('x', ['</script>', 'ü', '$(id)'])\ndef test_a(x):\n    assert x == 1, ']]>'\n";
    let project = project(&[("app.py", ""), ("test_app.py", suite)]);
    let said = run(project.path(), &["--format=json", "--format=junit=out.xml", "--reruns=0"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.contains("test_a[</script>]"), "{}", said.stdout);
    let xml = std::fs::read_to_string(project.path().join("out.xml")).expect("written");
    assert!(xml.contains("test_a[&lt;/script&gt;]") && !xml.contains("]]>"), "{xml}");
}
