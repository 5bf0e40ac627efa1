//! What may be typed after `ci-setup`, and where cmdx is to come from.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::commands::{Failure, FailureKind};
use crate::engine::ci::{InstallFrom, Platform};

const EXAMPLES: &str = "\
Examples:
  cmdx ci-setup --platform=github --monitoring --performance-gates    a workflow that measures, keeps, and fails
  cmdx ci-setup --platform=gitlab --install-from=cmdx==0.1.0          where cmdx comes from on the runner
  cmdx ci-setup --platform=github --dry-run                           show the file, write nothing
  cmdx ci-setup --platform=github --check                             exit code 1 when the file is out of date";

/// In how many parts benchmarks may be run: more machines than any free plan has at once.
const SHARDS_MAX: i64 = 64;

/// Write the files by which a build server measures the project
///
/// What the job needs to know is read from the project: default branch, Python version, the tool that installs its
/// dependencies, servers it talks to. A file that cmdx did not write, or that was edited since, is never overwritten
/// without --force: the difference is shown. The same project gives the same bytes.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Args {
    /// A file or directory of the project [default: the current directory]
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// The build server
    #[arg(long, value_name = "PLATFORM", value_parser = platforms())]
    pub(super) platform: Platform,
    /// Measure on a schedule too, and keep a history from run to run
    #[arg(long)]
    pub(super) monitoring: bool,
    /// Fail when a limit is passed; limits to start with are written into cmdx.toml
    #[arg(long)]
    pub(super) performance_gates: bool,
    /// Where cmdx comes from: `cmdx==VERSION`, a wheel or its URL, `git+https://HOST/PATH@REVISION`, a path in the
    /// repository [default: the variable `CMDX_INSTALL_FROM` of the build server]
    #[arg(long, value_name = "SOURCE")]
    install_from: Option<String>,
    /// Run the benchmarks in N parts, each on a machine of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=SHARDS_MAX))]
    pub(super) shards: u32,
    /// Write commands with a slash, through links that a step makes
    #[arg(long)]
    pub(super) slash: bool,
    /// The Python to measure on, such as 3.12 [default: what the project names]
    #[arg(long, value_name = "VERSION", value_parser = python_version)]
    pub(super) python: Option<String>,
    /// The branch others are merged into [default: what git knows]
    #[arg(long, value_name = "NAME")]
    pub(super) default_branch: Option<String>,
    /// Overwrite files that cmdx did not write
    #[arg(long)]
    force: bool,
    /// Show the files and write nothing
    #[arg(long, conflicts_with = "check")]
    dry_run: bool,
    /// Write nothing, and end with exit code 1 when a file would change
    #[arg(long)]
    check: bool,
}

fn platforms() -> impl TypedValueParser<Value = Platform> {
    let of_name = |name: String| Platform::ALL.into_iter().find(|platform| platform.name() == name);
    PossibleValuesParser::new(Platform::ALL.map(Platform::name)).try_map(move |name| of_name(name).ok_or("unknown"))
}

fn python_version(text: &str) -> Result<String, String> {
    let minor = text.strip_prefix("3.").and_then(|minor| minor.parse::<u32>().ok());
    match minor {
        Some(minor) if minor >= 8 => Ok(format!("3.{minor}")),
        _ => Err("write a minor version from 3.8 on, such as 3.12".to_owned()),
    }
}

/// What is done with the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Write them; files of others too when forced.
    Write { is_forced: bool },
    /// Show them.
    DryRun,
    /// Say whether they would change.
    Check,
}

impl Args {
    pub(super) fn mode(&self) -> Mode {
        match (self.dry_run, self.check) {
            (true, _) => Mode::DryRun,
            (_, true) => Mode::Check,
            _ => Mode::Write { is_forced: self.force },
        }
    }

    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.path.iter().cloned().collect()
    }

    /// Options that are refused together.
    pub(super) fn check_options(&self) -> Result<(), Failure> {
        let has_parts = !matches!(self.platform, Platform::Bitbucket | Platform::Jenkins | Platform::PreCommit);
        if self.shards > 1 && !has_parts {
            let message = format!("`--shards` is not written for {}", self.platform.name());
            return Err(usage(message, "github, gitlab, azure and circleci run jobs in parts"));
        }
        if self.slash && self.platform == Platform::PreCommit {
            return Err(usage("`--slash` means nothing before a commit".into(), "leave it out"));
        }
        Ok(())
    }

    /// Where cmdx comes from; paths are from the project's root, where the job's commands run.
    pub(super) fn source(&self, root: &Path, top: &Path, is_declared: bool) -> Result<InstallFrom, Failure> {
        match &self.install_from {
            None if is_declared => Ok(InstallFrom::Project),
            None => Ok(InstallFrom::Variable),
            Some(text) => source_of(text.trim(), root, top),
        }
    }

    /// The command line that makes the same files again, with what decides their bytes.
    pub(super) fn regenerate(&self, source: &InstallFrom) -> String {
        let mut line = format!("cmdx ci-setup --platform={}", self.platform.name());
        for (is_set, option) in [
            (self.monitoring, " --monitoring"),
            (self.performance_gates, " --performance-gates"),
            (self.slash, " --slash"),
        ] {
            line.push_str(if is_set { option } else { "" });
        }
        if self.shards > 1 {
            line.extend([" --shards=", &self.shards.to_string()]);
        }
        if let InstallFrom::Given(source) | InstallFrom::Source(source) = source {
            line.extend([" --install-from=", &quoted(source)]);
        }
        if let Some(python) = &self.python {
            line.extend([" --python=", python]);
        }
        if let Some(branch) = &self.default_branch {
            line.extend([" --default-branch=", &quoted(branch)]);
        }
        line
    }
}

/// A word that every shell reads as itself.
fn quoted(word: &str) -> String {
    let is_plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:@+,".contains(c));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn source_of(text: &str, root: &Path, top: &Path) -> Result<InstallFrom, Failure> {
    const FORMS: &str = "write cmdx==VERSION, a wheel, its https:// address, git+https://HOST/PATH@REVISION, \
        or a path in the repository";
    let is_word =
        text.strip_prefix("cmdx").is_some_and(|rest| rest.is_empty() || rest.starts_with(['=', '>', '<', '~', ' ']));
    if text == "pypi" {
        return Ok(InstallFrom::Given(concat!("cmdx==", env!("CARGO_PKG_VERSION")).to_owned()));
    }
    if text.starts_with('-') || text.is_empty() {
        return Err(usage(format!("`{text}` names nothing to install"), FORMS));
    }
    if text.starts_with("git+https://") || text.starts_with("git+ssh://") {
        return Ok(InstallFrom::Source(text.to_owned()));
    }
    if text.starts_with("https://") {
        let address = Path::new(text.split(['#', '?']).next().unwrap_or_default());
        let is_wheel = address.extension().is_some_and(|extension| extension == "whl");
        let text = text.to_owned();
        return Ok(if is_wheel { InstallFrom::Given(text) } else { InstallFrom::Source(text) });
    }
    if text.contains("://") {
        return Err(usage(format!("`{text}` is fetched without protection"), FORMS));
    }
    if is_word && !root.join(text).exists() {
        return Ok(InstallFrom::Given(text.to_owned()));
    }
    in_repository(Path::new(text), root, top).ok_or_else(|| {
        usage(format!("`{text}` is no file or directory of the repository, and nothing pip could install"), FORMS)
    })
}

/// A file or directory that a checkout of the repository has, as a command in the project's root names it.
fn in_repository(path: &Path, root: &Path, top: &Path) -> Option<InstallFrom> {
    let real = std::fs::canonicalize(path).or_else(|_| std::fs::canonicalize(root.join(path))).ok()?;
    let inner = real.strip_prefix(top).ok()?;
    let depth = root.strip_prefix(top).ok()?.components().count();
    let inner = inner.to_str()?;
    let text = format!("{}{inner}", if depth == 0 { "./".to_owned() } else { "../".repeat(depth) });
    let is_wheel = real.extension().is_some_and(|extension| extension == "whl");
    Some(if is_wheel { InstallFrom::Given(text) } else { InstallFrom::Source(text) })
}

fn usage(message: String, hint: &str) -> Failure {
    Failure { kind: FailureKind::Usage, message, hint: Some(hint.to_owned()) }
}
