//! What may be typed after `history`.

use std::path::PathBuf;

use clap::Subcommand;

const EXAMPLES: &str = "\
Examples:
  cmdx history list                     the runs of this project, newest first
  cmdx history show                     the newest run
  cmdx history show 20261122T211500     the run whose name begins so";

/// Show the runs that were recorded
///
/// Every run of `run-all-tests` that is reported is one file under `.cmdx/history`, written once and never changed. A file that
/// cannot be read is named and passed over.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    pub(super) action: Action,
}

/// What is done with the history.
#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// List the runs, newest first
    List {
        /// How many at most
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// Write JSON, one run a line, oldest first, all of them
        #[arg(long)]
        json: bool,
        /// A file or directory of the project [default: the current directory]
        #[arg(long, value_name = "PATH")]
        project: Option<PathBuf>,
    },
    /// Show one run
    Show {
        /// Beginning of its name [default: the newest]
        #[arg(value_name = "RUN")]
        run: Option<String>,
        /// Write its JSON document
        #[arg(long)]
        json: bool,
        /// A file or directory of the project [default: the current directory]
        #[arg(long, value_name = "PATH")]
        project: Option<PathBuf>,
    },
}
