//! What can go wrong while the user's files are written.

use std::io;
use std::path::PathBuf;

use super::lock::Owner;

/// What happened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file of the journal, or one of the user's, could not be written.
    #[error("cannot write `{}`: {source}", path.display())]
    NotWritten {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Writing failed, and so did putting everything back.
    #[error("cannot put `{}` back: {source}", path.display())]
    NotRestored {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another cmdx works in the project.
    #[error("another cmdx works in this project: {owner}")]
    Locked {
        /// Who.
        owner: Owner,
    },
    /// There is no backup of that name, or none at all.
    #[error("{}", name.as_ref().map_or("there is no backup".to_owned(), |name| format!("there is no backup `{name}`")))]
    NoBackup {
        /// What was asked for; `None` for the last one.
        name: Option<String>,
        /// The backups there are.
        known: Vec<String>,
    },
    /// The manifest of a backup cannot be understood.
    #[error("the backup `{}` is damaged: {message}", path.display())]
    Damaged {
        /// Its directory.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// The user pressed Ctrl-C; everything is as before.
    #[error("interrupted")]
    Interrupted,
}

impl JournalError {
    /// What to do about it, one sentence without a final dot.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotWritten { .. } => Some("free some space, or make the place writable".into()),
            Self::NotRestored { .. } => {
                Some("the originals are kept under .cmdx/backups; `cmdx optimize --rollback` tries again".into())
            }
            Self::Locked { .. } => Some("wait until it has ended".into()),
            Self::NoBackup { known, .. } if known.is_empty() => {
                Some("`cmdx optimize --implement` makes one each time it writes".into())
            }
            Self::NoBackup { known, .. } => Some(format!("there is: {}", known.join(", "))),
            Self::Damaged { .. } | Self::Interrupted => None,
        }
    }
}
