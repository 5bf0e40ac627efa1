//! From the argument vector to the exit code.

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use super::args::{Cli, Command};
use super::{exit, names, signals};
use crate::commands::{Context, Failure, optimize};
use crate::support::style::Style;
use crate::ui::Ui;

/// Runs cmdx with the arguments of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(names::normalise(std::env::args_os().collect())) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to a reader that may have gone; there is nobody to tell then.
            let _reader_may_be_gone = error.print();
            let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if is_answer { 0 } else { exit::USAGE });
        }
    };
    let context = Context { ui: Ui::new(Style::plain(), cli.global.quiet) };
    ExitCode::from(answer(cli, &context))
}

fn answer(cli: Cli, context: &Context) -> u8 {
    let outcome = signals::listen().map_err(anyhow::Error::from).and_then(|()| match cli.command {
        Command::Optimize(args) => optimize::run(*args, context),
    });
    match outcome {
        Ok(outcome) => exit::code_of(outcome),
        Err(error) => {
            let hint = error.downcast_ref::<Failure>().and_then(|failure| failure.hint.clone());
            context.ui.error(&format!("{error:#}"), hint.as_deref());
            exit::code_of_error(&error)
        }
    }
}
