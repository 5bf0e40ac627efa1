//! cmdx where people type it: in real shells on a real terminal, through links, from a pipe.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::environments;
use crate::runs::{Said, cmdx, heard, project, say};

/// Talks to a program on a terminal of its own: `wait` texts and `send` texts in turn; prints all that was shown.
const TERMINAL: &str = r"
import json, os, pty, re, select, sys, time
steps, argv = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(argv[0], argv)
shown, mark = b'', 0
def read(seconds):
    global shown
    if not select.select([terminal], [], [], seconds)[0]:
        return True
    try:
        data = os.read(terminal, 65536)
    except OSError:
        return False
    # A program that asks where the cursor is, or what the terminal can do, gets an answer.
    for asked, answer in ((b'\x1b[6n', b'\x1b[1;1R'), (b'\x1b[c', b'\x1b[?62c'), (b'\x1b[0c', b'\x1b[?62c')):
        for _ in range(data.count(asked)):
            os.write(terminal, answer)
    shown += data
    return bool(data)
for wanted, line in steps:
    end = time.monotonic() + 30
    while wanted.encode() not in shown[mark:]:
        if time.monotonic() > end or not read(0.2):
            sys.stdout.buffer.write(shown)
            sys.exit(f'\nnot shown: {wanted!r}')
    mark = shown.index(wanted.encode(), mark) + len(wanted.encode())
    os.write(terminal, line.encode())
end = time.monotonic() + 30
while time.monotonic() < end and read(0.5):
    pass
os.close(terminal)
status = os.waitpid(pid, 0)[1]
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status) if hasattr(os, 'waitstatus_to_exitcode') else status >> 8)
";

/// What a program shows on a terminal while it is told these lines, each after a text was shown.
fn on_terminal(home: &Path, argv: &[&str], steps: &[(&str, &str)]) -> Said {
    let steps = serde_json::to_string(steps).expect("JSON");
    let mut python = Command::new(environments::python());
    python.args(["-c", TERMINAL, &steps]).args(argv).current_dir(home).stdin(Stdio::null());
    for name in ["NO_COLOR", "FORCE_COLOR", "CI", "ENV", "BASH_ENV", "ZDOTDIR", "PROMPT_COMMAND"] {
        python.env_remove(name);
    }
    python.env("HOME", home).env("XDG_STATE_HOME", home.join("state")).env("XDG_CONFIG_HOME", home.join("config"));
    python.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").env("PS1", "READY> ").env("COLUMNS", "200");
    heard(&python.output().expect("python starts"))
}

/// The program, or nothing where the machine lacks it: said on standard error.
fn shell(name: &str) -> Option<String> {
    let found = Command::new(name).args(["-c", "exit 0"]).status().is_ok_and(|status| status.success());
    if !found {
        eprintln!("SKIPPED: no {name} on this machine");
    }
    found.then(|| name.to_owned())
}

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_cmdx")
}

/// The lines every shell is told once its names work, and what they must show.
const TALK: &[(&str, &str)] = &[
    ("READY> ", "/optimize --help | head -n 2\r"),
    ("cmdx optimize --profile", ""),
    ("READY> ", "/optimize --nonsense\r"),
    ("unexpected argument", ""),
    ("READY> ", "echo code=$?\r"),
    ("code=2", ""),
    ("READY> ", "echo out=$(/check-code-quality --version)\r"),
    ("out=cmdx", ""),
    ("READY> ", "exit 7\r"),
];

#[test]
fn bash_runs_the_names_as_typed_and_completes_them() {
    let Some(bash) = shell("bash") else { return };
    let home = project(&[("a.py", "")]);
    let start =
        format!("PS1='READY> '; bind 'set enable-bracketed-paste off'; eval \"$({} shell-init bash)\"\r", binary());
    let mut talk = vec![("$ ", start.as_str())];
    talk.push(("READY> ", "/check-code-q\t --list-ru\t | head -n 1\r"));
    talk.push(("algorithm", ""));
    talk.extend(TALK);
    let said = on_terminal(home.path(), &[&bash, "--noprofile", "--norc", "-i"], &with_first_prompt(&talk));
    assert_eq!(said.code, 7, "{}{}", said.stdout, said.stderr);
}

/// The shell's own first prompt is PS1 of the surroundings.
fn with_first_prompt<'a>(talk: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut talk = talk.to_vec();
    if let Some(first) = talk.first_mut() {
        first.0 = "";
    }
    talk
}

#[test]
fn zsh_runs_the_names_as_typed_and_completes_them() {
    let Some(zsh) = shell("zsh") else { return };
    let home = project(&[("a.py", "")]);
    let start =
        format!("PS1='READY> '; autoload -U compinit && compinit -u; eval \"$({} shell-init zsh)\"\r", binary());
    let mut talk =
        vec![("", start.as_str()), ("READY> ", "/check-code-q\t --list-ru\t | head -n 1\r"), ("algorithm", "")];
    talk.extend(TALK);
    let said = on_terminal(home.path(), &[&zsh, "-f", "-i"], &talk);
    assert_eq!(said.code, 7, "{}{}", said.stdout, said.stderr);
}

#[test]
fn a_plain_shell_has_aliases() {
    let Some(dash) = shell("dash") else { return };
    let home = project(&[("a.py", "")]);
    let start = format!("eval \"$({} shell-init sh)\"\n", binary());
    let mut talk = vec![("READY> ", start.as_str())];
    talk.extend(TALK.iter().map(|(wanted, line)| (*wanted, *line)));
    let said = on_terminal(home.path(), &[&dash, "-i"], &talk);
    assert_eq!(said.code, 7, "{}{}", said.stdout, said.stderr);
}

#[test]
fn fish_writes_the_names_out() {
    let Some(fish) = shell("fish") else { return };
    let home = project(&[("a.py", "")]);
    let start = format!("{} shell-init fish | source; function fish_prompt; echo -n 'READY> '; end\r", binary());
    let talk = [
        ("", start.as_str()),
        ("READY> ", "/optimize --nonsense\r"),
        ("unexpected argument", ""),
        ("READY> ", "echo code=$status\r"),
        ("code=2", ""),
        ("READY> ", "true; /check-code-quality --list-rules | head -n 1\r"),
        ("algorithm", ""),
        ("READY> ", "exit 7\r"),
    ];
    let said = on_terminal(home.path(), &[&fish, "--no-config", "--interactive"], &talk);
    assert_eq!(said.code, 7, "{}{}", said.stdout, said.stderr);
}

#[test]
fn the_code_of_each_shell_is_accepted_twice_and_posix_bash_is_told_what_to_do() {
    for name in ["bash", "zsh", "fish"] {
        let Some(shell) = shell(name) else { continue };
        let code = say(cmdx(Path::new("/")).args(["shell-init", name])).stdout;
        let twice = format!("{code}\n{code}");
        let output = Command::new(shell).args(["-c", &twice]).output().expect("starts");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}");
    }
    let code = say(cmdx(Path::new("/")).args(["shell-init", "bash"])).stdout;
    let output = Command::new("bash").args(["--posix", "-c", &format!("{code}\necho alive")]).output().expect("starts");
    let said = heard(&output);
    assert_eq!((said.code, said.stdout.as_str()), (0, "alive\n"), "{}", said.stderr);
    assert!(said.stderr.contains("--posix"), "{}", said.stderr);
}

#[test]
fn links_are_made_once_found_again_and_never_put_over_a_file() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let install = |more: &[&str]| {
        let directory = place.path().to_str().expect("UTF-8");
        say(cmdx(Path::new("/")).args(["install", "--slash", "--dir", directory]).args(more))
    };
    let first = install(&[]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.stdout.contains("/optimize\n") && first.stdout.contains("/ci-setup\n"), "{}", first.stdout);
    let again = install(&[]);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""), "{again:?}");
    let link = place.path().join("optimize");
    let script = format!("{} --help | head -n 2", link.display());
    for mut command in [Command::new("sh"), Command::new("env")] {
        let is_env = command.get_program() == "env";
        let output = if is_env {
            command.arg("-i").arg(&link).arg("--help").output()
        } else {
            command.args(["-c", &script]).output()
        };
        assert!(heard(&output.expect("starts")).stdout.contains("cmdx optimize --profile"));
    }
    let foreign = place.path().join("ci-setup");
    fs::remove_file(&foreign).expect("there");
    fs::write(&foreign, "mine").expect("writable");
    fs::remove_file(&link).expect("there");
    let refused = install(&[]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.stderr.contains("ci-setup` is there"), "{}", refused.stderr);
    assert!(!link.exists(), "all or none");
    // A link of a cmdx that was elsewhere is ours; a link to something else is not.
    symlink("/somewhere/else/cmdx", &link).expect("a link");
    fs::remove_file(&foreign).expect("there");
    symlink("/bin/true", &foreign).expect("a link");
    assert_eq!(install(&[]).code, 4);
    let removed = install(&["--uninstall"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    let left: Vec<_> = fs::read_dir(place.path()).expect("readable").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["ci-setup"]);
    let missing = say(cmdx(Path::new("/")).args(["install", "--slash", "--dir", "/no/such/place"]));
    assert_eq!(missing.code, 2, "{missing:?}");
}

fn piped(directory: &Path, text: &str, arguments: &[&str]) -> Said {
    let mut child = cmdx(directory)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cmdx starts");
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("read to its end");
    heard(&child.wait_with_output().expect("ends"))
}

#[test]
fn commands_from_a_pipe_run_in_turn_and_stop_at_the_first_that_fails() {
    let project = project(&[("a.py", "def f(x):\n    return x in [1, 2]\n")]);
    let root = project.path();
    let said =
        piped(root, "# look\n/check-code-quality --version\n\ncmdx check-code-quality \\\n  --list-rules\n", &[]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    assert!(said.stdout.starts_with("cmdx") && said.stdout.contains("n-plus-one"), "{}", said.stdout);
    let lines = "/check-code-quality --nonsense\n/check-code-quality --version\n";
    let said = piped(root, lines, &[]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(said.stderr.contains("line 1 ended with 2: /check-code-quality --nonsense"), "{}", said.stderr);
    fs::write(root.join("all.txt"), lines).expect("writable");
    let said = say(cmdx(root).args(["run", "all.txt", "--keep-going"]));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stdout.starts_with("cmdx"), "{said:?}");
}

#[test]
fn a_line_for_another_program_is_refused_before_anything_runs() {
    let project = project(&[("a.py", "")]);
    let said = piped(project.path(), "/check-code-quality --version\ntouch x\n", &[]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(said.stderr.contains("line 2: `touch` is no command of cmdx"), "{}", said.stderr);
    let said = piped(project.path(), "/optimize . ; touch x\n", &["run", "-"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(!project.path().join("x").exists());
    let empty = piped(project.path(), "\n# nothing\n", &[]);
    assert_eq!((empty.code, empty.stdout.as_str()), (2, ""), "{empty:?}");
    assert!(empty.stderr.contains("Usage: cmdx"), "{}", empty.stderr);
    assert_eq!(say(cmdx(project.path()).args(["run", "missing.txt"])).code, 2);
}

#[test]
fn completions_are_valid_and_manual_pages_have_every_command() {
    for (name, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "-n")] {
        let Some(shell) = shell(name) else { continue };
        let text = say(cmdx(Path::new("/")).args(["completions", name])).stdout;
        let directory = project(&[("code", &text)]);
        let output = Command::new(shell).arg(check).arg(directory.path().join("code")).output().expect("starts");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("check-code-quality"), "{name}");
    }
    let page = say(cmdx(Path::new("/")).arg("man")).stdout;
    assert!(page.contains(".TH cmdx 1") && page.contains("optimize"), "{page}");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let said = say(cmdx(directory.path()).args(["man", "--dir", "pages"]));
    assert_eq!(said.code, 0, "{said:?}");
    let page = fs::read_to_string(directory.path().join("pages/cmdx-optimize.1")).expect("written");
    assert!(page.contains("cmdx\\-optimize") && page.contains("\\-\\-profile"), "{page}");
}
