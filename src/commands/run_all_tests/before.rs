//! Which code is "before", and the two trees that are compared. Both are copies below `.cmdx/wt`, with names of equal
//! length, so that neither the place nor what the tests leave behind makes a difference.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::args::Plan;
use super::setting::Setting;
use crate::commands::{Failure, FailureKind};
use crate::engine::journal::{self, Backup, Original};
use crate::harness::{Git, GitError};
use crate::model::{Before, Workload};
use crate::project::Project;
use crate::support::atomic_file;

/// Larger files are shared between the trees by a link.
const COPIED_BYTES_MAX: u64 = 256 << 20;
/// Directories that are never part of a project's code or data.
const LEFT_OUT: &[&str] = &[
    ".git",
    ".cmdx",
    "__pycache__",
    "node_modules",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
];

/// The code before.
pub(super) enum Origin {
    /// A commit.
    Commit(Before),
    /// The files as they were before the last `--implement`.
    Backup(Before, Vec<Original>),
}

impl Origin {
    pub(super) fn told(&self) -> &Before {
        match self {
            Self::Commit(before) | Self::Backup(before, _) => before,
        }
    }
}

/// Chooses: `--base`, the last `--implement`, HEAD of a dirty tree, the merge base of a branch. `None` when there is
/// nothing that the code could be compared with.
pub(super) fn choose(plan: &Plan, setting: &Setting<'_>, notes: &mut Vec<String>) -> anyhow::Result<Option<Origin>> {
    if let Some(name) = &plan.base {
        let git = setting.git.as_ref().ok_or(GitError::NoRepository).map_err(refused)?;
        let commit = git.commit(name).map_err(refused)?;
        return Ok(Some(of_commit("revision", name, commit)));
    }
    if let Some(origin) = last_backup(setting.project, notes) {
        return Ok(Some(origin));
    }
    let Some(git) = &setting.git else { return Ok(None) };
    let Ok(head) = git.commit("HEAD") else { return Ok(None) };
    if git.is_dirty() {
        return Ok(Some(of_commit("head", "HEAD", head)));
    }
    if let Some((name, base)) = git.merge_base() {
        return Ok(Some(of_commit("merge-base", &format!("where the branch left {name}"), base)));
    }
    if git.is_shallow() {
        notes.push("the repository is a shallow clone: where the branch began is not known".to_owned());
    }
    Ok(None)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn refused(error: GitError) -> Failure {
    let kind = match &error {
        GitError::NoRevision { .. } | GitError::NoRepository => FailureKind::Usage,
        GitError::Failed { .. } => FailureKind::CannotRun,
    };
    Failure::new(kind, &error, error.hint())
}

fn of_commit(kind: &str, name: &str, commit: String) -> Origin {
    let short = commit.get(..7).unwrap_or(&commit);
    Origin::Commit(Before { kind: kind.to_owned(), title: format!("{name} ({short})"), commit })
}

/// What `--auto-fix` calls itself in the journal.
pub(super) const AUTO_FIX: &str = "cmdx run-all-tests --auto-fix";

/// The backup of the last `--implement`, and whether `--auto-fix` took parts of it back since.
pub(super) fn last_implement(state: &Path) -> Option<(Backup, bool)> {
    let mut backups = journal::backups(state).ok()?;
    let mut is_fixed = false;
    loop {
        let backup = backups.pop()?;
        if backup.command != AUTO_FIX {
            return Some((backup, is_fixed));
        }
        is_fixed = true;
    }
}

/// The files before the last `--implement`, as long as they hold what it wrote.
fn last_backup(project: &Project, notes: &mut Vec<String>) -> Option<Origin> {
    let (backup, is_fixed) = last_implement(&project.root.join(".cmdx"))?;
    let originals = journal::originals(&backup).ok()?;
    if !is_fixed && originals.iter().any(|original| !original.is_current) {
        notes.push(format!("files of the backup {} were changed since: it is not compared with", backup.name));
        return None;
    }
    let title = format!("the files before `{}`", backup.command);
    Some(Origin::Backup(Before { kind: "backup".to_owned(), title, commit: String::new() }, originals))
}

/// The two trees of a comparison; gone when dropped.
pub(super) struct Trees {
    home: PathBuf,
    git: Option<Git>,
    /// The project in the tree of the code before.
    pub before: PathBuf,
    /// The project in the tree of the code as it is.
    pub after: PathBuf,
}

impl Trees {
    /// Makes the trees. Those that a killed cmdx left behind are removed first.
    pub(super) fn new(origin: Option<&Origin>, setting: &Setting<'_>) -> anyhow::Result<Self> {
        let root = &setting.project.root;
        let all = root.join(".cmdx/wt");
        remove_abandoned(&all, setting.git.as_ref());
        let home = all.join(std::process::id().to_string());
        let failed = |error: io::Error| Failure::not_written(&home, &error);
        fs::create_dir_all(&home).map_err(failed)?;
        let prefix = setting.git.as_ref().map_or_else(PathBuf::new, |git| git.prefix.clone());
        let (old, new) = (home.join("a"), home.join("b"));
        let trees = Self { before: old.join(&prefix), after: new.join(&prefix), git: setting.git.clone(), home };
        let failed = |error: io::Error| Failure::not_written(&trees.home, &error);
        copy(root, &trees.after, &|_| true).map_err(failed)?;
        match origin {
            None => {}
            Some(Origin::Backup(_, originals)) => {
                copy(root, &trees.before, &|_| true).map_err(failed)?;
                for original in originals {
                    let Ok(inside) = original.target.strip_prefix(root) else { continue };
                    atomic_file::write(&trees.before.join(inside), &original.content).map_err(failed)?;
                }
            }
            Some(Origin::Commit(before)) => {
                let git = setting.git.as_ref().ok_or(GitError::NoRepository).map_err(refused)?;
                git.add_worktree(&before.commit, &old).map_err(refused)?;
                let untracked: BTreeSet<PathBuf> = git.untracked().into_iter().map(PathBuf::from).collect();
                let is_data = |path: &Path| {
                    path.extension().is_none_or(|extension| extension != "py") && untracked.contains(path)
                };
                copy(root, &trees.before, &is_data).map_err(failed)?;
            }
        }
        Ok(trees)
    }

    /// The workload as it runs in a tree. Only the interpreter and cmdx's own files stay where they are.
    pub(super) fn moved(workload: &Workload, project: &Project, root: &Path) -> Workload {
        let from = project.root.display().to_string();
        let to = root.display().to_string();
        let moved = |word: &String| {
            let rest = word.replace(&format!("{from}/.cmdx"), "\0");
            let rest = if rest == from { to.clone() } else { rest.replace(&format!("{from}/"), &format!("{to}/")) };
            let rest = rest.split(':').map(|part| if part == from { &to } else { part }).collect::<Vec<_>>().join(":");
            rest.replace('\0', &format!("{from}/.cmdx"))
        };
        let mut argv = workload.argv.clone();
        for word in argv.iter_mut().skip(1) {
            *word = moved(word);
        }
        if argv.windows(2).any(|pair| pair[0] == "-m" && pair[1] == "pytest") {
            argv.push(format!("--rootdir={to}"));
        }
        let cwd = workload.cwd.strip_prefix(&project.root).map_or_else(|_| root.to_path_buf(), |rest| root.join(rest));
        let env = workload.env.iter().map(|(name, value)| (name.clone(), moved(value))).collect();
        Workload { argv, cwd, env, ..workload.clone() }
    }

    /// Puts the tests of the code as it is into the tree before: new benchmarks then run on both.
    pub(super) fn share_tests(&self, project: &Project) -> io::Result<()> {
        for file in project.all_files().iter().filter(|file| crate::project::is_test_code(&file.relative)) {
            let target = self.before.join(&file.relative);
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::copy(&file.path, target)?;
        }
        Ok(())
    }
}

impl Drop for Trees {
    fn drop(&mut self) {
        remove(&self.home, self.git.as_ref());
    }
}

fn remove(home: &Path, git: Option<&Git>) {
    let worktree = home.join("a");
    if worktree.join(".git").is_file()
        && let Some(git) = git
    {
        git.remove_worktree(&worktree);
    }
    // The next start removes what is left.
    let _left_over = fs::remove_dir_all(home);
    let _others_may_be_there = home.parent().map(fs::remove_dir);
}

fn remove_abandoned(all: &Path, git: Option<&Git>) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let is_alive = entry.file_name().to_str().is_some_and(|pid| Path::new("/proc").join(pid).exists());
        if !is_alive {
            remove(&entry.path(), git);
        }
    }
}

/// Copies what belongs to the project and is wanted; environments and caches do not.
fn copy(from: &Path, to: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    let is_part = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_str().unwrap_or_default();
        let is_left_out = entry.file_type().is_dir() && (LEFT_OUT.contains(&name) || is_environment(entry.path()));
        entry.depth() == 0 || !is_left_out
    };
    fs::create_dir_all(to)?;
    for entry in walkdir::WalkDir::new(from).into_iter().filter_entry(is_part).flatten() {
        let Ok(inside) = entry.path().strip_prefix(from) else { continue };
        let target = to.join(inside);
        let kind = entry.file_type();
        if kind.is_dir() || !is_wanted(inside) || target.exists() {
            continue;
        }
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else if entry.metadata().is_ok_and(|metadata| metadata.len() > COPIED_BYTES_MAX) {
            std::os::unix::fs::symlink(entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

fn is_environment(directory: &Path) -> bool {
    directory.join("pyvenv.cfg").is_file() || directory.join("conda-meta").is_dir()
}
