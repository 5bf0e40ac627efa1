//! `optimize --implement` among files that are no Python 3, too large or too deep, in a dirty repository, and with a
//! person at the terminal.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::environments;

const APP: &str = "\
def drain(items):
    queue = list(items)
    out = []
    while queue:
        out.append(queue.pop(0))
    return out


def turned(items):
    out = []
    for item in items:
        out.insert(0, item)
    return out


def last(items):
    queue = list(items)
    found = None
    while queue:
        found = queue.pop(0)
    return found
";

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, content) in files {
        fs::write(directory.path().join(name), content).expect("writable");
    }
    directory
}

fn command(root: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cmdx"));
    command.args(["optimize", "--implement", "--rule=list-pop-front"]).args(words);
    command.arg("--python").arg(environments::python()).current_dir(root).stdin(Stdio::null());
    command
}

fn implement(root: &Path, words: &[&str]) -> Output {
    command(root, words).output().expect("starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn files_that_cannot_be_scanned_are_named_and_left_alone() {
    let deep = format!("x = {}1{}\n", "(".repeat(20_000), ")".repeat(20_000));
    let long = format!("DATA = [\n{}]\n", "    'a generated line of data, one of very many',\n".repeat(1_000_000));
    let files = [
        ("app.py", APP),
        ("old.py", "print 'hello'\nqueue = [1]\nwhile queue:\n    queue.pop(0)\n"),
        ("broken.py", "def f(:\n"),
        ("tabs.py", "def f():\n\tx = 1\n        y = 2\n"),
        ("deep.py", &deep),
        ("generated.py", &long),
    ];
    let project = project(&files);
    let output = implement(project.path(), &["."]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
    for (name, said) in [
        ("old.py", "this is Python 2"),
        ("broken.py", "syntax error in line 1"),
        ("deep.py", "nested too deeply"),
        ("generated.py", "too much for a source file"),
    ] {
        assert!(stderr.lines().any(|line| line.contains(name) && line.contains(said)), "{name}: {stderr}");
    }
    let changed: Vec<&str> = files
        .iter()
        .filter(|(name, content)| fs::read_to_string(project.path().join(name)).expect("there") != *content)
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(changed, ["app.py"]);
}

#[test]
fn changes_that_are_not_committed_are_warned_of_and_kept() {
    let project = project(&[("app.py", APP), ("other.py", "x = 1\n")]);
    let git = |words: &[&str]| {
        let settings = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let output = Command::new("git").args(settings).args(words).current_dir(project.path()).output();
        assert!(output.expect("git is there").status.success(), "{words:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    let clean = implement(project.path(), &["other.py"]);
    assert!(!text(&clean.stderr).contains("not committed"), "{}", text(&clean.stderr));
    fs::write(project.path().join("other.py"), "x = 2\n").expect("writable");
    let output = implement(project.path(), &["."]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("git has changes that are not committed"), "{}", text(&output.stderr));
    assert_eq!(fs::read_to_string(project.path().join("other.py")).expect("there"), "x = 2\n");
    assert!(fs::read_to_string(project.path().join("app.py")).expect("there").contains("popleft"));
}

#[test]
fn the_rules_table_chooses_rules_for_the_project_and_for_files() {
    let project = project(&[("app.py", APP), ("spared.py", APP)]);
    let configure = |table: &str| fs::write(project.path().join("cmdx.toml"), table).expect("writable");
    let found = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cmdx"));
        let output = command.args(["check-code-quality", "--json"]).args(words).current_dir(project.path()).output();
        let output = output.expect("starts");
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
        let findings = document["findings"].as_array().expect("a list");
        let named =
            |each: &serde_json::Value| format!("{} {}", each["location"]["path"], each["rule"]).replace('"', "");
        let mut found: Vec<String> = findings.iter().map(named).collect();
        assert!(findings.iter().all(|each| each["column"].as_u64() > Some(0)), "{document:#}");
        found.sort();
        found.dedup();
        found
    };
    configure("[rules]\nselect = [\"list-pop-front\"]\n");
    assert_eq!(found(&[]), ["app.py list-pop-front", "spared.py list-pop-front"]);
    configure("[rules]\nselect = [\"algorithm\"]\nignore = [\"list-pop-front\"]\n");
    assert!(!found(&[]).iter().any(|each| each.contains("list-pop-front")));
    // What is asked for by name is wanted whatever the configuration says.
    assert_eq!(found(&["--rule=list-pop-front", "app.py"]), ["app.py list-pop-front"]);
    configure("[rules]\nselect = [\"list-pop-front\"]\n[rules.per-file-ignores]\n\"spared.py\" = [\"algorithm\"]\n");
    assert_eq!(found(&[]), ["app.py list-pop-front"]);
    let output = command(project.path(), &["--dry-run", "."]).output().expect("starts");
    assert!(text(&output.stdout).contains("app.py"), "{}", text(&output.stdout));

    for (table, said) in [
        ("[rules]\nselect = [\"list-pop-frnt\"]\n", "did you mean `list-pop-front`?"),
        ("[rules]\nselekt = []\n", "`rules.selekt` is no setting"),
        ("[rules]\nignore = \"all\"\n", "`rules.ignore` is not a list of names"),
    ] {
        configure(table);
        let mut command = Command::new(env!("CARGO_BIN_EXE_cmdx"));
        let output = command.arg("check-code-quality").current_dir(project.path()).output().expect("starts");
        assert_eq!(output.status.code(), Some(2), "{table}");
        assert!(text(&output.stderr).contains(said), "{table}: {}", text(&output.stderr));
    }
}

/// Runs the command on a terminal of its own, types `typed`, and returns what the terminal showed.
fn on_a_terminal(mut command: Command, typed: &str) -> (Option<i32>, String) {
    let terminal = nix::pty::openpty(None, None).expect("a terminal");
    let side = |end: &OwnedFd| Stdio::from(end.try_clone().expect("another handle"));
    command.stdin(side(&terminal.slave)).stdout(side(&terminal.slave)).stderr(side(&terminal.slave));
    let mut child = command.spawn().expect("starts");
    // Its handles would keep the terminal open beyond the child.
    drop((command, terminal.slave));
    let mut master = File::from(terminal.master);
    // A terminal keeps what is typed until somebody reads it.
    master.write_all(typed.as_bytes()).expect("the terminal takes it");
    let mut shown = vec![];
    let mut part = [0; 4096];
    // The read fails when the last holder of the other side is gone.
    while let Ok(n_bytes @ 1..) = master.read(&mut part) {
        shown.extend_from_slice(&part[..n_bytes]);
    }
    (child.wait().expect("ends").code(), text(&shown))
}

#[test]
fn hunk_by_hunk_what_is_refused_at_the_terminal_stays() {
    let project = project(&[("app.py", APP)]);
    let (code, shown) = on_a_terminal(command(project.path(), &["--interactive", "."]), "x\nn\ny\n");
    assert_eq!(code, Some(0), "{shown}");
    // A letter that is none of the four is asked again.
    assert_eq!(shown.matches("Try this rewrite? [y]es, [n]o, [a]ll, [q]uit: ").count(), 3, "{shown}");
    assert!(shown.contains("you said no"), "{shown}");
    let app = fs::read_to_string(project.path().join("app.py")).expect("there");
    assert!(app.contains("        out.append(queue.pop(0))\n") && app.contains("found = queue.popleft()"), "{app}");

    let (code, shown) = on_a_terminal(command(project.path(), &["--interactive", "."]), "q\n");
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(fs::read_to_string(project.path().join("app.py")).expect("there"), app);
}
