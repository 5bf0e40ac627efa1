//! What may be typed after `double-check`, and the plan it comes to.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::engine::bench::gates::{self, Limit, LimitKind};
use crate::report::GateFormat;
use crate::support::units;

const EXAMPLES: &str = "\
Examples:
  cmdx double-check --validate performance                    the limits of [gates] in cmdx.toml
  cmdx double-check --validate performance --max-response-time 250ms --max-memory 600MB
  cmdx double-check --validate tests --base main              do the same tests pass as on main?
  cmdx double-check --validate rewrites                       can the rewrites be undone, do the tests agree?
  cmdx double-check --validate all --format=sarif=gates.sarif

cmdx run-all-tests --benchmark measures what is judged here.";

/// Check the limits on performance, and that rewrites still hold
///
/// Judges the newest figures of the code as it is against `[gates]` of cmdx.toml. A gate fails when the whole interval
/// lies beyond the limit and a second measurement agrees. Figures of other code count as missing. Without any gate there
/// is nothing to validate, which is an error.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "a flag of the command line each")]
pub struct Args {
    /// A file or directory of the project [default: the current directory]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What to check
    #[arg(long, value_name = "WHAT", value_delimiter = ',', default_value = "all")]
    validate: Vec<What>,
    /// The base of tests, and of a second measurement
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Limit on the wall time of requests, or what stands for them: 250ms, p95:250ms
    #[arg(long, value_name = "TIME", value_parser = response_time)]
    max_response_time: Option<Limit>,
    /// Limit on peak RSS: 600MB
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    max_memory: Option<Limit>,
    /// Limit on the queries of one request or test
    #[arg(long, value_name = "N")]
    max_queries: Option<u32>,
    /// What is missing or inconclusive is a failure to measure
    #[arg(long)]
    strict: bool,
    /// Do not measure once more what fails
    #[arg(long)]
    no_confirm: bool,
    /// How to write the answer: text, json, github, gitlab, sarif, junit, markdown; `NAME=PATH` writes a file; may be
    /// given several times [default: text, and what the CI it runs in shows]
    #[arg(long, value_name = "FORMAT", value_parser = parse_output)]
    format: Vec<(GateFormat, Option<PathBuf>)>,
    /// Short for --format=json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write the answer to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The interpreter or environment to run the tests with
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// End with exit code 0 whatever the answer is
    #[arg(long)]
    exit_zero: bool,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// The limits of [gates]
    Performance,
    /// What `optimize --implement` wrote: backups, behaviour, and the figures of reports
    Rewrites,
    /// The tests pass as they do before
    Tests,
    /// Everything
    All,
}

fn response_time(text: &str) -> Result<Limit, String> {
    gates::response_time(text).map_err(|error| error.message)
}

fn memory(text: &str) -> Result<Limit, String> {
    gates::memory(text).map_err(|error| error.message)
}

fn parse_output(text: &str) -> Result<(GateFormat, Option<PathBuf>), String> {
    let (name, path) = match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => (name, Some(PathBuf::from(path))),
        _ => (text, None),
    };
    Ok((name.parse()?, path))
}

/// What the arguments come to.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what several flags come to")]
pub(super) struct Plan {
    pub paths: Vec<PathBuf>,
    pub checks_performance: bool,
    pub checks_rewrites: bool,
    pub checks_tests: bool,
    /// True when everything was asked for: what there is nothing of is then passed over.
    pub is_all: bool,
    pub base: Option<String>,
    pub limits: Vec<Limit>,
    pub is_strict: bool,
    pub confirms: bool,
    /// Empty for what fits the surroundings.
    pub outputs: Vec<(GateFormat, Option<PathBuf>)>,
    pub python: Option<PathBuf>,
    pub exits_zero: bool,
}

impl Args {
    pub(super) fn resolve(self) -> Plan {
        let Self { paths, validate, base, max_response_time, max_memory, max_queries, strict, no_confirm, .. } = self;
        let queries = max_queries.map(|n| Limit { kind: LimitKind::Queries, value: f64::from(n) });
        let is_all = validate.contains(&What::All);
        let mut outputs = self.format;
        if self.json {
            outputs.push((GateFormat::Json, None));
        }
        if let Some(path) = self.out {
            match outputs.iter_mut().find(|(_, target)| target.is_none()) {
                Some(output) => output.1 = Some(path),
                None => outputs.push((GateFormat::Text, Some(path))),
            }
        }
        Plan {
            paths,
            checks_performance: is_all || validate.contains(&What::Performance),
            checks_rewrites: is_all || validate.contains(&What::Rewrites),
            checks_tests: is_all || validate.contains(&What::Tests),
            is_all,
            base,
            limits: [max_response_time, max_memory, queries].into_iter().flatten().collect(),
            is_strict: strict,
            confirms: !no_confirm,
            outputs,
            python: self.python,
            exits_zero: self.exit_zero,
        }
    }
}

/// `2026-11-22`, of now.
pub(in crate::commands) fn today() -> String {
    let stamp = units::timestamp(std::time::SystemTime::now());
    format!("{}-{}-{}", &stamp[..4], &stamp[4..6], &stamp[6..8])
}
