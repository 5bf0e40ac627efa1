//! What may be typed after `check-code-quality`, and the plan it comes to.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::manual;
use crate::model::Category;
use crate::report::LintFormat;

const EXAMPLES: &str = "\
Examples:
  cmdx check-code-quality src/                            what the source alone shows
  cmdx check-code-quality --fail-on=proven src/           exit code 1 when something could be rewritten safely
  cmdx check-code-quality --max-complexity=10 src/        functions through which more ways lead
  cmdx check-code-quality --format=github --fail-on=any   beside the lines of a pull request
  cmdx check-code-quality --explain n-plus-one            what a rule finds, and why that is slow

A comment `# cmdx: ignore[rule]` at a line, or above a function, leaves it alone.";

/// Look for slow code in the source, without running it
///
/// Tries every rule of `optimize` at every place of the files and computes the complexity of each function. No
/// interpreter is started, nothing is run, nothing is written. The exit code is 0 unless `--fail-on` asks otherwise.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Files or directories to look at [default: the current directory]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What to look for: all, algorithm, io, memory
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',', default_value = "all", value_parser = categories())]
    category: Vec<CategoryChoice>,
    /// Look for this rule alone; may be given several times
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = rule_names(), hide_possible_values = true)]
    rule: Vec<String>,
    /// Leave this rule out; may be given several times
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = rule_names(), hide_possible_values = true)]
    ignore: Vec<String>,
    /// Report functions whose complexity (McCabe, as ruff's C901 counts) is above N
    #[arg(long, value_name = "N")]
    max_complexity: Option<u32>,
    /// How to write the report
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = formats())]
    format: LintFormat,
    /// Short for --format=json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write the report to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// End with exit code 1 when there is something like this
    #[arg(long, value_name = "WHAT", default_value = "none")]
    fail_on: FailOn,
    /// End with exit code 0 whatever is found
    #[arg(long)]
    exit_zero: bool,
    /// Print what a rule finds, why that is slow, and what must hold for a rewrite
    #[arg(long, value_name = "RULE", value_parser = rule_names(), hide_possible_values = true)]
    explain: Option<String>,
    /// List the rules
    #[arg(long, conflicts_with = "explain")]
    list_rules: bool,
}

/// What makes the command say no, each with all that stand after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// Nothing
    None,
    /// Any finding, also those that are only shown
    Any,
    /// Findings that are rewritten where a run shows the same behaviour
    NeedsRun,
    /// Findings whose rewrite keeps the behaviour for every input
    Proven,
    /// Files that cannot be read or parsed
    Error,
}

/// A value of `--category`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CategoryChoice {
    All,
    Only(Category),
}

fn categories() -> impl TypedValueParser<Value = CategoryChoice> {
    PossibleValuesParser::new(["all", "algorithm", "io", "memory"]).map(|name| match name.as_str() {
        "algorithm" => CategoryChoice::Only(Category::Algorithm),
        "io" => CategoryChoice::Only(Category::Io),
        "memory" => CategoryChoice::Only(Category::Memory),
        _ => CategoryChoice::All,
    })
}

fn formats() -> impl TypedValueParser<Value = LintFormat> {
    PossibleValuesParser::new(LintFormat::ALL.map(LintFormat::name))
        .map(|name| LintFormat::ALL.into_iter().find(|format| format.name() == name).unwrap_or(LintFormat::Text))
}

fn rule_names() -> PossibleValuesParser {
    PossibleValuesParser::new(manual::names())
}

/// What the arguments come to.
#[derive(Debug)]
pub(super) enum Plan {
    /// Print the manual page of a rule.
    Explain(String),
    /// Print the names of all rules.
    ListRules,
    /// Look at the source.
    Check(Check),
}

/// What to look at, what for, and how to say it.
#[derive(Debug)]
pub(super) struct Check {
    pub paths: Vec<PathBuf>,
    /// Empty for all.
    pub categories: Vec<Category>,
    /// Empty for all.
    pub rules: Vec<String>,
    pub left_out: Vec<String>,
    pub max_complexity: Option<u32>,
    pub format: LintFormat,
    pub out: Option<PathBuf>,
    pub fail_on: FailOn,
}

impl Check {
    /// All that the findings depend on.
    pub(super) fn asked_with(&self) -> impl std::fmt::Debug {
        (&self.categories, &self.rules, &self.left_out, self.max_complexity)
    }

    /// True when findings of the rule are asked for.
    pub(super) fn wants(&self, rule: &str) -> bool {
        (self.rules.is_empty() || self.rules.iter().any(|name| name == rule))
            && !self.left_out.iter().any(|name| name == rule)
    }
}

impl Args {
    pub(super) fn resolve(self) -> Plan {
        let Self { paths, category, rule, ignore, max_complexity, format, json, out, fail_on, exit_zero, .. } = self;
        if let Some(rule) = self.explain {
            return Plan::Explain(rule);
        }
        if self.list_rules {
            return Plan::ListRules;
        }
        let only = |choice: &CategoryChoice| match choice {
            CategoryChoice::All => None,
            CategoryChoice::Only(category) => Some(*category),
        };
        let has_all = category.contains(&CategoryChoice::All);
        Plan::Check(Check {
            paths,
            categories: if has_all { vec![] } else { category.iter().filter_map(only).collect() },
            rules: rule,
            left_out: ignore,
            max_complexity,
            format: if json { LintFormat::Json } else { format },
            out,
            fail_on: if exit_zero { FailOn::None } else { fail_on },
        })
    }
}
