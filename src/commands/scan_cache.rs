//! What a scan found, kept in the user's cache directory by the content of all its files, the rules and the options: the
//! same question is answered without parsing anything. A cache that cannot be read or written is as good as none.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support::atomic_file;

/// Names another directory; an empty value turns the cache off.
const VARIABLE: &str = "CMDX_CACHE_DIR";
/// Scanning less takes no longer than asking the disk.
const CONTENT_BYTES_MIN: usize = 1 << 20;
/// What all answers may take together; the oldest go first.
const CACHE_BYTES_MAX: u64 = 256 << 20;
/// Begins an entry: the digest of what follows.
const DIGEST_BYTES: usize = 32;

/// What an answer depends on.
pub(super) struct Question {
    hasher: blake3::Hasher,
    n_bytes: usize,
}

impl Question {
    /// `what` tells one kind of question from another, `options` all that it was asked with.
    pub(super) fn new(what: &str, options: &dyn std::fmt::Debug) -> Self {
        let mut question = Self { hasher: blake3::Hasher::new(), n_bytes: 0 };
        let rules = [env!("CARGO_PKG_VERSION"), env!("CMDX_RULES"), what, &format!("{options:?}")];
        for part in rules {
            question.part(part.as_bytes());
        }
        question
    }

    /// Adds the files.
    pub(super) fn files(mut self, files: &[(String, &[u8])]) -> Self {
        for (path, content) in files {
            self.part(path.as_bytes());
            self.part(content);
            self.n_bytes += content.len();
        }
        self
    }

    /// Lengths keep two parts from being read as one.
    fn part(&mut self, bytes: &[u8]) {
        self.hasher.update(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(bytes);
    }

    /// The answer that is remembered, or else the one that `compute` gives, which is then.
    pub(super) fn answer<T: Serialize + DeserializeOwned>(self, compute: impl FnOnce() -> T) -> T {
        if self.n_bytes < CONTENT_BYTES_MIN {
            return compute();
        }
        match directory() {
            Some(directory) => self.answer_in(&directory, compute),
            None => compute(),
        }
    }

    fn answer_in<T: Serialize + DeserializeOwned>(self, directory: &Path, compute: impl FnOnce() -> T) -> T {
        let path = directory.join(self.hasher.finalize().to_hex().as_str());
        if let Some(known) = load(&path) {
            return known;
        }
        let answer = compute();
        if let Err(error) = store(&path, directory, &answer) {
            tracing::debug!(%error, "the scan was not kept");
        }
        answer
    }
}

fn directory() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return (!named.is_empty()).then(|| PathBuf::from(named).join("scan"));
    }
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = of("XDG_CACHE_HOME").or_else(|| of("HOME").map(|home| home.join(".cache")))?;
    base.is_absolute().then(|| base.join("cmdx").join("scan"))
}

/// An entry that is whole; a torn or foreign one counts as none and is replaced.
fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = fs::read(path).ok()?;
    let (digest, content) = bytes.split_at_checked(DIGEST_BYTES)?;
    if blake3::hash(content).as_bytes() != digest {
        return None;
    }
    let known = serde_json::from_slice(content).ok()?;
    // What is used stays; in a directory that cannot be written nothing is taken away either.
    let _age_is_a_hint = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    Some(known)
}

/// Temporary file and rename: of two writers one wins, and both wrote the same.
fn store<T: Serialize>(path: &Path, directory: &Path, answer: &T) -> anyhow::Result<()> {
    let content = serde_json::to_vec(answer)?;
    fs::create_dir_all(directory)?;
    let mut bytes = blake3::hash(&content).as_bytes().to_vec();
    bytes.extend_from_slice(&content);
    if bytes.len() as u64 <= CACHE_BYTES_MAX {
        prune(directory, CACHE_BYTES_MAX - bytes.len() as u64);
        atomic_file::write(path, &bytes)?;
    }
    Ok(())
}

/// Takes away the oldest entries until the others fit.
fn prune(directory: &Path, bytes_max: u64) {
    let mut entries: Vec<(SystemTime, u64, PathBuf)> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    entries.sort();
    let mut n_bytes: u64 = entries.iter().map(|(_, size, _)| size).sum();
    for (_, size, path) in entries {
        if n_bytes <= bytes_max {
            break;
        }
        // Another cmdx may be taking the same one away.
        let _gone_is_fine = fs::remove_file(&path);
        n_bytes -= size;
    }
}

#[cfg(test)]
#[path = "scan_cache_tests.rs"]
mod tests;
