//! Completions and manual pages, from the grammar itself.

use std::io::Write as _;

use clap::CommandFactory as _;

use super::args::ManArgs;
use crate::cli::Cli;
use crate::commands::{Context, Failure, Outcome};
use crate::support::atomic_file;

/// The completion script of a shell.
pub(super) fn completion_script(shell: clap_complete::Shell) -> String {
    let mut text = vec![];
    clap_complete::generate(shell, &mut Cli::command(), "cmdx", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Prints it.
pub(in crate::cli) fn completions(shell: clap_complete::Shell, context: &Context) -> anyhow::Result<Outcome> {
    print(completion_script(shell).as_bytes(), context)
}

/// Prints the page of cmdx, or writes one page a command.
pub(in crate::cli) fn man(args: &ManArgs, context: &Context) -> anyhow::Result<Outcome> {
    let mut command = Cli::command();
    command.build();
    let Some(dir) = &args.dir else {
        return print(&page(command)?, context);
    };
    let mut pages = vec![("cmdx.1".to_owned(), page(command.clone())?)];
    for each in command.get_subcommands().filter(|each| each.get_name() != "help") {
        let name = format!("cmdx-{}", each.get_name());
        let named = each.clone().name(name.clone()).display_name(name.clone());
        pages.push((format!("{name}.1"), page(named)?));
    }
    std::fs::create_dir_all(dir).map_err(|error| Failure::not_written(dir, &error))?;
    for (name, text) in &pages {
        let path = dir.join(name);
        atomic_file::write(&path, text).map_err(|error| Failure::not_written(&path, &error))?;
    }
    context.ui.note(&format!("{} pages written to {}", pages.len(), dir.display()));
    Ok(Outcome::Done)
}

fn page(command: clap::Command) -> std::io::Result<Vec<u8>> {
    let mut text = vec![];
    clap_mangen::Man::new(command).render(&mut text)?;
    Ok(text)
}

/// Writes the answer.
pub(super) fn print(text: &[u8], context: &Context) -> anyhow::Result<Outcome> {
    let mut stdout = context.ui.stdout();
    let written = stdout.write_all(text).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::not_written("standard output".as_ref(), &error))?;
    Ok(Outcome::Done)
}
