//! `double-check`, `--auto-fix`, and what the history takes in and gives out.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::environments;
use crate::runs::{Said, cmdx, project, say};

const APP: &str = "def work():\n    return sum(i * i for i in range(20000))\n";
const TEST: &str = "import app\n\n\ndef test_work():\n    for _ in range(5):\n        assert app.work() > 0\n";

fn call(root: &Path, command: &str, words: &[&str]) -> Said {
    let python = environments::environment(&["pytest"]);
    let mut call = cmdx(root);
    for name in ["GITHUB_ACTIONS", "GITLAB_CI"] {
        call.env_remove(name);
    }
    call.env("PYTHONDONTWRITEBYTECODE", "1").arg(command).arg("--python").arg(python).args(words);
    say(&mut call)
}

fn statuses(said: &Said) -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let verdicts = document["verdicts"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    verdicts.iter().map(|verdict| (text(&verdict["gate"]), text(&verdict["status"]))).collect()
}

#[test]
fn no_gate_and_slips_of_the_keyboard_are_errors_of_usage() {
    let project = project(&[("app.py", APP), ("test_performance.py", TEST)]);
    let said = call(project.path(), "double-check", &["--validate", "performance"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(said.stderr.contains("nothing to validate") && said.stderr.contains("[gates]"), "{}", said.stderr);
    fs::write(project.path().join("cmdx.toml"), "[gates.absolute]\nrespons_time = \"1s\"\n").expect("writable");
    let said = call(project.path(), "double-check", &["--validate", "performance"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("did you mean `response_time`?"), "{}", said.stderr);
    assert_eq!(call(project.path(), "double-check", &["--max-memory", "600"]).code, 2);
}

#[test]
fn gates_judge_the_figures_of_this_code_and_no_other() {
    let gates = "[gates.absolute]\nresponse_time = \"60 s\"\nmemory = \"10 GB\"\n";
    let project = project(&[("app.py", APP), ("test_performance.py", TEST), ("cmdx.toml", gates)]);
    let missing = call(project.path(), "double-check", &["--validate=performance", "--json"]);
    assert_eq!(missing.code, 3, "{missing:?}");
    assert!(statuses(&missing).iter().all(|(_, status)| status == "missing"), "{missing:?}");

    assert_eq!(call(project.path(), "run-all-tests", &["--benchmark", "--validate"]).code, 0);
    let said = call(project.path(), "double-check", &["--validate", "performance"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("PASS          absolute.response_time test_performance.py::test_work: "), "{said:?}");
    assert!(said.stdout.ends_with("✅ 2 passed\n"), "{}", said.stdout);

    // A second measurement agrees that it takes longer than a microsecond.
    let words = ["--validate=performance", "--max-response-time=1us", "--format=github", "--format=json=out.json"];
    let said = call(project.path(), "double-check", &words);
    assert_eq!(said.code, 1, "{said:?}");
    let first = said.stdout.lines().next().expect("a line");
    assert!(first.starts_with("::error file=test_performance.py,line=4,title=Performance FAIL::"), "{first}");
    assert!(first.contains("a second run agrees"), "{first}");
    assert!(project.path().join("out.json").exists());
    assert_eq!(call(project.path(), "double-check", &[words[0], words[1], "--exit-zero", "--no-confirm"]).code, 0);

    fs::write(project.path().join("app.py"), APP.replace("20000", "20001")).expect("writable");
    let said = call(project.path(), "double-check", &["--validate=performance", "--json"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(statuses(&said).iter().all(|(_, status)| status == "stale"), "{said:?}");
}

#[test]
fn runs_come_from_other_tools_and_go_to_them_and_merging_twice_changes_nothing() {
    let here = project(&[("app.py", APP)]);
    let hyperfine = "{\"results\": [{\"command\": \"x\", \"times\": [1.0, 1.1, 1.2]}]}";
    fs::write(here.path().join("h.json"), hyperfine).expect("writable");
    fs::write(here.path().join("bad.json"), "{}").expect("writable");
    let history = |words: &[&str]| say(cmdx(here.path()).arg("history").args(words));
    let said = history(&["import", "h.json"]);
    assert!(said.code == 0 && said.stdout.ends_with("1 benchmark of hyperfine\n"), "{said:?}");
    let refused = history(&["import", "bad.json"]);
    assert!(refused.code == 2 && refused.stderr.contains("no document of pytest-benchmark"), "{refused:?}");
    let text = history(&["export", "--format=openmetrics"]).stdout;
    assert!(text.contains("cmdx_wall_seconds{benchmark=\"x\"} 1.1\n") && text.ends_with("# EOF\n"), "{text}");

    let there = project(&[("app.py", APP)]);
    let folder = here.path().join(".cmdx/history");
    fs::write(folder.join("torn.json"), "{\"sche").expect("writable");
    for expected in ["1 run added, 0 known already\n", "0 runs added, 1 known already\n"] {
        let said = say(cmdx(there.path()).args(["history", "merge"]).arg(&folder));
        assert_eq!((said.code, said.stdout.as_str()), (0, expected), "{said:?}");
        assert!(said.stderr.contains("torn.json") && said.stderr.contains("damaged"), "{}", said.stderr);
    }
    let id = history(&["list"]).stdout.split(' ').next().expect("a name").to_owned();
    let diff = say(cmdx(here.path()).args(["diff", &id, "latest"]));
    assert!(diff.code == 0 && diff.stdout.contains("1100ms -> 1100ms  inconclusive"), "{diff:?}");
    assert_eq!(say(cmdx(here.path()).args(["diff", "nothing", "latest"])).code, 2);
    assert_eq!(history(&["prune", "--dry-run"]).stdout, "0 runs would be removed\n");
}

/// `drain` may be rewritten; `common` breaks the test of its order when it is.
const REWRITTEN: &str = "\
def drain(items):
    queue = list(items)
    out = []
    while queue:
        out.append(queue.pop(0))
    return out


def first():
    return 1
";
const REWRITES_TEST: &str = "\
import app


def test_drain():
    assert app.drain(range(5)) == [0, 1, 2, 3, 4]


def test_first():
    assert app.first() == 1


def test_always_red():
    assert False
";

#[test]
fn only_the_change_that_breaks_a_test_is_taken_back() {
    let project = project(&[("app.py", REWRITTEN), ("test_app.py", REWRITES_TEST)]);
    let root = fs::canonicalize(project.path()).expect("there");
    // What `--implement` would leave behind, with a second change that breaks a test.
    let good = REWRITTEN
        .replace("    queue = list(items)\n", "    queue = deque(items)\n")
        .replace("queue.pop(0)", "queue.popleft()")
        .replacen("def drain", "from collections import deque\n\n\ndef drain", 1);
    let bad = good.replace("return 1", "return 2");
    let change = cmdx::engine::journal::Change {
        path: "app.py".into(),
        before: REWRITTEN.as_bytes().to_vec(),
        after: bad.as_bytes().to_vec(),
    };
    fs::create_dir_all(root.join(".cmdx")).expect("writable");
    let (prepared, refused) = cmdx::engine::journal::prepare(
        &root,
        &root.join(".cmdx"),
        &[change],
        "cmdx optimize --implement",
        false,
        &mut |_| {},
    )
    .expect("prepared");
    assert!(refused.is_empty());
    let prepared = prepared.expect("a change");
    prepared.write(&mut |_| {}).expect("written");
    prepared.commit(&mut |_| {}).expect("committed");

    let checked = call(&root, "double-check", &["--validate=rewrites,tests", "--json"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(statuses(&checked).contains(&("rewrites.backup".into(), "pass".into())), "{checked:?}");
    assert!(statuses(&checked).contains(&("tests.outcomes".into(), "fail".into())), "{checked:?}");

    let said = call(&root, "run-all-tests", &["--auto-fix"]);
    assert_eq!(said.code, 1, "a test that is red before too stays red: {said:?}");
    assert!(
        said.stdout.contains("1 test fails without the rewrites too: test_app.py::test_always_red"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout.contains("taken back: 1 of 4 changes, at app.py:13, which broke test_app.py::test_first; 3 kept"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("2 passed, 1 failed"), "{}", said.stdout);
    assert_eq!(fs::read_to_string(root.join("app.py")).expect("there"), good);
    assert_eq!(fs::read_to_string(root.join("test_app.py")).expect("there"), REWRITES_TEST);
}

#[test]
fn what_a_kill_left_unfinished_is_put_back_by_the_next_start() {
    let project = project(&[("app.py", REWRITTEN), ("test_app.py", "import app\n\n\ndef test_a():\n    pass\n")]);
    let root = fs::canonicalize(project.path()).expect("there");
    let change = cmdx::engine::journal::Change {
        path: "app.py".into(),
        before: REWRITTEN.as_bytes().to_vec(),
        after: b"broken(".to_vec(),
    };
    fs::create_dir_all(root.join(".cmdx")).expect("writable");
    let name = "cmdx run-all-tests --auto-fix";
    let (prepared, _) = cmdx::engine::journal::prepare(&root, &root.join(".cmdx"), &[change], name, false, &mut |_| {})
        .expect("prepared");
    // Killed between the files and the commit record.
    prepared.expect("a change").write(&mut |_| {}).expect("written");
    assert_eq!(fs::read_to_string(root.join("app.py")).expect("there"), "broken(");
    let said = call(&root, "run-all-tests", &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("was ended before it was done; it was undone"), "{}", said.stderr);
    assert_eq!(fs::read_to_string(root.join("app.py")).expect("there"), REWRITTEN);
}
