//! Fills in the templates. Every value is quoted by the template that uses it; none is escaped for HTML.

use std::collections::BTreeMap;

use handlebars::{Handlebars, handlebars_helper, no_escape};
use serde::Serialize;

use super::services::{self, Service};
use super::setup::{InstallFrom, Setup};
use super::{install, origin, pins};
use crate::model::Dependencies;

/// Where BASE names no commit (a new branch, a schedule, a forced push, what was rebased away), the commit before is
/// the base; a first commit has none.
const FIND_BASE: &str = "git cat-file -e \"${BASE}^{commit}\" 2> /dev/null || \
    BASE=\"$(git rev-parse --verify --quiet HEAD^ || true)\"";

/// A file that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// From the repository's top, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

handlebars_helper!(yaml: |text: str| serde_json::Value::from(text).to_string());
// Between three single quotes Groovy reads backslashes, and nothing else.
handlebars_helper!(groovy_line: |text: str| text.replace('\\', "\\\\").replace("'''", "''\\'"));
handlebars_helper!(groovy: |text: str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")));

/// The file of the platform that was asked for.
///
/// # Errors
/// A template of ours that cannot be rendered.
pub fn generate(setup: &Setup) -> Result<Generated, handlebars::RenderError> {
    let mut handlebars = Handlebars::new();
    handlebars.register_escape_fn(no_escape);
    handlebars.register_helper("yaml", Box::new(yaml));
    handlebars.register_helper("groovy", Box::new(groovy));
    handlebars.register_helper("groovy_line", Box::new(groovy_line));
    let text = handlebars.render_template(setup.platform.template(), &View::of(setup))?;
    Ok(Generated { path: setup.platform.path().to_owned(), text: origin::signed(&text) })
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each turns on a part of a template")]
struct View {
    version: &'static str,
    regenerate: String,
    mark: String,
    machine: &'static str,
    actions: BTreeMap<&'static str, String>,
    has_monitoring: bool,
    has_gates: bool,
    is_sharded: bool,
    n_shards: u32,
    shards: Vec<u32>,
    /// As it stands in GitHub's list of patterns.
    branch_pattern: String,
    branch: String,
    python: String,
    prefix: String,
    has_prefix: bool,
    has_pip_cache: bool,
    pip_cache_files: Vec<String>,
    tool_cache: Option<ToolCache>,
    is_from_variable: bool,
    variables: Vec<Variable>,
    install: Vec<String>,
    services: Vec<Service>,
    /// The install lines, with the change into the project's directory before them.
    install_in_place: Vec<String>,
    /// `NAME=value` as a shell exports it.
    exports: Vec<String>,
    /// Shell that leaves in BASE a revision that is there, or nothing.
    find_base: &'static str,
    /// The command that measures, against BASE where there is one.
    measure: String,
    /// What commands begin with: `cmdx ` or `/`.
    program: &'static str,
    image: String,
    history: String,
    parts: String,
    workspace: String,
    directory: String,
    pip_cache_key: String,
    circle_packages_key: String,
    circle_history_key: &'static str,
}

#[derive(Serialize)]
struct ToolCache {
    path: &'static str,
    lock: String,
}

#[derive(Serialize)]
struct Variable {
    name: &'static str,
    value: String,
}

impl View {
    fn of(setup: &Setup) -> Self {
        let facts = &setup.facts;
        let prefix = facts.prefix.clone();
        let mut variables = install::variables(setup);
        variables.extend(services::variables(facts, setup.platform));
        let pip_cache_files = pip_cache_files(setup);
        let lines = install::lines(setup);
        let program = if setup.has_slash { "/" } else { "cmdx " };
        let pin = |action: &pins::Action| format!("{}@{}  # {}", action.name, action.commit, action.version);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            regenerate: setup.regenerate.clone(),
            mark: origin::mark(&format!("{}/performance", setup.platform.name())),
            machine: pins::MACHINE,
            actions: pins::ACTIONS.iter().map(|action| (action.key, pin(action))).collect(),
            has_monitoring: setup.has_monitoring,
            has_gates: setup.has_gates,
            is_sharded: setup.n_shards > 1,
            n_shards: setup.n_shards,
            shards: (1..=setup.n_shards).collect(),
            branch_pattern: pattern(&facts.default_branch),
            branch: facts.default_branch.clone(),
            python: facts.python.clone(),
            has_prefix: !prefix.is_empty(),
            has_pip_cache: !pip_cache_files.is_empty(),
            exports: variables
                .iter()
                .map(|(name, value)| format!("export {name}={}", install::quoted(value)))
                .collect(),
            pip_cache_key: pip_cache_files.join(" | "),
            circle_packages_key: packages_key(&pip_cache_files),
            tool_cache: install::tool_cache(setup)
                .map(|(path, lock)| ToolCache { path, lock: format!("{prefix}{lock}") }),
            pip_cache_files,
            prefix: prefix.clone(),
            is_from_variable: setup.install_from == InstallFrom::Variable,
            variables: variables.into_iter().map(|(name, value)| Variable { name, value }).collect(),
            install_in_place: in_place(&prefix, &lines),
            install: lines,
            services: services::services(facts),
            program,
            find_base: FIND_BASE,
            measure: format!(
                "{program}run-all-tests --benchmark --scientific --report ${{BASE:+--base=\"${{BASE}}\"}}"
            ),
            image: format!("python:{}-slim", facts.python),
            history: format!("{prefix}.cmdx/history"),
            parts: format!("{prefix}.cmdx/parts"),
            workspace: if prefix.is_empty() { ".".to_owned() } else { prefix.clone() },
            directory: if prefix.is_empty() { ".".to_owned() } else { prefix.clone() },
            circle_history_key: "cmdx-history-v1-{{ .Revision }}",
        }
    }
}

fn in_place(prefix: &str, lines: &[String]) -> Vec<String> {
    let change = (!prefix.is_empty()).then(|| format!("cd {prefix}"));
    change.into_iter().chain(lines.iter().cloned()).collect()
}

/// CircleCI's name for what the requirement files ask for.
fn packages_key(files: &[String]) -> String {
    files.iter().fold("packages-v1".to_owned(), |key, file| format!("{key}-{{{{ checksum \"{file}\" }}}}"))
}

/// The files that decide what pip downloads; caching by files that are not there fails the step.
fn pip_cache_files(setup: &Setup) -> Vec<String> {
    let Dependencies::Pip { files, is_package, .. } = &setup.facts.dependencies else { return vec![] };
    let files = files.iter().filter(|file| !file.contains(['*', '?', '[', ']', '!'])).cloned();
    let package = is_package.then(|| "pyproject.toml".to_owned());
    files.chain(package).map(|file| format!("{}{file}", setup.facts.prefix)).collect()
}

/// A branch in a list of patterns that means this branch alone.
fn pattern(branch: &str) -> String {
    let mut text = String::with_capacity(branch.len());
    for character in branch.chars() {
        if "*?+[]!\\".contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

/// The pre-commit configuration `theirs` with our repository as the first of its list; `None` where there is no list
/// of that form.
pub fn inserted_hook(theirs: &str, ours: &str) -> Option<String> {
    let block = ours.split_once("\nrepos:\n")?.1;
    let mut lines: Vec<&str> = theirs.lines().collect();
    let at = lines.iter().position(|line| line.trim_end() == "repos:")? + 1;
    let first = lines[at..].iter().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?;
    let indent = first.len() - first.trim_start().len();
    if !first.trim_start().starts_with('-') {
        return None;
    }
    let block: Vec<String> = block
        .lines()
        .map(|line| line.strip_prefix("  ").unwrap_or(line))
        .map(|line| if line.is_empty() { String::new() } else { format!("{}{line}", " ".repeat(indent)) })
        .collect();
    lines.splice(at..at, block.iter().map(String::as_str));
    Some(lines.join("\n") + "\n")
}

#[cfg(test)]
pub(super) fn is_pinned(text: &str) -> bool {
    pins::ACTIONS.iter().all(|action| {
        action.commit.len() == 40
            && action.commit.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
            && action.version.starts_with('v')
    }) && text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: ")).all(|uses| {
        pins::ACTIONS.iter().any(|action| uses == format!("{}@{}  # {}", action.name, action.commit, action.version))
    })
}

/// The platforms whose file is YAML.
#[cfg(test)]
pub(super) fn yaml_platforms() -> impl Iterator<Item = super::Platform> {
    super::Platform::ALL.into_iter().filter(|platform| *platform != super::Platform::Jenkins)
}
