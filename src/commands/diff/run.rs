//! Reads both runs, compares them without pairs, and tells.

use std::path::PathBuf;

use crate::commands::history::{chosen, print, read};
use crate::commands::{Context, Failure, Outcome, refused};
use crate::engine::bench::unpaired;
use crate::project::{self, OpenOptions};
use crate::report::{self, RunFormat};

const EXAMPLES: &str = "\
Examples:
  cmdx diff 20261121 20261122          two runs of `cmdx history list`
  cmdx diff 20261121 latest --json

Two revisions are compared by `cmdx run-all-tests --benchmark --base REV`, in pairs: that sees smaller changes.";

/// Compare two recorded runs
///
/// Their samples were not taken in pairs: only changes beyond what each run varies by itself can be seen. Times of
/// different machines or environments are not compared.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Beginning of the name of the earlier run
    #[arg(value_name = "A")]
    before: String,
    /// Beginning of the name of the later run
    #[arg(value_name = "B")]
    after: String,
    /// Write JSON
    #[arg(long)]
    json: bool,
    /// A file or directory of the project [default: the current directory]
    #[arg(long, value_name = "PATH")]
    project: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A [`Failure`] when there is no such run.
pub fn run(args: Args, context: &Context) -> anyhow::Result<Outcome> {
    let Args { before, after, json, project } = args;
    let paths: Vec<PathBuf> = project.into_iter().collect();
    let project = project::open(&paths, &OpenOptions::from_process()).map_err(refused)?;
    let history = read(&project.root, context);
    let find = |name: &str| chosen(&history, Some(name)).map_err(|failure| hinted(failure, name));
    let compared = unpaired::compare(find(&before)?, find(&after)?);
    let mut text = vec![];
    let format = if json { RunFormat::Json } else { RunFormat::Text };
    report::write_run(&compared, format, context.ui.style(), &mut text)?;
    print(&text, context)
}

fn hinted(failure: Failure, name: &str) -> Failure {
    let hint = format!("is it a revision? `cmdx run-all-tests --benchmark --base {name}` measures against it");
    Failure { hint: failure.hint.map(|known| format!("{known}; {hint}")), ..failure }
}
