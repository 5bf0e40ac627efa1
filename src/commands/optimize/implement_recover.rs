//! What a killed run left unfinished, and `--rollback`.

use std::io::{IsTerminal, stdin};

use super::implement_ask;
use crate::commands::{Context, Failure, Outcome, refused};
use crate::engine::journal::{self, Backup, JournalError, Recovered, Way};
use crate::project::Project;

/// Finishes or undoes what a killed cmdx left unfinished in the project: asks on a terminal, else undoes.
pub(in crate::commands) fn recover(project: &Project, context: &Context) -> anyhow::Result<()> {
    let state = project.root.join(".cmdx");
    if !state.join("backups").is_dir() {
        return Ok(());
    }
    let lock = match journal::lock(&state, "recovery") {
        Ok(lock) => lock,
        // Whoever holds the lock is at it, or the project cannot be written: then nothing is pending that we could mend.
        Err(JournalError::Locked { .. } | JournalError::NotWritten { .. }) => return Ok(()),
        Err(error) => return Err(Failure::from(error).into()),
    };
    for pending in journal::pending(&state).map_err(Failure::from)? {
        let way = way(&pending, context);
        let recovered = journal::recover(&pending, way, &mut |_| {}).map_err(Failure::from)?;
        let what = match way {
            Way::Undo => "undone: the files are as they were before",
            Way::Finish => "finished: the files are rewritten",
        };
        context.ui.warning(&format!("`{}` was ended before it was done; it was {what}", pending.command));
        tell_changed(&recovered, context);
    }
    drop(lock);
    Ok(())
}

fn way(pending: &Backup, context: &Context) -> Way {
    if !stdin().is_terminal() {
        return Way::Undo;
    }
    context.ui.warning(&format!("`{}` was ended while it wrote {}", pending.command, pending.paths.join(", ")));
    match implement_ask::answer("Undo it or finish it? [u]ndo, [f]inish: ", &['u', 'f']) {
        Some('f') => Way::Finish,
        _ => Way::Undo,
    }
}

fn tell_changed(recovered: &Recovered, context: &Context) {
    for changed in &recovered.changed {
        context.ui.warning(&format!("{}: {}", changed.path, changed.reason));
    }
}

/// `--rollback` alone: the files of the last backup, or of the named one, become what they were.
pub(super) fn roll_back(name: Option<&str>, project: &Project, context: &Context) -> anyhow::Result<Outcome> {
    let state = project.state_directory().map_err(refused)?;
    let _lock = journal::lock(&state, "cmdx optimize --rollback").map_err(Failure::from)?;
    let recovered = journal::roll_back(&state, name, "cmdx optimize --rollback", &mut |_| {}).map_err(Failure::from)?;
    tell_changed(&recovered, context);
    let mut stdout = context.ui.stdout();
    for path in &recovered.paths {
        use std::io::Write as _;
        writeln!(stdout, "restored {path}")
            .map_err(|error| Failure::not_written("standard output".as_ref(), &error))?;
    }
    if let Some(backup) = recovered.backup {
        context.ui.note(&format!("what was there is kept in .cmdx/backups/{backup}"));
    }
    Ok(Outcome::Done)
}
