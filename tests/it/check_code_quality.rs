//! `check-code-quality` on small projects: every form read back by its reader, exit codes, comments, broken files.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::environments;
use crate::runs::{Said, cmdx, project, say};

/// Proven: `list-membership`; only shown: none; a function of complexity 4.
const MEMBERS: &str = "\
def kinds(rows):
    known = ['a', 'b', 'c', 'd']
    found = []
    for row in rows:
        if str(row) in known:
            found.append(row)
        elif row:
            found.append(None)
    return found
";
/// Needs a run: lines are handled before one that cannot be decoded.
const LINES: &str = "\
def load(path):
    found = []
    with open(path) as f:
        for line in f.readlines():
            found.append(line)
    return found
";
const BROKEN: &str = "def f(:\n    pass\n";
/// A path that every form has to escape in its own way.
const ODD: &str = "src/50%,x:</script>&'\n\".py";

fn check(directory: &Path, words: &[&str]) -> Said {
    say(cmdx(directory).arg("check-code-quality").args(words))
}

fn both() -> TempDir {
    project(&[("pyproject.toml", ""), ("src/members.py", MEMBERS), ("src/lines.py", LINES)])
}

/// A name may hold slashes only between directories: `</script>` is a directory `<` with a file in it.
fn hostile() -> TempDir {
    project(&[("pyproject.toml", ""), (ODD, MEMBERS), ("src/broken.py", BROKEN)])
}

fn document(directory: &Path, words: &[&str]) -> Value {
    let said = check(directory, words);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {}", said.stdout))
}

fn rules_of(document: &Value) -> Vec<&str> {
    document["findings"].as_array().expect("a list").iter().filter_map(|each| each["rule"].as_str()).collect()
}

#[test]
fn text_names_place_rule_safety_and_what_can_be_rewritten() {
    let project = both();
    let said = check(project.path(), &["src"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines[0].starts_with("src/lines.py:4: readlines [needs-run] "), "{}", said.stdout);
    assert_eq!(lines[1], "");
    assert!(
        lines[2].starts_with("src/members.py:") && lines[2].contains(": list-membership [proven] "),
        "{}",
        said.stdout
    );
    let last = lines.last().expect("a summary");
    assert_eq!(*last, "2 findings in 2 files (15 lines); 2 can be rewritten: cmdx optimize --implement src");
    assert!(!project.path().join(".cmdx").exists(), "nothing is written");
}

#[test]
fn the_command_has_its_names_a_version_and_help() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plain = say(cmdx(here).args(["check-code-quality", "--version"]));
    assert_eq!(plain.code, 0);
    assert!(plain.stdout.trim_end().ends_with(env!("CARGO_PKG_VERSION")), "{}", plain.stdout);
    assert_eq!(say(cmdx(here).args(["/check-code-quality", "--version"])).stdout, plain.stdout);
    let links = tempfile::tempdir().expect("a temporary directory");
    let link = links.path().join("check-code-quality");
    symlink(env!("CARGO_BIN_EXE_cmdx"), &link).expect("a link");
    let through_link = Command::new(&link).arg("--version").output().expect("starts");
    assert_eq!(String::from_utf8_lossy(&through_link.stdout), plain.stdout);
    let help = say(cmdx(here).args(["check-code-quality", "--help"])).stdout;
    assert!(help.starts_with("Examples:\n  cmdx check-code-quality src/"), "{help}");
    assert!(help.contains("--fail-on <WHAT>") && help.contains("Exit codes:"), "{help}");
}

#[test]
fn no_interpreter_is_started_and_nothing_is_written() {
    let project = both();
    let trap = project.path().join("trap");
    fs::write(&trap, "#!/bin/sh\necho ran >> \"$0.log\"\n").expect("writable");
    fs::set_permissions(&trap, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("own file");
    let output = Command::new(env!("CARGO_BIN_EXE_cmdx"))
        .args(["check-code-quality", "src"])
        .current_dir(project.path())
        .env_clear()
        .env("CMDX_PYTHON", &trap)
        .output()
        .expect("starts");
    assert_eq!(output.status.code(), Some(0));
    assert!(!project.path().join("trap.log").exists() && !project.path().join(".cmdx").exists());
}

#[test]
fn the_exit_code_says_no_only_when_asked() {
    let project = both();
    let code = |words: &[&str]| check(project.path(), words).code;
    for (words, expected) in [
        (&["src"][..], 0),
        (&["--fail-on=any", "src"], 1),
        (&["--fail-on=needs-run", "src/lines.py"], 1),
        (&["--fail-on=proven", "src/lines.py"], 0),
        (&["--fail-on=proven", "src/members.py"], 1),
        (&["--fail-on=error", "src"], 0),
        (&["--fail-on=any", "--exit-zero", "src"], 0),
        (&["--fail-on=any", "--rule=n-plus-one", "src"], 0),
        (&["--fail-on=any", "--rule=readlines", "src/lines.py"], 1),
        (&["--fail-on=any", "--ignore=readlines", "src/lines.py"], 0),
        (&["--fail-on=any", "--category=memory", "src/members.py"], 0),
        (&["--fail-on=any", "--rule=complexity", "src"], 0),
        (&["--fail-on=any", "--rule=complexity", "--max-complexity=4", "src"], 0),
        (&["--fail-on=any", "--rule=complexity", "--max-complexity=3", "src"], 1),
        (&["--fail-on=needs-run", "--rule=complexity", "--max-complexity=3", "src"], 0),
    ] {
        assert_eq!(code(words), expected, "{words:?}");
    }
}

#[test]
fn broken_files_are_listed_and_the_rest_goes_on() {
    let project = project(&[("src/broken.py", BROKEN), ("src/old.py", "print 'hello'\n"), ("src/members.py", MEMBERS)]);
    fs::write(project.path().join("src/binary.py"), b"\x00\x01").expect("writable");
    let said = check(project.path(), &["src"]);
    assert_eq!(said.code, 0, "{said:?}");
    for line in ["src/broken.py:1: error: not scanned: syntax error", "src/old.py:1: error: ", "src/binary.py: error: "]
    {
        assert!(said.stdout.contains(line), "{line}: {}", said.stdout);
    }
    assert!(said.stdout.contains("list-membership [proven]"), "{}", said.stdout);
    assert!(said.stdout.contains("3 files or directories could not be read"), "{}", said.stdout);
    assert_eq!(check(project.path(), &["--fail-on=error", "src"]).code, 1);
    assert_eq!(check(project.path(), &["--fail-on=error", "src/members.py"]).code, 0, "others' errors are not ours");
}

#[test]
fn json_is_one_document_with_the_complexity_of_every_function() {
    let project = both();
    let report = document(project.path(), &["--json", "src"]);
    assert_eq!(rules_of(&report), ["readlines", "list-membership"]);
    assert_eq!(report["n_files"], 2);
    assert_eq!(report["functions"][0]["complexity"], 4);
    assert_eq!(report["functions"][0]["location"]["symbol"], "kinds");
    assert_eq!(report["functions"][1]["complexity"], 2);
    assert_eq!(report["findings"][1]["safety"], "proven");
    let names: Vec<_> = report["rules"].as_array().expect("a list").iter().map(|rule| &rule["name"]).collect();
    assert_eq!(names, ["list-membership", "readlines"]);
    let limited = document(project.path(), &["--json", "--max-complexity=3", "src"]);
    assert!(rules_of(&limited).contains(&"complexity"), "{limited}");
}

#[test]
fn a_comment_leaves_a_place_alone() {
    let marked = MEMBERS
        .replace("if str(row) in known:", "if str(row) in known:  # cmdx: ignore[list-membership]")
        .replace("known = [", "known = [ # cmdx: ignore[list-membership]\n        ");
    let above = format!("# cmdx: ignore[list-membership, complexity]\n{MEMBERS}");
    let other = format!("# cmdx: ignore[n-plus-one]\n{MEMBERS}");
    for (source, n_findings, n_ignored) in [(&marked, 1, 1), (&above, 0, 2), (&other, 2, 0)] {
        let project = project(&[("members.py", source)]);
        let report = document(project.path(), &["--json", "--max-complexity=3", "."]);
        assert_eq!(rules_of(&report).len(), n_findings, "{source}{report}");
        assert_eq!(report["n_ignored"], n_ignored, "{source}");
    }
}

#[test]
fn github_commands_escape_what_they_would_take_for_their_own() {
    let project = hostile();
    let said = check(project.path(), &["--format=github", "."]);
    assert_eq!(said.code, 0, "{said:?}");
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", said.stdout);
    assert!(lines[0].starts_with("::warning file=src/50%25%2Cx%3A</script>&'%0A\".py,line="), "{}", said.stdout);
    assert!(lines[0].contains(",title=cmdx list-membership (proven)::"), "{}", said.stdout);
    assert!(lines[1].starts_with("::error file=src/broken.py,line=1,title=cmdx::not scanned"), "{}", said.stdout);
}

#[test]
fn gitlab_gets_a_list_of_issues_whose_fingerprints_stay() {
    let project = hostile();
    let issues = document(project.path(), &["--format=gitlab", "."]);
    assert_eq!(issues[0]["location"]["path"], ODD);
    assert_eq!(issues[0]["severity"], "major");
    assert_eq!(issues[1]["check_name"], "unreadable");
    let text = fs::read_to_string(project.path().join(ODD)).expect("readable");
    fs::write(project.path().join(ODD), format!("import os\n\n{text}")).expect("writable");
    let later = document(project.path(), &["--format=gitlab", "."]);
    assert_ne!(later[0]["location"]["lines"], issues[0]["location"]["lines"]);
    assert_eq!(later[0]["fingerprint"], issues[0]["fingerprint"]);
}

#[test]
fn sarif_names_files_from_the_repository() {
    let project = project(&[(".git/HEAD", ""), ("api/pyproject.toml", ""), ("api/src/members.py", MEMBERS)]);
    let report = document(project.path(), &["--format=sarif", "api/src"]);
    assert_eq!(report["version"], "2.1.0");
    let result = &report["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "api/src/members.py");
    let rule = result["ruleIndex"].as_u64().expect("an index") as usize;
    assert_eq!(report["runs"][0]["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
    let said = check(project.path(), &["--format=github", "api/src"]);
    assert!(said.stdout.starts_with("::warning file=api/src/members.py,"), "{}", said.stdout);
}

/// Prints what an XML reader of the standard library sees in the file.
const READ_XML: &str = "\
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
print(root.tag, root.get('tests'), root.get('failures'), root.get('errors'))
for suite in root:
    for case in suite:
        print(case.get('file'), [child.tag for child in case])
";

#[test]
fn junit_is_read_by_an_xml_reader() {
    let project = hostile();
    let said = check(project.path(), &["--format=junit", "-o", "report.xml", "."]);
    assert_eq!((said.code, said.stdout.as_str()), (0, ""), "{said:?}");
    let read = Command::new(environments::python())
        .args(["-c", READ_XML])
        .arg(project.path().join("report.xml"))
        .output()
        .expect("Python starts");
    assert_eq!(
        String::from_utf8_lossy(&read.stdout),
        "testsuites 2 1 1\nsrc/50%,x:</script>&'\\n\".py ['failure']\nsrc/broken.py ['error']\n",
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
}

#[test]
fn a_rule_is_explained_and_a_typo_gets_the_nearest_name() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = check(here, &["--explain", "list-membership"]);
    assert_eq!(page.code, 0);
    assert!(page.stdout.starts_with("list-membership (algorithm)\n\nWhat it finds\n"), "{}", page.stdout);
    assert!(page.stdout.contains("  before") && !page.stdout.contains("```"), "{}", page.stdout);
    assert!(check(here, &["--explain", "complexity"]).stdout.contains("McCabe"));
    let list = check(here, &["--list-rules"]).stdout;
    assert!(list.lines().any(|line| line.starts_with("n-plus-one ")), "{list}");
    assert!(list.lines().all(|line| line.len() > 40), "{list}");
    for words in [&["--explain", "list-membershp"][..], &["--rule", "list-membershp"], &["--ignore", "list-membershp"]]
    {
        let typo = check(here, words);
        assert_eq!((typo.code, typo.stdout.as_str()), (2, ""));
        assert!(typo.stderr.contains("similar value exists: 'list-membership'"), "{}", typo.stderr);
    }
}

#[test]
fn a_directory_without_python_is_refused() {
    let project = project(&[("docs/readme.txt", "nothing")]);
    let said = check(project.path(), &["docs"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.starts_with("error: no Python file at or below `"), "{}", said.stderr);
}

#[test]
fn nothing_found_says_how_much_was_looked_at() {
    let project = project(&[("app.py", "x = 1\n")]);
    assert_eq!(check(project.path(), &["--fail-on=any"]).stdout, "No findings in 1 file (1 line)\n");
    assert_eq!(check(project.path(), &["--format=github"]).stdout, "");
    assert_eq!(document(project.path(), &["--format=gitlab"]), Value::Array(vec![]));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let many: String = (0..2000).map(|n| MEMBERS.replace("kinds", &format!("kinds_{n}"))).collect();
    let project = project(&[("app.py", &many)]);
    let mut child = cmdx(project.path())
        .args(["check-code-quality", "app.py"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut first = [0; 20];
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_exact(&mut first).expect("a line");
    drop(stdout);
    let mut stderr = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("readable");
    assert_eq!((child.wait().expect("ends").code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn colour_is_used_only_where_it_was_asked_for() {
    let project = both();
    assert!(!check(project.path(), &["src"]).stdout.contains('\u{1b}'));
    assert!(check(project.path(), &["--color=always", "src"]).stdout.contains("\u{1b}[36m[proven]"));
    assert!(!check(project.path(), &["--color=always", "--json", "src"]).stdout.contains('\u{1b}'));
}
