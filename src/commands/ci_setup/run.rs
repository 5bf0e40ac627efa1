//! Reads like the manual: open, look, render, compare with what is there, then show, check or write.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::args::{Args, Mode};
use super::place::{self, Planned};
use super::say;
use crate::commands::{Context, Failure, FailureKind, Outcome, refused};
use crate::engine::ci::{self, InstallFrom, Platform, Setup};
use crate::project::{self, OpenOptions, Project};
use crate::support::atomic_file;

/// Runs the command.
///
/// # Errors
/// A [`Failure`] when the project could not be opened, or a file not be written or not be overwritten.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Outcome> {
    args.check_options()?;
    let mode = args.mode();
    let project = project::open(&args.paths(), &OpenOptions::from_process()).map_err(refused)?;
    for note in &project.notes {
        context.ui.note(note);
    }
    let top = project::ci::repository(&project.root).unwrap_or_else(|| project.root.clone());
    let setup = setup(args, &project, &top)?;
    let generated = ci::generate(&setup)?;
    let mut notes = vec![];
    let mut files = vec![place::workflow(&generated, setup.platform, &top, &mut notes)?];
    if setup.has_gates {
        files.extend(place::gates(&project, &top)?);
    }
    warn(&setup, context);
    let outcome = match mode {
        Mode::DryRun => show(&files, context)?,
        Mode::Check => check(&files, context)?,
        Mode::Write { is_forced } => write(&files, is_forced, &setup, context)?,
    };
    for note in &notes {
        context.ui.note(note);
    }
    Ok(outcome)
}

fn setup(args: &Args, project: &Project, top: &Path) -> anyhow::Result<Setup> {
    let mut facts = project::ci::facts(project);
    if let Some(python) = &args.python {
        facts.python.clone_from(python);
        "--python".clone_into(&mut facts.python_from);
    }
    if let Some(branch) = &args.default_branch {
        facts.default_branch.clone_from(branch);
        "--default-branch".clone_into(&mut facts.default_branch_from);
    }
    let install_from = args.source(&project.root, top, facts.declares_cmdx)?;
    let setup = Setup {
        platform: args.platform,
        has_monitoring: args.monitoring,
        has_gates: args.performance_gates,
        n_shards: args.shards,
        has_slash: args.slash,
        regenerate: args.regenerate(&install_from),
        install_from,
        facts,
    };
    setup.check().map_err(|error| Failure {
        kind: FailureKind::Usage,
        message: error.to_string(),
        hint: Some("a build server would read it as code; name another one".to_owned()),
    })?;
    Ok(setup)
}

/// What would keep the first run from doing what it is for.
fn warn(setup: &Setup, context: &Context) {
    let facts = &setup.facts;
    if !facts.has_repository {
        context.ui.warning("there is no git repository here: without one nothing is compared with an earlier state");
    } else if !facts.has_remote {
        context.ui.note("the repository has no remote yet; the job runs once it is pushed to one");
    }
    if setup.platform == Platform::PreCommit {
        return;
    }
    match &setup.install_from {
        InstallFrom::Variable => context.ui.warning(&format!(
            "the job installs cmdx from the variable CMDX_INSTALL_FROM; set it as {}, or name the source with \
             `--install-from`",
            say::where_to_set(setup.platform)
        )),
        InstallFrom::Source(source) if source.starts_with("git+") && !has_revision(source) => {
            context.ui.warning(&format!("`{source}` names no revision: a later commit may measure differently"));
        }
        InstallFrom::Given(source) if source.starts_with("cmdx") && !source.contains("==") => {
            context.ui.warning(&format!("`{source}` names no version: a later one may measure differently"));
        }
        _ => {}
    }
}

/// True for `git+https://host/path@revision`.
fn has_revision(source: &str) -> bool {
    source.rsplit('/').next().is_some_and(|last| last.contains('@'))
}

fn show(files: &[Planned], context: &Context) -> anyhow::Result<Outcome> {
    let mut text = String::new();
    for file in files.iter().filter(|file| file.is_change()) {
        text.push_str(&say::diff(file));
    }
    print(&text, context)?;
    if text.is_empty() {
        context.ui.note("nothing would change");
    }
    Ok(Outcome::Done)
}

fn check(files: &[Planned], context: &Context) -> anyhow::Result<Outcome> {
    show(files, context)?;
    Ok(if files.iter().any(Planned::is_change) { Outcome::No } else { Outcome::Done })
}

fn write(files: &[Planned], is_forced: bool, setup: &Setup, context: &Context) -> anyhow::Result<Outcome> {
    let theirs: Vec<&Planned> = files.iter().filter(|file| file.is_theirs()).collect();
    if !theirs.is_empty() && !is_forced {
        let diffs: String = theirs.iter().map(|file| say::diff(file)).collect();
        print(&diffs, context)?;
        return Err(not_ours(&theirs).into());
    }
    for (index, file) in files.iter().enumerate().filter(|(_, file)| file.is_change()) {
        if let Err(error) = put(file) {
            for earlier in files[..index].iter().filter(|file| file.is_change()) {
                take_back(earlier);
            }
            return Err(error.into());
        }
    }
    let mut text = vec![];
    say::write_done(files, context.ui.style(), &mut text)?;
    say::write_facts(setup, context.ui.style(), &mut text)?;
    print(&String::from_utf8_lossy(&text), context)?;
    Ok(Outcome::Done)
}

fn not_ours(theirs: &[&Planned]) -> Failure {
    let names: Vec<String> = theirs.iter().map(|file| format!("`{}`", file.shown)).collect();
    let reason = match theirs {
        [file] if file.state == place::State::Edited => "was edited since cmdx wrote it",
        [_] => "was not written by cmdx",
        _ => "were not written by cmdx",
    };
    Failure {
        kind: FailureKind::NotWritten,
        message: format!("{} {reason}; nothing was written", names.join(" and ")),
        hint: Some("the difference is shown above; `--force` writes it".to_owned()),
    }
}

fn put(file: &Planned) -> Result<(), Failure> {
    let parent = file.path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)
        .and_then(|()| atomic_file::write(&file.path, file.after.as_bytes()))
        .map_err(|error| Failure::not_written(&file.path, &error))
}

/// Undoes [`put`] after a later file failed. What cannot be undone stays: it is a whole file either way.
fn take_back(file: &Planned) {
    let _whole_either_way = match &file.before {
        Some(before) => atomic_file::write(&file.path, before.as_bytes()),
        None => fs::remove_file(&file.path),
    };
}

fn print(text: &str, context: &Context) -> anyhow::Result<()> {
    let mut stdout = context.ui.stdout();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    Ok(written.map_err(|error| Failure::not_written("standard output".as_ref(), &error))?)
}
