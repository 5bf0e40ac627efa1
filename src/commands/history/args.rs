//! What may be typed after `history`.

use std::path::PathBuf;

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::engine::bench::exchange::Export;

const EXAMPLES: &str = "\
Examples:
  cmdx history list                     the runs of this project, newest first
  cmdx history show                     the newest run
  cmdx history show 20261122T211500     the run whose name begins so
  cmdx history merge downloaded/        take over the runs of other machines
  cmdx history import .benchmarks/*/*.json
  cmdx history export --format=openmetrics -o metrics.txt
  cmdx history prune                    one run a day of those older than 90 days";

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
    /// Take over the runs of other folders; those that are here already stay as they are
    Merge {
        /// Folders or files: `.cmdx/history` of another machine, artifacts of a build
        #[arg(value_name = "FOLDER", required = true)]
        folders: Vec<PathBuf>,
        /// A file or directory of the project [default: the current directory]
        #[arg(long, value_name = "PATH")]
        project: Option<PathBuf>,
    },
    /// Take over figures of pytest-benchmark, pyperf or hyperfine
    Import {
        /// Their JSON documents
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// A file or directory of the project [default: the current directory]
        #[arg(long, value_name = "PATH")]
        project: Option<PathBuf>,
    },
    /// Write a run as another tool does
    Export {
        /// Beginning of its name [default: the newest]
        #[arg(value_name = "RUN")]
        run: Option<String>,
        /// Whose form: pytest-benchmark, pyperf, github-action-benchmark, openmetrics
        #[arg(long, value_name = "FORM", value_parser = forms())]
        format: Export,
        /// Write to FILE instead of standard output
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// A file or directory of the project [default: the current directory]
        #[arg(long, value_name = "PATH")]
        project: Option<PathBuf>,
    },
    /// Remove old runs but the newest of each day
    Prune {
        /// Younger runs all stay
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(..=36_500))]
        older_than: u64,
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
        /// A file or directory of the project [default: the current directory]
        #[arg(long, value_name = "PATH")]
        project: Option<PathBuf>,
    },
}

fn forms() -> impl TypedValueParser<Value = Export> {
    PossibleValuesParser::new(Export::ALL.map(Export::name))
        .map(|name| Export::ALL.into_iter().find(|form| form.name() == name).unwrap_or(Export::PytestBenchmark))
}
