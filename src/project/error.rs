//! What can go wrong before a workload runs, as facts; each with what to do about it.

use std::io;
use std::path::PathBuf;

/// Which exit code an error belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Wrong usage or configuration.
    Usage,
    /// The workload could not be run.
    CannotRun,
    /// Files could not be written.
    CannotWrite,
    /// The user interrupted.
    Interrupted,
}

/// What happened.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// An argument names nothing.
    #[error("no such file or directory: `{path}`")]
    MissingPath {
        /// As typed.
        path: String,
        /// The closest thing there is.
        near: Option<String>,
    },
    /// A path as reports print it fits several files.
    #[error("`{path}` could be any of {}", listed(matches))]
    AmbiguousPath {
        /// As typed.
        path: String,
        /// Relative to the root.
        matches: Vec<String>,
    },
    /// Nothing to look at.
    #[error("no Python file at or below {}", displayed(paths))]
    NoPythonFiles {
        /// What was asked about.
        paths: Vec<PathBuf>,
    },
    /// A path that is there cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration is not TOML or holds something that makes no sense.
    #[error("{}{}: {message}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    Configuration {
        /// The file, or the name of the environment variable.
        path: PathBuf,
        /// Counted from 1.
        line: Option<usize>,
        /// What.
        message: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// The interpreter that was asked for is not there.
    #[error("no Python interpreter at `{choice}` ({asked_by})")]
    InterpreterMissing {
        /// As given.
        choice: String,
        /// `--python`, `VIRTUAL_ENV`, …
        asked_by: String,
    },
    /// The interpreter does not answer.
    #[error("the interpreter `{}` ({asked_by}) does not run: {message}", path.display())]
    InterpreterBroken {
        /// Which.
        path: PathBuf,
        /// Why it was tried.
        asked_by: String,
        /// The last line it said, or the system's error.
        message: String,
    },
    /// The interpreter runs and cannot be profiled.
    #[error("`{}` ({asked_by}) is {found}; cmdx runs workloads on CPython 3.8 or later", path.display())]
    InterpreterUnsupported {
        /// Which.
        path: PathBuf,
        /// Why it was tried.
        asked_by: String,
        /// `PyPy 3.10.14`, `Python 2.7.18`.
        found: String,
    },
    /// No interpreter anywhere.
    #[error("no Python interpreter found")]
    NoInterpreter,
    /// The interpreter lacks packages the project declares.
    #[error("{} not installed in {environment}", packages_are(packages))]
    MissingPackages {
        /// Names as declared.
        packages: Vec<String>,
        /// The environment, as the report names it.
        environment: String,
    },
    /// The command after `--` or in the configuration is empty.
    #[error("the workload has no command")]
    EmptyCommand,
    /// `.cmdx/venv` could not be made.
    #[error("cannot make the private environment: {message}")]
    Environment {
        /// The last line of what failed.
        message: String,
    },
    /// `.cmdx` could not be written.
    #[error("cannot write `{}`: {source}", path.display())]
    State {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The user pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl ProjectError {
    /// Which exit code it belongs to.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::MissingPath { .. }
            | Self::AmbiguousPath { .. }
            | Self::NoPythonFiles { .. }
            | Self::Unreadable { .. }
            | Self::Configuration { .. }
            | Self::EmptyCommand => ErrorKind::Usage,
            Self::InterpreterMissing { .. }
            | Self::InterpreterBroken { .. }
            | Self::InterpreterUnsupported { .. }
            | Self::NoInterpreter
            | Self::MissingPackages { .. }
            | Self::Environment { .. } => ErrorKind::CannotRun,
            Self::State { .. } => ErrorKind::CannotWrite,
            Self::Interrupted => ErrorKind::Interrupted,
        }
    }

    /// What to do about it, one sentence without a final dot.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::MissingPath { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::MissingPath { near: None, .. } => "name a file or directory of the project".into(),
            Self::AmbiguousPath { .. } => "type the path from the project's root".into(),
            Self::NoPythonFiles { .. } => {
                "name a directory with `.py` files; what .gitignore names, environments and `site-packages` do not count"
                    .into()
            }
            Self::Unreadable { .. } => "make it readable, or leave it out".into(),
            Self::Configuration { hint, .. } => return hint.clone(),
            Self::InterpreterMissing { .. } => {
                "name an interpreter or the directory of an environment with `--python`".into()
            }
            Self::InterpreterBroken { .. } => {
                "make the environment again, or name another interpreter with `--python`".into()
            }
            Self::InterpreterUnsupported { .. } => {
                "name a CPython with `--python`; static findings need no interpreter".into()
            }
            Self::NoInterpreter => "install Python 3.8 or later, or name one with `--python`".into(),
            Self::MissingPackages { .. } => {
                "run again with `--install` for a private environment, or name an environment with `--python`".into()
            }
            Self::EmptyCommand => "write the command after `--`, or leave `--` out".into(),
            Self::Environment { .. } => "name an environment that has the packages with `--python`".into(),
            Self::State { .. } => "make the project's directory writable".into(),
            Self::Interrupted => return None,
        };
        Some(text)
    }
}

fn listed(items: &[String]) -> String {
    let quoted: Vec<_> = items.iter().map(|item| format!("`{item}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

fn displayed(paths: &[PathBuf]) -> String {
    listed(&paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>())
}

fn packages_are(packages: &[String]) -> String {
    format!("{} {}", listed(packages), if packages.len() == 1 { "is" } else { "are" })
}
