//! What may be typed after `optimize`, and the plan it comes to.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::model::Category;
use crate::report::Format;
use crate::support::units;

const EXAMPLES: &str = "\
Examples:
  cmdx optimize --profile --category=all src/        what takes the time, and what could be done
  cmdx optimize --profile --install some-sdist-1.0/  makes an environment with what the project needs
  cmdx optimize --profile -- python -m app --once    this command is the workload
  cmdx optimize --profile --format=speedscope -o profile.json src/
  cmdx optimize --report=html --format=html src/     one page that opens anywhere: performance_report.html
  cmdx optimize --implement --dry-run src/           shows the rewrites as a diff, writes nothing
  cmdx optimize --implement --category=algorithm .   rewrites, checks with tests and replay, keeps what is proved
  cmdx optimize --rollback                           brings the files of the last rewriting back";

/// Find what is slow, from a real run, and rewrite it
///
/// Runs the project's workload once (the command after `--`, the configured workload, its performance tests, its
/// tests, its main module, or the script that was named), samples where the time goes, traces its queries, and joins
/// both with what the source shows. Nothing of the project is changed.
///
/// With --implement the source is rewritten: rewrites that are the same for every input, and those that the project's
/// tests, its workload or recorded calls show to behave the same. What differs is left out and reported.
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
    #[command(flatten)]
    rewriting: Rewriting,
    /// What to look for
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',', default_value = "all")]
    category: Vec<Choice>,
    /// Show more: lines, callers, every query
    #[arg(long)]
    detailed: bool,
    /// How to write the report; html goes to `performance_report.html`. --report=summary and --report=full say how much
    /// goes in; of several, the last counts
    #[arg(long, visible_alias = "report", value_name = "FORMAT", default_value = "text", value_parser = outputs())]
    format: Vec<Output>,
    /// Short for --format=json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write the report to FILE instead of standard output; `-` is standard output
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
    /// Do not trace queries
    #[arg(long)]
    no_queries: bool,
    /// Do not trace memory, which is done for --category=memory and all
    #[arg(long)]
    no_memory: bool,
    /// The workload: a command that exercises the project
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// What is rewritten, and how.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rewriting")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Rewriting {
    /// Rewrite the source, check that it behaves the same, keep what is proved
    #[arg(long, conflicts_with = "profile")]
    implement: bool,
    /// Show the rewrites as a diff; write and run nothing
    #[arg(long, requires = "implement")]
    dry_run: bool,
    /// Only rewrites that are the same for every input
    #[arg(long, requires = "implement")]
    safe_only: bool,
    /// Also rewrites that nothing could check
    #[arg(long, requires = "implement", conflicts_with = "safe_only")]
    r#unsafe: bool,
    /// Keep the originals under .cmdx/backups until you delete them
    #[arg(long, requires = "implement")]
    backup: bool,
    /// Alone: restore the last backup, or the named one; after --implement: undo what does not verify (always done)
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    rollback: Option<String>,
    /// Ask for every rewrite
    #[arg(long, requires = "implement", conflicts_with = "dry_run")]
    interactive: bool,
    /// Only these rules
    #[arg(long, value_name = "RULE", value_delimiter = ',', requires = "implement")]
    rule: Vec<String>,
    /// All rules but these; single lines with `# cmdx: ignore[RULE]`
    #[arg(long, value_name = "RULE", value_delimiter = ',', requires = "implement")]
    ignore: Vec<String>,
}

/// What the command does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Run and report.
    Profile,
    /// Rewrite.
    Implement(Implement),
    /// Restore the last backup, or the named one.
    RollBack(Option<String>),
}

/// Which rewrites are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Proven ones.
    SafeOnly,
    /// Those, and what a check says the same of.
    Checked,
    /// Those, and what no check could reach.
    Unsafe,
}

/// How the source is rewritten.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Implement {
    pub trust: Trust,
    pub is_dry_run: bool,
    pub keeps_backup: bool,
    pub asks: bool,
    pub rules: Vec<String>,
    pub ignored: Vec<String>,
}

impl Rewriting {
    fn resolve(self) -> Action {
        let Self { implement, dry_run, safe_only, r#unsafe, backup, rollback, interactive, rule, ignore } = self;
        match rollback {
            Some(name) if !implement => return Action::RollBack((!name.is_empty()).then_some(name)),
            _ if !implement => return Action::Profile,
            _ => {}
        }
        let trust = match (safe_only, r#unsafe) {
            (true, _) => Trust::SafeOnly,
            (_, true) => Trust::Unsafe,
            _ => Trust::Checked,
        };
        Action::Implement(Implement {
            trust,
            is_dry_run: dry_run,
            keeps_backup: backup,
            asks: interactive,
            rules: rule,
            ignored: ignore,
        })
    }
}

/// A value of `--format` and `--report`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// What it is written as.
    As(Format),
    /// What matters.
    Summary,
    /// As with `--detailed`.
    Full,
}

fn outputs() -> impl TypedValueParser<Value = Output> {
    let formats = Format::ALL.map(|format| PossibleValue::new(format.name()));
    let amounts = ["summary", "full"].map(|name| PossibleValue::new(name).hide(true));
    PossibleValuesParser::new(formats.into_iter().chain(amounts)).try_map(|name| match name.as_str() {
        "summary" => Ok(Output::Summary),
        "full" => Ok(Output::Full),
        name => name.parse::<Format>().map(Output::As),
    })
}

/// Where the page goes when nothing else is said.
const PAGE: &str = "performance_report.html";

/// What the report is written as, and whether all of it is asked for where that was said.
fn chosen(outputs: &[Output]) -> (Format, Option<bool>) {
    let mut chosen = (Format::Text, None);
    for output in outputs {
        match output {
            Output::As(format) => chosen.0 = *format,
            Output::Summary => chosen.1 = Some(false),
            Output::Full => chosen.1 = Some(true),
        }
    }
    chosen
}

/// The file to write; `None` for standard output.
fn file(out: Option<PathBuf>, format: Format) -> Option<PathBuf> {
    match out {
        Some(path) if path.as_os_str() == "-" => None,
        None if format == Format::Html => Some(PathBuf::from(PAGE)),
        path => path,
    }
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

/// What is noted of a run beside its stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traced {
    pub queries: bool,
    pub memory: bool,
}

/// What the arguments come to.
#[derive(Debug)]
pub(super) struct Plan {
    pub action: Action,
    pub paths: Vec<PathBuf>,
    pub categories: Vec<Category>,
    pub is_detailed: bool,
    pub format: Format,
    pub out: Option<PathBuf>,
    pub installs: bool,
    pub python: Option<PathBuf>,
    pub deadline: Option<Duration>,
    pub rate_hz: f64,
    pub traced: Traced,
    pub command: Option<Vec<String>>,
}

impl Args {
    pub(super) fn resolve(self) -> Plan {
        // Measuring is what the command does; the flag says so in scripts and in the tutorial.
        let Self { paths, profile: _, rewriting, category, detailed, format, json, out, install, .. } = self;
        let Choices(categories) = Choices::of(&category);
        let (format, is_full) = if json { (Format::Json, None) } else { chosen(&format) };
        let memory = !self.no_memory && categories.contains(&Category::Memory);
        let traced = Traced { queries: !self.no_queries, memory };
        Plan {
            action: rewriting.resolve(),
            paths,
            categories,
            is_detailed: is_full.unwrap_or(detailed),
            format,
            out: file(out, format),
            installs: install,
            python: self.python,
            deadline: self.deadline.map(Duration::from_secs_f64),
            rate_hz: f64::from(self.rate),
            traced,
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
