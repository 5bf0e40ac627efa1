//! How a command ends. The numbers that stand for it are the command line's business.

/// How a command that did its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// The workload could not be run to its end or measured; what is known was reported.
    NotMeasured,
    /// The user stopped it; what is known was reported.
    Interrupted,
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
