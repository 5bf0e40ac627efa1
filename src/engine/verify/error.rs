//! Why a check could not be made.

use std::io;
use std::path::PathBuf;

use crate::harness::HarnessError;

/// What happened; nothing of the project was changed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A program could not be run.
    #[error(transparent)]
    Run(#[from] HarnessError),
    /// The private directory of the checks cannot be written or read.
    #[error("cannot use `{}`: {source}", path.display())]
    Room {
        /// Which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The interpreter did not say what it was asked.
    #[error("the interpreter did not check the files: {message}")]
    NoAnswer {
        /// The last line it said.
        message: String,
    },
    /// The user pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl VerifyError {
    /// For `map_err` on an operation on `path`.
    pub(super) fn of_room(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Room { path, source }
    }
}
