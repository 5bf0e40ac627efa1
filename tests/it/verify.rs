//! The checks of rewrites, with hand-made rewrites of real programs under a real interpreter.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use cmdx::engine::verify::{self, Checked, CompileJob, Options, Overlay, Room, Subject, Unit};
use cmdx::model::{Verdict, Workload, WorkloadKind};

use crate::environments;

/// A program of one module, a way to run it, and rewrites of single lines of it.
pub(crate) struct Program {
    pub(crate) root: PathBuf,
    pub(crate) python: PathBuf,
    _directory: tempfile::TempDir,
}

impl Program {
    pub(crate) fn new(files: &[(&str, &str)], packages: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = fs::canonicalize(directory.path()).expect("just made");
        for (name, content) in files {
            fs::write(root.join(name), content).expect("writable");
        }
        let python = if packages.is_empty() { environments::python() } else { environments::environment(packages) };
        Self { root, python, _directory: directory }
    }

    pub(crate) fn workload(&self, arguments: &[&str]) -> Workload {
        let words = arguments.iter().map(|&word| word.to_owned());
        let argv = std::iter::once(self.python.display().to_string()).chain(words).collect();
        Workload {
            kind: WorkloadKind::Script,
            title: "the program".into(),
            argv,
            cwd: self.root.clone(),
            env: vec![("PYTHONDONTWRITEBYTECODE".into(), "1".into())],
        }
    }

    /// Checks rewrites of `app.py`, each the replacement of one piece of text that occurs once.
    pub(crate) fn check(
        &self,
        suite: Option<&Workload>,
        workload: Option<&Workload>,
        rewrites: &[(&str, &str)],
    ) -> Checked {
        let path = self.root.join("app.py");
        let source = fs::read_to_string(&path).expect("there");
        let unit = |(old, _): &(&str, &str)| {
            assert_eq!(source.matches(old).count(), 1, "`{old}` must occur once");
            let line = source[..source.find(old).expect("there")].matches('\n').count() as u32 + 1;
            Unit { path: path.clone(), lines: vec![line], words_errors: false }
        };
        let units: Vec<Unit> = rewrites.iter().map(unit).collect();
        let build = |chosen: &[usize]| {
            let text =
                chosen.iter().fold(source.clone(), |text, index| text.replace(rewrites[*index].0, rewrites[*index].1));
            Overlay::from([(path.clone(), text.into_bytes())])
        };
        let base = BTreeMap::new();
        let subject = Subject { units: &units, base: &base, build: &build };
        let options = Options {
            python: &self.python,
            suite,
            workload,
            deadline: Duration::from_mins(1),
            timing_budget: Duration::ZERO,
            known: None,
        };
        let room = tempfile::tempdir().expect("a temporary directory");
        let checked = verify::verify(&Room::new(room.path()).expect("writable"), &subject, &options, &mut |_| {});
        assert_eq!(fs::read_to_string(&path).expect("there"), source, "nothing of the project is written");
        checked.expect("checked")
    }
}

/// The harness ends every process that its process started or adopted: a test that uses it directly runs in a process
/// of its own, or it would end the children of the tests beside it. True when it ran there.
pub(crate) fn runs_elsewhere() -> bool {
    let thread = thread::current();
    let name = thread.name().unwrap_or("main");
    // With one thread the tests run one after the other, on the main one.
    if name == "main" || std::env::var_os("CMDX_TEST_ALONE").is_some() {
        return false;
    }
    let output = Command::new(std::env::current_exe().expect("the test binary"))
        .args(["--exact", name, "--nocapture"])
        .env("CMDX_TEST_ALONE", "1")
        .output()
        .expect("starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

pub(crate) fn difference(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Differs { first } => first,
        other => panic!("not a difference: {other:?}"),
    }
}

pub(crate) fn checks(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Same { checks } => checks.join("; "),
        other => panic!("not the same: {other:?}"),
    }
}

pub(crate) fn why(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::NotChecked { why } => why,
        other => panic!("it was checked: {other:?}"),
    }
}

const SUMS: &str = "\
import sys


def total(numbers):
    return sum(numbers)


def first(numbers):
    return sorted(numbers)[0]


def grown(numbers):
    numbers.append(0)
    return len(numbers)


def told(numbers):
    print(len(numbers))


def doubles(numbers):
    return [number * 2 for number in numbers]


def picky(number):
    if number < 0:
        raise ValueError('negative', number)
    return number


def unused(numbers):
    return list(numbers)


if __name__ == '__main__':
    total([1, 2, 3])
    first([3, 1, 2])
    grown([5])
    told([7, 8])
    doubles([1, 2])
    try:
        picky(-1)
    except ValueError:
        pass
    print('done')
";

#[test]
fn recorded_calls_find_what_the_output_does_not_show() {
    if runs_elsewhere() {
        return;
    }
    let program = Program::new(&[("app.py", SUMS)], &[]);
    let run = program.workload(&["app.py"]);
    let checked = program.check(
        None,
        Some(&run),
        &[
            ("return sum(numbers)", "return sum(numbers) + 1"),
            ("return sorted(numbers)[0]", "return min(numbers)"),
            ("    numbers.append(0)\n    return len(numbers)", "    return len(numbers) + 1"),
            ("return [number * 2 for number in numbers]", "return (number * 2 for number in numbers)"),
            ("raise ValueError('negative', number)", "raise ValueError('below zero', number)"),
            ("return list(numbers)", "return numbers[:]"),
        ],
    );
    assert_eq!(difference(&checked.verdicts[0]), "`total`, recorded call 1: it returned 6, now it returned 7");
    let same = checks(&checked.verdicts[1]);
    assert!(same.contains("1 recorded call gives the same result, arguments and output"), "{same}");
    assert!(same.contains("the program runs it and prints the same"), "{same}");
    assert!(difference(&checked.verdicts[2]).contains("leaves its arguments in another state"));
    checks(&checked.verdicts[3]);
    let raised = difference(&checked.verdicts[4]);
    assert!(
        raised.contains("it raised ValueError('negative', -1), now it raised ValueError('below zero', -1)"),
        "{raised}"
    );
    assert_eq!(why(&checked.verdicts[5]), "nothing that was run reaches it");
}

#[test]
fn what_prints_something_else_is_found_among_the_others() {
    if runs_elsewhere() {
        return;
    }
    let program = Program::new(&[("app.py", SUMS)], &[]);
    let run = program.workload(&["app.py"]);
    let rewrites = [("return sum(numbers)", "return 0 + sum(numbers)"), ("print(len(numbers))", "print('2 ')")];
    let checked = program.check(None, Some(&run), &rewrites);
    checks(&checked.verdicts[0]);
    assert_eq!(difference(&checked.verdicts[1]), "the program prints `2 `, before `2`");
}

#[test]
fn what_does_not_compile_or_resolve_is_found_before_anything_runs() {
    if runs_elsewhere() {
        return;
    }
    let program = Program::new(&[("app.py", SUMS)], &[]);
    let run = program.workload(&["app.py"]);
    let rewrites = [
        ("return sum(numbers)", "return sum(numbers"),
        ("return sorted(numbers)[0]", "return heapq.nsmallest(1, numbers)[0]"),
        ("return len(numbers)", "return len(list(numbers))"),
    ];
    let checked = program.check(None, Some(&run), &rewrites);
    assert!(difference(&checked.verdicts[0]).starts_with("it does not compile"));
    assert_eq!(difference(&checked.verdicts[1]), "names that nothing binds: heapq");
    checks(&checked.verdicts[2]);
}

#[test]
fn calls_that_reach_outside_are_stopped_and_prove_nothing() {
    if runs_elsewhere() {
        return;
    }
    let source = "\
def save(path, text):
    with open(path, 'a') as file:
        file.write(text)
    return len(text)


def serial(counter=[0]):
    import time
    return time.perf_counter_ns()


def handed(stream):
    return sum(stream)


save('out.txt', 'x')
serial()
handed(number for number in [1, 2])
";
    let program = Program::new(&[("app.py", source), ("main.py", "import app\n")], &[]);
    let run = program.workload(&["main.py"]);
    let rewrites = [
        ("return len(text)", "return 0 + len(text)"),
        ("return time.perf_counter_ns()", "return 0 + time.perf_counter_ns()"),
        ("return sum(stream)", "return 0 + sum(stream)"),
    ];
    let checked = program.check(None, Some(&run), &rewrites);
    // The output is the same; the replay adds nothing to that.
    for verdict in &checked.verdicts {
        assert_eq!(checks(verdict), "the program runs it and prints the same");
    }
    // The program runs three times and imports its module in each replay; no recorded call wrote.
    let written = fs::read_to_string(program.root.join("out.txt")).expect("written by the program");
    assert!(written.len() <= 8, "{written}");
}

const SUITE: &str = "\
import os
import app


def test_both():
    nothing = (number for number in ())
    assert app.left(nothing) + app.right(nothing) in (2, 11)


def test_first():
    assert app.first() == 1


def test_known_bug():
    assert app.first() == 3


def test_flaky():
    path = os.path.join(os.path.dirname(__file__), 'marker')
    was_there = os.path.exists(path)
    if was_there:
        os.remove(path)
    else:
        open(path, 'w').close()
    assert was_there
";

#[test]
fn a_guilty_pair_is_taken_out_and_tests_that_failed_or_flake_do_not_count() {
    if runs_elsewhere() {
        return;
    }
    let source = "\
def left(numbers):
    return 1


def right(numbers):
    value = 1
    return value


def first():
    x = 1
    return x


def unrun():
    return 5
";
    let program = Program::new(&[("app.py", source), ("test_app.py", SUITE)], &["pytest"]);
    let suite = program.workload(&["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    let rewrites = [
        // Alone each of the two passes; together they do not. What they are called with cannot be recorded.
        ("return 1\n\n\ndef right", "return 10\n\n\ndef right"),
        ("return value", "return value + 9"),
        ("return x", "return x + 0"),
        ("return 5", "return 6"),
    ];
    let mut checked = program.check(Some(&suite), None, &rewrites);
    let both: Vec<bool> = checked.verdicts.iter().map(|verdict| matches!(verdict, Verdict::Differs { .. })).collect();
    assert_eq!(both, [true, true, false, false]);
    let pair = difference(&checked.verdicts[0]);
    assert!(
        pair.starts_with("`test_app.py::test_both` fails") && pair.ends_with("(together with another rewrite)"),
        "{pair}"
    );
    assert!(checks(&checked.verdicts[2]).starts_with("1 test that runs it passes as before"));
    assert_eq!(why(&checked.verdicts[3]), "no test runs it");
    let notes = checked.notes.join("\n");
    assert!(notes.contains("2 tests pass"), "{notes}");
    assert!(notes.contains("failed before already: `test_app.py::test_known_bug`"), "{notes}");
    assert!(notes.contains("from run to run: `test_app.py::test_flaky`"), "{notes}");
    let baseline = checked.baseline.take().expect("tests ran");
    assert_eq!(baseline.stable.len(), 2);
}

#[test]
fn tests_find_what_they_assert_and_name_the_test() {
    if runs_elsewhere() {
        return;
    }
    let source = "def first():\n    return 1\n\n\ndef second():\n    return 2\n";
    let tests = "\
import unittest
import app


class Numbers(unittest.TestCase):
    def test_first(self):
        self.assertEqual(app.first(), 1)

    def test_second(self):
        self.assertEqual(app.second(), 2)
";
    let files = [("app.py", source), ("test_app.py", tests)];
    let rewrites = [("return 1", "return 1.5"), ("return 2", "return 1 + 1")];
    let program = Program::new(&files, &[]);
    let unittest = program.check(Some(&program.workload(&["-m", "unittest", "discover"])), None, &rewrites);
    assert_eq!(difference(&unittest.verdicts[0]), "`test_app.Numbers.test_first` fails: AssertionError: 1.5 != 1");
    assert!(checks(&unittest.verdicts[1]).contains("1 test that runs it passes as before"));
    let program = Program::new(&files, &["pytest"]);
    let suite = program.workload(&["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    let pytest = program.check(Some(&suite), None, &rewrites);
    let first = difference(&pytest.verdicts[0]);
    assert_eq!(first, "`test_app.py::Numbers::test_first` fails: AssertionError: 1.5 != 1");
}

#[test]
fn a_rewrite_that_never_ends_is_taken_out() {
    if runs_elsewhere() {
        return;
    }
    let source = "def first():\n    return 1\n";
    let tests = "import unittest\nimport app\n\n\nclass T(unittest.TestCase):\n    def test_first(self):\n        self.assertEqual(app.first(), 1)\n";
    let program = Program::new(&[("app.py", source), ("test_app.py", tests)], &[]);
    let path = program.root.join("app.py");
    let units = [Unit { path: path.clone(), lines: vec![2], words_errors: false }];
    let build = |chosen: &[usize]| match chosen {
        [] => Overlay::new(),
        _ => Overlay::from([(path.clone(), b"def first():\n    while True: pass\n".to_vec())]),
    };
    let base = BTreeMap::new();
    let suite = program.workload(&["-m", "unittest", "discover"]);
    let options = Options {
        python: &program.python,
        suite: Some(&suite),
        workload: None,
        deadline: Duration::from_secs(3),
        timing_budget: Duration::ZERO,
        known: None,
    };
    let room = tempfile::tempdir().expect("a temporary directory");
    let subject = Subject { units: &units, base: &base, build: &build };
    let room = Room::new(room.path()).expect("writable");
    let checked = verify::verify(&room, &subject, &options, &mut |_| {}).expect("checked");
    assert_eq!(difference(&checked.verdicts[0]), "`test_app.T.test_first` fails: it did not run");
}

#[test]
fn every_supported_interpreter_compiles_and_watches() {
    if runs_elsewhere() {
        return;
    }
    for (minor, python) in environments::interpreters() {
        let mut program = Program::new(&[("app.py", SUMS)], &[]);
        program.python.clone_from(python);
        let run = program.workload(&["app.py"]);
        let checked = program.check(None, Some(&run), &[("return sum(numbers)", "return 0 + sum(numbers)")]);
        let same = checks(&checked.verdicts[0]);
        assert!(same.contains("1 recorded call gives"), "{minor:?}: {same}");
    }
}

#[test]
fn files_that_did_not_compile_before_are_no_fault_of_ours() {
    if runs_elsewhere() {
        return;
    }
    let room = tempfile::tempdir().expect("a temporary directory");
    let room = Room::new(room.path()).expect("writable");
    let jobs = [
        CompileJob { path: "good.py", before: b"x = 1\n", after: b"x = 2\n" },
        CompileJob { path: "old.py", before: b"print 'x'\n", after: b"print 'y'\n" },
        CompileJob {
            path: "star.py",
            before: b"from os import *\ngetcwd()\n",
            after: b"from os import *\ngetpid()\ngetcwd()\n",
        },
    ];
    let problems = verify::compile(&room, Path::new(&environments::python()), &jobs).expect("compiled");
    let problems: BTreeMap<String, String> = problems.into_iter().collect();
    assert!(!problems.contains_key("good.py"));
    assert!(!problems.contains_key("star.py"), "any name may come from the star");
    assert_eq!(problems["old.py"], "it does not compile with this interpreter, before or after");
}
