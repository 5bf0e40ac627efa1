//! Runs the cmdx binary as a user would and keeps all it said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::environments;

/// The binary under test, in surroundings that do not depend on who runs the tests.
pub fn cmdx(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cmdx"));
    command.current_dir(directory).stdin(Stdio::null());
    for name in ["VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C.UTF-8").env("CMDX_PYTHON", environments::python());
    command
}

/// What a run said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

/// Runs to the end.
pub fn say(command: &mut Command) -> Said {
    heard(&command.output().expect("cmdx starts"))
}

pub fn heard(output: &Output) -> Said {
    Said {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code().unwrap_or(-1),
    }
}

/// A project of these files in a directory of its own.
pub fn project(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("below the directory")).expect("writable");
        fs::write(path, text).expect("writable");
    }
    directory
}

/// A copy of one of the fixtures.
pub fn fixture(name: &str) -> TempDir {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let directory = tempfile::tempdir().expect("a temporary directory");
    for entry in walkdir::WalkDir::new(&source).into_iter().flatten() {
        let target: PathBuf = directory.path().join(entry.path().strip_prefix(&source).expect("below"));
        let is_left_over = entry.path().components().any(|part| {
            matches!(part.as_os_str().to_str(), Some("__pycache__" | ".cmdx" | "instance" | ".pytest_cache"))
        });
        if is_left_over {
            continue;
        }
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).expect("writable");
        } else {
            fs::copy(entry.path(), target).expect("writable");
        }
    }
    directory
}

/// Process ids of running processes whose command line contains `words`.
pub fn running(words: &str) -> Vec<u32> {
    let mut found = vec![];
    for entry in fs::read_dir("/proc").expect("Linux").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).replace('\0', " ").contains(words) && pid != std::process::id() {
            found.push(pid);
        }
    }
    found
}
