//! The Python side of the agent, carried in the binary and written out before a run.

use std::fs;
use std::io;
use std::path::Path;

use crate::support::atomic_file;

macro_rules! python_files {
    ($($path:literal),+ $(,)?) => {
        /// Path below the agent's directory, and content.
        pub(crate) const FILES: &[(&str, &str)] = &[$(($path, include_str!(concat!("python/", $path)))),+];
    };
}

python_files![
    "boot.py",
    "sitecustomize.py",
    "cmdx_agent/__init__.py",
    "cmdx_agent/events.py",
    "cmdx_agent/handles.py",
    "cmdx_agent/imports.py",
    "cmdx_agent/record.py",
    "cmdx_agent/stacks.py",
    "cmdx_agent/importlib_bootstrap/__init__.py",
    "cmdx_agent/importlib_bootstrap/http.py",
    "cmdx_agent/importlib_bootstrap/mysql.py",
    "cmdx_agent/importlib_bootstrap/postgres.py",
    "cmdx_agent/importlib_bootstrap/scopes.py",
    "cmdx_agent/importlib_bootstrap/sqlite.py",
    "cmdx_agent/importlib_bootstrap/tasks.py",
    "cmdx_agent/importlib_bootstrap/wrap.py",
];

/// Writes the agent below `directory`. Files that are there already with the same content stay, and with them the
/// bytecode that Python keeps beside them.
pub fn install(directory: &Path) -> io::Result<()> {
    for (name, content) in FILES {
        let path = directory.join(name);
        if fs::read(&path).is_ok_and(|present| present == content.as_bytes()) {
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        atomic_file::write(&path, content.as_bytes())?;
    }
    Ok(())
}

/// True where a line of the agent calls what it wraps: a sample whose innermost Python frame stands there is time in
/// the driver's C code, which is the program's. Everywhere else it is the agent's own.
pub fn calls_through(path_in_agent: &Path, line: u32) -> bool {
    let Some((_, content)) = FILES.iter().find(|(name, _)| Path::new(name) == path_in_agent) else { return false };
    let text = content.lines().nth((line as usize).saturating_sub(1)).unwrap_or_default();
    text.contains("base_") || text.contains("original")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_call_the_driver_are_told_from_the_agents_own() {
        let path = Path::new("cmdx_agent/importlib_bootstrap/sqlite.py");
        let (_, content) = FILES.iter().find(|(name, _)| Path::new(name) == path).expect("the sqlite driver");
        let line_of = |text: &str| content.lines().position(|line| line.contains(text)).expect("there") as u32 + 1;
        assert!(calls_through(path, line_of("base_execute(self, *")));
        assert!(calls_through(path, line_of("connection = original(")));
        assert!(!calls_through(path, line_of("start = clock()")));
        assert!(!calls_through(Path::new("cmdx_agent/record.py"), 1));
    }

    #[test]
    fn every_python_file_of_the_agent_is_installed() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        install(directory.path()).expect("writable");
        install(directory.path()).expect("a second time");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/agent/python");
        let mut n_files = 0;
        for entry in walkdir::WalkDir::new(&source).into_iter().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "py") {
                let relative = entry.path().strip_prefix(&source).expect("below the folder");
                assert!(directory.path().join(relative).exists(), "{} is not installed", relative.display());
                n_files += 1;
            }
        }
        assert_eq!(n_files, FILES.len());
    }
}
