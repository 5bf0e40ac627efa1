//! Names, help, versions, exit codes, streams.

use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::runs::{Said, cmdx, project, say};

const SCRIPT: &str = "\
import time

def work():
    end = time.time() + 0.3
    while time.time() < end:
        sum(range(500))

if __name__ == '__main__':
    work()
";

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_command_answers_to_its_name_with_and_without_a_slash_and_through_links() {
    let plain = say(cmdx(here()).args(["optimize", "--help"])).stdout;
    assert!(plain.starts_with("Examples:\n  cmdx optimize --profile"), "{plain}");
    assert!(plain.contains("Exit codes:\n  0    done"), "{plain}");
    assert_eq!(say(cmdx(here()).args(["/optimize", "--help"])).stdout, plain);
    let links = tempfile::tempdir().expect("a temporary directory");
    let link = links.path().join("optimize");
    symlink(env!("CARGO_BIN_EXE_cmdx"), &link).expect("a link");
    let through_link = Command::new(&link).arg("--help").output().expect("starts");
    assert_eq!(String::from_utf8_lossy(&through_link.stdout), plain);
}

#[test]
fn short_help_is_short() {
    let Said { stdout, code, .. } = say(cmdx(here()).arg("-h"));
    assert_eq!(code, 0);
    assert!(stdout.starts_with("Finds what makes a Python project slow"), "{stdout}");
    assert!(!stdout.contains("Examples:"));
}

#[test]
fn typos_are_answered_with_the_nearest_name() {
    for (words, near) in [
        (&["optmize"][..], "'optimize'"),
        (&["/optmize"], "'optimize'"),
        (&["optimize", "--profil"], "'--profile'"),
        (&["optimize", "--format", "jsn"], "'json'"),
        (&["optimize", "--category", "algoritm"], "'algorithm'"),
    ] {
        let said = say(cmdx(here()).args(words));
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{words:?}");
        assert!(said.stderr.contains("similar") && said.stderr.contains(near), "{words:?}: {}", said.stderr);
    }
}

#[test]
fn version_is_one_line_and_more_with_v() {
    let version = format!("cmdx {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(say(cmdx(here()).arg("--version")).stdout, version);
    assert_eq!(say(cmdx(here()).args(["optimize", "--version"])).code, 0);
    let long = say(cmdx(here()).args(["--version", "-v"])).stdout;
    assert!(long.starts_with(&version) && long.contains("\ntarget ") && long.contains("\nrustc "), "{long}");
}

#[test]
fn help_and_version_come_at_once_and_start_no_python() {
    let mut best = Duration::MAX;
    for words in [&["--version"][..], &["optimize", "--help"]] {
        for _ in 0..20 {
            let start = Instant::now();
            // Nothing can be started where there is no PATH and no interpreter to be found.
            let output = Command::new(env!("CARGO_BIN_EXE_cmdx")).args(words).env_clear().output().expect("starts");
            best = best.min(start.elapsed());
            assert!(output.status.success());
        }
    }
    assert!(best < Duration::from_millis(10), "{best:?}");
}

#[test]
fn the_answer_goes_to_stdout_and_all_else_to_stderr() {
    let project = project(&[("run.py", SCRIPT)]);
    let said = say(cmdx(project.path()).args(["optimize", "--json", "run.py"]));
    assert_eq!(said.code, 0, "{said:?}");
    let document: serde_json::Value = serde_json::from_str(&said.stdout).expect("one document");
    assert_eq!(document["workload"]["kind"], "script");
    assert_eq!(said.stderr, "", "nothing moves where nobody watches");
}

#[test]
fn colour_is_used_only_where_it_was_asked_for() {
    let project = project(&[("run.py", SCRIPT)]);
    let escape = '\u{1b}';
    assert!(!say(cmdx(project.path()).args(["optimize", "run.py"])).stdout.contains(escape));
    let forced = say(cmdx(project.path()).args(["optimize", "--color=always", "run.py"]));
    assert!(forced.stdout.contains(escape));
    let forced = say(cmdx(project.path()).args(["optimize", "run.py"]).env("FORCE_COLOR", "1"));
    assert!(forced.stdout.contains(escape));
    let refused = say(cmdx(project.path()).args(["optimize", "run.py"]).env("FORCE_COLOR", "1").env("NO_COLOR", "1"));
    assert!(!refused.stdout.contains(escape));
    let ascii = say(cmdx(project.path()).args(["optimize", "--ascii", "run.py"])).stdout;
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let project = project(&[("run.py", SCRIPT)]);
    let mut child = cmdx(project.path())
        .args(["optimize", "--detailed", "run.py"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cmdx starts");
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("readable");
    assert_eq!(child.wait().expect("ends").code(), Some(0));
    assert_eq!(stderr, "");
}

#[test]
fn the_log_file_tells_what_was_done() {
    let project = project(&[("run.py", SCRIPT)]);
    let said = say(cmdx(project.path()).args(["optimize", "--log-file", "log.txt", "run.py"]));
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let log = std::fs::read_to_string(project.path().join("log.txt")).expect("written");
    assert!(log.contains("run.py") && log.contains("interpreter"), "{log}");
}

#[test]
fn a_report_is_written_whole_or_not_at_all() {
    let project = project(&[("run.py", SCRIPT)]);
    let said = say(cmdx(project.path()).args(["optimize", "--json", "-o", "out.json", "run.py"]));
    assert_eq!((said.code, said.stdout.as_str()), (0, ""), "{said:?}");
    let text = std::fs::read_to_string(project.path().join("out.json")).expect("written");
    serde_json::from_str::<serde_json::Value>(&text).expect("one document");
    let said = say(cmdx(project.path()).args(["optimize", "--json", "-o", "missing/out.json", "run.py"]));
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("missing/out.json") && said.stderr.contains("hint:"), "{}", said.stderr);
}

#[test]
fn all_configured_workloads_are_run_and_measured_as_one() {
    let configuration = "[[workload]]
name = \"first\"
command = \"python3 -c 'import run; run.work()'\"

[[workload]]
name = \"second\"
command = [\"python3\", \"-c\", \"import other; other.work_too()\"]
";
    let other = SCRIPT.replace("work()", "work_too()");
    let project = project(&[("run.py", SCRIPT), ("other.py", &other), ("cmdx.toml", configuration)]);
    let said = say(cmdx(project.path()).args(["optimize", "--json"]));
    assert_eq!(said.code, 0, "{said:?}");
    let document: serde_json::Value = serde_json::from_str(&said.stdout).expect("one document");
    assert_eq!(document["workload"]["kind"], "configured");
    let title = document["workload"]["title"].as_str().expect("a title");
    assert!(title.contains("first") && title.contains(", then ") && title.contains("second"), "{title}");
    let functions = document["profile"]["cpu"]["functions"].to_string();
    assert!(functions.contains("\"work\"") && functions.contains("\"work_too\""), "{functions}");
}
