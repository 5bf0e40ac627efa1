//! Why a workload could not be run or measured.

use std::io;
use std::path::PathBuf;

/// A failure before anything was measured.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// The program does not exist.
    #[error("cannot start `{program}`: there is no such program")]
    ProgramNotFound {
        /// As it was named.
        program: String,
    },
    /// The program exists and could not be started.
    #[error("cannot start `{program}`")]
    NotStarted {
        /// As it was named.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The directory to run in is not there.
    #[error("cannot run in `{directory}`: there is no such directory")]
    NoDirectory {
        /// The directory.
        directory: PathBuf,
    },
    /// The place for logs and events cannot be written.
    #[error("cannot write `{path}`")]
    NotWritable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl HarnessError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::ProgramNotFound { .. } => {
                Some("check the spelling, or give the full path of the program after `--`".to_owned())
            }
            Self::NotWritable { .. } => Some("free some space or make the project's folder writable".to_owned()),
            Self::NotStarted { .. } | Self::NoDirectory { .. } => None,
        }
    }
}
