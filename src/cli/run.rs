//! From the argument vector to the exit code.

use std::ffi::OsString;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use super::args::{Cli, Color, Command, Global};
use super::{exit, log, names, shell, signals};
use crate::commands::{
    Context, Failure, FailureKind, Outcome, SAMPLER_THREAD_NAME, check_code_quality, ci_setup, diff, double_check,
    history, optimize, run_all_tests,
};
use crate::ui::{ColourChoice, Options, Ui};

/// Runs cmdx with the arguments of this process.
pub fn main() -> ExitCode {
    let argv = names::normalise(std::env::args_os().collect());
    if argv.len() == 1 {
        return ExitCode::from(shell::without_arguments());
    }
    match Cli::try_parse_from(&argv) {
        Ok(cli) => {
            log::report_panics(SAMPLER_THREAD_NAME);
            ExitCode::from(catch_unwind(AssertUnwindSafe(|| answer(cli))).unwrap_or(exit::BUG))
        }
        Err(error) => ExitCode::from(told(&error, &argv)),
    }
}

/// Prints help, the version, or what is wrong with the command line. Where the reader has gone there is nobody to tell.
fn told(error: &clap::Error, argv: &[OsString]) -> u8 {
    let _reader_may_be_gone = error.print();
    match error.kind() {
        ErrorKind::DisplayVersion if argv.iter().any(|word| word == "-v" || word == "--verbose") => {
            let origin =
                format!("commit {}\ntarget {}\n{}\n", env!("CMDX_COMMIT"), env!("CMDX_TARGET"), env!("CMDX_RUSTC"));
            let _reader_may_be_gone = std::io::stdout().write_all(origin.as_bytes());
            0
        }
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        _ => exit::USAGE,
    }
}

fn answer(cli: Cli) -> u8 {
    let Global { color, ascii, quiet, verbose, log_file } = cli.global;
    let colour = match color {
        Color::Auto => ColourChoice::Auto,
        Color::Always => ColourChoice::Always,
        Color::Never => ColourChoice::Never,
    };
    let context = Context { ui: Ui::new(Options { colour, is_ascii: ascii, quiet }) };
    let started = log::start(verbose, log_file.as_deref(), context.ui.style().colour).map_err(|error| Failure {
        kind: FailureKind::NotWritten,
        message: format!("cannot write the log: {error}"),
        hint: None,
    });
    match started.map_err(anyhow::Error::from).and_then(|()| run(cli.command, &context)) {
        Ok(code) => code,
        Err(error) => {
            let hint = error.downcast_ref::<Failure>().and_then(|failure| failure.hint.clone());
            context.ui.error(&format!("{error:#}"), None, hint.as_deref());
            exit::code_of_error(&error)
        }
    }
}

fn run(command: Command, context: &Context) -> anyhow::Result<u8> {
    // Each line of a script is a process of its own, which listens itself.
    if !matches!(command, Command::Run(_)) {
        signals::listen()?;
    }
    let outcome = match command {
        Command::Optimize(args) => optimize::run(*args, context),
        Command::CheckCodeQuality(args) => check_code_quality::run(*args, context),
        Command::CiSetup(args) => ci_setup::run(&args, context),
        Command::History(args) => history::run(*args, context),
        Command::RunAllTests(args) => run_all_tests::run(*args, context),
        Command::DoubleCheck(args) => double_check::run(*args, context),
        Command::Diff(args) => diff::run(*args, context),
        Command::ShellInit(args) => {
            let mut stdout = context.ui.stdout();
            let written =
                stdout.write_all(shell::init(args.shell, &binary()?).as_bytes()).and_then(|()| stdout.flush());
            written.map_err(|error| Failure::not_written("standard output".as_ref(), &error))?;
            Ok(Outcome::Done)
        }
        Command::Install(args) => shell::install(&args, &binary()?, context),
        Command::Completions(args) => shell::completions(args.shell, context),
        Command::Man(args) => shell::man(&args, context),
        Command::Run(args) => return Ok(shell::run_file(&args)),
    };
    outcome.map(exit::code_of)
}

/// This program, whatever link it was called through.
fn binary() -> anyhow::Result<std::path::PathBuf> {
    Ok(std::env::current_exe()?)
}
