//! Finds the interpreter the user's project runs with, in the order people expect, and asks it once about itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::config::Origin;
use super::{OpenOptions, Project, ProjectError, child, requirement};
use crate::model::{Interpreter, InterpreterSource};
use crate::support::atomic_file;

/// `CPython` starts in 20-60 ms; this covers slow disks and network homes without hiding a hang.
const PROBE_DEADLINE: Duration = Duration::from_secs(20);
/// poetry and hatch are Python programs that resolve nothing here.
const TOOL_DEADLINE: Duration = Duration::from_secs(15);
/// Directories that are looked at for an environment, in this order.
const ENVIRONMENT_DIRECTORIES: &[&str] = &[".venv", "venv", "env"];
/// The oldest `CPython` the agent runs in.
const VERSION_MIN: (u32, u32) = (3, 8);

const PROBE: &str = include_str!("probe.py");

/// An interpreter with what was passed over on the way to it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The one to use.
    pub interpreter: Interpreter,
    /// What the user should know, one sentence each: broken environments passed over, limits of this build.
    pub notes: Vec<String>,
}

/// What an interpreter says about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    version: (u32, u32, u32),
    implementation: String,
    prefix: PathBuf,
    is_free_threaded: bool,
    has_pytest: bool,
    /// Installed distributions with their versions, as their directories are named.
    distributions: BTreeMap<String, String>,
    /// Directories packages are installed in, with the time they last changed in milliseconds.
    sites: Vec<(PathBuf, u64)>,
}

/// One interpreter that may be the one.
struct Candidate {
    path: PathBuf,
    source: InterpreterSource,
}

/// The interpreter of the project: `--python`, configuration, `VIRTUAL_ENV`, the environment of cmdx, the project's
/// environment, poetry and its like, conda, an earlier `--install`, `.python-version`, `python3` on `PATH`.
pub fn find(project: &Project) -> Result<Found, ProjectError> {
    let mut notes = vec![];
    for choose in CHOSEN {
        if let Some(candidate) = choose(project)? {
            let interpreter = probe(project, &candidate)?;
            notes.extend(limits(&interpreter));
            return Ok(Found { interpreter, notes });
        }
    }
    for candidate in FOUND.iter().filter_map(|step| step(project)) {
        match probe(project, &candidate) {
            Ok(interpreter) => {
                notes.extend(limits(&interpreter));
                return Ok(Found { interpreter, notes });
            }
            Err(error @ ProjectError::InterpreterBroken { .. }) => notes.push(format!("passed over: {error}")),
            Err(error) => return Err(error),
        }
    }
    Err(ProjectError::NoInterpreter)
}

type Chosen = fn(&Project) -> Result<Option<Candidate>, ProjectError>;
type Step = fn(&Project) -> Option<Candidate>;

/// What somebody chose: when it does not run that is an error, never a reason to take the next one.
const CHOSEN: &[Chosen] = &[from_flag, from_configuration, from_virtual_env];

/// What is there: one that does not run is passed over, and said.
const FOUND: &[Step] =
    &[beside_binary, from_project_environment, from_tool, from_conda, from_private, from_version_file, from_path];

/// Why this interpreter, for the header of a report: `the environment `.venv` of the project`.
pub fn why(interpreter: &Interpreter) -> String {
    match &interpreter.source {
        InterpreterSource::Flag => "named by `--python`".into(),
        InterpreterSource::Configuration => "named by the configuration".into(),
        InterpreterSource::VirtualEnv => "the active environment (`VIRTUAL_ENV`)".into(),
        InterpreterSource::BesideBinary => "the environment cmdx is installed in".into(),
        InterpreterSource::ProjectEnvironment(name) => format!("the environment `{name}` of the project"),
        InterpreterSource::Tool(name) => format!("the environment of {name}"),
        InterpreterSource::Conda => "the active conda environment".into(),
        InterpreterSource::PythonVersionFile => "named by `.python-version`".into(),
        InterpreterSource::Path => "the first Python on `PATH`".into(),
        InterpreterSource::Private => "the private environment `.cmdx/venv`".into(),
    }
}

/// What does not work on this build of Python, if anything.
pub fn limits(interpreter: &Interpreter) -> Option<String> {
    interpreter.is_free_threaded.then(|| {
        format!(
            "`{}` is a free-threaded build: static findings, tests and timings work; sampled stacks may be missing",
            interpreter.path.display()
        )
    })
}

/// Asks the interpreter at `path`; the answer is kept in `.cmdx/cache` until the interpreter or its packages change.
pub(super) fn interpreter_at(
    project: &Project,
    path: &Path,
    source: InterpreterSource,
) -> Result<Interpreter, ProjectError> {
    probe(project, &Candidate { path: path.to_path_buf(), source })
}

/// Names (normalised) and versions of what is installed for `interpreter`.
pub(super) fn distributions(
    project: &Project,
    interpreter: &Interpreter,
) -> Result<BTreeMap<String, String>, ProjectError> {
    let answer = answer(project, &interpreter.path, &why(interpreter))?;
    Ok(answer.distributions.into_iter().map(|(name, version)| (requirement::normalized(&name), version)).collect())
}

fn from_flag(project: &Project) -> Result<Option<Candidate>, ProjectError> {
    let Some(python) = &project.options.python else { return Ok(None) };
    let choice = python.to_string_lossy();
    named(project, &choice, &project.options.cwd, InterpreterSource::Flag, "`--python`").map(Some)
}

fn from_configuration(project: &Project) -> Result<Option<Candidate>, ProjectError> {
    let Some((choice, origin)) = &project.config.python else { return Ok(None) };
    let (base, asked_by) = match origin {
        Origin::Variable(name) => (project.options.cwd.as_path(), format!("`{name}`")),
        Origin::File => (project.config.python_base(), "`python` in the configuration".to_owned()),
    };
    named(project, choice, base, InterpreterSource::Configuration, &asked_by).map(Some)
}

fn from_virtual_env(project: &Project) -> Result<Option<Candidate>, ProjectError> {
    let Some(directory) = project.options.variable("VIRTUAL_ENV") else { return Ok(None) };
    let Some(path) = python_in(Path::new(directory)) else {
        return Err(ProjectError::InterpreterMissing {
            choice: directory.to_owned(),
            asked_by: "`VIRTUAL_ENV`".into(),
        });
    };
    Ok(Some(Candidate { path, source: InterpreterSource::VirtualEnv }))
}

/// The environment cmdx is installed in, when it is one that has more than cmdx: pipx and uvx make one for cmdx alone.
fn beside_binary(project: &Project) -> Option<Candidate> {
    let directory = project.options.binary.as_deref().and_then(Path::parent)?;
    let environment = directory.parent().filter(|parent| parent.join("pyvenv.cfg").is_file())?;
    let path = python_in(environment)?;
    let candidate = Candidate { path, source: InterpreterSource::BesideBinary };
    let Ok(answer) = answer(project, &candidate.path, "beside the binary") else { return None };
    let is_tool =
        |name: &String| matches!(requirement::normalized(name).as_str(), "cmdx" | "pip" | "setuptools" | "wheel");
    answer.distributions.keys().any(|name| !is_tool(name)).then_some(candidate)
}

fn from_project_environment(project: &Project) -> Option<Candidate> {
    let cwd = fs::canonicalize(&project.options.cwd).unwrap_or_else(|_| project.options.cwd.clone());
    let inside = cwd.starts_with(&project.root).then_some(cwd.as_path());
    for directory in inside.unwrap_or(&project.root).ancestors() {
        if directory.join("pyvenv.cfg").is_file()
            && let Some(path) = python_in(directory)
        {
            let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Some(of_project(name, path));
        }
        for name in ENVIRONMENT_DIRECTORIES {
            let environment = directory.join(name);
            if environment.join("pyvenv.cfg").is_file() {
                let path = python_in(&environment).unwrap_or_else(|| environment.join("bin/python"));
                return Some(of_project(project.relative(&environment), path));
            }
        }
        let is_top = directory.join(".git").exists() || Some(directory) == home(project).as_deref();
        if is_top || (directory == project.root && repository_above(directory).is_none()) {
            break;
        }
    }
    pyright_environment(project).map(|(name, path)| of_project(name, path))
}

fn of_project(name: String, path: PathBuf) -> Candidate {
    Candidate { path, source: InterpreterSource::ProjectEnvironment(name) }
}

fn home(project: &Project) -> Option<PathBuf> {
    project.options.variable("HOME").map(PathBuf::from)
}

fn repository_above(directory: &Path) -> Option<&Path> {
    directory.ancestors().find(|ancestor| ancestor.join(".git").exists())
}

/// `venvPath` and `venv` of pyrightconfig.json.
fn pyright_environment(project: &Project) -> Option<(String, PathBuf)> {
    let text = fs::read_to_string(project.root.join("pyrightconfig.json")).ok()?;
    let settings: serde_json::Value = serde_json::from_str(&text).ok()?;
    let name = settings.get("venv")?.as_str()?;
    let parent = settings.get("venvPath").and_then(|path| path.as_str()).unwrap_or(".");
    let environment = project.root.join(parent).join(name);
    Some((project.relative(&environment), python_in(&environment)?))
}

/// Asks the tool whose files the project has; a tool that is not installed has no environment to offer.
fn from_tool(project: &Project) -> Option<Candidate> {
    let has = |name: &str| project.root.join(name).exists();
    let pyproject = fs::read_to_string(project.root.join("pyproject.toml")).unwrap_or_default();
    let found = if let Ok(path) = fs::read_to_string(project.root.join(".pdm-python")) {
        Some(("pdm", PathBuf::from(path.trim())))
    } else if has("poetry.lock") || has("poetry.toml") {
        ask_tool(project, "poetry", &["env", "info", "-p"])
    } else if has("Pipfile") {
        ask_tool(project, "pipenv", &["--venv"])
    } else if pyproject.contains("[tool.hatch.envs") {
        ask_tool(project, "hatch", &["env", "find", "default"])
    } else {
        None
    };
    found
        .filter(|(_, path)| path.is_file())
        .map(|(name, path)| Candidate { path, source: InterpreterSource::Tool(name.to_owned()) })
}

fn ask_tool(project: &Project, name: &'static str, arguments: &[&str]) -> Option<(&'static str, PathBuf)> {
    let program = on_path(&project.options, name)?;
    let finished = child::run(Command::new(program).args(arguments).current_dir(&project.root), TOOL_DEADLINE).ok()?;
    let directory =
        finished.is_success().then(|| finished.stdout.lines().last().unwrap_or_default().trim().to_owned())?;
    Some((name, python_in(Path::new(&directory))?))
}

fn from_conda(project: &Project) -> Option<Candidate> {
    let is_base = project.options.variable("CONDA_DEFAULT_ENV") == Some("base");
    let prefix = project.options.variable("CONDA_PREFIX").filter(|_| !is_base)?;
    let path = python_in(Path::new(prefix));
    path.map(|path| Candidate { path, source: InterpreterSource::Conda })
}

/// What an earlier `--install` made, when it was finished.
fn from_private(project: &Project) -> Option<Candidate> {
    let environment = project.root.join(super::install::ENVIRONMENT);
    if !environment.join(super::install::COMPLETE).is_file() {
        return None;
    }
    let path = python_in(&environment);
    path.map(|path| Candidate { path, source: InterpreterSource::Private })
}

/// The first version of `.python-version` that is installed: pyenv, mise and asdf, then `PATH`.
fn from_version_file(project: &Project) -> Option<Candidate> {
    let top = repository_above(&project.root).unwrap_or(&project.root).to_path_buf();
    let directories = project.root.ancestors().take_while(|directory| directory.starts_with(&top));
    let text = directories.map(|directory| fs::read_to_string(directory.join(".python-version"))).find_map(Result::ok);
    let found = text.iter().flat_map(|text| text.split_whitespace()).find_map(|version| of_version(project, version));
    found.map(|path| Candidate { path, source: InterpreterSource::PythonVersionFile })
}

fn from_path(project: &Project) -> Option<Candidate> {
    let path = on_path(&project.options, "python3").or_else(|| on_path(&project.options, "python"));
    path.map(|path| Candidate { path, source: InterpreterSource::Path })
}

/// An explicit choice: a file, the directory of an environment, a name on `PATH`, a version.
fn named(
    project: &Project,
    choice: &str,
    base: &Path,
    source: InterpreterSource,
    asked_by: &str,
) -> Result<Candidate, ProjectError> {
    let expanded = match (choice.strip_prefix("~/"), home(project)) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => base.join(choice),
    };
    let path = if expanded.is_dir() { python_in(&expanded) } else { expanded.is_file().then_some(expanded) };
    let path = path.or_else(|| {
        let is_name = !choice.is_empty() && !choice.contains(['/', '\\']);
        is_name.then(|| on_path(&project.options, choice).or_else(|| of_version(project, choice)))?
    });
    match path {
        Some(path) => Ok(Candidate { path, source }),
        None => Err(ProjectError::InterpreterMissing { choice: choice.to_owned(), asked_by: asked_by.to_owned() }),
    }
}

/// The interpreter in an environment's directory.
fn python_in(environment: &Path) -> Option<PathBuf> {
    let names = ["bin/python", "bin/python3", "Scripts/python.exe", "python.exe"];
    names.iter().map(|name| environment.join(name)).find(|path| path.is_file())
}

fn on_path(options: &OpenOptions, name: &str) -> Option<PathBuf> {
    let path = options.variable("PATH")?;
    let candidates = std::env::split_paths(OsStr::new(path)).map(|directory| directory.join(name));
    candidates.filter(|candidate| candidate.is_absolute()).find(|candidate| is_executable(candidate))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// An installed interpreter of version `3.12` or `3.12.1`.
fn of_version(project: &Project, version: &str) -> Option<PathBuf> {
    let version = version.trim_start_matches("cpython-").trim_start_matches("python");
    if !version.starts_with(|character: char| character.is_ascii_digit()) {
        return None;
    }
    let managers = [
        ("PYENV_ROOT", ".pyenv"),
        ("MISE_DATA_DIR", ".local/share/mise/installs/python"),
        ("ASDF_DATA_DIR", ".asdf/installs/python"),
    ];
    let mut versions = managers.iter().filter_map(|(variable, default)| {
        let root =
            project.options.variable(variable).map(PathBuf::from).or_else(|| Some(home(project)?.join(default)))?;
        Some(if *variable == "PYENV_ROOT" { root.join("versions") } else { root })
    });
    let managed = versions.find_map(|directory| newest(&directory, version));
    let minor: Vec<_> = version.split('.').take(2).collect();
    managed.or_else(|| on_path(&project.options, &format!("python{}", minor.join("."))))
}

/// The newest installation below `directory` whose name is the version or begins with it.
fn newest(directory: &Path, version: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(directory).ok()?.flatten();
    let fits = |name: &str| name == version || name.strip_prefix(version).is_some_and(|rest| rest.starts_with('.'));
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| fits(name));
    let key = |name: &String| name.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
    python_in(&directory.join(names.max_by_key(key)?))
}

fn probe(project: &Project, candidate: &Candidate) -> Result<Interpreter, ProjectError> {
    let mut interpreter = Interpreter {
        path: candidate.path.clone(),
        source: candidate.source.clone(),
        version: (0, 0, 0),
        implementation: String::new(),
        prefix: PathBuf::new(),
        is_free_threaded: false,
        has_pytest: false,
    };
    let asked_by = why(&interpreter);
    let answer = answer(project, &candidate.path, &asked_by)?;
    let (major, minor, micro) = answer.version;
    if answer.implementation != "cpython" || (major, minor) < VERSION_MIN {
        let name = match answer.implementation.as_str() {
            "cpython" => "Python",
            "pypy" => "PyPy for Python",
            other => other,
        };
        let found = format!("{name} {major}.{minor}.{micro}");
        return Err(ProjectError::InterpreterUnsupported { path: candidate.path.clone(), asked_by, found });
    }
    interpreter.version = answer.version;
    interpreter.implementation = answer.implementation;
    interpreter.prefix = answer.prefix;
    interpreter.is_free_threaded = answer.is_free_threaded;
    interpreter.has_pytest = answer.has_pytest;
    Ok(interpreter)
}

/// What is kept about an interpreter; `changed_ms` is the time its file last changed.
#[derive(Serialize, Deserialize)]
struct Kept {
    changed_ms: u64,
    /// The probe's own text, so that a newer cmdx asks again.
    probe: String,
    answer: Answer,
}

fn answer(project: &Project, path: &Path, asked_by: &str) -> Result<Answer, ProjectError> {
    let cache = project.root.join(".cmdx/cache/interpreters.json");
    let mut kept: BTreeMap<String, Kept> =
        fs::read(&cache).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let key = path.display().to_string();
    let changed_ms = changed_ms(path).unwrap_or(0);
    let version = blake3::hash(PROBE.as_bytes()).to_hex().to_string();
    if let Some(known) = kept.get(&key)
        && known.changed_ms == changed_ms
        && known.probe == version
        && known.answer.sites.iter().all(|(site, changed)| self::changed_ms(site) == Some(*changed))
    {
        return Ok(known.answer.clone());
    }
    let answer = ask(path, asked_by)?;
    // A shim (pyenv) is a script that picks an interpreter by directory and settings: its answer is not its own.
    if !is_script(path) {
        kept.insert(key, Kept { changed_ms, probe: version, answer: answer.clone() });
        keep(project, &cache, &kept);
    }
    Ok(answer)
}

/// A project that cannot be written to, or that nothing was ever written into (a dry run leaves no trace), is asked
/// every time; that is slower and not wrong.
fn keep(project: &Project, cache: &Path, kept: &BTreeMap<String, Kept>) {
    let state = project.root.join(".cmdx");
    if state.is_dir()
        && fs::create_dir_all(state.join("cache")).is_ok()
        && let Ok(json) = serde_json::to_vec(kept)
    {
        drop(atomic_file::write(cache, &json));
    }
}

fn is_script(path: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 2];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"#!"
}

fn changed_ms(path: &Path) -> Option<u64> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    Some(modified.duration_since(UNIX_EPOCH).ok()?.as_millis() as u64)
}

fn ask(path: &Path, asked_by: &str) -> Result<Answer, ProjectError> {
    let broken = |message: String| ProjectError::InterpreterBroken {
        path: path.to_path_buf(),
        asked_by: asked_by.to_owned(),
        message,
    };
    let mut command = Command::new(path);
    command.args(["-c", PROBE]);
    let finished = child::run(&mut command, PROBE_DEADLINE).map_err(|error| match error.kind() {
        std::io::ErrorKind::Interrupted => ProjectError::Interrupted,
        _ => broken(error.to_string()),
    })?;
    if finished.status.is_none() {
        return Err(broken(format!("no answer within {} s", PROBE_DEADLINE.as_secs())));
    }
    let line = finished.stdout.lines().find_map(|line| line.strip_prefix("CMDX-PROBE "));
    let answer = line.and_then(|line| serde_json::from_str(line).ok());
    answer.ok_or_else(|| {
        let last = finished.stderr.trim().lines().last().unwrap_or("it does not answer as Python does");
        broken(last.trim().to_owned())
    })
}
