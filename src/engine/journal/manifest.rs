//! The journal entry: which files a transaction replaces, what they were, what they become.
//!
//! ```text
//! .cmdx/backups/20260131T235959-1/
//!   files/0000     the original bytes of the first file
//!   new/0000       what it becomes; moved into place when it is written
//!   manifest.json  this entry; complete and on disk before the first file is touched
//!   committed      the commit record: all files are new
//!   undone         all files are old again
//! ```
//! A manifest with neither record is pending.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::JournalError;
use crate::support::atomic_file;

const MANIFEST: &str = "manifest.json";
pub(super) const COMMITTED: &str = "committed";
pub(super) const UNDONE: &str = "undone";
/// Version of the manifest's form.
pub(super) const VERSION: u32 = 1;

/// Why a transaction was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Implement,
    Rollback,
}

/// One transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub version: u32,
    pub kind: Kind,
    /// The command line that made it, for people.
    pub command: String,
    /// True when the user asked to keep it.
    pub is_kept: bool,
    pub files: Vec<Entry>,
}

/// One file of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// As reports print it.
    pub path: String,
    /// Where the bytes are: absolute, symbolic links followed.
    pub target: PathBuf,
    pub mode: u32,
    pub modified_seconds: u64,
    pub modified_nanoseconds: u32,
    /// blake3 of the original bytes.
    pub before: String,
    /// blake3 of the new bytes.
    pub after: String,
    /// Mode and time the new file gets; `None` for mode of the old one and the time of writing.
    pub stamp: Option<Stamp>,
}

/// Mode and time of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub mode: u32,
    pub modified_seconds: u64,
    pub modified_nanoseconds: u32,
}

impl Entry {
    /// Mode and time of the original.
    pub(super) fn original_stamp(&self) -> Stamp {
        Stamp {
            mode: self.mode,
            modified_seconds: self.modified_seconds,
            modified_nanoseconds: self.modified_nanoseconds,
        }
    }
}

pub(super) fn original(directory: &Path, index: usize) -> PathBuf {
    directory.join("files").join(format!("{index:04}"))
}

pub(super) fn replacement(directory: &Path, index: usize) -> PathBuf {
    directory.join("new").join(format!("{index:04}"))
}

/// Where the new bytes wait when the project's state lies on another file system than the file.
pub(super) fn neighbour(directory: &Path, target: &Path, index: usize) -> PathBuf {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".cmdx-{name}-{index:04}"))
}

pub(super) fn hash(content: &[u8]) -> String {
    blake3::hash(content).to_hex().to_string()
}

pub(super) fn write(directory: &Path, manifest: &Manifest) -> Result<(), JournalError> {
    let path = directory.join(MANIFEST);
    let content = serde_json::to_vec_pretty(manifest).expect("strings and numbers are always JSON");
    atomic_file::write(&path, &content).map_err(|source| JournalError::NotWritten { path, source })
}

/// The manifest of a backup; `None` while it is not complete.
pub(super) fn read(directory: &Path) -> Result<Option<Manifest>, JournalError> {
    let Ok(content) = fs::read(directory.join(MANIFEST)) else { return Ok(None) };
    let damaged = |message: String| JournalError::Damaged { path: directory.to_path_buf(), message };
    let manifest: Manifest = serde_json::from_slice(&content).map_err(|error| damaged(error.to_string()))?;
    match manifest.version {
        VERSION => Ok(Some(manifest)),
        other => Err(damaged(format!("it was made by another version of cmdx (form {other})"))),
    }
}

pub(super) fn record(directory: &Path, name: &str) -> Result<(), JournalError> {
    let path = directory.join(name);
    atomic_file::write(&path, b"").map_err(|source| JournalError::NotWritten { path, source })
}

pub(super) fn is_pending(directory: &Path) -> bool {
    !directory.join(COMMITTED).exists() && !directory.join(UNDONE).exists()
}
