//! Projects are opened as users have them: with real interpreters, real environments and real source distributions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cmdx::model::{Interpreter, InterpreterSource, WorkloadKind};
use cmdx::project::install::{self, Event};
use cmdx::project::{self, ErrorKind, OpenOptions, Project, interpreter, requirements, workload};

use crate::environments;

/// A directory with these files; its name without symbolic links.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = fs::canonicalize(directory.path()).expect("there");
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
        fs::write(path, text).expect("writable");
    }
    (directory, root)
}

/// Surroundings with nothing set but `PATH`.
fn options(cwd: &Path, variables: &[(&str, &str)]) -> OpenOptions {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut all = BTreeMap::from([("PATH".to_owned(), path)]);
    all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    OpenOptions { cwd: cwd.to_path_buf(), variables: all, ..OpenOptions::default() }
}

fn opened(root: &Path, variables: &[(&str, &str)]) -> Project {
    project::open(&[], &options(root, variables)).expect("a project")
}

fn with_flag(root: &Path, python: &Path) -> Project {
    project::open(&[], &OpenOptions { python: Some(python.into()), ..options(root, &[]) }).expect("a project")
}

fn directory_of(python: &Path) -> &Path {
    python.parent().and_then(Path::parent).expect("bin/python of an environment")
}

#[cfg(unix)]
fn executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(path.parent().expect("a directory")).expect("writable");
    fs::write(path, text).expect("writable");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("own file");
}

#[test]
fn an_interpreter_tells_what_it_is() {
    let python = environments::environment(&["pytest"]);
    let (_guard, root) = tree(&[("a.py", "")]);
    let found = interpreter::find(&with_flag(&root, &python)).expect("it runs");
    assert_eq!(found.notes, Vec::<String>::new());
    assert_eq!(found.interpreter.path, python);
    assert_eq!(found.interpreter.source, InterpreterSource::Flag);
    assert_eq!(found.interpreter.implementation, "cpython");
    assert_eq!(found.interpreter.prefix, directory_of(&python));
    assert!(found.interpreter.version >= (3, 8, 0));
    assert!(found.interpreter.has_pytest && !found.interpreter.is_free_threaded);
    assert_eq!(interpreter::why(&found.interpreter), "named by `--python`");
    let bare = environments::environment(&[]);
    assert!(!interpreter::find(&with_flag(&root, &bare)).expect("it runs").interpreter.has_pytest);
}

#[test]
fn the_flag_takes_an_environment_and_the_order_is_kept() {
    let python = environments::environment(&[]);
    let environment = directory_of(&python).to_string_lossy().into_owned();
    let (_guard, root) = tree(&[("a.py", ""), ("cmdx.toml", "")]);
    let source = |project: &Project| interpreter::find(project).expect("found").interpreter.source;
    assert_eq!(source(&with_flag(&root, Path::new(&environment))), InterpreterSource::Flag);
    let active = [("VIRTUAL_ENV", environment.as_str())];
    assert_eq!(source(&opened(&root, &active)), InterpreterSource::VirtualEnv);
    fs::write(root.join("cmdx.toml"), format!("python = '{environment}'")).expect("writable");
    assert_eq!(source(&opened(&root, &active)), InterpreterSource::Configuration);
    assert_eq!(source(&opened(&root, &[("CMDX_PYTHON", &environment)])), InterpreterSource::Configuration);
    fs::write(root.join("cmdx.toml"), "").expect("writable");
    let conda = [("CONDA_PREFIX", environment.as_str()), ("CONDA_DEFAULT_ENV", "shop")];
    assert_eq!(source(&opened(&root, &conda)), InterpreterSource::Conda);
    let base = [("CONDA_PREFIX", environment.as_str()), ("CONDA_DEFAULT_ENV", "base")];
    assert_eq!(source(&opened(&root, &base)), InterpreterSource::Path);
    fs::write(root.join(".pdm-python"), python.to_string_lossy().as_bytes()).expect("writable");
    assert_eq!(source(&opened(&root, &conda)), InterpreterSource::Tool("pdm".into()));
}

#[cfg(unix)]
#[test]
fn the_environment_of_the_project_is_found_from_anywhere_in_it() {
    let python = environments::environment(&[]);
    let (_guard, root) = tree(&[("pyproject.toml", ""), ("src/a.py", ""), (".git/HEAD", "")]);
    std::os::unix::fs::symlink(directory_of(&python), root.join(".venv")).expect("writable");
    for cwd in [root.clone(), root.join("src"), PathBuf::from("/")] {
        let project = project::open(&[root.join("src/a.py")], &options(&cwd, &[])).expect("a project");
        let found = interpreter::find(&project).expect("found").interpreter;
        assert_eq!(found.source, InterpreterSource::ProjectEnvironment(".venv".into()), "{}", cwd.display());
        assert_eq!(interpreter::why(&found), "the environment `.venv` of the project");
    }
}

#[cfg(unix)]
#[test]
fn a_broken_environment_is_passed_over_and_said() {
    let (_guard, root) = tree(&[("a.py", ""), (".venv/pyvenv.cfg", "")]);
    executable(&root.join(".venv/bin/python"), "#!/bin/sh\necho 'no module named encodings' >&2\nexit 1\n");
    let found = interpreter::find(&opened(&root, &[])).expect("the next one");
    assert_eq!(found.interpreter.source, InterpreterSource::Path);
    assert_eq!(found.notes.len(), 1);
    assert!(found.notes[0].contains(".venv/bin/python") && found.notes[0].contains("no module named encodings"));
}

#[cfg(unix)]
#[test]
fn an_explicit_choice_that_fails_is_an_error_and_never_the_next_one() {
    let (_guard, root) = tree(&[("a.py", "")]);
    let fails = |project: &Project| {
        let error = interpreter::find(project).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::CannotRun);
        assert!(error.hint().is_some_and(|hint| hint.contains("`--python`")));
        error.to_string()
    };
    let missing = fails(&with_flag(&root, Path::new("no/such/python")));
    assert_eq!(missing, "no Python interpreter at `no/such/python` (`--python`)");
    assert!(fails(&opened(&root, &[("VIRTUAL_ENV", "/no/such/environment")])).contains("`VIRTUAL_ENV`"));
    executable(&root.join("broken"), "#!/bin/sh\nexit 1\n");
    assert!(fails(&with_flag(&root, Path::new("./broken"))).contains("does not run"));
    let answer = r#"{"version":[3,10,14],"implementation":"pypy","prefix":"/p","is_free_threaded":false,"has_pytest":false,"distributions":{},"sites":[]}"#;
    executable(&root.join("pypy"), &format!("#!/bin/sh\necho 'CMDX-PROBE {answer}'\n"));
    let pypy = fails(&with_flag(&root, Path::new("./pypy")));
    assert!(pypy.ends_with("is PyPy for Python 3.10.14; cmdx runs workloads on CPython 3.8 or later"), "{pypy}");
    let old = answer.replace("pypy", "cpython").replace("3,10,14", "3,6,15");
    executable(&root.join("old"), &format!("#!/bin/sh\necho 'CMDX-PROBE {old}'\n"));
    assert!(fails(&with_flag(&root, Path::new("./old"))).contains("is Python 3.6.15"));
    let free = answer.replace("pypy", "cpython").replace("\"is_free_threaded\":false", "\"is_free_threaded\":true");
    executable(&root.join("free"), &format!("#!/bin/sh\necho 'CMDX-PROBE {free}'\n"));
    let notes = interpreter::find(&with_flag(&root, Path::new("./free"))).expect("it works").notes;
    assert!(notes[0].contains("free-threaded"), "{notes:?}");
}

#[test]
fn every_supported_version_answers() {
    let (_guard, root) = tree(&[("a.py", "")]);
    for (minor, python) in environments::interpreters() {
        let found = interpreter::find(&with_flag(&root, python)).expect("it runs").interpreter;
        assert_eq!((found.version.0, found.version.1), *minor);
    }
}

#[test]
fn a_second_question_is_answered_from_the_cache_until_packages_change() {
    let python = environments::environment(&["pytest"]);
    let (_guard, root) = tree(&[("a.py", ""), (".cmdx/.gitignore", "*\n")]);
    let first = interpreter::find(&with_flag(&root, &python)).expect("it runs").interpreter;
    let cache = root.join(".cmdx/cache/interpreters.json");
    let kept = fs::read_to_string(&cache).expect("kept");
    assert_eq!(interpreter::find(&with_flag(&root, &python)).expect("it runs").interpreter, first);
    let changed = kept.replace("\"has_pytest\":true", "\"has_pytest\":false");
    fs::write(&cache, &changed).expect("writable");
    let cached = interpreter::find(&with_flag(&root, &python)).expect("it runs").interpreter;
    assert!(!cached.has_pytest, "the cache answered");
    let stamp = changed.find("site-packages\",").expect("a site with its time") + "site-packages\",".len();
    fs::write(&cache, format!("{}1{}", &changed[..stamp], &changed[stamp..])).expect("writable");
    assert!(interpreter::find(&with_flag(&root, &python)).expect("it runs").interpreter.has_pytest, "asked again");
}

#[test]
fn a_missing_package_is_named_with_the_flag_that_installs_it() {
    let python = environments::environment(&["pytest"]);
    let lines = "pytest\nno-such-package-cmdx>=2\nold-one; python_version < '3'\n";
    let (_guard, root) = tree(&[
        ("a.py", ""),
        ("requirements.txt", lines),
        ("requirements-test.txt", "moto\n"),
        ("requirements-dev.txt", "anything\n"),
    ]);
    let project = with_flag(&root, &python);
    let interpreter = interpreter::find(&project).expect("it runs").interpreter;
    let missing = requirements::missing(&project, &interpreter).expect("asked");
    let shown: Vec<_> =
        missing.iter().map(|p| (p.requirement.as_str(), p.declared_in.as_str(), p.is_for_tests)).collect();
    assert_eq!(
        shown,
        [("no-such-package-cmdx>=2", "`requirements.txt`", false), ("moto", "`requirements-test.txt`", true)]
    );
    let error = requirements::check(&project, &interpreter).expect_err("it lacks one");
    assert!(error.to_string().starts_with("`no-such-package-cmdx` is not installed in `"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("`--install`")));
    assert_eq!(error.kind(), ErrorKind::CannotRun);
}

#[test]
fn the_users_command_and_the_configured_ones_come_first() {
    let python = environments::environment(&["pytest"]);
    let settings = "[[workload]]\nname = 'load'\ncommand = 'python a.py 3'\ncwd = 'src'\nenv = { N = '1' }\n[[workload]]\ncommand = 'pytest -x'\n";
    let (_guard, root) = tree(&[("src/a.py", ""), ("tests/test_a.py", ""), ("cmdx.toml", settings)]);
    let project = with_flag(&root, &python);
    let interpreter = interpreter::find(&project).expect("it runs").interpreter;
    let python = python.display().to_string();
    let command = vec!["python".to_owned(), "-c".to_owned(), "print(1)".to_owned()];
    let chosen = workload::choose(&project, &interpreter, Some(command)).expect("a choice").workloads;
    assert_eq!(chosen.len(), 1);
    assert_eq!(
        (chosen[0].kind, &chosen[0].argv),
        (WorkloadKind::Command, &vec![python.clone(), "-c".into(), "print(1)".into()])
    );
    let chosen = workload::choose(&project, &interpreter, None).expect("a choice").workloads;
    assert_eq!(
        chosen.iter().map(|w| w.title.as_str()).collect::<Vec<_>>(),
        ["the workload `load`", "the workload `pytest -x`"]
    );
    assert_eq!((&chosen[0].cwd, &chosen[0].env), (&root.join("src"), &vec![("N".to_owned(), "1".to_owned())]));
    assert_eq!(chosen[1].argv, [python.as_str(), "-m", "pytest", "-x"]);
    let empty = workload::choose(&project, &interpreter, Some(vec![])).expect_err("nothing to run");
    assert_eq!(empty.kind(), ErrorKind::Usage);
}

#[test]
fn ten_thousand_files_are_listed_in_less_than_half_a_second() {
    let (_guard, root) = tree(&[("pyproject.toml", ""), (".gitignore", "*.log\n")]);
    for package in 0..100 {
        let directory = root.join(format!("p{}/q{package}", package % 10));
        fs::create_dir_all(&directory).expect("writable");
        for module in 0..100 {
            fs::File::create(directory.join(format!("m{module}.py"))).expect("writable");
        }
    }
    let start = Instant::now();
    assert_eq!(opened(&root, &[]).files().0.len(), 10_000);
    let limit = if cfg!(debug_assertions) { 2_000 } else { 500 };
    assert!(start.elapsed() < Duration::from_millis(limit), "{:?}", start.elapsed());
}

/// Opens the tree, installs, chooses.
fn installed(root: &Path, python: &Path) -> (Project, Interpreter, workload::Choice, Vec<Event>) {
    let project = with_flag(root, python);
    let base = interpreter::find(&project).expect("it runs").interpreter;
    let mut events = vec![];
    let interpreter = install::ensure(&project, &base, &mut |event| events.push(event)).expect("installed");
    let choice = workload::choose(&project, &interpreter, None).expect("a choice");
    (project, interpreter, choice, events)
}

/// Runs the first workload and returns the last line of its output.
fn last_line(choice: &workload::Choice) -> String {
    let workload = choice.workloads.first().unwrap_or_else(|| panic!("a workload: {:?}", choice.considered));
    let mut command = Command::new(&workload.argv[0]);
    command.args(&workload.argv[1..]).current_dir(&workload.cwd).envs(workload.env.iter().cloned());
    let output = command.env_remove("PYTHONPATH").stdin(Stdio::null()).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim().lines().last().unwrap_or_default().to_owned()
}

fn can_reach_index(python: &Path) -> bool {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "download", "-q", "--no-deps", "--retries", "1", "--timeout", "10", "-d"])
        .arg(directory.path());
    let is_reached = pip.arg("iniconfig").output().is_ok_and(|output| output.status.success());
    if !is_reached {
        eprintln!("SKIPPED: the package index cannot be reached");
    }
    is_reached
}

#[test]
fn a_package_is_installed_with_what_its_tests_need_and_the_second_time_is_instant() {
    let python = environments::environment(&[]);
    if !can_reach_index(&python) {
        return;
    }
    let pyproject = "[project]\nname = 'shop-cmdx'\nversion = '1'\ndependencies = ['iniconfig']\n[project.optional-dependencies]\ntest = ['no-such-package-cmdx-xyz', 'six==0.0.0.1']\n[tool.pytest.ini_options]\naddopts = '--cov=shop -n 2'\n[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n";
    let test = "import iniconfig, six, importlib.metadata\nimport shop\ndef test_a():\n    assert importlib.metadata.version('shop-cmdx') == '1'\n";
    // Since pytest 9 such a hook is refused.
    let hook = "def pytest_ignore_collect(path, config):\n    return path.basename == 'test_gone.py'\n";
    let files = [
        ("pyproject.toml", pyproject),
        ("src/shop/__init__.py", ""),
        ("tests/test_shop.py", test),
        ("tests/test_gone.py", "import no_such_module"),
        ("tests/conftest.py", hook),
    ];
    let (_guard, root) = tree(&files);
    let (project, interpreter, choice, events) = installed(&root, &python);
    assert_eq!(interpreter.source, InterpreterSource::Private);
    assert_eq!(interpreter.path, root.join(".cmdx/venv/bin/python"));
    let notes: Vec<_> =
        events.iter().filter_map(|e| if let Event::Note(note) = e { Some(note.as_str()) } else { None }).collect();
    assert!(
        notes.iter().any(|note| note.starts_with("`no-such-package-cmdx-xyz` could not be installed: ")),
        "{notes:?}"
    );
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("`six==0.0.0.1` cannot be installed here") && note.ends_with("`six` was")),
        "{notes:?}"
    );
    assert!(!root.join("src/shop_cmdx.egg-info").exists(), "the build leaves nothing beside the sources");
    assert!(last_line(&choice).starts_with("1 passed"), "{}", last_line(&choice));
    assert_eq!(choice.workloads[0].env, [], "what is installed needs no path");

    let start = Instant::now();
    let mut again = vec![];
    let base = interpreter::find(&project).expect("it runs").interpreter;
    assert_eq!(install::ensure(&project, &base, &mut |event| again.push(event)).expect("there"), interpreter);
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(
        again.iter().map(|e| matches!(e, Event::Note(_))).collect::<Vec<_>>(),
        vec![true; notes.len()],
        "notes are told again"
    );
    let without_flag = interpreter::find(&opened(&root, &[])).expect("found").interpreter;
    assert_eq!(without_flag.source, InterpreterSource::Private, "later runs use what was made");

    fs::remove_file(root.join(".cmdx/venv/cmdx-complete")).expect("there");
    let interrupted = interpreter::find(&opened(&root, &[])).expect("found").interpreter;
    assert_eq!(interrupted.source, InterpreterSource::Path, "half an environment is not used");
}

#[test]
fn an_interpreter_that_lacks_nothing_is_kept() {
    let python = environments::environment(&["pytest"]);
    let (_guard, root) = tree(&[("shop.py", ""), ("tests/test_shop.py", ""), ("requirements.txt", "pytest\n")]);
    let (_, interpreter, _, events) = installed(&root, &python);
    assert_eq!((interpreter.path, events), (python, vec![]));
    assert!(!root.join(".cmdx/venv").exists());
}

/// A source distribution as the index has it, unpacked; `None` without the index.
pub(crate) fn sdist(python: &Path, requirement: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    if !can_reach_index(python) {
        return None;
    }
    let (name, _) = requirement.split_once("==").expect("a pinned requirement");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pip = ["-m", "pip", "download", "-q", "--no-deps", "--no-binary", name, "-d"];
    let output = Command::new(python).args(pip).arg(directory.path()).arg(requirement).output().expect("pip starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let unpack =
        "import glob, sys, tarfile\ntarfile.open(glob.glob(sys.argv[1] + '/*.tar.gz')[0]).extractall(sys.argv[1])";
    let unpacked = Command::new(python).args(["-c", unpack]).arg(directory.path()).status().expect("python starts");
    assert!(unpacked.success());
    let mut entries = fs::read_dir(directory.path()).expect("there").flatten().map(|entry| entry.path());
    let root = entries.find(|path| path.is_dir()).expect("the unpacked tree");
    Some((directory, fs::canonicalize(root).expect("there")))
}

#[test]
fn sdists_from_the_index_run_their_tests_with_no_configuration() {
    let python = environments::environment(&[]);
    for (requirement, n_passed_min) in [("sqlparse==0.5.3", 400), ("boltons==25.0.0", 300)] {
        let Some((_guard, root)) = sdist(&python, requirement) else { return };
        let (_, _, choice, _) = installed(&root, &python);
        assert_eq!(choice.workloads[0].kind, WorkloadKind::TestSuite, "{requirement}");
        let last = last_line(&choice);
        let n_passed = last.split(" passed").next().and_then(|head| head.split_whitespace().last()?.parse().ok());
        assert!(n_passed.is_some_and(|n: u32| n >= n_passed_min), "{requirement}: {last}");
    }
}
