//! `run-all-tests --benchmark`: before against after on trees of their own, the history, and the gates.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::environments;
use crate::runs::{Said, cmdx, project, say};

const SLOW: &str = "def work():\n    return sum(i * i for i in range(400000))\n";
const FAST: &str = "def work():\n    return sum(i * i for i in range(40000)) and 21333173333400000 or 0\n";
const TEST: &str = "import app\n\n\ndef test_work():\n    assert app.work() > 0\n";

fn git(root: &Path, words: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"])
        .args(words)
        .current_dir(root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("git is there");
    assert!(done.success(), "git {words:?}");
}

/// A repository whose only commit holds `files`.
fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let project = project(files);
    git(project.path(), &["init", "--quiet"]);
    git(project.path(), &["checkout", "--quiet", "-b", "$(id)"]);
    git(project.path(), &["add", "."]);
    git(project.path(), &["commit", "--quiet", "-m", "x"]);
    project
}

fn run(root: &Path, words: &[&str]) -> Said {
    let python = environments::environment(&["pytest"]);
    say(cmdx(root).env("PYTHONDONTWRITEBYTECODE", "1").arg("run-all-tests").arg("--python").arg(python).args(words))
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

fn series<'a>(document: &'a Value, name: &str, metric: &str) -> &'a Value {
    let benchmarks = document["benchmarks"].as_array().expect("a list");
    let found = benchmarks.iter().find(|each| each["name"].as_str().is_some_and(|text| text.contains(name)));
    let all = found.unwrap_or_else(|| panic!("no {name} in {document:#}"))["series"].as_array().expect("a list");
    all.iter().find(|series| series["metric"] == metric).unwrap_or_else(|| panic!("no {metric} in {all:#?}"))
}

#[test]
fn a_changed_tree_is_compared_with_head_and_kept_in_the_history() {
    let project = repository(&[("app.py", SLOW), ("test_performance.py", TEST)]);
    fs::write(project.path().join("app.py"), FAST).expect("writable");
    let said = run(project.path(), &["--benchmark", "--report", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let document = json(&said);
    assert_eq!(document["before"]["kind"], "head", "{document:#}");
    assert_eq!(document["revision"]["branch"], "$(id)");
    let work = series(&document, "test_work", "cpu-time");
    // On a busy machine eight pairs may not decide; what they say is never wrong.
    let change = work["comparison"]["change"].as_str();
    assert!(matches!(change, Some("faster" | "inconclusive")), "{work:#}");
    assert_eq!(work["before"].as_array().map(Vec::len), Some(8));
    assert!(work["comparison"]["factor"].as_f64().expect("a number") > 3.0, "{work:#}");
    let peak = series(&document, "test_work", "traced-peak");
    assert_eq!(peak["after"].as_array().map(Vec::len), Some(1), "{peak:#}");

    let list = say(cmdx(project.path()).args(["history", "list"]));
    assert_eq!(list.code, 0, "{list:?}");
    assert!(list.stdout.contains("1 passed; ") && list.stdout.lines().count() == 1, "{}", list.stdout);
    let shown = say(cmdx(project.path()).args(["history", "show"]));
    assert!(shown.stdout.contains("📊 Performance Benchmarks"), "{}", shown.stdout);
    assert!(shown.stdout.contains("Before: HEAD (") && shown.stdout.contains("interval "), "{}", shown.stdout);
    assert!(!project.path().join(".cmdx/wt").exists(), "the trees are gone");
    assert!(project.path().join(".cmdx/junit.xml").exists());
    let worktrees = Command::new("git").args(["worktree", "list"]).current_dir(project.path()).output().expect("git");
    assert_eq!(String::from_utf8_lossy(&worktrees.stdout).lines().count(), 1);
}

#[test]
fn the_tree_before_imports_its_own_code_whatever_the_path_says() {
    let project = repository(&[("src/app.py", SLOW), ("tests/test_performance.py", TEST)]);
    fs::write(project.path().join("src/app.py"), FAST).expect("writable");
    let python = environments::environment(&["pytest"]);
    let said = say(cmdx(project.path())
        .env("PYTHONPATH", project.path().join("src"))
        .args(["run-all-tests", "--benchmark", "--json", "--python"])
        .arg(python));
    assert_eq!(said.code, 0, "{said:?}");
    let document = json(&said);
    let factor = series(&document, "test_work", "cpu-time")["comparison"]["factor"].as_f64().expect("a number");
    assert!(factor > 3.0, "{document:#}");
}

#[test]
fn without_code_before_the_code_is_measured_alone() {
    let project = project(&[("app.py", FAST), ("test_performance.py", TEST)]);
    git(project.path(), &["init", "--quiet"]);
    let said = run(project.path(), &["--benchmark", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let document = json(&said);
    assert_eq!(document["before"], Value::Null);
    assert!(document["problems"].to_string().contains("no code before to compare with"), "{document:#}");
    assert_eq!(series(&document, "test_work", "wall-time")["after"].as_array().map(Vec::len), Some(8));
}

#[test]
fn a_base_that_is_unknown_or_broken_is_told() {
    let project = repository(&[("app.py", "def work(:\n"), ("test_performance.py", TEST)]);
    fs::write(project.path().join("app.py"), FAST).expect("writable");
    for name in ["nothing", "--all", "\";rm"] {
        let said = run(project.path(), &["--benchmark", &format!("--base={name}")]);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.stderr.contains(&format!("git knows no revision `{name}`")), "{}", said.stderr);
    }
    let said = run(project.path(), &["--benchmark", "--base=HEAD"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains("no benchmark passes") && said.stderr.contains("SyntaxError"), "{}", said.stderr);
    assert!(!project.path().join(".cmdx/wt").exists());
}
