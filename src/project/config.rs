//! The project's configuration: `CMDX_*` over `cmdx.toml` or `[tool.cmdx]` of pyproject.toml, nearest ancestor only.
//! Tables that belong to one command are handed on as they stand; that command checks them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::de::DeTable;
use toml::{Table, Value};

use super::{OpenOptions, ProjectError};
use crate::support::{units, words};

/// Keys this room understands.
const KEYS: &[&str] = &["python", "workload", "source-roots", "exclude", "deadline"];
/// Tables of single commands.
const TABLES: &[&str] = &["gates", "bench", "debug", "rules", "commands"];
/// Keys of a `[[workload]]`.
const WORKLOAD_KEYS: &[&str] = &["name", "command", "cwd", "env"];

/// Names below this likeness are not offered as what was meant.
const LIKENESS_MIN: f64 = 0.6;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An environment variable of this name.
    Variable(&'static str),
    /// The configuration file.
    File,
}

/// What the user set; everything is optional.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The file the values come from.
    pub path: Option<PathBuf>,
    /// The interpreter or environment, as written, with where it was set.
    pub python: Option<(String, Origin)>,
    /// What to run, in order.
    pub workloads: Vec<ConfiguredWorkload>,
    /// Directories imports start from, absolute.
    pub source_roots: Vec<PathBuf>,
    /// Globs in the syntax of .gitignore, from the root.
    pub exclude: Vec<String>,
    /// How long a workload may run.
    pub deadline_seconds: Option<f64>,
    /// `gates`, `bench`, `debug`, `rules`, `commands` as they stand in the file.
    pub tables: BTreeMap<String, Table>,
}

/// One `[[workload]]`, or `workload = "…"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfiguredWorkload {
    /// What reports call it.
    pub name: Option<String>,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Where it runs; the root when not given.
    pub cwd: Option<PathBuf>,
    /// Variables on top of the inherited ones.
    pub env: BTreeMap<String, String>,
}

impl Config {
    /// The directory relative values start from: the file's.
    fn directory(&self) -> &Path {
        self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new("."))
    }

    /// Where a relative interpreter path of the file starts.
    pub(super) fn python_base(&self) -> &Path {
        self.directory()
    }
}

/// Reads the configuration of the project at `root`.
pub(super) fn load(root: &Path, options: &OpenOptions, notes: &mut Vec<String>) -> Result<Config, ProjectError> {
    let mut config = match find(root, notes)? {
        Some(source) => source.read()?,
        None => Config::default(),
    };
    if let Some(python) = options.variable("CMDX_PYTHON") {
        config.python = Some((python.to_owned(), Origin::Variable("CMDX_PYTHON")));
    }
    if let Some(deadline) = options.variable("CMDX_DEADLINE") {
        config.deadline_seconds = Some(units::parse_duration(deadline).map_err(|message| {
            ProjectError::Configuration { path: "CMDX_DEADLINE".into(), line: None, message, hint: None }
        })?);
    }
    Ok(config)
}

/// The configuration's text and the table in it.
struct Source {
    path: PathBuf,
    text: String,
    table: Table,
    /// Keys from the document to the table: none, or `tool`, `cmdx`.
    prefix: &'static [&'static str],
}

fn find(root: &Path, notes: &mut Vec<String>) -> Result<Option<Source>, ProjectError> {
    for directory in root.ancestors() {
        let own = read_table(&directory.join("cmdx.toml"), &[], notes)?;
        let shared = read_table(&directory.join("pyproject.toml"), &["tool", "cmdx"], notes)?;
        if own.is_some() && shared.is_some() {
            notes.push("`cmdx.toml` is used; `[tool.cmdx]` of the pyproject.toml beside it is not".into());
        }
        if let Some(source) = own.or(shared) {
            return Ok(Some(source));
        }
    }
    Ok(None)
}

fn read_table(
    path: &Path,
    prefix: &'static [&'static str],
    notes: &mut Vec<String>,
) -> Result<Option<Source>, ProjectError> {
    let Ok(bytes) = fs::read(path) else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut table: Table = match toml::from_str(&text) {
        Ok(table) => table,
        Err(error) if prefix.is_empty() || text.contains("[tool.cmdx") => {
            return Err(ProjectError::Configuration {
                path: path.to_path_buf(),
                line: error.span().map(|span| line_at(&text, span.start)),
                message: error.message().lines().next().unwrap_or_default().to_owned(),
                hint: None,
            });
        }
        Err(error) => {
            notes.push(format!("`{}` is not valid TOML and was not read: {}", path.display(), error.message()));
            return Ok(None);
        }
    };
    for key in prefix {
        match table.remove(*key) {
            Some(Value::Table(inner)) => table = inner,
            _ => return Ok(None),
        }
    }
    Ok(Some(Source { path: path.to_path_buf(), text, table, prefix }))
}

impl Source {
    fn read(&self) -> Result<Config, ProjectError> {
        let mut config = Config { path: Some(self.path.clone()), ..Config::default() };
        for (key, value) in &self.table {
            match key.as_str() {
                "python" => config.python = Some((self.string(&[key], value)?, Origin::File)),
                "workload" => config.workloads = self.workloads(value)?,
                "source-roots" => {
                    let roots = self.strings(&[key], value)?;
                    config.source_roots = roots.iter().map(|root| config.directory().join(root)).collect();
                }
                "exclude" => config.exclude = self.strings(&[key], value)?,
                "deadline" => config.deadline_seconds = Some(self.deadline(key, value)?),
                name if TABLES.contains(&name) => {
                    let Value::Table(table) = value else {
                        return Err(self.error(&[key], format!("`{key}` must be a table"), None));
                    };
                    config.tables.insert(name.to_owned(), table.clone());
                }
                _ => return Err(self.unknown(&[key], KEYS.iter().chain(TABLES).copied())),
            }
        }
        Ok(config)
    }

    fn workloads(&self, value: &Value) -> Result<Vec<ConfiguredWorkload>, ProjectError> {
        match value {
            Value::String(_) => {
                let argv = self.command(&["workload"], value)?;
                Ok(vec![ConfiguredWorkload { argv, ..ConfiguredWorkload::default() }])
            }
            Value::Table(table) => Ok(vec![self.workload(table)?]),
            Value::Array(items) => items
                .iter()
                .map(|item| match item {
                    Value::Table(table) => self.workload(table),
                    _ => Err(self.not(&["workload"], "a command, or tables `[[workload]]` with `command`")),
                })
                .collect(),
            _ => Err(self.not(&["workload"], "a command, or tables `[[workload]]` with `command`")),
        }
    }

    fn workload(&self, table: &Table) -> Result<ConfiguredWorkload, ProjectError> {
        let mut workload = ConfiguredWorkload::default();
        for (key, value) in table {
            let path = ["workload", key.as_str()];
            match key.as_str() {
                "name" => workload.name = Some(self.string(&path, value)?),
                "command" => workload.argv = self.command(&path, value)?,
                "cwd" => workload.cwd = Some(PathBuf::from(self.string(&path, value)?)),
                "env" => {
                    let Value::Table(variables) = value else { return Err(self.not(&path, "a table of strings")) };
                    for (name, value) in variables {
                        workload.env.insert(name.clone(), self.string(&path, value)?);
                    }
                }
                _ => return Err(self.unknown(&path, WORKLOAD_KEYS.iter().copied())),
            }
        }
        if workload.argv.is_empty() {
            return Err(self.error(&["workload"], "a `[[workload]]` needs a `command`".into(), None));
        }
        Ok(workload)
    }

    fn command(&self, path: &[&str], value: &Value) -> Result<Vec<String>, ProjectError> {
        let argv = match value {
            Value::String(line) => argv_of(line),
            _ => self.strings(path, value)?,
        };
        if argv.is_empty() { Err(self.not(path, "a command")) } else { Ok(argv) }
    }

    fn deadline(&self, key: &str, value: &Value) -> Result<f64, ProjectError> {
        match value {
            Value::Integer(seconds) if *seconds > 0 => Ok(*seconds as f64),
            Value::Float(seconds) if *seconds > 0.0 => Ok(*seconds),
            Value::String(text) => units::parse_duration(text).map_err(|message| self.error(&[key], message, None)),
            _ => Err(self.not(&[key], "a duration such as `\"10m\"`")),
        }
    }

    fn string(&self, path: &[&str], value: &Value) -> Result<String, ProjectError> {
        value.as_str().map(str::to_owned).ok_or_else(|| self.not(path, "a string"))
    }

    fn strings(&self, path: &[&str], value: &Value) -> Result<Vec<String>, ProjectError> {
        let items = value.as_array().ok_or_else(|| self.not(path, "a list of strings"))?;
        items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| self.not(path, "a list of strings")))
            .collect()
    }

    fn not(&self, path: &[&str], expected: &str) -> ProjectError {
        let key = path.last().copied().unwrap_or_default();
        self.error(path, format!("`{key}` must be {expected}"), None)
    }

    fn unknown<'a>(&self, path: &[&str], known: impl Iterator<Item = &'a str> + Clone) -> ProjectError {
        let key = path.last().copied().unwrap_or_default();
        let hint = match nearest(key, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys: {}", known.collect::<Vec<_>>().join(", ")),
        };
        self.error(path, format!("unknown key `{key}`"), Some(hint))
    }

    fn error(&self, path: &[&str], message: String, hint: Option<String>) -> ProjectError {
        let keys: Vec<_> = self.prefix.iter().chain(path).copied().collect();
        ProjectError::Configuration { path: self.path.clone(), line: line_of(&self.text, &keys), message, hint }
    }
}

/// The words of a command line; a shell where only one can read it.
fn argv_of(line: &str) -> Vec<String> {
    let is_assignment = |word: &String| word.split_once('=').is_some_and(|(name, _)| is_variable_name(name));
    match words::split(line) {
        Some(argv) if !argv.first().is_some_and(is_assignment) => argv,
        _ => vec!["sh".into(), "-c".into(), line.into()],
    }
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// The known name most like `name`, if one is like it at all.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// The line of the deepest key of `keys` that is in the document; array items are searched for it.
fn line_of(text: &str, keys: &[&str]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut tables = vec![document.get_ref()];
    let mut found = None;
    for key in keys {
        let mut next = vec![];
        for table in &tables {
            for (name, value) in table.iter().filter(|(name, _)| name.get_ref() == key) {
                found = Some(line_at(text, name.span().start));
                next.extend(value.get_ref().as_table());
                next.extend(
                    value.get_ref().as_array().into_iter().flatten().filter_map(|item| item.get_ref().as_table()),
                );
            }
        }
        tables = next;
    }
    found
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
