//! Asks git about the project and makes worktrees of other revisions. Words are handed over one by one, never through a
//! shell; a name that looks like an option is none.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why git gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git, or no repository.
    #[error("the project is not in a git repository")]
    NoRepository,
    /// There is no such revision.
    #[error("git knows no revision `{name}`{}", if *.is_shallow { "; the repository is a shallow clone" } else { "" })]
    NoRevision {
        /// As it was named.
        name: String,
        /// True when older commits were not fetched.
        is_shallow: bool,
    },
    /// Something else.
    #[error("git {what}: {message}")]
    Failed {
        /// What was asked.
        what: String,
        /// What it said.
        message: String,
    },
}

impl GitError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoRevision { is_shallow: true, .. } => {
                Some("fetch more of it: `git fetch --unshallow`, or `fetch-depth: 0` of actions/checkout".to_owned())
            }
            _ => None,
        }
    }
}

/// The repository that holds a project.
#[derive(Clone, Debug)]
pub struct Git {
    /// The top of the working tree.
    pub top: PathBuf,
    /// From there to the project's root.
    pub prefix: PathBuf,
}

impl Git {
    /// The repository around `root`; `None` when there is none, or no git.
    pub fn open(root: &Path) -> Option<Self> {
        let top = PathBuf::from(ask(root, &["rev-parse", "--show-toplevel"]).ok()?);
        let prefix = root.strip_prefix(&top).ok()?.to_path_buf();
        Some(Self { top, prefix })
    }

    /// The commit of a revision; an unborn repository has none.
    ///
    /// # Errors
    /// When git knows no such revision.
    pub fn commit(&self, name: &str) -> Result<String, GitError> {
        let wanted = format!("{name}^{{commit}}");
        let found = ask(&self.top, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]);
        found
            .ok()
            .filter(|commit| !commit.is_empty())
            .ok_or_else(|| GitError::NoRevision { name: name.to_owned(), is_shallow: self.is_shallow() })
    }

    /// The branch that is checked out; empty when none is.
    pub fn branch(&self) -> String {
        ask(&self.top, &["symbolic-ref", "--quiet", "--short", "HEAD"]).unwrap_or_default()
    }

    /// True when older commits were not fetched.
    pub fn is_shallow(&self) -> bool {
        ask(&self.top, &["rev-parse", "--is-shallow-repository"]).is_ok_and(|answer| answer == "true")
    }

    /// True with changes that are not committed, in the project alone.
    pub fn is_dirty(&self) -> bool {
        let root = self.top.join(&self.prefix);
        ask(&root, &["status", "--porcelain", "--untracked-files=normal", "--", "."]).is_ok_and(|said| !said.is_empty())
    }

    /// Where the branch left the default branch; `None` when it is the default branch, or that is not known.
    pub fn merge_base(&self) -> Option<(String, String)> {
        let pull_request = std::env::var("GITHUB_BASE_REF").ok().filter(|name| !name.is_empty());
        let pull_request = pull_request.map(|name| format!("origin/{name}"));
        let merge_request = std::env::var("CI_MERGE_REQUEST_TARGET_BRANCH_NAME").ok().filter(|name| !name.is_empty());
        let merge_request = merge_request.map(|name| format!("origin/{name}"));
        let default = ask(&self.top, &["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"]).ok();
        let usual = ["origin/main", "origin/master", "main", "master"].map(str::to_owned);
        let head = self.commit("HEAD").ok()?;
        let names = pull_request.into_iter().chain(merge_request).chain(default).chain(usual);
        for name in names.filter(|name| *name != self.branch()) {
            let Ok(other) = self.commit(&name) else { continue };
            let Ok(base) = ask(&self.top, &["merge-base", &head, &other]) else { continue };
            return (base != head).then_some((name, base));
        }
        None
    }

    /// Files below the project that git does not keep: ignored and untracked ones, relative to the root.
    pub fn untracked(&self) -> Vec<String> {
        let root = self.top.join(&self.prefix);
        let said = ask(&root, &["ls-files", "--others", "-z", "--", "."]).unwrap_or_default();
        said.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
    }

    /// Checks a commit out at `directory`, which must not exist. Returns where the project is in it.
    ///
    /// # Errors
    /// What git said.
    pub fn add_worktree(&self, commit: &str, directory: &Path) -> Result<PathBuf, GitError> {
        let place = directory.display().to_string();
        // Hooks of the user's repository have no business in a copy.
        let words = ["-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", "--force", &place, commit];
        ask(&self.top, &words)?;
        Ok(directory.join(&self.prefix))
    }

    /// Forgets a worktree whose directory is gone or can go.
    pub fn remove_worktree(&self, directory: &Path) {
        let place = directory.display().to_string();
        let _may_be_gone = ask(&self.top, &["worktree", "remove", "--force", &place]);
        let _none_to_forget = ask(&self.top, &["worktree", "prune"]);
    }
}

fn ask(directory: &Path, words: &[&str]) -> Result<String, GitError> {
    let output = Command::new("git")
        .args(words)
        .current_dir(directory)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|_| GitError::NoRepository)?;
    if output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        return Ok(said.trim_end_matches(['\n', '\r']).to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let message = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("no answer").trim().to_owned();
    Err(GitError::Failed { what: words.iter().find(|word| !word.starts_with('-')).unwrap_or(&"").to_string(), message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a temporary directory");
        ask(directory.path(), &["init", "--quiet", "--initial-branch", "$(id)"]).expect("git is there");
        directory
    }

    fn commit(directory: &Path) {
        let words =
            ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "--message", "x"];
        ask(directory, &words).expect("a commit");
    }

    #[test]
    fn an_unborn_repository_has_no_commit() {
        let directory = repository();
        let git = Git::open(directory.path()).expect("a repository");
        assert!(matches!(git.commit("HEAD"), Err(GitError::NoRevision { is_shallow: false, .. })));
        assert_eq!(git.merge_base(), None);
    }

    #[test]
    fn names_of_branches_reach_no_shell_and_no_option() {
        let directory = repository();
        commit(directory.path());
        let git = Git::open(directory.path()).expect("a repository");
        assert_eq!(git.branch(), "$(id)");
        assert_eq!(git.commit("$(id)").expect("the branch"), git.commit("HEAD").expect("the same"));
        for name in ["\";rm", "--all", "--help", "nothing"] {
            let error = git.commit(name).expect_err("no such revision");
            assert_eq!(error.to_string(), format!("git knows no revision `{name}`"));
        }
    }

    #[test]
    fn a_worktree_comes_and_goes() {
        let directory = repository();
        commit(directory.path());
        let git = Git::open(&std::fs::canonicalize(directory.path()).expect("there")).expect("a repository");
        let place = directory.path().join("wt");
        let root = git.add_worktree("HEAD", &place).expect("a worktree");
        assert!(root.is_dir());
        git.remove_worktree(&place);
        assert!(!place.exists());
    }
}
