//! `install --slash`: links named after the commands, made and removed all together or not at all.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::args::InstallArgs;
use crate::cli::names::COMMANDS;
use crate::commands::{Context, Failure, FailureKind, Outcome};

/// What lies at the place of a link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Free,
    /// A link to this binary.
    Ours,
    /// A link to another cmdx, or to one that has gone.
    OursElsewhere,
    Foreign,
}

/// Makes the links, or removes them.
pub(in crate::cli) fn install(args: &InstallArgs, binary: &Path, context: &Context) -> anyhow::Result<Outcome> {
    let InstallArgs { slash: _, dir, uninstall, yes } = args;
    let places: Vec<(PathBuf, Place)> =
        COMMANDS.iter().map(|name| dir.join(name)).map(|path| (path.clone(), place(&path, binary))).collect();
    if *uninstall {
        return remove(&places, context);
    }
    if !dir.is_dir() {
        let message = format!("`{}` is no directory", dir.display());
        return Err(Failure { kind: FailureKind::Usage, message, hint: Some("make it first".to_owned()) }.into());
    }
    let foreign: Vec<String> = places
        .iter()
        .filter(|(_, place)| *place == Place::Foreign)
        .map(|(path, _)| format!("`{}`", path.display()))
        .collect();
    if !foreign.is_empty() {
        let message = format!("{} is there and is no link of cmdx; nothing was written", foreign.join(", "));
        let hint = "choose another directory with `--dir`, or use `cmdx shell-init`".to_owned();
        return Err(Failure { kind: FailureKind::NotWritten, message, hint: Some(hint) }.into());
    }
    let wanted: Vec<&PathBuf> =
        places.iter().filter(|(_, place)| *place != Place::Ours).map(|(path, _)| path).collect();
    if wanted.is_empty() {
        context.ui.note("the links are there");
        return Ok(Outcome::Done);
    }
    if !yes && io::stdin().is_terminal() && !is_agreed(&wanted, binary)? {
        return Ok(Outcome::No);
    }
    for path in &wanted {
        // A link of ours that leads elsewhere is replaced.
        let _absent_is_fine = fs::remove_file(path);
        symlink(binary, path).map_err(|error| not_made(path, &error))?;
    }
    print(&wanted, "Linked", context)
}

fn place(path: &Path, binary: &Path) -> Place {
    if fs::symlink_metadata(path).is_err() {
        return Place::Free;
    }
    match fs::read_link(path) {
        Ok(target) if target == binary => Place::Ours,
        Ok(target) if target.file_name() == binary.file_name() => Place::OursElsewhere,
        _ => Place::Foreign,
    }
}

fn is_agreed(paths: &[&PathBuf], binary: &Path) -> io::Result<bool> {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    eprint!("make {} as links to {}? [y/N] ", names.join(" "), binary.display());
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn remove(places: &[(PathBuf, Place)], context: &Context) -> anyhow::Result<Outcome> {
    let ours: Vec<&PathBuf> = places
        .iter()
        .filter(|(_, place)| matches!(place, Place::Ours | Place::OursElsewhere))
        .map(|(path, _)| path)
        .collect();
    for path in &ours {
        fs::remove_file(path).map_err(|error| not_made(path, &error))?;
    }
    if ours.is_empty() {
        context.ui.note("there is no link of cmdx");
    }
    print(&ours, "Removed", context)
}

fn not_made(path: &Path, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => "the directory belongs to somebody else: run it with sudo, or use `--dir`",
        _ => "choose another directory with `--dir`",
    };
    let message = format!("cannot change `{}`: {error}", path.display());
    Failure { kind: FailureKind::NotWritten, message, hint: Some(hint.to_owned()) }
}

fn print(paths: &[&PathBuf], word: &str, context: &Context) -> anyhow::Result<Outcome> {
    let mut text = String::new();
    for path in paths {
        writeln!(text, "{word} {}", path.display())?;
    }
    super::manual::print(text.as_bytes(), context)
}
