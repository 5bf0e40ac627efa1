//! One cmdx at a time writes in a project. The system gives a dead owner's lock back by itself.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{Seek, Write};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::JournalError;
use crate::support::units;

/// Who holds the lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Process id.
    pub pid: u32,
    /// Name of its machine.
    pub host: String,
    /// What it does.
    pub command: String,
    /// Since when, in UTC.
    pub started: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            0 => write!(formatter, "a process that has not said its name yet"),
            pid => write!(formatter, "process {pid} on {} since {} UTC (`{}`)", self.host, self.started, self.command),
        }
    }
}

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the project's lock; `state` is `.cmdx`.
pub fn lock(state: &Path, command: &str) -> Result<Lock, JournalError> {
    let path = state.join("lock");
    let failed = |source| JournalError::NotWritten { path: path.clone(), source };
    // Not truncated when opened: what stands there names the owner.
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(JournalError::Locked { owner: owner_of(&path) }),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let owner = Owner {
        pid: std::process::id(),
        host: fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(),
        command: command.to_owned(),
        started: units::timestamp(SystemTime::now()),
    };
    let content = serde_json::to_vec(&owner).expect("strings and numbers are always JSON");
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&content)).map_err(failed)?;
    Ok(Lock { _file: file })
}

fn owner_of(path: &Path) -> Owner {
    fs::read(path).ok().and_then(|content| serde_json::from_slice(&content).ok()).unwrap_or_default()
}
