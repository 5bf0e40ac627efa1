//! cmdx where people type: code for their shells, links of the commands' names, completions, manual pages, and
//! commands from a pipe or a file.

mod args;
mod init;
mod link;
mod manual;
mod script;

pub(super) use args::{CompletionArgs, InitArgs, InstallArgs, ManArgs, RunArgs};
pub(super) use init::init;
pub(super) use link::install;
pub(super) use manual::{completions, man};
pub(super) use script::{run_file, without_arguments};
