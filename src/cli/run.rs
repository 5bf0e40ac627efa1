//! From the argument vector to the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use super::args::{Cli, Command};
use super::{exit, names};
use crate::commands::{self, Context, Failure, Outcome, optimize};

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
    ExitCode::from(0)
}
