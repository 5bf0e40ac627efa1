//! What cmdx knows about the user's project before anything runs: its root, configuration, files, interpreter,
//! requirements and workload. Reads the tree and asks interpreters about themselves; runs none of the project's code.

mod child;
pub mod ci;
mod config;
mod declared;
mod error;
mod files;
mod ini;
pub mod install;
pub mod interpreter;
pub mod oldest_python;
mod pytest;
mod requirement;
pub mod requirements;
mod root;
mod state;
mod suite;
pub mod workload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use config::{Config, ConfiguredWorkload, Origin};
pub use error::{ErrorKind, ProjectError};
pub use files::{SourcePath, read_source};
pub use suite::is_test_code;

use crate::model::Problem;
use declared::Declared;

/// What the caller knows beyond the paths: flags and the surroundings of the process.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// `--python`: a path, a name on `PATH`, a version or an environment's directory.
    pub python: Option<PathBuf>,
    /// Where relative paths start.
    pub cwd: PathBuf,
    /// The environment variables.
    pub variables: BTreeMap<String, String>,
    /// The running cmdx binary.
    pub binary: Option<PathBuf>,
}

impl OpenOptions {
    /// The surroundings of this process, no flags.
    pub fn from_process() -> Self {
        let to_text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            python: None,
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            variables: std::env::vars_os().filter_map(to_text).collect(),
            binary: std::env::current_exe().ok(),
        }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// The user's project, opened.
#[derive(Debug)]
pub struct Project {
    /// Absolute, without symbolic links.
    pub root: PathBuf,
    /// `cmdx.toml`, `[tool.cmdx]`, `CMDX_*`.
    pub config: Config,
    /// What was asked about: files and directories, absolute, without symbolic links.
    pub targets: Vec<PathBuf>,
    /// What the user should know about how the arguments were understood, one sentence each.
    pub notes: Vec<String>,
    /// Directories imports start from, most specific first; the last is the root.
    pub source_roots: Vec<PathBuf>,
    options: OpenOptions,
    listing: OnceLock<(Vec<SourcePath>, Vec<Problem>)>,
    declared: OnceLock<Declared>,
}

/// Opens the project that `paths` belong to; no path means the working directory.
pub fn open(paths: &[PathBuf], options: &OpenOptions) -> Result<Project, ProjectError> {
    let located = root::locate(paths, options)?;
    let mut notes = located.notes;
    let config = config::load(&located.root, options, &mut notes)?;
    let source_roots = root::source_roots(&located.root, &config);
    let project = Project {
        root: located.root,
        config,
        targets: located.targets,
        notes,
        source_roots,
        options: options.clone(),
        listing: OnceLock::new(),
        declared: OnceLock::new(),
    };
    let (files, _) = project.files();
    if files.is_empty() {
        return Err(ProjectError::NoPythonFiles { paths: project.targets });
    }
    Ok(project)
}

impl Project {
    /// The Python files at or below the targets, in order of their paths, and what could not be listed.
    pub fn files(&self) -> (Vec<SourcePath>, Vec<Problem>) {
        if self.targets == [self.root.clone()] {
            return self.listing().clone();
        }
        files::list(&self.root, &self.targets, &self.config.exclude)
    }

    /// Every Python file of the project, whatever the targets are.
    pub fn all_files(&self) -> &[SourcePath] {
        &self.listing().0
    }

    /// `.cmdx` in the root, made if needed; the only place written without being asked.
    pub fn state_directory(&self) -> Result<PathBuf, ProjectError> {
        state::ensure(&self.root)
    }

    /// The path relative to the root with `/`; absolute where it lies outside.
    pub fn relative(&self, path: &Path) -> String {
        files::relative(&self.root, path)
    }

    fn listing(&self) -> &(Vec<SourcePath>, Vec<Problem>) {
        self.listing.get_or_init(|| files::list(&self.root, std::slice::from_ref(&self.root), &self.config.exclude))
    }

    fn declared(&self) -> &Declared {
        self.declared.get_or_init(|| declared::read(self))
    }
}
