//! CPython 3.14 and 3.15, in the Debian root that `.ci/forky-root` makes under `target/forky`. Passes on, and says so
//! loudly, where that root was not made or may not be entered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cmdx::model::{QueryPatternKind, Report};

use crate::accuracy::{SPLIT, assert_lines, assert_split, points_allowed};
use crate::profiled::Answer;

const VERSIONS: [&str; 2] = ["3.14", "3.15"];

const QUERIES: &str = r#"
import sqlite3

connection = sqlite3.connect(":memory:")
connection.execute("create table post (id integer primary key, user_id int)")
connection.executemany("insert into post (user_id) values (?)", [(n % 50,) for n in range(150)])

def report():
    total = 0
    for user in range(50):
        cursor = connection.execute("select * from post where user_id = ?", (user,))
        total += len(cursor.fetchall())
    return total

print(report())
"#;

/// The root, when this process may enter it.
fn root() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/forky");
    if !root.join("complete").exists() {
        eprintln!("SKIPPED: CPython 3.14 and 3.15 are not here; `.ci/forky-root` fetches them, as root");
        return None;
    }
    if !inside(&root, "true").is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: target/forky may not be entered by this user (`unshare --mount` and `chroot`)");
        return None;
    }
    Some(fs::canonicalize(root).expect("it exists"))
}

/// Runs a shell script in the root, with a `/proc` of its own that is gone afterwards.
fn inside(root: &Path, script: &str) -> std::io::Result<Output> {
    let enter = "mount -t proc proc \"$1/proc\" && exec chroot \"$1\" /bin/sh -c \"$2\"";
    Command::new("unshare").args(["--mount", "sh", "-c", enter, "sh"]).arg(root).arg(script).output()
}

/// A project below the root's `/tmp`, with cmdx beside it; taken away when dropped.
struct Guest {
    root: PathBuf,
    directory: tempfile::TempDir,
}

impl Guest {
    fn new(root: &Path) -> Self {
        let directory = tempfile::tempdir_in(root.join("tmp")).expect("writable");
        fs::copy(env!("CARGO_BIN_EXE_cmdx"), directory.path().join("cmdx")).expect("writable");
        for (name, content) in [("split.py", SPLIT), ("queries.py", QUERIES)] {
            fs::create_dir_all(directory.path().join("project")).expect("writable");
            fs::write(directory.path().join("project").join(name), content).expect("writable");
        }
        Self { root: root.to_path_buf(), directory }
    }

    /// Profiles `python… words` in the root.
    fn run(&self, python: &str, words: &str) -> Answer {
        let name = self.directory.path().file_name().expect("it has a name").to_string_lossy();
        let script = format!(
            "cd /tmp/{name}/project && exec ../cmdx optimize --profile -qq --format=json --python {python} . -- \
             {python} {words}"
        );
        let output = inside(&self.root, &script).expect("unshare starts");
        let report: Report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("no report ({error}):\n{}", String::from_utf8_lossy(&output.stderr)));
        let log = &report.workload.as_ref().expect("it was run").stdout_log;
        let stdout = fs::read_to_string(self.directory.path().join("project").join(log)).expect("the log is kept");
        Answer { report, stdout, stderr: String::new() }
    }
}

#[test]
fn the_newest_interpreters_report_a_known_split() {
    let Some(root) = root() else { return };
    let guest = Guest::new(&root);
    for version in VERSIONS {
        let answer = guest.run(&format!("python{version}"), "split.py 3");
        assert!(answer.report.problems.is_empty(), "{version}: {:?}", answer.report.problems);
        assert_split(&answer, points_allowed(&answer), version);
        assert_lines(&answer, version);
        let found = answer.cpu().processes[0].python_version.clone().unwrap_or_default();
        assert!(found.starts_with(version), "{found}");
    }
}

#[test]
fn the_newest_interpreters_show_a_query_in_a_loop() {
    let Some(root) = root() else { return };
    let guest = Guest::new(&root);
    for version in VERSIONS {
        let answer = guest.run(&format!("python{version}"), "queries.py");
        let queries = answer.report.profile.as_ref().and_then(|profile| profile.queries.as_ref()).expect("traced");
        let patterns: Vec<_> =
            queries.patterns.iter().filter(|pattern| pattern.kind == QueryPatternKind::NPlusOne).collect();
        assert_eq!(patterns.len(), 1, "{version}: {queries:#?}");
        assert_eq!(patterns[0].function, "report", "{version}");
    }
}
