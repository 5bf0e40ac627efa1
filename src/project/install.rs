//! Makes `.cmdx/venv`, a private environment with the project and what its tests need, so that a source tree just
//! unpacked can be run. One requirement that cannot be had is a note, not the end.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::child::{self, Finished};
use super::declared::{Declared, Group, Purpose};
use super::requirement::Requirement;
use super::{Project, ProjectError, interpreter, pytest, requirements};
use crate::model::{Interpreter, InterpreterSource};
use crate::support::atomic_file;

/// Where the environment stands, from the root.
pub(super) const ENVIRONMENT: &str = ".cmdx/venv";
/// Written last: an environment without it was interrupted.
pub(super) const COMPLETE: &str = "cmdx-complete";

/// Making an environment copies pip; slow disks need a minute.
const VENV_DEADLINE: Duration = Duration::from_mins(5);
/// One call of pip: downloads, and builds of packages that have no wheel.
const PIP_DEADLINE: Duration = Duration::from_mins(20);

/// What happens while the environment is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A step begins: `installing the project`.
    Step(String),
    /// Something could not be had and the rest goes on; belongs in the report.
    Note(String),
}

/// The private environment with everything declared, made or completed as needed; `base` when it lacks nothing.
pub fn ensure(
    project: &Project,
    base: &Interpreter,
    progress: &mut dyn FnMut(Event),
) -> Result<Interpreter, ProjectError> {
    if base.source != InterpreterSource::Private && lacks_nothing(project, base)? {
        return Ok(base.clone());
    }
    let state = project.state_directory()?;
    let lock_path = state.join("venv.lock");
    let failed = |source| ProjectError::State { path: lock_path.clone(), source };
    let lock = File::create(&lock_path).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let environment = project.root.join(ENVIRONMENT);
    let marker = environment.join(COMPLETE);
    let inputs = inputs_hash(project, base);
    let known = fs::read_to_string(&marker).unwrap_or_default();
    if let Some(notes) = known.strip_prefix(&format!("{inputs}\n")) {
        notes.lines().for_each(|note| progress(Event::Note(note.to_owned())));
        return interpreter::interpreter_at(project, &python_of(&environment), InterpreterSource::Private);
    }
    let mut notes = vec![];
    let mut told = |event: Event| {
        if let Event::Note(note) = &event {
            notes.push(note.replace('\n', " "));
        }
        progress(event);
    };
    make(base, &environment, &mut told)?;
    let mut installer =
        Installer { project, declared: project.declared(), python: python_of(&environment), progress: &mut told };
    let interpreter = interpreter::interpreter_at(project, &installer.python, InterpreterSource::Private)?;
    installer.install_all(&interpreter)?;
    let content = format!("{inputs}\n{}", notes.join("\n"));
    let written = atomic_file::write(&marker, content.as_bytes());
    written.map_err(|source| ProjectError::State { path: marker.clone(), source })?;
    interpreter::interpreter_at(project, &python_of(&environment), InterpreterSource::Private)
}

fn lacks_nothing(project: &Project, base: &Interpreter) -> Result<bool, ProjectError> {
    Ok(base.has_pytest
        && requirements::lacking(project, base, Purpose::Development)?.is_empty()
        && is_importable(project, base)?)
}

/// A project with a source directory or a build of its own has to be installed to be imported everywhere.
fn is_importable(project: &Project, base: &Interpreter) -> Result<bool, ProjectError> {
    let declared = project.declared();
    let Some(name) = declared.name.as_ref().filter(|_| declared.is_package) else { return Ok(true) };
    Ok(interpreter::distributions(project, base)?.contains_key(name))
}

/// Installs further distributions into the private environment. False where `base` is another one, which is the user's,
/// or when pip could not.
pub fn add(project: &Project, base: &Interpreter, requirements: &[String]) -> Result<bool, ProjectError> {
    if base.source != InterpreterSource::Private {
        return Ok(false);
    }
    let mut command = Command::new(&base.path);
    command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-q"]);
    command.args(&project.declared().pip_options).args(requirements).current_dir(&project.root);
    command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
    Ok(run(&mut command, PIP_DEADLINE)?.is_success())
}

fn python_of(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

/// Changes whenever something else would be installed.
fn inputs_hash(project: &Project, base: &Interpreter) -> String {
    let declared = project.declared();
    // The base of a private environment is the environment itself; its version is what matters.
    let base = format!("{:?}", base.version);
    let text = format!(
        "2 {base} {} {:?} {:?} {:?} {:?}",
        project.root.display(),
        declared.extras,
        declared.groups,
        declared.pip_options,
        declared.locked
    );
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn make(base: &Interpreter, environment: &Path, progress: &mut dyn FnMut(Event)) -> Result<(), ProjectError> {
    progress(Event::Step("making the private environment `.cmdx/venv`".into()));
    let maker = if base.source == InterpreterSource::Private { base_of(environment) } else { base.path.clone() };
    if environment.exists() {
        let removed = fs::remove_dir_all(environment);
        removed.map_err(|source| ProjectError::State { path: environment.to_path_buf(), source })?;
    }
    let mut command = Command::new(&maker);
    command.args(["-m", "venv"]).arg(environment);
    command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
    let finished = run(&mut command, VENV_DEADLINE)?;
    if finished.is_success() {
        return Ok(());
    }
    let message = last_line(&finished, "`python -m venv` did not finish");
    Err(ProjectError::Environment { message: format!("`{} -m venv`: {message}", maker.display()) })
}

/// The interpreter an environment was made with, from its `pyvenv.cfg`.
fn base_of(environment: &Path) -> PathBuf {
    let text = fs::read_to_string(environment.join("pyvenv.cfg")).unwrap_or_default();
    let value =
        |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('=').map(str::trim));
    match (value("executable"), value("home")) {
        (Some(executable), _) => executable.into(),
        (None, Some(home)) => Path::new(home).join("python3"),
        (None, None) => "python3".into(),
    }
}

fn run(command: &mut Command, deadline: Duration) -> Result<Finished, ProjectError> {
    child::run(command, deadline).map_err(|error| match error.kind() {
        std::io::ErrorKind::Interrupted => ProjectError::Interrupted,
        _ => ProjectError::Environment { message: error.to_string() },
    })
}

/// What went wrong, in the child's own words: pip's last `ERROR:` that says something.
fn last_line(finished: &Finished, otherwise: &str) -> String {
    if finished.status.is_none() {
        return "it took too long".into();
    }
    let lines: Vec<&str> = finished.stderr.lines().chain(finished.stdout.lines()).map(str::trim).collect();
    let is_telling = |line: &&&str| {
        let text = line.trim_start_matches("ERROR:").trim();
        line.starts_with("ERROR:")
            && !text.starts_with("Failed to build")
            && !text.starts_with("No matching distribution")
    };
    let exception = |line: &&&str| line.contains("Error: ") && !line.starts_with("ERROR:");
    let found = lines.iter().rev().find(is_telling).or_else(|| lines.iter().rev().find(exception));
    let found = found.or_else(|| lines.iter().rev().find(|line| !line.is_empty()));
    found.map_or(otherwise, |line| line.trim_start_matches("ERROR:").trim()).chars().take(300).collect()
}

struct Installer<'a> {
    project: &'a Project,
    declared: &'a Declared,
    python: PathBuf,
    progress: &'a mut dyn FnMut(Event),
}

impl Installer<'_> {
    fn install_all(&mut self, interpreter: &Interpreter) -> Result<(), ProjectError> {
        let is_installed = self.declared.is_package && self.install_project()?;
        let groups: Vec<&Group> =
            self.declared.groups.iter().filter(|group| !(is_installed && is_of_project(group))).collect();
        let mut seen = BTreeSet::new();
        for purpose in [Purpose::Run, Purpose::Tests, Purpose::Development] {
            let mut wanted: Vec<Requirement> = vec![];
            for group in groups.iter().filter(|group| group.purpose == purpose) {
                wanted.extend(group.requirements.iter().filter(|r| r.applies(interpreter, &group.extra)).cloned());
            }
            if purpose == Purpose::Tests {
                wanted.extend(Requirement::parse("pytest"));
            }
            wanted.retain(|requirement| is_new(requirement, &mut seen));
            if purpose == Purpose::Tests {
                wanted.extend(pytest::bound(self.project).and_then(Requirement::parse));
            }
            self.install(&wanted, interpreter)?;
        }
        Ok(())
    }

    /// All at once, so that they fit each other; each by itself when that fails.
    fn install(&mut self, wanted: &[Requirement], interpreter: &Interpreter) -> Result<(), ProjectError> {
        if wanted.is_empty() {
            return Ok(());
        }
        (self.progress)(Event::Step(format!("installing {}", shown(wanted))));
        let texts: Vec<String> = wanted.iter().map(|requirement| requirement.text.clone()).collect();
        let locked: Vec<String> = wanted.iter().map(|requirement| self.locked(requirement, interpreter)).collect();
        // The versions the project is developed with first: the newest may have dropped what its tests use.
        if (locked != texts && self.pip(&locked)?.is_success()) || self.pip(&texts)?.is_success() {
            return Ok(());
        }
        self.install_one_by_one(wanted)
    }

    /// Editable, else as an ordinary package, else not at all: what it needs is installed by itself then.
    fn install_project(&mut self) -> Result<bool, ProjectError> {
        (self.progress)(Event::Step("installing the project".into()));
        let before = self.leftovers();
        let extras = self.known_extras();
        let root = self.project.root.display().to_string();
        let with_extras = if extras.is_empty() { root.clone() } else { format!("{root}[{}]", extras.join(",")) };
        let attempts: [&[&str]; 3] = [&["-e", &with_extras], &["-e", &root], &[&root]];
        let mut message = String::new();
        let mut is_installed = false;
        for (index, attempt) in attempts.iter().enumerate() {
            if index == 1 && extras.is_empty() {
                continue;
            }
            let finished = self.pip(&attempt.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())?;
            if finished.is_success() {
                is_installed = true;
                break;
            }
            message = last_line(&finished, "pip failed");
        }
        for path in self.leftovers().difference(&before) {
            // What the build left beside the sources; the environment has its own copy.
            drop(fs::remove_dir_all(path));
        }
        if !is_installed {
            self.note(format!("the project itself could not be installed: {message}"));
        } else if !message.is_empty() && !extras.is_empty() {
            self.note(format!("the extras {} could not be installed together: {message}", extras.join(", ")));
        }
        Ok(is_installed && (message.is_empty() || extras.is_empty()))
    }

    /// Extras pip would only warn about when the project has none of the name.
    fn known_extras(&self) -> Vec<String> {
        self.declared.extras.iter().cloned().collect()
    }

    /// Directories that builds leave in source trees.
    fn leftovers(&self) -> BTreeSet<PathBuf> {
        let roots = self.project.source_roots.iter();
        let entries =
            roots.flat_map(|root| fs::read_dir(root).into_iter().flatten().flatten()).map(|entry| entry.path());
        let is_leftover = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "egg-info")
                || path.file_name().is_some_and(|name| name == "build")
        };
        entries.filter(is_leftover).collect()
    }

    fn locked(&self, requirement: &Requirement, interpreter: &Interpreter) -> String {
        let unpinned = requirement.unpinned();
        match self.declared.locked_version(&requirement.name, interpreter) {
            Some(version) if !requirement.text.contains('@') => format!("{unpinned}=={version}"),
            _ => requirement.text.clone(),
        }
    }

    /// Each by itself; without its version when that cannot be had; a note when it cannot be had at all.
    fn install_one_by_one(&mut self, wanted: &[Requirement]) -> Result<(), ProjectError> {
        for requirement in wanted {
            (self.progress)(Event::Step(format!("installing {}", requirement.name)));
            let finished = self.pip(std::slice::from_ref(&requirement.text))?;
            if finished.is_success() {
                continue;
            }
            let message = last_line(&finished, "pip failed");
            let unpinned = requirement.unpinned();
            if unpinned != requirement.text && self.pip(std::slice::from_ref(&unpinned))?.is_success() {
                self.note(format!("`{}` cannot be installed here ({message}); `{unpinned}` was", requirement.text));
            } else {
                self.note(format!("`{}` could not be installed: {message}", requirement.text));
            }
        }
        Ok(())
    }

    fn note(&mut self, text: String) {
        (self.progress)(Event::Note(text));
    }

    fn pip(&mut self, arguments: &[String]) -> Result<Finished, ProjectError> {
        let mut command = Command::new(&self.python);
        command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-q"]);
        command.args(&self.declared.pip_options).args(arguments).current_dir(&self.project.root);
        for variable in ["PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV"] {
            command.env_remove(variable);
        }
        run(&mut command, PIP_DEADLINE)
    }
}

/// False for what is wanted already, and for a second version of what is pinned: files for other Pythons
/// (`tests37.txt`) stand beside the one that counts.
fn is_new(requirement: &Requirement, seen: &mut BTreeSet<String>) -> bool {
    let pinned = format!("{}==", requirement.name);
    if seen.contains(&pinned) {
        return false;
    }
    if requirement.text.contains("==") {
        seen.insert(pinned);
    }
    seen.insert(requirement.text.clone())
}

/// What pip installs along with the project: its own requirements and the extras asked for.
fn is_of_project(group: &Group) -> bool {
    !group.extra.is_empty()
        || group.label.starts_with("`[project]")
        || group.label.starts_with("`install_requires`")
        || group.label.starts_with("the metadata")
}

fn shown(wanted: &[Requirement]) -> String {
    let names: Vec<&str> = wanted.iter().map(|requirement| requirement.name.as_str()).collect();
    match names.as_slice() {
        [first, second, third, _, rest @ ..] => format!("{first}, {second}, {third} and {} more", rest.len() + 1),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pinned_version_counts() {
        let mut seen = BTreeSet::new();
        let lines = ["trio>=0.20", "trio==0.27", "trio==0.22", "trio", "attrs", "attrs", "attrs>=1"];
        let kept: Vec<_> = lines.into_iter().filter_map(Requirement::parse).filter(|r| is_new(r, &mut seen)).collect();
        let kept: Vec<_> = kept.iter().map(|requirement| requirement.text.as_str()).collect();
        assert_eq!(kept, ["trio>=0.20", "trio==0.27", "attrs", "attrs>=1"]);
    }
}
