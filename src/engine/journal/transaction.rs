//! The way forward: look, back up, journal, replace, commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::files::{dress, replace, stamp_of, sync_directory, write_synced};
use super::manifest::{self, COMMITTED, Entry, Kind, Manifest, Stamp, UNDONE, hash, neighbour, original, replacement};
use super::{JournalError, backups};
use crate::support::{interrupt, units};

/// One file to replace.
#[derive(Clone, Debug)]
pub struct Change {
    /// Relative to the project root, or absolute.
    pub path: String,
    /// The bytes that the new ones were made from; a file that holds others is refused.
    pub before: Vec<u8>,
    /// The new bytes.
    pub after: Vec<u8>,
}

/// A file that was left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// As in [`Change::path`].
    pub path: String,
    /// One sentence without a final dot.
    pub reason: String,
}

/// An instant of a transaction; a kill after any of them must lose nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The backup of a file is on disk.
    BackedUp(usize),
    /// The new content of a file is on disk, not in place.
    Staged(usize),
    /// The journal entry is on disk.
    Journaled,
    /// A file is replaced.
    Replaced(usize),
    /// The commit record is on disk.
    Committed,
    /// A file is put back.
    Restored(usize),
    /// The record that everything is put back is on disk.
    Undone,
}

/// A transaction whose backup and journal entry are on disk.
#[derive(Debug)]
pub struct Prepared {
    directory: PathBuf,
    manifest: Manifest,
}

/// Backs up the files that `changes` would replace and writes the journal entry. `state` is `.cmdx`. A file that
/// changed since it was read, is read-only or shared with other names is refused; the others go on. `None` when none
/// is left.
pub fn prepare(
    root: &Path,
    state: &Path,
    changes: &[Change],
    command: &str,
    is_kept: bool,
    progress: &mut dyn FnMut(Step),
) -> Result<(Option<Prepared>, Vec<Refused>), JournalError> {
    let mut refused = vec![];
    let mut accepted = vec![];
    for change in changes {
        match target_of(root, change) {
            Ok(entry) => accepted.push((entry, change)),
            Err(reason) => refused.push(Refused { path: change.path.clone(), reason }),
        }
    }
    if accepted.is_empty() {
        return Ok((None, refused));
    }
    let header = Manifest {
        version: manifest::VERSION,
        kind: Kind::Implement,
        command: command.to_owned(),
        is_kept,
        files: vec![],
    };
    let bytes: Vec<(&[u8], &[u8])> =
        accepted.iter().map(|(_, change)| (change.before.as_slice(), change.after.as_slice())).collect();
    let entries = accepted.iter().map(|(entry, _)| entry.clone()).collect();
    Ok((Some(stage(state, header, entries, &bytes, progress)?), refused))
}

/// What the journal says of the file, or why it is left alone.
fn target_of(root: &Path, change: &Change) -> Result<Entry, String> {
    let path = root.join(&change.path);
    let target = fs::canonicalize(&path).map_err(|error| format!("it cannot be found: {error}"))?;
    if !target.starts_with(fs::canonicalize(root).unwrap_or_else(|_| root.to_path_buf())) && path.starts_with(root) {
        return Err("it is a link to a file outside the project".into());
    }
    let metadata = fs::metadata(&target).map_err(|error| format!("it cannot be read: {error}"))?;
    // Asked of the system, not of the mode: root may write what others may not.
    if let Err(error) = fs::File::options().append(true).open(&target) {
        let is_denied = error.kind() == std::io::ErrorKind::PermissionDenied;
        return Err(if is_denied { "it is read-only".into() } else { format!("it cannot be written: {error}") });
    }
    if std::os::unix::fs::MetadataExt::nlink(&metadata) > 1 {
        return Err("the file has other names (hard links) that would keep the old content".into());
    }
    let content = fs::read(&target).map_err(|error| format!("it cannot be read: {error}"))?;
    if content != change.before {
        return Err("it changed since it was read".into());
    }
    let stamp = stamp_of(&metadata);
    Ok(Entry {
        path: change.path.clone(),
        target,
        mode: stamp.mode,
        modified_seconds: stamp.modified_seconds,
        modified_nanoseconds: stamp.modified_nanoseconds,
        before: hash(&change.before),
        after: hash(&change.after),
        stamp: None,
    })
}

/// Writes backups, new contents and manifest; what a failure leaves behind is removed.
pub(super) fn stage(
    state: &Path,
    header: Manifest,
    entries: Vec<Entry>,
    bytes: &[(&[u8], &[u8])],
    progress: &mut dyn FnMut(Step),
) -> Result<Prepared, JournalError> {
    let directory = new_directory(state)?;
    let manifest = Manifest { files: entries, ..header };
    let staged =
        stage_files(&directory, &manifest, bytes, progress).and_then(|()| manifest::write(&directory, &manifest));
    if let Err(error) = staged {
        let _error_is_told = fs::remove_dir_all(&directory);
        return Err(error);
    }
    progress(Step::Journaled);
    Ok(Prepared { directory, manifest })
}

fn new_directory(state: &Path) -> Result<PathBuf, JournalError> {
    let home = state.join("backups");
    let failed = |path: &Path, source| JournalError::NotWritten { path: path.to_path_buf(), source };
    fs::create_dir_all(&home).map_err(|source| failed(&home, source))?;
    let stem = units::timestamp(SystemTime::now());
    for number in 1_u32.. {
        let directory = home.join(format!("{stem}-{number}"));
        match fs::create_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(failed(&directory, source)),
            Ok(()) => return Ok(directory),
        }
    }
    unreachable!("a second has fewer than four billion runs")
}

fn stage_files(
    directory: &Path,
    manifest: &Manifest,
    bytes: &[(&[u8], &[u8])],
    progress: &mut dyn FnMut(Step),
) -> Result<(), JournalError> {
    let failed = |path: &Path, source| JournalError::NotWritten { path: path.to_path_buf(), source };
    for folder in ["files", "new"] {
        let folder = directory.join(folder);
        fs::create_dir(&folder).map_err(|source| failed(&folder, source))?;
    }
    for (index, (entry, (before, after))) in manifest.files.iter().zip(bytes).enumerate() {
        if interrupt::is_requested() {
            return Err(JournalError::Interrupted);
        }
        let backup = original(directory, index);
        write_synced(&backup, before).map_err(|source| failed(&backup, source))?;
        progress(Step::BackedUp(index));
        let new = replacement(directory, index);
        let mode = entry.stamp.map_or(entry.mode, |stamp| stamp.mode);
        write_synced(&new, after)
            .and_then(|()| dress(&new, &fs::metadata(&entry.target)?, mode, entry.stamp))
            .map_err(|source| failed(&new, source))?;
        progress(Step::Staged(index));
    }
    for folder in [directory.join("files"), directory.join("new"), directory.to_path_buf()] {
        sync_directory(&folder).map_err(|source| failed(&folder, source))?;
    }
    Ok(())
}

impl Prepared {
    /// The name of the backup.
    pub fn name(&self) -> String {
        self.directory.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Replaces the files. When one cannot be replaced, or the user presses Ctrl-C, those that were are put back. A
    /// file that changed at the last moment is refused and the others go on.
    pub fn write(&self, progress: &mut dyn FnMut(Step)) -> Result<Vec<Refused>, JournalError> {
        let mut refused = vec![];
        for (index, entry) in self.manifest.files.iter().enumerate() {
            if interrupt::is_requested() {
                backups::undo(&self.directory, &self.manifest, progress)?;
                return Err(JournalError::Interrupted);
            }
            if fs::read(&entry.target).map_or(true, |content| hash(&content) != entry.before) {
                refused.push(Refused { path: entry.path.clone(), reason: "it changed since it was read".into() });
                continue;
            }
            let beside = neighbour(&self.directory, &entry.target, index);
            if let Err(source) = replace(&replacement(&self.directory, index), &beside, &entry.target) {
                backups::undo(&self.directory, &self.manifest, progress)?;
                return Err(JournalError::NotWritten { path: entry.target.clone(), source });
            }
            progress(Step::Replaced(index));
        }
        Ok(refused)
    }

    /// Writes the commit record: from here on only a rollback brings the old files back.
    pub fn commit(self, progress: &mut dyn FnMut(Step)) -> Result<(), JournalError> {
        manifest::record(&self.directory, COMMITTED)?;
        let _empty_folder_is_harmless = fs::remove_dir_all(self.directory.join("new"));
        progress(Step::Committed);
        Ok(())
    }

    /// Puts every file back, byte for byte, with mode and time; returns those that somebody else changed meanwhile.
    pub fn undo(self, progress: &mut dyn FnMut(Step)) -> Result<Vec<Refused>, JournalError> {
        backups::undo(&self.directory, &self.manifest, progress)
    }

    pub(super) fn of_rollback(
        state: &Path,
        command: &str,
        entries: &[(Entry, Vec<u8>, Vec<u8>)],
        progress: &mut dyn FnMut(Step),
    ) -> Result<Self, JournalError> {
        let header = Manifest {
            version: manifest::VERSION,
            kind: Kind::Rollback,
            command: command.to_owned(),
            is_kept: false,
            files: vec![],
        };
        let bytes: Vec<(&[u8], &[u8])> =
            entries.iter().map(|(_, before, after)| (before.as_slice(), after.as_slice())).collect();
        let files = entries.iter().map(|(entry, _, _)| entry.clone()).collect();
        stage(state, header, files, &bytes, progress)
    }
}

/// The entry of a file that goes back to what it was.
pub(super) fn entry_back(entry: &Entry, current: &[u8], stamp: Stamp) -> Entry {
    Entry {
        path: entry.path.clone(),
        target: entry.target.clone(),
        mode: stamp.mode,
        modified_seconds: stamp.modified_seconds,
        modified_nanoseconds: stamp.modified_nanoseconds,
        before: hash(current),
        after: entry.before.clone(),
        stamp: Some(entry.original_stamp()),
    }
}

/// Marks a backup as undone by a later rollback.
pub(super) fn mark_undone(directory: &Path, progress: &mut dyn FnMut(Step)) -> Result<(), JournalError> {
    manifest::record(directory, UNDONE)?;
    progress(Step::Undone);
    Ok(())
}
