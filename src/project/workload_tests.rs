use super::*;
use crate::model::InterpreterSource;
use crate::project::{OpenOptions, open};

/// A project of these files, asked about at `target`, with these distributions installed.
fn choice(files: &[(&str, &str)], target: &str, installed: &[&str]) -> Result<Choice, ProjectError> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
        fs::write(path, text).expect("writable");
    }
    fs::write(directory.path().join("cmdx.toml"), "").expect("writable");
    let options = OpenOptions { cwd: directory.path().to_path_buf(), ..OpenOptions::default() };
    let project = open(&[PathBuf::from(target)], &options).expect("a project");
    let interpreter = Interpreter {
        path: "/env/bin/python".into(),
        source: InterpreterSource::Path,
        version: (3, 11, 7),
        implementation: "cpython".into(),
        prefix: "/env".into(),
        is_free_threaded: false,
        has_pytest: installed.contains(&"pytest"),
    };
    let context = Context {
        project: &project,
        interpreter: &interpreter,
        installed: installed.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect(),
        settings: suite::settings(&project),
    };
    let mut considered = vec![];
    let workload = first(&context, &mut considered)?;
    Ok(Choice { workloads: workload.into_iter().collect(), considered })
}

/// Kind and the arguments behind what every run of pytest has.
fn check(files: &[(&str, &str)], target: &str, installed: &[&str], kind: WorkloadKind, arguments: &str) {
    let choice = choice(files, target, installed).expect("a choice");
    let workload = choice.workloads.first().unwrap_or_else(|| panic!("a workload: {:?}", choice.considered));
    let mut rest = workload.argv[1..].to_vec();
    if rest.starts_with(&["-m".to_owned(), "pytest".to_owned()]) {
        assert_eq!(rest[2], "-q");
        assert_eq!(rest[3], "--continue-on-collection-errors");
        assert!(rest[5].starts_with("cache_dir=") && rest[6] == "--cache-clear", "{rest:?}");
        rest.drain(2..7);
    }
    assert_eq!((workload.kind, rest.join(" ")), (kind, arguments.to_owned()));
}

const TEST: (&str, &str) = ("tests/test_a.py", "def test_a(): ...\n");
const MAIN: (&str, &str) = ("shop/__main__.py", "print(1)\n");
const GUARDED: &str = "def main(): ...\nif __name__ == '__main__':\n    main()\n";

#[test]
fn performance_tests_come_before_the_suite() {
    let performance = ("tests/test_performance.py", "def test_a(): ...\n");
    check(
        &[TEST, MAIN, performance],
        ".",
        &["pytest"],
        WorkloadKind::PerformanceTests,
        "-m pytest tests/test_performance.py",
    );
    let benchmarks = ("benchmarks/test_speed.py", "def test_a(): ...\n");
    check(&[TEST, benchmarks], ".", &["pytest"], WorkloadKind::PerformanceTests, "-m pytest benchmarks/test_speed.py");
}

#[test]
fn tests_with_the_benchmark_fixture_are_performance_tests_when_something_brings_it() {
    let mixed = ("tests/test_mixed.py", "def test_a(): ...\n\nclass TestB:\n    def test_b(self, benchmark): ...\n");
    let node = "-m pytest tests/test_mixed.py::TestB::test_b";
    check(&[TEST, mixed], ".", &["pytest", "pytest-benchmark"], WorkloadKind::PerformanceTests, node);
    let conftest = (
        "tests/conftest.py",
        "@pytest.fixture\ndef benchmark(request): ...\ndef pytest_addoption(parser):\n    parser.addoption('--benchmark')\n",
    );
    let with_option = format!("{node} --benchmark");
    check(&[TEST, mixed, conftest], ".", &["pytest"], WorkloadKind::PerformanceTests, &with_option);
    let found = choice(&[TEST, mixed], ".", &["pytest"]).expect("a choice");
    assert_eq!(found.workloads[0].kind, WorkloadKind::TestSuite);
    assert_eq!(
        found.considered,
        [
            "`tests/test_mixed.py`: needs the fixture `benchmark` of pytest-benchmark, which is not installed",
            "no performance tests"
        ]
    );
}

#[test]
fn benchmarks_that_pytest_cannot_run_are_said_and_left() {
    let asv = [("asv.conf.json", "{}"), ("benchmarks/benchmarks.py", "class TimeSuite:\n    def time_a(self): ...\n")];
    let found = choice(&[TEST, asv[0], asv[1]], ".", &["pytest"]).expect("a choice");
    assert_eq!(found.workloads[0].kind, WorkloadKind::TestSuite);
    assert_eq!(
        found.considered[0],
        "`asv.conf.json`: a suite for asv, which pytest cannot run; name a command after `--`"
    );
}

#[test]
fn the_suite_is_where_pytest_is_told_or_where_tests_are() {
    check(&[TEST], ".", &["pytest"], WorkloadKind::TestSuite, "-m pytest tests");
    let settings = ("pytest.ini", "[pytest]\ntestpaths = tests\n");
    check(&[TEST, settings], ".", &["pytest"], WorkloadKind::TestSuite, "-m pytest");
    let nested = ("shop/cart/tests/test_b.py", "");
    check(&[nested, ("shop/a.py", "")], "shop/a.py", &["pytest"], WorkloadKind::TestSuite, "-m pytest shop/cart/tests");
    check(
        &[("test_b.py", ""), ("docs/test_c.py", "")],
        ".",
        &["pytest"],
        WorkloadKind::TestSuite,
        "-m pytest test_b.py",
    );
    let gone = ("pytest.ini", "[pytest]\ntestpaths = tests\n");
    check(&[MAIN, gone], ".", &["pytest"], WorkloadKind::MainModule, "-m shop");
    let helper = ("shop/test_utils.py", "def count_queries(): ...\n");
    check(&[MAIN, helper], ".", &["pytest"], WorkloadKind::MainModule, "-m shop");
}

#[test]
fn named_tests_are_run_alone() {
    let other = ("tests/test_b.py", "");
    check(&[TEST, other], "tests/test_b.py", &["pytest"], WorkloadKind::TestSuite, "-m pytest tests/test_b.py");
}

#[test]
fn unittest_runs_what_does_not_need_pytest() {
    let plain = ("tests/test_a.py", "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): ...\n");
    check(&[plain], ".", &[], WorkloadKind::TestSuite, "-m unittest discover -s tests");
    let package = ("tests/__init__.py", "");
    check(&[plain, package], ".", &[], WorkloadKind::TestSuite, "-m unittest discover -s tests -t .");
    let error = choice(&[TEST], ".", &[]).expect_err("pytest is needed");
    assert_eq!(error.to_string(), "`pytest` is not installed in `/env/bin/python` (the first Python on `PATH`)");
    assert!(error.hint().is_some_and(|hint| hint.contains("`--install`")));
}

#[test]
fn django_runs_its_own_tests_unless_pytest_knows_django() {
    let manage = ("manage.py", "os.environ['DJANGO_SETTINGS_MODULE'] = 'a'\n");
    let tests = ("shop/tests.py", "from django.test import TestCase\n");
    check(&[manage, tests], ".", &["pytest"], WorkloadKind::TestSuite, "manage.py test --noinput");
    check(&[manage, tests], ".", &["pytest", "pytest-django"], WorkloadKind::TestSuite, "-m pytest shop/tests.py");
}

#[test]
fn a_script_no_test_speaks_of_is_run_itself() {
    let script = ("tool.py", GUARDED);
    check(&[TEST, script], "tool.py", &["pytest"], WorkloadKind::Script, "tool.py");
    let using = ("tests/test_tool.py", "import tool\ndef test_a(): ...\n");
    check(&[using, script], "tool.py", &["pytest"], WorkloadKind::TestSuite, "-m pytest tests");
    check(&[script], ".", &[], WorkloadKind::Script, "tool.py");
    check(&[("plain.py", "print(sum(range(9)))\n")], "plain.py", &[], WorkloadKind::Script, "plain.py");
    let main = ("main.py", GUARDED);
    check(&[script, main], ".", &[], WorkloadKind::Script, "main.py");
}

#[test]
fn doctests_serve_where_nothing_else_does() {
    let module = ("shop.py", "def f():\n    \"\"\"\n    >>> f()\n    \"\"\"\n");
    check(&[module], ".", &["pytest"], WorkloadKind::TestSuite, "-m pytest --doctest-modules shop.py");
}

#[test]
fn where_nothing_can_run_it_is_said_what_was_looked_at() {
    let found =
        choice(&[("shop.py", "def f(): ...\n"), ("setup.py", "setup()\n")], ".", &["pytest"]).expect("a choice");
    assert_eq!(found.workloads, []);
    let expected = [
        "no performance tests",
        "no tests",
        "no `__main__.py`",
        "no script with `if __name__ == \"__main__\"` in the root",
        "no doctests",
    ];
    assert_eq!(found.considered, expected);
    let two = choice(&[("a.py", GUARDED), ("b.py", GUARDED)], ".", &[]).expect("a choice");
    assert!(two.considered.contains(&"several scripts could be meant (a.py, b.py): name one after `--`".to_owned()));
}

#[test]
fn options_that_would_break_or_distort_the_run_are_left_out() {
    let settings = (
        "pytest.ini",
        "[pytest]\naddopts = -ra --cov shop --cov-report=term -n 4 --timeout=5 -m 'not slow' --import-mode=importlib -xv\nrequired_plugins = pytest-sugar\nfilterwarnings =\n    error\n",
    );
    let found = choice(&[TEST, settings], ".", &["pytest", "pytest-cov"]).expect("a choice");
    let argv = found.workloads[0].argv.join(" ");
    assert!(
        argv.contains("-o addopts=-ra -m 'not slow' --import-mode=importlib -o required_plugins= -W ignore::pytest."),
        "{argv}"
    );
    assert!(argv.ends_with("ignore::pytest.PytestUnknownMarkWarning tests"), "{argv}");
    let said = "pytest runs without `--cov`, `shop`, `--cov-report=term`, `-n`, `4`, `--timeout=5`, `-xv` of `addopts`";
    let considered = found.considered.join("\n");
    assert!(considered.contains(said), "{considered}");
    assert!(considered.contains("not installed: pytest-xdist, pytest-timeout"), "{considered}");
}

#[test]
fn source_roots_are_importable_where_the_project_is_not_installed() {
    let files = [TEST, ("src/shop/__init__.py", ""), ("pyproject.toml", "[project]\nname = 'shop'\n")];
    let found = choice(&files, ".", &["pytest"]).expect("a choice");
    let (name, value) = &found.workloads[0].env[0];
    assert_eq!(name, "PYTHONPATH");
    assert!(value.ends_with("src"), "{value}");
    assert_eq!(choice(&files, ".", &["pytest", "shop"]).expect("a choice").workloads[0].env, []);
    let script = ("tools/run.py", "import shop\nif __name__ == '__main__':\n    shop.run()\n");
    let found = choice(&[script, ("shop.py", "")], "tools/run.py", &[]).expect("a choice");
    assert_eq!(found.workloads[0].env.len(), 1, "the script imports a module of the root");
}

#[test]
fn programs_run_with_the_interpreter_of_the_project() {
    let interpreter = Interpreter {
        path: "/env/bin/python".into(),
        source: InterpreterSource::Path,
        version: (3, 11, 7),
        implementation: "cpython".into(),
        prefix: "/env".into(),
        is_free_threaded: false,
        has_pytest: true,
    };
    let check = |line: &str, expected: &str| {
        let argv = line.split(' ').map(str::to_owned).collect();
        assert_eq!(with_interpreter(argv, Path::new("/"), &interpreter).join(" "), expected);
    };
    check("python -m shop", "/env/bin/python -m shop");
    check("pytest -k a", "/env/bin/python -m pytest -k a");
    check("make run", "make run");
    check("/usr/bin/python3 a.py", "/usr/bin/python3 a.py");
}
