//! From the paths the user typed to the project's root, the targets in it and the directories imports start from.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::config::{Config, nearest};
use super::{OpenOptions, ProjectError, files};

/// A directory with one of these is a project by itself.
const STRONG_MARKERS: &[&str] = &["cmdx.toml", "pyproject.toml", "setup.py", "setup.cfg", "manage.py", "PKG-INFO"];
/// A directory with one of these is where a repository begins.
const REPOSITORY_MARKERS: &[&str] = &[".git", ".hg", ".jj", ".svn"];
/// Weaker hints: they stand in parts of projects as well.
const WEAK_MARKERS: &[&str] =
    &["requirements.txt", "Pipfile", "tox.ini", "noxfile.py", "pytest.ini", "environment.yml"];
/// Parts of a project that have requirements of their own and are no projects.
const PARTS: &[&str] = &["tests", "test", "docs", "doc", "requirements", "ci", "docker"];
/// Directories that hold the sources of a project by convention.
const SOURCE_DIRECTORIES: &[&str] = &["src", "lib", "python", "source"];

/// The root and what was asked about.
pub(super) struct Located {
    pub(super) root: PathBuf,
    pub(super) targets: Vec<PathBuf>,
    pub(super) notes: Vec<String>,
}

/// Resolves every path and finds the root they share.
pub(super) fn locate(paths: &[PathBuf], options: &OpenOptions) -> Result<Located, ProjectError> {
    let mut notes = vec![];
    let mut targets = vec![];
    for path in paths {
        let target = resolve(path, options, &mut notes)?;
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    if targets.is_empty() {
        targets.push(real(&options.cwd)?);
    }
    let home = options.variable("HOME").map(PathBuf::from);
    let cwd = fs::canonicalize(&options.cwd).unwrap_or_else(|_| options.cwd.clone());
    let mut root = root_of(&targets[0], &cwd, home.as_deref());
    for target in &targets[1..] {
        while !target.starts_with(&root) {
            let Some(parent) = root.parent() else { break };
            root = parent.to_path_buf();
        }
    }
    Ok(Located { root, targets, notes })
}

fn real(path: &Path) -> Result<PathBuf, ProjectError> {
    fs::canonicalize(path).map_err(|source| ProjectError::Unreadable { path: path.to_path_buf(), source })
}

fn resolve(path: &Path, options: &OpenOptions, notes: &mut Vec<String>) -> Result<PathBuf, ProjectError> {
    let direct = options.cwd.join(path);
    match fs::canonicalize(&direct) {
        Ok(found) => return Ok(found),
        Err(error) if error.kind() != io::ErrorKind::NotFound && error.kind() != io::ErrorKind::NotADirectory => {
            return Err(ProjectError::Unreadable { path: path.to_path_buf(), source: error });
        }
        Err(_) => {}
    }
    let typed = path.to_string_lossy();
    let without_line = strip_line(&typed);
    if without_line != typed && options.cwd.join(without_line).exists() {
        return real(&options.cwd.join(without_line));
    }
    let missing = || ProjectError::MissingPath { path: typed.to_string(), near: near(&direct, &options.cwd) };
    if Path::new(without_line).components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(missing());
    }
    as_reported(without_line, options, notes).unwrap_or_else(|| Err(missing()))
}

/// Finds a path as reports print it: relative to the root, to a source root, or the tail of one file's path.
fn as_reported(typed: &str, options: &OpenOptions, notes: &mut Vec<String>) -> Option<Result<PathBuf, ProjectError>> {
    let cwd = fs::canonicalize(&options.cwd).ok()?;
    let home = options.variable("HOME").map(PathBuf::from);
    let root = root_of(&cwd, &cwd, home.as_deref());
    if home.as_deref() == Some(root.as_path()) || root.parent().is_none() {
        return None;
    }
    let found = files::list(&root, std::slice::from_ref(&root), &[]).0;
    let matching: Vec<_> = found.iter().filter(|file| Path::new(&file.relative).ends_with(typed)).collect();
    match matching.as_slice() {
        [] => None,
        [file] => {
            notes.push(format!("`{typed}` is `{}`", file.relative));
            Some(Ok(file.path.clone()))
        }
        several => {
            let matches = several.iter().map(|file| file.relative.clone()).collect();
            Some(Err(ProjectError::AmbiguousPath { path: typed.to_owned(), matches }))
        }
    }
}

/// `database.py:45` and `database.py:45:3` without the numbers.
fn strip_line(typed: &str) -> &str {
    let mut rest = typed;
    for _ in 0..2 {
        match rest.rsplit_once(':') {
            Some((head, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                rest = head;
            }
            _ => break,
        }
    }
    rest
}

/// The entry most like the first missing part of the path, as the user would type it.
fn near(path: &Path, cwd: &Path) -> Option<String> {
    let missing = path.ancestors().take_while(|ancestor| !ancestor.exists()).last()?;
    let name = missing.file_name()?.to_string_lossy().into_owned();
    let parent = missing.parent()?;
    let entries: Vec<String> =
        fs::read_dir(parent).ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let best = parent.join(nearest(&name, entries.iter().map(String::as_str))?);
    let rest = path.strip_prefix(missing).unwrap_or(Path::new(""));
    let whole = if best.join(rest).exists() { best.join(rest) } else { best };
    let shown = whole.strip_prefix(cwd).unwrap_or(&whole);
    Some(shown.components().collect::<PathBuf>().display().to_string())
}

/// The nearest directory with a project's marker, not above the repository; else the repository, the working
/// directory, the directory itself. A weak marker in a part of a project, `src` or `tests`, is that of the whole.
fn root_of(target: &Path, cwd: &Path, home: Option<&Path>) -> PathBuf {
    let start = if target.is_dir() { target } else { target.parent().unwrap_or(target) };
    let is_home = |directory: &Path| home == Some(directory) || directory.parent().is_none();
    for directory in start.ancestors() {
        if is_home(directory) && directory != start {
            break;
        }
        let has = |markers: &[&str]| markers.iter().any(|marker| directory.join(marker).is_file());
        let is_repository = REPOSITORY_MARKERS.iter().any(|marker| directory.join(marker).exists());
        if is_repository || has(STRONG_MARKERS) || (has(WEAK_MARKERS) && !is_part(directory)) {
            return directory.to_path_buf();
        }
    }
    let below_cwd = (start.starts_with(cwd) && !is_home(cwd)).then_some(cwd);
    below_cwd.unwrap_or(start).to_path_buf()
}

fn is_part(directory: &Path) -> bool {
    directory.file_name().is_some_and(|name| PARTS.iter().chain(SOURCE_DIRECTORIES).any(|part| name == *part))
}

/// The configured source roots, or the conventional ones that are there; the root is always the last.
pub(super) fn source_roots(root: &Path, config: &Config) -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = vec![];
    if config.source_roots.is_empty() {
        let conventional = SOURCE_DIRECTORIES.iter().map(|name| root.join(name));
        roots.extend(conventional.filter(|directory| holds_packages(directory)));
    } else {
        roots.extend(config.source_roots.iter().filter_map(|directory| fs::canonicalize(directory).ok()));
    }
    roots.retain(|directory| directory != root);
    roots.push(root.to_path_buf());
    roots
}

/// True for a directory that is no package itself and has packages or modules in it.
fn holds_packages(directory: &Path) -> bool {
    if directory.join("__init__.py").exists() {
        return false;
    }
    let Ok(entries) = fs::read_dir(directory) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        path.extension().is_some_and(|extension| extension == "py") || path.join("__init__.py").is_file()
    })
}

#[cfg(test)]
#[path = "root_tests.rs"]
mod tests;
