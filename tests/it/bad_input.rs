//! What users and their programs do wrong: each a message that says what, where and what to do, the right exit code,
//! nothing of the user's changed and no process left behind.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use crate::runs::{Said, cmdx, project, running, say};

const SCRIPT: &str = "\
import time

def work(seconds):
    end = time.time() + seconds
    while time.time() < end:
        sum(range(500))

if __name__ == '__main__':
    work(0.4)
";

fn optimize(directory: &Path, words: &[&str]) -> Said {
    say(cmdx(directory).arg("optimize").args(words))
}

/// Runs `python -c code` as the workload of a project.
fn workload(code: &str, words: &[&str]) -> Said {
    let project = project(&[("app.py", SCRIPT)]);
    let python = crate::environments::python();
    say(cmdx(project.path()).arg("optimize").args(words).arg("--").arg(python).args(["-c", code]))
}

fn no_traceback(said: &Said) {
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(!all.contains("Traceback") && !all.contains("panicked") && !all.contains("RUST_BACKTRACE"), "{all}");
}

#[test]
fn a_path_that_is_not_there() {
    let project = project(&[("src/database.py", SCRIPT)]);
    let said = optimize(project.path(), &["srcc"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert_eq!(said.stderr, "error: no such file or directory: `srcc`\n  hint: did you mean `src`?\n");
}

#[test]
fn a_directory_without_python() {
    let project = project(&[("docs/readme.txt", "nothing")]);
    let said = optimize(project.path(), &["docs"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.starts_with("error: no Python file at or below `"), "{}", said.stderr);
}

#[test]
fn files_that_cannot_be_parsed_or_read_are_named_and_the_rest_goes_on() {
    let project = project(&[("app.py", SCRIPT), ("broken.py", "def f(:\n"), ("python2.py", "print 'hello'\n")]);
    fs::write(project.path().join("latin.py"), b"# caf\xe9\nx = 1\n").expect("writable");
    fs::write(project.path().join("binary.py"), b"\x00\x01\x02").expect("writable");
    symlink(".", project.path().join("loop")).expect("a link");
    symlink("ring.py", project.path().join("ring.py")).expect("a link");
    let secret = project.path().join("secret.py");
    fs::write(&secret, "x = 1\n").expect("writable");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).expect("own file");
    let said =
        optimize(project.path(), &[".", "--", crate::environments::python().to_str().expect("a plain path"), "app.py"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("app.py:3 - work()"), "{}", said.stdout);
    for named in ["broken.py", "python2.py", "latin.py", "binary.py"] {
        assert!(said.stdout.contains(named), "{named}: {}", said.stdout);
    }
    if !geteuid().is_root() {
        assert!(said.stdout.contains("secret.py"), "{}", said.stdout);
    }
    no_traceback(&said);
}

#[test]
fn an_interpreter_that_is_not_there_or_no_cpython() {
    let project = project(&[("app.py", SCRIPT), ("fake-pypy", PYPY), ("dead-python", "#!/bin/sh\nexit 9\n")]);
    for name in ["fake-pypy", "dead-python"] {
        fs::set_permissions(project.path().join(name), fs::Permissions::from_mode(0o755)).expect("own file");
    }
    let missing = optimize(project.path(), &["--python", "/nowhere/python", "app.py"]);
    assert_eq!(missing.code, 3);
    assert!(missing.stderr.contains("no Python interpreter at `/nowhere/python` (`--python`)"), "{}", missing.stderr);
    let dead = optimize(project.path(), &["--python", "./dead-python", "app.py"]);
    assert_eq!(dead.code, 3);
    assert!(dead.stderr.contains("dead-python") && dead.stderr.contains("hint:"), "{}", dead.stderr);
    let pypy = optimize(project.path(), &["--python", "./fake-pypy", "app.py"]);
    assert_eq!(pypy.code, 3, "{pypy:?}");
    assert!(pypy.stderr.to_lowercase().contains("pypy"), "{}", pypy.stderr);
}

/// Answers the probe as PyPy does: by running it in CPython with `sys.implementation.name` changed.
const PYPY: &str = "\
#!/usr/bin/env python3
import sys
sys.implementation.name = 'pypy'
sys.version_info_pypy = True
arguments = sys.argv[1:]
while arguments and arguments[0].startswith('-') and arguments[0] != '-c':
    arguments.pop(0)
if arguments and arguments[0] == '-c':
    sys.argv = ['-c'] + arguments[2:]
    exec(compile(arguments[1], '<string>', 'exec'))
else:
    sys.argv = arguments
    exec(compile(open(arguments[0]).read() if arguments else sys.stdin.read(), 'probe', 'exec'))
";

#[test]
fn a_program_that_is_not_there() {
    let project = project(&[("app.py", SCRIPT)]);
    let said = optimize(project.path(), &[".", "--", "no-such-program"]);
    assert_eq!(said.code, 3);
    assert!(said.stderr.starts_with("error: cannot start `no-such-program`: there is no such program\n  hint: "));
}

#[test]
fn a_workload_that_exits_at_once() {
    let project = project(&[("app.py", SCRIPT)]);
    let said = optimize(project.path(), &[".", "--", "true"]);
    assert_eq!(said.code, 3);
    assert!(said.stdout.contains("no sample of it could be taken"), "{}", said.stdout);
    assert!(said.stdout.contains("before it could be sampled"), "{}", said.stdout);
}

#[test]
fn a_workload_that_raises_crashes_or_is_killed() {
    let raised = workload("1/0", &[]);
    assert_eq!(raised.code, 3);
    assert!(raised.stdout.contains("exit code 1: ZeroDivisionError: division by zero"), "{}", raised.stdout);
    let crashed = workload("import os; os.abort()", &[]);
    assert_eq!(crashed.code, 3);
    assert!(crashed.stdout.contains("ended by SIGABRT"), "{}", crashed.stdout);
    let killed = workload("import os, time; time.sleep(0.2); os.kill(os.getpid(), 9)", &[]);
    assert_eq!(killed.code, 3);
    assert!(killed.stdout.contains("ended by SIGKILL"), "{}", killed.stdout);
    [raised, crashed, killed].iter().for_each(no_traceback);
}

#[test]
fn a_workload_that_hangs_is_ended_and_what_it_did_is_reported() {
    let code =
        "import app, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); app.work(0.5); time.sleep(999)";
    let start = Instant::now();
    let said = workload(code, &["--deadline", "1500ms"]);
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!(said.code, 3);
    assert!(said.stdout.contains("still running at the deadline"), "{}", said.stdout);
    assert!(said.stdout.contains("app.py:3 - work()"), "{}", said.stdout);
}

#[test]
fn a_flood_of_output_does_not_fill_the_disk() {
    let project = project(&[("app.py", SCRIPT)]);
    let code = "import sys\nfor _ in range(600): sys.stdout.write('x' * 65536)\nsys.stderr.write('done')";
    let python = crate::environments::python();
    let said = say(cmdx(project.path()).args(["optimize", "--json", ".", "--"]).arg(python).args(["-c", code]));
    assert_eq!(said.code, 0, "{said:?}");
    let document: serde_json::Value = serde_json::from_str(&said.stdout).expect("one document");
    let log = project.path().join(document["workload"]["stdout_log"].as_str().expect("a path"));
    let size = fs::metadata(log).expect("kept").len();
    assert!((1 << 20..20 << 20).contains(&size), "{size}");
}

#[test]
fn daemons_and_children_are_ended_with_the_run() {
    let mark = format!("cmdx-test-daemon-{}", std::process::id());
    let code = format!(
        "import os, subprocess, sys, time
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)', '{mark}'], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(300)', '{mark}'])
    os._exit(0)
time.sleep(0.3)"
    );
    let said = workload(&code, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(running(&mark), Vec::<u32>::new());
}

#[test]
fn a_workload_that_changes_directory_keeps_its_names() {
    let said = workload("import sys, os, app; os.chdir('/'); app.work(0.5)", &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("app.py:3 - work()"), "{}", said.stdout);
}

#[test]
fn ctrl_c_ends_the_program_and_reports_what_was_seen() {
    let project = project(&[("app.py", SCRIPT)]);
    let mark = format!("cmdx-test-interrupt-{}", std::process::id());
    let child = cmdx(project.path())
        .args(["optimize", ".", "--"])
        .arg(crate::environments::python())
        .args(["-c", "import app; app.work(300)", &mark])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cmdx starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    while running(&mark).len() < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(800));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("it runs");
    let said = crate::runs::heard(&child.wait_with_output().expect("ends"));
    assert_eq!(said.code, 130, "{said:?}");
    assert!(said.stdout.contains("app.py:3 - work()"), "{}", said.stdout);
    assert_eq!(running(&mark), Vec::<u32>::new());
}

#[test]
fn a_project_that_cannot_be_written_is_said_before_anything_runs() {
    let project = project(&[("app.py", SCRIPT)]);
    // A file where the directory should be: not even root can write below it.
    fs::write(project.path().join(".cmdx"), "in the way").expect("writable");
    let said = optimize(project.path(), &["app.py"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains(".cmdx") && said.stderr.contains("hint:"), "{}", said.stderr);
}

#[test]
fn a_full_disk_is_said_and_does_no_harm() {
    let project = project(&[("app.py", SCRIPT)]);
    let state = project.path().join(".cmdx");
    fs::create_dir(&state).expect("writable");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&state).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: mounting a small file system needs root");
        return;
    }
    fs::write(state.join("filler"), vec![0; 40_000]).expect("room for this");
    let code = "import sys, app; sys.stdout.write('x' * 200000); app.work(0.4)";
    let python = crate::environments::python();
    let said = say(cmdx(project.path()).args(["optimize", ".", "--"]).arg(python).args(["-c", code]));
    let unmounted = Command::new("umount").arg(&state).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    no_traceback(&said);
    assert!([0, 4].contains(&said.code), "{said:?}");
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains("No space left"), "{all}");
}

#[test]
fn memory_that_may_not_be_read_is_said_with_what_to_do() {
    if !geteuid().is_root() {
        eprintln!("SKIPPED: dropping privileges needs root");
        return;
    }
    let project = project(&[("app.py", SCRIPT)]);
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("own file");
    open(project.path(), 0o777);
    // A process that is not dumpable may be read by root alone; cmdx and the program run as nobody here.
    let code = "import ctypes, app; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); app.work(1)";
    let binary = project.path().join("cmdx");
    fs::copy(env!("CARGO_BIN_EXE_cmdx"), &binary).expect("readable");
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&binary)
        .args(["optimize", ".", "--", "/usr/bin/python3", "-c", code])
        .current_dir(project.path())
        .env("LC_ALL", "C.UTF-8")
        .env("CMDX_PYTHON", "/usr/bin/python3");
    if !Path::new("/usr/bin/python3").exists() {
        eprintln!("SKIPPED: needs a Python that every user can read");
        return;
    }
    let said = say(&mut command);
    assert!(said.stdout.contains("no permission to read its memory"), "{said:?}");
    assert!(said.stdout.contains("ptrace") || said.stdout.contains("PTRACE"), "{}", said.stdout);
}
