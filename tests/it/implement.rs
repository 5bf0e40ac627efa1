//! `cmdx optimize --implement` from the command line to the files it writes, and back.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cmdx::engine::journal::{self, Change};

use crate::environments;

/// `common` needs hashable items, `drain` is proven.
const APP: &str = "\
def common(a, b):
    seen = []
    for x in b:
        seen.append(x)
    return [x for x in a if x in seen]


def drain(items):
    queue = list(items)
    out = []
    while queue:
        out.append(queue.pop(0))  # the oldest first
    return out
";

const TESTS: &str = "\
import app


def test_common():
    assert app.common([1, 2, 3], [2, 3]) == [2, 3]


def test_drain():
    assert app.drain(range(5)) == [0, 1, 2, 3, 4]
";

const UNHASHABLE: &str = "\n\ndef test_lists():\n    assert app.common([[1], [2]], [[2]]) == [[2]]\n";

struct Project {
    root: PathBuf,
    python: PathBuf,
    _directory: tempfile::TempDir,
}

type Tree = Vec<(PathBuf, Vec<u8>, u32, i64, i64)>;

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = fs::canonicalize(directory.path()).expect("just made");
        for (name, content) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
            fs::write(path, content).expect("writable");
        }
        Self { root, python: environments::environment(&["pytest"]), _directory: directory }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cmdx"));
        command.arg("optimize").args(arguments).current_dir(&self.root).stdin(Stdio::null());
        command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("VIRTUAL_ENV").env_remove("PYTHONPATH");
        command.arg("--python").arg(&self.python);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("starts")
    }

    /// Standard output of a run that ends with `code`.
    fn said(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{stdout}\n{stderr}");
        stdout
    }

    fn app(&self) -> String {
        fs::read_to_string(self.root.join("app.py")).expect("there")
    }

    /// Everything but the state: content, mode and time.
    fn tree(&self) -> Tree {
        let mut found = vec![];
        for entry in walkdir::WalkDir::new(&self.root).sort_by_file_name().into_iter().flatten() {
            if entry.file_type().is_dir() || entry.path().starts_with(self.root.join(".cmdx")) {
                continue;
            }
            let metadata = fs::metadata(entry.path()).expect("there");
            let content = fs::read(entry.path()).expect("readable");
            found.push((entry.path().to_path_buf(), content, metadata.mode(), metadata.mtime(), metadata.mtime_nsec()));
        }
        found
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_dry_run_shows_diff_reason_assumption_and_gain_and_writes_nothing() {
    let project = Project::new(&[("app.py", APP), ("test_app.py", TESTS)]);
    let before = project.tree();
    let said = project.said(&["--implement", "--dry-run", "."], 0);
    for piece in [
        "# app.py:5  list-membership (needs a run)",
        "#   same behaviour if: the items of `seen` are hashable",
        "#   expected gain: ",
        "--- a/app.py\n+++ b/app.py\n",
        "-    seen = []\n",
        "+    queue = deque(items)\n",
        "2 rewrites in 1 file; nothing was written",
    ] {
        assert!(said.contains(piece), "`{piece}` is missing:\n{said}");
    }
    assert_eq!(project.tree(), before);
    assert!(!project.root.join(".cmdx").exists());
}

#[test]
fn what_is_proved_is_written_and_a_rollback_restores_every_byte() {
    let project = Project::new(&[("app.py", APP), ("test_app.py", TESTS)]);
    fs::set_permissions(project.root.join("app.py"), Permissions::from_mode(0o640)).expect("own file");
    let before = project.tree();
    let said = project.said(&["--implement", "."], 0);
    assert!(said.contains("2 rewrites applied in 1 file"), "{said}");
    assert!(said.contains("proof: same for every input; 1 test that runs it passes as before"), "{said}");
    assert!(said.contains("the test suite (pytest test_app.py): 2 tests pass"), "{said}");
    let app = project.app();
    assert!(app.contains("seen = set()") && app.contains("queue.popleft())  # the oldest first"), "{app}");
    assert_eq!(fs::metadata(project.root.join("app.py")).expect("there").mode() & 0o777, 0o640);
    let again = project.said(&["--implement", "."], 0);
    assert!(again.starts_with("Nothing was rewritten."), "{again}");
    assert_eq!(project.said(&["--rollback"], 0), "restored app.py\n");
    assert_eq!(project.tree(), before);
    project.said(&["--rollback"], 2);
}

#[test]
fn a_rewrite_that_breaks_a_test_is_rolled_back_alone() {
    let project = Project::new(&[("app.py", APP), ("test_app.py", &format!("{TESTS}{UNHASHABLE}"))]);
    let said = project.said(&["--implement", "."], 0);
    assert!(said.contains("1 rewrite applied in 1 file"), "{said}");
    let left =
        "app.py:5  list-membership: rolled back: `test_app.py::test_lists` fails: TypeError: unhashable type: 'list'";
    assert!(said.contains(left), "{said}");
    let app = project.app();
    assert!(app.contains("seen = []") && app.contains("popleft"), "{app}");
}

#[test]
fn without_a_run_only_what_is_proven_is_written() {
    let project = Project::new(&[("app.py", APP)]);
    let said = project.said(&["--implement", "."], 0);
    assert!(said.contains("app.py:5  list-membership: it needs a run to be sure: "), "{said}");
    let app = project.app();
    assert!(app.contains("seen = []") && app.contains("popleft"), "{app}");
    let said = project.said(&["--implement", "--unsafe", "."], 0);
    assert!(said.contains("proof: none, as --unsafe allows"), "{said}");
    assert!(project.app().contains("seen = set()"));
}

#[test]
fn safe_only_leaves_what_needs_a_run_even_where_tests_would_agree() {
    let project = Project::new(&[("app.py", APP), ("test_app.py", TESTS)]);
    let said = project.said(&["--implement", "--safe-only", "."], 0);
    assert!(said.contains("list-membership: it needs a run to be sure, and --safe-only was given"), "{said}");
    let app = project.app();
    assert!(app.contains("seen = []") && app.contains("popleft"), "{app}");
}

#[test]
fn rules_are_chosen_by_name_category_and_comment() {
    let commented = APP.replace("queue.pop(0))  # the oldest first", "queue.pop(0))  # cmdx: ignore[list-pop-front]");
    let project = Project::new(&[("app.py", &commented), ("test_app.py", TESTS)]);
    let said = project.said(&["--implement", "--dry-run", "."], 0);
    assert!(said.contains("list-pop-front: a comment says to ignore it"), "{said}");
    assert!(said.contains("1 rewrite in 1 file"), "{said}");
    let said = project.said(&["--implement", "--dry-run", "--ignore=list-membership", "."], 0);
    assert!(said.contains("0 rewrites in 0 files"), "{said}");
    let said = project.said(&["--implement", "--dry-run", "--rule=list-membership", "."], 0);
    assert!(said.contains("1 rewrite in 1 file") && !said.contains("list-pop-front"), "{said}");
    let said = project.said(&["--implement", "--dry-run", "--category=memory", "."], 0);
    assert!(said.contains("0 rewrites in 0 files"), "{said}");
    let output = project.run(&["--implement", "--rule=list-membershp", "."]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean `list-membership`?"), "{}", text(&output.stderr));
}

#[test]
fn flags_that_make_no_sense_together_are_refused() {
    let project = Project::new(&[("app.py", APP)]);
    for flags in [
        &["--dry-run"][..],
        &["--implement", "--safe-only", "--unsafe"],
        &["--implement", "--profile"],
        &["--implement", "--interactive"],
        &["--implement", "--format=sarif"],
    ] {
        assert_eq!(project.run(flags).status.code(), Some(2), "{flags:?}");
    }
    assert_eq!(project.app(), APP);
}

#[test]
fn a_script_is_compared_by_output_and_recorded_calls() {
    let script = format!("{APP}\n\nif __name__ == '__main__':\n    print(common([1, 2], [2]), drain('ab'))\n");
    let project = Project::new(&[("app.py", &script)]);
    let said = project.said(&["--implement", "app.py"], 0);
    assert!(said.contains("2 rewrites applied in 1 file"), "{said}");
    assert!(said.contains("the script `app.py` runs it and prints the same; 1 recorded call gives the same"), "{said}");
}

#[test]
fn what_only_breaks_in_place_is_rolled_back_as_a_whole() {
    // The program that the test starts reads its own file from disk, not through an import.
    let script = format!("{APP}\n\nif __name__ == '__main__':\n    print(common([[1]], [[1]]))\n");
    let tests = "\
import subprocess
import sys
import app


def test_common():
    assert app.common([1, 2, 3], [2, 3]) == [2, 3]


def test_script():
    assert subprocess.check_output([sys.executable, 'app.py']) == b'[[1]]\\n'
";
    let project = Project::new(&[("app.py", &script), ("test_app.py", tests)]);
    let before = project.tree();
    let said = project.said(&["--implement", "."], 4);
    assert!(said.contains("rolled back: `test_app.py::test_script` fails with the written files"), "{said}");
    assert_eq!(project.tree(), before);
}

#[test]
fn a_file_that_changes_while_it_is_checked_is_not_overwritten() {
    let tests = format!("{TESTS}\n\ndef test_editor():\n    open('app.py', 'a').write('# edited\\n')\n");
    let project = Project::new(&[("app.py", APP), ("test_app.py", &tests)]);
    let output = project.run(&["--implement", "."]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("app.py was not written: it changed since it was read"));
    assert!(project.app().starts_with(APP) && project.app().contains("# edited"));
}

#[test]
fn line_ends_byte_order_mark_and_encoding_are_kept() {
    let windows = format!("\u{feff}{}", APP.replace('\n', "\r\n"));
    let project = Project::new(&[("app.py", &windows), ("test_app.py", TESTS)]);
    let mut latin1 = b"# -*- coding: latin-1 -*-\n# caf\xe9\n".to_vec();
    latin1.extend(APP.replace("    ", "\t").bytes());
    fs::write(project.root.join("tabs.py"), &latin1).expect("writable");
    project.said(&["--implement", "."], 0);
    let app = project.app();
    assert!(app.starts_with('\u{feff}') && app.contains("popleft"), "{app}");
    assert_eq!(app.matches('\n').count(), app.matches("\r\n").count(), "every line ends as before");
    let tabs = fs::read(project.root.join("tabs.py")).expect("there");
    assert!(tabs.starts_with(b"# -*- coding: latin-1 -*-\n# caf\xe9\n"));
    assert!(text(&tabs).contains("\tqueue = deque(items)\n"), "{}", text(&tabs));
}

#[test]
fn ctrl_c_ends_with_130_and_the_tree_as_before() {
    let tests = format!(
        "{TESTS}\n\ndef test_slow():\n    import time\n    open('.cmdx/started', 'w').close()\n    time.sleep(60)\n"
    );
    let project = Project::new(&[("app.py", APP), ("test_app.py", &tests)]);
    let before = project.tree();
    let mut child =
        project.command(&["--implement", "."]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("starts");
    wait_for(&project.root.join(".cmdx/started"));
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(project.tree(), before);
}

fn wait_for(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_mins(1), "{} never came", path.display());
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_suite_that_never_ends_is_no_check_and_no_hang() {
    let tests = format!("{TESTS}\n\ndef test_hangs():\n    while True:\n        pass\n");
    let project = Project::new(&[("app.py", APP), ("test_app.py", &tests)]);
    let output = project.run(&["--implement", "--deadline=3s", "."]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("did not end in time; it was not used as a check"));
    let app = project.app();
    assert!(app.contains("seen = []") && app.contains("popleft"), "only what is proven: {app}");
}

#[test]
fn what_a_kill_left_unfinished_is_undone_at_the_next_start() {
    let project = Project::new(&[("app.py", APP), ("test_app.py", TESTS)]);
    let state = project.root.join(".cmdx");
    fs::create_dir(&state).expect("writable");
    let before = project.tree();
    let change = Change { path: "app.py".into(), before: APP.into(), after: b"half = 1\n".to_vec() };
    let (prepared, _) =
        journal::prepare(&project.root, &state, &[change], "cmdx optimize --implement", false, &mut |_| {})
            .expect("ready");
    // Written, never committed: as if killed before the commit record.
    prepared.expect("one file").write(&mut |_| {}).expect("written");
    assert_eq!(project.app(), "half = 1\n");
    let output = project.run(&["--implement", "--dry-run", "."]);
    let said = text(&output.stderr);
    assert!(said.contains("was ended before it was done; it was undone"), "{said}");
    assert_eq!(project.tree(), before);
}

#[test]
fn a_second_cmdx_in_the_project_is_told_who_is_there() {
    let project = Project::new(&[("app.py", APP), ("test_app.py", TESTS)]);
    let state = project.root.join(".cmdx");
    fs::create_dir(&state).expect("writable");
    let held = journal::lock(&state, "the first cmdx").expect("free");
    let output = project.run(&["--implement", "."]);
    assert_eq!(output.status.code(), Some(4));
    let said = text(&output.stderr);
    assert!(said.contains("another cmdx works in this project") && said.contains("`the first cmdx`"), "{said}");
    assert_eq!(project.app(), APP);
    drop(held);
}

#[test]
fn the_answer_is_told_as_json() {
    let project = Project::new(&[("app.py", APP), ("test_app.py", &format!("{TESTS}{UNHASHABLE}"))]);
    let said = project.said(&["--implement", "--json", "."], 0);
    let answer: serde_json::Value = serde_json::from_str(&said).expect("one document");
    assert_eq!(answer["schema_version"], 1);
    assert_eq!(answer["files"], serde_json::json!(["app.py"]));
    assert_eq!(answer["applied"][0]["rewrite"]["rule"], "list-pop-front");
    assert_eq!(answer["applied"][0]["verdict"]["verdict"], "same");
    assert_eq!(answer["left"][0]["is_rolled_back"], true);
    assert!(answer["diff"].as_str().expect("text").contains("+    queue = deque(items)"));
}

#[test]
fn a_read_only_file_stays_unless_root_asks() {
    let project = Project::new(&[("app.py", APP), ("test_app.py", TESTS)]);
    let app = project.root.join("app.py");
    fs::set_permissions(&app, Permissions::from_mode(0o444)).expect("own file");
    let may_write = fs::File::options().append(true).open(&app).is_ok();
    let before = project.tree();
    let output = project.run(&["--implement", "."]);
    assert_eq!(output.status.code(), Some(0));
    if may_write {
        assert!(project.app().contains("popleft"));
        assert_eq!(fs::metadata(&app).expect("there").mode() & 0o777, 0o444);
    } else {
        assert!(text(&output.stderr).contains("app.py was not written: it is read-only"), "{}", text(&output.stderr));
        assert_eq!(project.tree(), before);
    }
}
