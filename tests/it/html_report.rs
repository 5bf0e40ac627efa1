//! The page of the report: what is typed for it, where it goes, and what it says.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::runs::{cmdx, project, say};

/// Half a second in one function.
const SCRIPT: &str = "import time\n\n\ndef busy():\n    end = time.perf_counter() + 0.5\n    while time.perf_counter() < end:\n        sum(range(1000))\n\n\nbusy()\n";

#[test]
fn the_tutorials_line_writes_the_page() {
    let project = project(&[("src/run.py", SCRIPT), ("src/tests/test_run.py", "def test_run():\n    import run\n")]);
    let words = ["optimize", "--report=html", "--format=html", "src/", "--", "python3", "src/run.py"];
    let said = say(cmdx(project.path()).args(words));
    assert_eq!((said.code, said.stdout.as_str()), (0, ""), "{}", said.stderr);
    assert!(said.stderr.contains("report written to performance_report.html"), "{}", said.stderr);
    let page = fs::read_to_string(project.path().join("performance_report.html")).expect("written");
    assert!(page.starts_with("<!doctype html>") && page.contains("<code>busy()</code>"));
    assert!(page.contains("while time.perf_counter() &lt; end:"), "the source of the dear lines");
    assert!(page.len() < 400_000, "{} bytes", page.len());
}

#[test]
fn the_last_of_report_and_format_counts_and_a_dash_is_standard_output() {
    let project = project(&[("run.py", SCRIPT)]);
    let said = say(cmdx(project.path()).args(["optimize", "--report=html", "--format=json", "run.py"]));
    assert!(said.stdout.starts_with('{'), "{}", said.stdout);
    let said = say(cmdx(project.path()).args(["optimize", "--format=text", "--report=html", "-o", "-", "run.py"]));
    assert!(said.stdout.starts_with("<!doctype html>"), "{}{}", said.stdout, said.stderr);
    assert!(!project.path().join("performance_report.html").exists());
    let said = say(cmdx(project.path()).args(["optimize", "--report=full", "--format=html", "-o", "a.html", "run.py"]));
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(project.path().join("a.html").exists());
}

#[test]
fn a_page_that_cannot_be_written_leaves_the_old_one() {
    let project = project(&[("run.py", SCRIPT), ("out/page.html", "old")]);
    let directory = project.path().join("out");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o555)).expect("own directory");
    // The system lets an administrator write everywhere; a name below a file is refused to all.
    let is_administrator = nix::unistd::geteuid().is_root();
    let target = if is_administrator { "out/page.html/page.html" } else { "out/page.html" };
    let said = say(cmdx(project.path()).args(["optimize", "--report=html", "-o", target, "run.py"]));
    assert_eq!(said.code, 4, "{}", said.stderr);
    assert!(said.stderr.contains(&format!("cannot write `{target}`")), "{}", said.stderr);
    assert_eq!(fs::read_to_string(directory.join("page.html")).expect("still there"), "old");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("own directory");
}
