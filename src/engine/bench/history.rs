//! The history of runs: one JSON file a run under `.cmdx/history/`, written once and never changed.
//! A file that cannot be read is named and passed over; nothing is deleted but by `prune`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Problem, RunRecord};
use crate::support::atomic_file;

/// Version of the form that is written; others are passed over with a notice.
pub const SCHEMA_VERSION: u32 = 1;

/// What the history holds.
#[derive(Debug, Default)]
pub struct History {
    /// Oldest first.
    pub runs: Vec<RunRecord>,
    /// Files that could not be read, one sentence each.
    pub problems: Vec<Problem>,
}

/// Reads the history below `state`, which is `.cmdx`.
pub fn read(state: &Path) -> History {
    let mut found: BTreeMap<(String, String), RunRecord> = BTreeMap::new();
    let mut history = History::default();
    for path in files(&directory(state)) {
        match read_file(&path) {
            Ok(run) => {
                found.insert((run.started.clone(), run.id.clone()), run);
            }
            Err(message) => history.problems.push(Problem {
                location: None,
                message: format!("`{}` was passed over: {message}", path.display()),
                hint: None,
            }),
        }
    }
    history.runs = found.into_values().collect();
    history
}

/// Reads one record.
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub fn read_file(path: &Path) -> Result<RunRecord, String> {
    let content = fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let run: RunRecord = serde_json::from_slice(&content).map_err(|error| format!("it is damaged: {error}"))?;
    if run.schema_version != SCHEMA_VERSION {
        return Err(format!("it was written by another version of cmdx (form {})", run.schema_version));
    }
    if !is_id(&run.id) {
        return Err("it is not a run of cmdx".to_owned());
    }
    Ok(run)
}

/// Gives the record its name and writes it; a record that is there already stays as it is. Returns its path.
pub fn write(state: &Path, run: &mut RunRecord) -> io::Result<PathBuf> {
    name(run);
    keep(state, run)
}

/// Gives the record its name, which follows from what it holds.
pub fn name(run: &mut RunRecord) {
    run.schema_version = SCHEMA_VERSION;
    run.id = String::new();
    let content = serde_json::to_vec(run).expect("strings and numbers are always JSON");
    run.id = format!("{}-{}", run.started, &blake3::hash(&content).to_hex()[..8]);
}

/// Writes a record that has its name; `false` says that it was there already.
pub fn keep(state: &Path, run: &RunRecord) -> io::Result<PathBuf> {
    let path = path_of(state, run);
    if path.exists() {
        return Ok(path);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut content = serde_json::to_vec_pretty(run)?;
    content.push(b'\n');
    atomic_file::write(&path, &content)?;
    Ok(path)
}

/// Where a record belongs: `history/2026-11/ID.json`.
pub fn path_of(state: &Path, run: &RunRecord) -> PathBuf {
    let (year, month) = (run.started.get(..4).unwrap_or("0000"), run.started.get(4..6).unwrap_or("00"));
    directory(state).join(format!("{year}-{month}")).join(format!("{}.json", run.id))
}

/// A name is part of a path: letters, digits and dashes alone.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() < 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn directory(state: &Path) -> PathBuf {
    state.join("history")
}

/// The records below a folder, or the file itself.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    if folder.is_file() {
        return vec![folder.to_path_buf()];
    }
    let is_record = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
    let below = walkdir::WalkDir::new(folder).max_depth(3).sort_by_file_name();
    below.into_iter().flatten().map(walkdir::DirEntry::into_path).filter(|path| is_record(path)).collect()
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
