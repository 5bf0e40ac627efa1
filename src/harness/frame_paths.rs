//! Turns the file names of an interpreter into paths of the project.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Judges the file names of one process; each once.
pub struct FramePaths {
    root: PathBuf,
    working_directory: Option<PathBuf>,
    known: RefCell<HashMap<String, (String, bool)>>,
}

impl FramePaths {
    /// `root` is the project's, without links; relative names start in `working_directory`.
    pub fn new(root: &Path, working_directory: Option<PathBuf>) -> Self {
        Self { root: root.to_path_buf(), working_directory, known: RefCell::default() }
    }

    /// The path, relative to the project where the file lies in it, and whether the file is the project's own.
    pub fn of(&self, file_name: &str) -> (String, bool) {
        if let Some(known) = self.known.borrow().get(file_name) {
            return known.clone();
        }
        let answer = self.classify(file_name);
        self.known.borrow_mut().insert(file_name.to_owned(), answer.clone());
        answer
    }

    fn classify(&self, file_name: &str) -> (String, bool) {
        if file_name.starts_with('<') {
            return (file_name.to_owned(), false);
        }
        let path = Path::new(file_name);
        let absolute = match &self.working_directory {
            Some(directory) if path.is_relative() => normalise(&directory.join(path)),
            _ => normalise(path),
        };
        match absolute.strip_prefix(&self.root) {
            Ok(relative) => (relative.to_string_lossy().into_owned(), !is_installed(&self.root, relative)),
            Err(_) => (absolute.to_string_lossy().into_owned(), false),
        }
    }
}

/// Takes `.` and `..` out, as `python ../run.py` leaves them in.
fn normalise(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// True for a file of a virtual environment or an installed package below the project's root.
fn is_installed(root: &Path, relative: &Path) -> bool {
    let mut directory = root.to_path_buf();
    relative.parent().into_iter().flat_map(Path::components).any(|part| {
        directory.push(part);
        let name = part.as_os_str();
        name == "site-packages" || name == "dist-packages" || directory.join("pyvenv.cfg").exists()
    })
}
