//! What may be typed after `optimize`, and the plan it comes to.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::model::Category;
use crate::report::Format;
use crate::support::units;

const EXAMPLES: &str = "\
Examples:
  cmdx optimize --profile --category=all src/        what takes the time, and what could be done
  cmdx optimize --profile --install some-sdist-1.0/  makes an environment with what the project needs
  cmdx optimize --profile -- python -m app --once    this command is the workload
  cmdx optimize --profile --format=speedscope -o profile.json src/";

/// Find what is slow, from a real run
///
/// Runs the project's workload once (the command after `--`, the configured workload, its performance tests, its
/// tests, its main module, or the script that was named), samples where the time goes, traces its queries, and joins
/// both with what the source shows. Nothing of the project is changed.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "a flag of the command line each")]
pub struct Args {
    /// Files or directories to look at [default: the current directory]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run the workload and measure it; this is the default
    #[arg(long)]
    profile: bool,
    /// What to look for
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',', default_value = "all")]
    category: Vec<Choice>,
    /// Show more: lines, callers, every query
    #[arg(long)]
    detailed: bool,
    /// How to write the report
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = formats())]
    format: Format,
    /// Short for --format=json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write the report to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Make an environment under .cmdx/venv when the interpreter lacks the project's packages
    #[arg(long)]
    install: bool,
    /// The interpreter or environment to run the workload with
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// End the workload after this long [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration)]
    deadline: Option<f64>,
    /// Stacks read per second and process; short runs are read more often at their start
    #[arg(long, value_name = "HZ", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Do not trace queries: nothing is loaded into the program
    #[arg(long)]
    no_queries: bool,
    /// The workload: a command that exercises the project
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name)).try_map(|name| name.parse::<Format>())
}

/// A value of `--category`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// Everything
    All,
    /// Complexity, data structures, queries
    Algorithm,
    /// Files, serialisation, network
    Io,
    /// Peaks, growth, leaks
    Memory,
}

/// What the arguments come to.
#[derive(Debug)]
pub(super) struct Plan {
    pub paths: Vec<PathBuf>,
    pub categories: Vec<Category>,
    pub is_detailed: bool,
    pub format: Format,
    pub out: Option<PathBuf>,
    pub installs: bool,
    pub python: Option<PathBuf>,
    pub deadline: Option<Duration>,
    pub rate_hz: f64,
    pub traces_queries: bool,
    pub command: Option<Vec<String>>,
}

impl Args {
    pub(super) fn resolve(self) -> Plan {
        // Measuring is what the command does; the flag says so in scripts and in the tutorial.
        let Self { paths, profile: _, category, detailed, format, json, out, install, .. } = self;
        let Choices(categories) = Choices::of(&category);
        Plan {
            paths,
            categories,
            is_detailed: detailed,
            format: if json { Format::Json } else { format },
            out,
            installs: install,
            python: self.python,
            deadline: self.deadline.map(Duration::from_secs_f64),
            rate_hz: f64::from(self.rate),
            traces_queries: !self.no_queries,
            command: (!self.command.is_empty()).then_some(self.command),
        }
    }
}

struct Choices(Vec<Category>);

impl Choices {
    fn of(chosen: &[Choice]) -> Self {
        let all = [Category::Algorithm, Category::Io, Category::Memory];
        let is_chosen = |category: &Category| {
            chosen.iter().any(|choice| match choice {
                Choice::All => true,
                Choice::Algorithm => *category == Category::Algorithm,
                Choice::Io => *category == Category::Io,
                Choice::Memory => *category == Category::Memory,
            })
        };
        Self(all.into_iter().filter(is_chosen).collect())
    }
}
