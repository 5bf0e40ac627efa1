//! Puts generated texts beside what lies in their places: new, the same, ours, or somebody else's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::commands::{Failure, FailureKind};
use crate::engine::ci::{self, Generated, Origin, Platform};
use crate::project::Project;

/// What is to happen with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is none.
    New,
    /// It is already so.
    Same,
    /// It is ours, and out of date.
    Outdated,
    /// It is ours, and was edited.
    Edited,
    /// Somebody else wrote it.
    Foreign,
}

/// A file with its text before and after.
#[derive(Debug)]
pub(super) struct Planned {
    /// As it is shown: from the repository's top.
    pub shown: String,
    pub path: PathBuf,
    pub before: Option<String>,
    pub after: String,
    pub state: State,
}

impl Planned {
    /// True when it is not for us to change it.
    pub(super) fn is_theirs(&self) -> bool {
        matches!(self.state, State::Edited | State::Foreign)
    }

    /// True when there is something to do.
    pub(super) fn is_change(&self) -> bool {
        self.state != State::Same
    }
}

/// The platform's file in its place; in the second one where the first holds a file of somebody else's and may include
/// ours. Says so.
pub(super) fn workflow(
    generated: &Generated,
    platform: Platform,
    top: &Path,
    notes: &mut Vec<String>,
) -> Result<Planned, Failure> {
    let first = planned(top, &generated.path, &generated.text)?;
    if first.state != State::Foreign {
        return Ok(first);
    }
    if platform == Platform::PreCommit {
        return hook(first, &generated.text);
    }
    let Some(second) = platform.second_path() else { return Ok(first) };
    let is_included = first.before.as_deref().is_some_and(|text| text.contains(second));
    if !is_included {
        notes.push(format!("add to {}:\ninclude:\n  - local: {second}", generated.path));
    }
    planned(top, second, &generated.text)
}

/// Our hook among theirs.
fn hook(mut theirs: Planned, ours: &str) -> Result<Planned, Failure> {
    let text = theirs.before.clone().unwrap_or_default();
    if text.contains("id: cmdx-performance") {
        theirs.state = State::Same;
        theirs.after = text;
        return Ok(theirs);
    }
    theirs.after = ci::inserted_hook(&text, ours).ok_or_else(|| Failure {
        kind: FailureKind::NotWritten,
        message: format!("`{}` has no list `repos:` that a hook could be put into", theirs.shown),
        hint: Some("`--dry-run` in an empty directory shows the hook: copy it where it belongs".to_owned()),
    })?;
    Ok(theirs)
}

/// The limits, where the configuration has none: in a file of their own, or at the end of the one that is there.
pub(super) fn gates(project: &Project, top: &Path) -> Result<Option<Planned>, Failure> {
    if project.config.tables.contains_key("gates") {
        return Ok(None);
    }
    let path = project.config.path.clone().unwrap_or_else(|| project.root.join("cmdx.toml"));
    let is_shared = path.file_name().is_some_and(|name| name == "pyproject.toml");
    let stub = ci::gates_stub(if is_shared { "tool.cmdx." } else { "" });
    let shown = path.strip_prefix(top).unwrap_or(&path).display().to_string();
    let Some(before) = read(&path, &shown)? else {
        return Ok(Some(Planned { shown, path, before: None, after: stub, state: State::New }));
    };
    let after = format!("{}\n\n{stub}", before.trim_end());
    Ok(Some(Planned { shown, path, before: Some(before), after: after.trim_start().to_owned(), state: State::Foreign }))
}

fn planned(top: &Path, relative: &str, text: &str) -> Result<Planned, Failure> {
    let path = top.join(relative);
    let before = read(&path, relative)?;
    let state = match &before {
        None => State::New,
        Some(before) if before == text => State::Same,
        Some(before) => match ci::origin(before) {
            Origin::Ours => State::Outdated,
            Origin::Edited => State::Edited,
            Origin::Foreign => State::Foreign,
        },
    };
    Ok(Planned { shown: relative.to_owned(), path, before, after: text.to_owned(), state })
}

fn read(path: &Path, shown: &str) -> Result<Option<String>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        // A link that leads nowhere is something that somebody put there.
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => Ok(None),
        Err(error) => Err(Failure {
            kind: FailureKind::NotWritten,
            message: format!("cannot read what lies at `{shown}`: {error}"),
            hint: Some("move it away; nothing was written".to_owned()),
        }),
    }
}
