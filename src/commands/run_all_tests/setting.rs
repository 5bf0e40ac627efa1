//! What a run needs and what its record says of it: interpreter, environment, revision, directories.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::args::Plan;
use crate::commands::optimize::measure::{DEADLINE_DEFAULT, install, run_directory};
use crate::commands::{Context, Failure, refused};
use crate::engine::bench::history::SCHEMA_VERSION;
use crate::harness::{self, Git};
use crate::model::{Interpreter, Revision, RunKind, RunRecord};
use crate::project::{Project, interpreter, requirements, workload};
use crate::support::units;

/// Files besides Python's whose change makes it other code.
const CONFIGURATION: &[&str] = &[
    "cmdx.toml",
    "pyproject.toml",
    "pytest.ini",
    "setup.cfg",
    "tox.ini",
    "requirements.txt",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "Pipfile.lock",
];

/// Everything that stays the same during one call.
pub(super) struct Setting<'a> {
    pub project: &'a Project,
    pub context: &'a Context,
    pub interpreter: Interpreter,
    /// Logs and what was seen, of this call alone.
    pub directory: PathBuf,
    /// Where the plugin lies.
    pub plugin: PathBuf,
    pub deadline: Duration,
    pub git: Option<Git>,
    pub has_xdist: bool,
    pub notes: Vec<String>,
}

impl<'a> Setting<'a> {
    pub(super) fn new(plan: &Plan, project: &'a Project, context: &'a Context) -> anyhow::Result<Self> {
        let found = interpreter::find(project).map_err(refused)?;
        let mut interpreter = found.interpreter;
        let mut notes = found.notes;
        if plan.installs {
            let mut problems = vec![];
            interpreter = install(project, &interpreter, &mut problems, context)?;
            notes.extend(problems.into_iter().map(|problem| problem.message));
        }
        requirements::check(project, &interpreter).map_err(refused)?;
        let directory = run_directory(project)?;
        let plugin = directory.join("plugin");
        harness::install_plugin(&plugin).map_err(|error| Failure::not_written(&plugin, &error))?;
        let configured = project.config.deadline_seconds.map(Duration::from_secs_f64);
        Ok(Self {
            deadline: plan.deadline.or(configured).unwrap_or(DEADLINE_DEFAULT),
            git: Git::open(&project.root),
            has_xdist: workload::packages_of(project, &interpreter).contains_key("pytest-xdist"),
            project,
            context,
            interpreter,
            directory,
            plugin,
            notes,
        })
    }

    /// The record of this run without its results.
    pub(super) fn record(&self, kind: RunKind) -> RunRecord {
        let (major, minor, micro) = self.interpreter.version;
        let packages = workload::packages_of(self.project, &self.interpreter);
        RunRecord {
            schema_version: SCHEMA_VERSION,
            kind,
            started: units::timestamp(SystemTime::now()),
            command: command_line(),
            generator: concat!("cmdx ", env!("CARGO_PKG_VERSION")).to_owned(),
            revision: revision(self.project, self.git.as_ref()),
            environment: harness::environment(&format!("{major}.{minor}.{micro}"), &packages),
            problems: self.notes.clone(),
            ..RunRecord::default()
        }
    }
}

fn command_line() -> String {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    std::iter::once("cmdx".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// The code as it is now.
pub(in crate::commands) fn revision(project: &Project, git: Option<&Git>) -> Revision {
    Revision {
        commit: git.and_then(|git| git.commit("HEAD").ok()).unwrap_or_default(),
        branch: git.map(Git::branch).unwrap_or_default(),
        is_dirty: git.is_some_and(Git::is_dirty),
        tree_hash: tree_hash(project),
    }
}

/// Hash of the Python files and of the configuration.
fn tree_hash(project: &Project) -> String {
    let mut files: BTreeMap<String, PathBuf> =
        project.all_files().iter().map(|file| (file.relative.clone(), file.path.clone())).collect();
    files.extend(CONFIGURATION.iter().map(|name| ((*name).to_owned(), project.root.join(name))));
    hash_of(&files)
}

fn hash_of(files: &BTreeMap<String, PathBuf>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, path) in files {
        let Ok(content) = fs::read(path) else { continue };
        hasher.update(name.as_bytes());
        hasher.update(&[0]);
        hasher.update(blake3::hash(&content).as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// The last lines of a log, for people.
pub(super) fn last_line(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}
