//! Lists the project's Python files: what .gitignore names, environments, caches and build results are left out.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder};

use crate::model::{Location, Problem};

/// Directories that never hold the project's own sources.
const FOREIGN_DIRECTORIES: &[&str] =
    &["site-packages", "dist-packages", "node_modules", "__pycache__", "__pypackages__"];
/// Directories of build results, where they stand in the root and are no packages.
const BUILD_DIRECTORIES: &[&str] = &["build", "dist"];

/// One Python file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourcePath {
    /// Relative to the root with `/`.
    pub relative: String,
    /// Absolute.
    pub path: PathBuf,
}

/// The file's text, or why there is none. A byte order mark is kept, so offsets are those of the file.
pub fn read_source(file: &SourcePath) -> Result<String, Problem> {
    let bytes = fs::read(&file.path).map_err(|error| unreadable(&file.relative, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        Problem {
            location: Some(Location::new(&file.relative, line as u32, "")),
            message: "not UTF-8; the file was left out".into(),
            hint: Some("save it as UTF-8".into()),
        }
    })
}

/// The `*.py` files at or below `targets`, in order of their paths.
pub(super) fn list(root: &Path, targets: &[PathBuf], exclude: &[String]) -> (Vec<SourcePath>, Vec<Problem>) {
    let mut found = BTreeSet::new();
    let mut problems = BTreeSet::new();
    let excluded = overrides(root, exclude, &mut problems);
    for target in targets {
        if target.is_file() {
            found.insert(SourcePath { relative: relative(root, target), path: target.clone() });
            continue;
        }
        walk(root, target, excluded.clone(), &mut found, &mut problems);
    }
    (found.into_iter().collect(), problems.into_iter().collect())
}

/// The path relative to the root with `/`; absolute where it lies outside.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

fn overrides(root: &Path, exclude: &[String], problems: &mut BTreeSet<Problem>) -> Override {
    let mut builder = OverrideBuilder::new(root);
    for glob in exclude {
        if let Err(error) = builder.add(&format!("!{}", glob.trim_start_matches('!'))) {
            let message = format!("`exclude` holds a pattern that cannot be read: {error}");
            problems.insert(Problem { location: None, message, hint: None });
        }
    }
    builder.build().unwrap_or_else(|_| Override::empty())
}

fn walk(
    root: &Path,
    target: &Path,
    excluded: Override,
    found: &mut BTreeSet<SourcePath>,
    problems: &mut BTreeSet<Problem>,
) {
    let own_root = root.to_path_buf();
    let walker = WalkBuilder::new(target)
        .require_git(false)
        .git_global(false)
        .ignore(false)
        .overrides(excluded)
        .filter_entry(move |entry| entry.depth() == 0 || !is_foreign(&own_root, entry))
        .build();
    for entry in walker {
        match entry {
            Ok(entry) => add(root, &entry, found, problems),
            Err(error) => problems.extend(walk_problem(root, &error)),
        }
    }
}

fn is_foreign(root: &Path, entry: &DirEntry) -> bool {
    if !entry.file_type().is_some_and(|kind| kind.is_dir()) {
        return false;
    }
    let name = entry.file_name().to_string_lossy();
    let path = entry.path();
    FOREIGN_DIRECTORIES.contains(&&*name)
        || name.ends_with(".egg-info")
        || name.ends_with(".egg")
        || path.join("pyvenv.cfg").is_file()
        || path.join("conda-meta").is_dir()
        || (BUILD_DIRECTORIES.contains(&&*name) && path.parent() == Some(root) && !path.join("__init__.py").is_file())
}

fn add(root: &Path, entry: &DirEntry, found: &mut BTreeSet<SourcePath>, problems: &mut BTreeSet<Problem>) {
    let path = entry.path();
    if path.extension().is_none_or(|extension| extension != "py") {
        return;
    }
    let Some(kind) = entry.file_type() else { return };
    let shown = relative(root, path);
    if kind.is_symlink() {
        // A link to a file of the project is a second name for what is listed anyway; others are the user's sources.
        match fs::canonicalize(path) {
            Ok(target) if target.starts_with(root) || target.is_dir() => return,
            Ok(_) => {}
            Err(error) => {
                problems.insert(unreadable(&shown, &error));
                return;
            }
        }
    } else if !kind.is_file() {
        return;
    }
    match fs::File::open(path) {
        Ok(_) => {
            found.insert(SourcePath { relative: shown, path: path.to_path_buf() });
        }
        Err(error) => {
            problems.insert(unreadable(&shown, &error));
        }
    }
}

fn unreadable(shown: &str, error: &io::Error) -> Problem {
    let reason = match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotFound => "the link leads nowhere".to_owned(),
        _ if error.raw_os_error() == Some(nix::libc::ELOOP) => "the symbolic links lead in a circle".to_owned(),
        _ => error.to_string(),
    };
    Problem {
        location: Some(Location::new(shown, 0, "")),
        message: format!("cannot be read: {reason}"),
        hint: Some("make it readable, or leave it out with `exclude`".into()),
    }
}

/// Errors in somebody's .gitignore are theirs; what could not be entered is ours to tell.
fn walk_problem(root: &Path, error: &ignore::Error) -> Option<Problem> {
    let source = error.io_error()?;
    let path = path_of(error)?;
    Some(unreadable(&relative(root, path), source))
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => None,
    }
}
