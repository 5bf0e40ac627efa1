//! The command line: names, dispatch, exit codes. What a command does is the commands' business.

mod args;
mod exit;
mod log;
mod names;
mod run;
mod shell;
mod signals;

pub use args::Cli;
pub use run::main;
