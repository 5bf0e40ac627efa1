//! The grammar of the command line.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use super::{exit, shell};
use crate::commands::{check_code_quality, ci_setup, diff, double_check, history, optimize, run_all_tests};

const EXAMPLES: &str = "\
Examples:
  cmdx optimize --profile src/                    where does the time go?
  cmdx optimize --profile -- python app.py        the same, for this command
  cmdx optimize --profile --install some-sdist/   with an environment of its own
  cmdx check-code-quality src/                    what does the source alone show?

Every command may be typed with a slash (`cmdx /optimize`), and through a link of its name.";

/// Finds what makes a Python project slow, fixes it, and proves both
#[derive(Debug, Parser)]
#[command(name = "cmdx", bin_name = "cmdx", version, before_long_help = EXAMPLES, after_long_help = exit::TABLE, max_term_width = 100)]
#[command(disable_help_subcommand = false, arg_required_else_help = true, propagate_version = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) global: Global,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// When to colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Use ASCII characters only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Say less: -q no notes, -qq errors only
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub quiet: u8,
    /// Say more: -v what is done, -vv how
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Write a log of what cmdx does to FILE
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    #[command(after_long_help = exit::TABLE)]
    Optimize(Box<optimize::Args>),
    #[command(after_long_help = exit::TABLE)]
    CheckCodeQuality(Box<check_code_quality::Args>),
    #[command(after_long_help = exit::TABLE)]
    CiSetup(Box<ci_setup::Args>),
    #[command(after_long_help = exit::TABLE)]
    History(Box<history::Args>),
    #[command(after_long_help = exit::TABLE)]
    RunAllTests(Box<run_all_tests::Args>),
    #[command(after_long_help = exit::TABLE)]
    DoubleCheck(Box<double_check::Args>),
    #[command(after_long_help = exit::TABLE)]
    Diff(Box<diff::Args>),
    #[command(display_order = 900)]
    ShellInit(shell::InitArgs),
    #[command(after_long_help = exit::TABLE, display_order = 901)]
    Install(shell::InstallArgs),
    #[command(display_order = 902)]
    Completions(shell::CompletionArgs),
    #[command(display_order = 903)]
    Man(shell::ManArgs),
    #[command(after_long_help = exit::TABLE, display_order = 904)]
    Run(shell::RunArgs),
}
