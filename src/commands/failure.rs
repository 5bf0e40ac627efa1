//! How a command ends. The numbers that stand for it are the command line's business.

use std::io;
use std::path::Path;

use crate::engine::journal::JournalError;
use crate::engine::verify::VerifyError;
use crate::project::{ErrorKind, ProjectError};

/// How a command that did its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Done, and the answer is no: what the user asked to be a failure was found.
    No,
    /// The workload could not be run to its end or measured; what is known was reported.
    NotMeasured,
    /// The user stopped it; what is known was reported.
    Interrupted,
    /// Files were written and had to be rolled back; what is known was reported.
    RolledBack,
}

/// What kind of failure ended a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Wrong usage or configuration.
    Usage,
    /// The workload could not be run.
    CannotRun,
    /// A file could not be written.
    NotWritten,
    /// The user stopped it.
    Interrupted,
}

/// A failure the user can do something about.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Decides the exit code.
    pub kind: FailureKind,
    /// What happened, with its causes.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A file or directory that could not be written.
    pub fn not_written(path: &Path, error: &io::Error) -> Self {
        let hint = "free some space, or make the place writable".to_owned();
        let message = format!("cannot write `{}`: {error}", path.display());
        Self { kind: FailureKind::NotWritten, message, hint: Some(hint) }
    }

    /// Builds a failure from an error and its causes. An error that already says its source is not followed by it.
    pub fn new(kind: FailureKind, error: &(dyn std::error::Error + 'static), hint: Option<String>) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = inner.source();
        }
        Self { kind, message, hint }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let kind = match &error {
            JournalError::Interrupted => FailureKind::Interrupted,
            JournalError::NoBackup { .. } => FailureKind::Usage,
            _ => FailureKind::NotWritten,
        };
        let hint = error.hint();
        Self::new(kind, &error, hint)
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        let kind = match &error {
            VerifyError::Interrupted => FailureKind::Interrupted,
            VerifyError::Room { .. } => FailureKind::NotWritten,
            VerifyError::Run(_) | VerifyError::NoAnswer { .. } => FailureKind::CannotRun,
        };
        Self::new(kind, &error, None)
    }
}

/// A project that cannot be opened or made ready.
#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
pub fn refused(error: ProjectError) -> Failure {
    let kind = match error.kind() {
        ErrorKind::Usage => FailureKind::Usage,
        ErrorKind::CannotRun => FailureKind::CannotRun,
        ErrorKind::CannotWrite => FailureKind::NotWritten,
        ErrorKind::Interrupted => FailureKind::Interrupted,
    };
    Failure::new(kind, &error, error.hint())
}
