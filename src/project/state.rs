//! `.cmdx` in the project's root: the only place cmdx writes without being asked. Ignored by git and by backups.

use std::fs;
use std::path::{Path, PathBuf};

use super::ProjectError;
use crate::support::atomic_file;

/// The signature that <https://bford.info/cachedir/> asks for.
const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by cmdx; `cmdx clean` removes it.\n";

/// Makes `.cmdx` and the files that keep others away from it.
pub(super) fn ensure(root: &Path) -> Result<PathBuf, ProjectError> {
    let directory = root.join(".cmdx");
    let failed = |path: &Path, source| ProjectError::State { path: path.to_path_buf(), source };
    fs::create_dir_all(&directory).map_err(|source| failed(&directory, source))?;
    for (name, content) in [(".gitignore", "*\n"), ("CACHEDIR.TAG", CACHE_TAG)] {
        let path = directory.join(name);
        if !path.exists() {
            atomic_file::write(&path, content.as_bytes()).map_err(|source| failed(&path, source))?;
        }
    }
    Ok(directory)
}
