//! The way back: unfinished transactions, and backups that are restored on demand.

use std::fs;
use std::path::{Path, PathBuf};

use super::JournalError;
use super::files::{dress, replace, stamp_of, write_synced};
use super::manifest::{self, COMMITTED, Kind, Manifest, UNDONE, hash, neighbour, original, replacement};
use super::transaction::{Prepared, Refused, Step, entry_back, mark_undone};
use crate::support::atomic_file;

/// A backup, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// `20260131T235959-1`.
    pub name: String,
    /// The command line that made it.
    pub command: String,
    /// The files it holds, as reports print them.
    pub paths: Vec<String>,
    directory: PathBuf,
}

/// What to do with an unfinished transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Replace the files that are still old.
    Finish,
    /// Put back the files that are new already.
    Undo,
}

/// What a recovery or rollback did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Files that were written.
    pub paths: Vec<String>,
    /// Files that somebody changed meanwhile; left as they are, or backed up before they were restored.
    pub changed: Vec<Refused>,
    /// Name of the backup of what was replaced, when there is one.
    pub backup: Option<String>,
}

/// Transactions that a kill left unfinished, oldest first. Remains that touched no file yet are removed.
pub fn pending(state: &Path) -> Result<Vec<Backup>, JournalError> {
    let mut found = vec![];
    for directory in directories(state) {
        match manifest::read(&directory)? {
            None => {
                let _next_start_tries_again = fs::remove_dir_all(&directory);
            }
            Some(manifest) if manifest::is_pending(&directory) => found.push(backup(directory, &manifest)),
            Some(_) => {}
        }
    }
    Ok(found)
}

/// Finishes or undoes an unfinished transaction.
pub fn recover(pending: &Backup, way: Way, progress: &mut dyn FnMut(Step)) -> Result<Recovered, JournalError> {
    let manifest = complete(&pending.directory)?;
    let mut recovered = Recovered::default();
    match way {
        Way::Undo => recovered.changed = undo(&pending.directory, &manifest, progress)?,
        Way::Finish => finish(&pending.directory, &manifest, &mut recovered, progress)?,
    }
    let is_changed = |path: &String| recovered.changed.iter().any(|refused| refused.path == *path);
    recovered.paths = pending.paths.iter().filter(|path| !is_changed(path)).cloned().collect();
    Ok(recovered)
}

fn finish(
    directory: &Path,
    manifest: &Manifest,
    recovered: &mut Recovered,
    progress: &mut dyn FnMut(Step),
) -> Result<(), JournalError> {
    for (index, entry) in manifest.files.iter().enumerate() {
        let current = fs::read(&entry.target).map(|content| hash(&content)).unwrap_or_default();
        if current == entry.after {
            continue;
        }
        if current != entry.before {
            let reason = "it was changed meanwhile".to_owned();
            recovered.changed.push(Refused { path: entry.path.clone(), reason });
            continue;
        }
        let beside = neighbour(directory, &entry.target, index);
        replace(&replacement(directory, index), &beside, &entry.target)
            .map_err(|source| JournalError::NotWritten { path: entry.target.clone(), source })?;
        progress(Step::Replaced(index));
    }
    manifest::record(directory, COMMITTED)?;
    progress(Step::Committed);
    Ok(())
}

/// Puts back every file that holds the new content; then records that it is done. Files that hold something else were
/// changed by somebody: they are left alone and returned.
pub(super) fn undo(
    directory: &Path,
    manifest: &Manifest,
    progress: &mut dyn FnMut(Step),
) -> Result<Vec<Refused>, JournalError> {
    let mut changed = vec![];
    for (index, entry) in manifest.files.iter().enumerate() {
        let beside = neighbour(directory, &entry.target, index);
        let _usually_not_there = fs::remove_file(&beside);
        let current = fs::read(&entry.target).map(|content| hash(&content)).unwrap_or_default();
        if current == entry.before {
            continue;
        }
        if current != entry.after {
            changed.push(Refused { path: entry.path.clone(), reason: "it was changed meanwhile".into() });
            continue;
        }
        restore(directory, index, &entry.target, entry.original_stamp(), &beside)
            .map_err(|source| JournalError::NotRestored { path: entry.target.clone(), source })?;
        progress(Step::Restored(index));
    }
    mark_undone(directory, progress)?;
    let _harmless_when_left = fs::remove_dir_all(directory.join("new"));
    Ok(changed)
}

/// Copies a backup into place; the backup itself stays.
fn restore(
    directory: &Path,
    index: usize,
    target: &Path,
    stamp: manifest::Stamp,
    beside: &Path,
) -> std::io::Result<()> {
    let staged = directory.join(format!("restore-{index:04}"));
    write_synced(&staged, &fs::read(original(directory, index))?)?;
    dress(&staged, &fs::metadata(target)?, stamp.mode, Some(stamp))?;
    replace(&staged, beside, target)
}

/// The backups that can be restored, oldest first.
pub fn backups(state: &Path) -> Result<Vec<Backup>, JournalError> {
    let mut found = vec![];
    for directory in directories(state) {
        let Some(manifest) = manifest::read(&directory)? else { continue };
        let is_restorable = directory.join(COMMITTED).exists() && !directory.join(UNDONE).exists();
        if is_restorable && manifest.kind == Kind::Implement {
            found.push(backup(directory, &manifest));
        }
    }
    Ok(found)
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Where it belongs: absolute, symbolic links followed.
    pub target: PathBuf,
    /// What it held before.
    pub content: Vec<u8>,
    /// True while the file holds what was written over it.
    pub is_current: bool,
}

/// The files that a backup holds; every one is looked at to be what was saved.
pub fn originals(backup: &Backup) -> Result<Vec<Original>, JournalError> {
    let manifest = complete(&backup.directory)?;
    let mut found = vec![];
    for (index, entry) in manifest.files.iter().enumerate() {
        let path = original(&backup.directory, index);
        let content = fs::read(&path).map_err(|source| JournalError::NotRestored { path, source })?;
        if hash(&content) != entry.before {
            let message = format!("its copy of `{}` does not hold what was saved", entry.path);
            return Err(JournalError::Damaged { path: backup.directory.clone(), message });
        }
        let is_current = fs::read(&entry.target).is_ok_and(|current| hash(&current) == entry.after);
        found.push(Original { target: entry.target.clone(), content, is_current });
    }
    Ok(found)
}

/// Restores the last backup, or the named one: bytes, mode and time. What is replaced is backed up itself, so that
/// changes made since are not lost.
pub fn roll_back(
    state: &Path,
    name: Option<&str>,
    command: &str,
    progress: &mut dyn FnMut(Step),
) -> Result<Recovered, JournalError> {
    let known = backups(state)?;
    let chosen = match name {
        Some(name) => known.iter().find(|backup| backup.name == name),
        None => known.last(),
    };
    let Some(chosen) = chosen else {
        let known = known.into_iter().map(|backup| backup.name).collect();
        return Err(JournalError::NoBackup { name: name.map(str::to_owned), known });
    };
    let manifest = complete(&chosen.directory)?;
    let mut recovered = Recovered { paths: chosen.paths.clone(), ..Recovered::default() };
    let mut entries = vec![];
    for (index, entry) in manifest.files.iter().enumerate() {
        let backup = original(&chosen.directory, index);
        let read = |path: &Path| {
            fs::read(path).map_err(|source| JournalError::NotRestored { path: path.to_path_buf(), source })
        };
        if !entry.target.exists() {
            recreate(&entry.target)?;
        }
        let (current, before) = (read(&entry.target)?, read(&backup)?);
        if hash(&before) != entry.before {
            let message = format!("its copy of `{}` does not hold what was saved", entry.path);
            return Err(JournalError::Damaged { path: chosen.directory.clone(), message });
        }
        if hash(&current) != entry.after && current != before {
            let reason = "it was changed since; that version is in the new backup".to_owned();
            recovered.changed.push(Refused { path: entry.path.clone(), reason });
        }
        let stamp = fs::metadata(&entry.target)
            .map(|metadata| stamp_of(&metadata))
            .map_err(|source| JournalError::NotRestored { path: entry.target.clone(), source })?;
        entries.push((entry_back(entry, &current, stamp), current, before));
    }
    let prepared = Prepared::of_rollback(state, command, &entries, progress)?;
    recovered.backup = Some(prepared.name());
    recovered.changed.extend(prepared.write(progress)?);
    prepared.commit(progress)?;
    mark_undone(&chosen.directory, progress)?;
    Ok(recovered)
}

/// A file that was deleted since comes back, first without content.
fn recreate(target: &Path) -> Result<(), JournalError> {
    let made = target.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| atomic_file::write(target, b""));
    made.map_err(|source| JournalError::NotRestored { path: target.to_path_buf(), source })
}

/// Removes all but the newest `n_kept` backups; those made with `--backup` stay until the user removes them.
pub fn prune(state: &Path, n_kept: usize) {
    let removable: Vec<PathBuf> = directories(state)
        .into_iter()
        .filter(|directory| !manifest::is_pending(directory))
        .filter(|directory| matches!(manifest::read(directory), Ok(Some(manifest)) if !manifest.is_kept))
        .collect();
    for directory in removable.iter().rev().skip(n_kept) {
        // The next run tries again.
        let _left_over = fs::remove_dir_all(directory);
    }
}

fn complete(directory: &Path) -> Result<Manifest, JournalError> {
    let damaged = || JournalError::Damaged { path: directory.to_path_buf(), message: "its manifest is missing".into() };
    manifest::read(directory)?.ok_or_else(damaged)
}

fn backup(directory: PathBuf, manifest: &Manifest) -> Backup {
    Backup {
        name: directory.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        command: manifest.command.clone(),
        paths: manifest.files.iter().map(|entry| entry.path.clone()).collect(),
        directory,
    }
}

/// In the order they were made: by second, then by number.
fn directories(state: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state.join("backups")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    let key = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (stem, number) = name.rsplit_once('-').unwrap_or((&name, "0"));
        (stem.to_owned(), number.parse::<u32>().unwrap_or(0))
    };
    found.sort_by_key(key);
    found
}
