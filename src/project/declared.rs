//! What the project says it needs: to run, and for its tests. Reads every place people write it down, runs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::ini::Ini;
use super::requirement::{self, Requirement, normalized};
use super::{Project, pytest};
use crate::model::Interpreter;

/// Names of extras, groups and files that hold what tests need.
const TEST_NAMES: &[&str] = &["test", "tests", "testing", "dev", "develop", "development"];

/// Tools that stand in lists for developers and that no test imports: large, slow to install, of no use to a run.
const TOOLS: &[&str] = &[
    "autopep8",
    "bandit",
    "basedpyright",
    "black",
    "build",
    "bump2version",
    "bumpversion",
    "codespell",
    "commitizen",
    "docformatter",
    "flake8",
    "flit",
    "flit-core",
    "furo",
    "hatch",
    "ipdb",
    "ipython",
    "isort",
    "jupyter",
    "jupyterlab",
    "mike",
    "mkdocs",
    "mkdocs-material",
    "mkdocstrings",
    "mypy",
    "nox",
    "numpydoc",
    "pip-tools",
    "poethepoet",
    "pre-commit",
    "pre-commit-uv",
    "pydocstyle",
    "pylint",
    "pyright",
    "pyupgrade",
    "rstcheck",
    "ruff",
    "sphinx",
    "sphinx-autobuild",
    "sphinx-copybutton",
    "sphinx-rtd-theme",
    "towncrier",
    "tox",
    "tox-uv",
    "twine",
    "ty",
    "uv",
    "vulture",
    "zensical",
];

/// Beginnings of names of such tools.
const TOOL_FAMILIES: &[&str] = &["sphinx", "pallets-sphinx", "mkdocs-", "flake8-", "types-", "pydata-sphinx"];

/// What a package is needed for; the order is the order of installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// The project does not run without it.
    Run,
    /// Its tests need it.
    Tests,
    /// Its developers list it: often what tests need, among tools.
    Development,
}

impl Purpose {
    /// What a group, extra or file of this name is for.
    fn of_name(name: &str) -> Self {
        if name.split(['-', '_', '.', '/']).any(|word| word.starts_with("dev")) {
            Self::Development
        } else {
            Self::Tests
        }
    }
}

/// Packages declared in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Where: `requirements.txt`, an extra.
    pub(super) label: String,
    /// What they are needed for.
    pub(super) purpose: Purpose,
    /// The extra whose markers apply, or nothing.
    pub(super) extra: String,
    /// In the order they are written.
    pub(super) requirements: Vec<Requirement>,
}

/// A version a lock file settled on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Locked {
    version: String,
    /// The environments it is meant for; none means all.
    markers: Vec<String>,
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    /// The distribution's name, normalised.
    pub(super) name: Option<String>,
    /// True when pip could build and install the project itself.
    pub(super) is_package: bool,
    /// Extras that hold what tests need.
    pub(super) extras: BTreeSet<String>,
    /// All places, what is needed to run first.
    pub(super) groups: Vec<Group>,
    /// Versions in uv.lock, poetry.lock or pdm.lock; several where they depend on the environment.
    pub(super) locked: BTreeMap<String, Vec<Locked>>,
    /// Requirement files, relative to the root.
    pub(super) requirement_files: Vec<String>,
    /// Options of requirement files that change where packages come from (`--extra-index-url …`).
    pub(super) pip_options: Vec<String>,
}

/// Reads all of it.
pub(super) fn read(project: &Project) -> Declared {
    let root = &project.root;
    let pyproject: Table = text(root, "pyproject.toml").and_then(|text| toml::from_str(&text).ok()).unwrap_or_default();
    let setup_cfg = Ini::parse(&text(root, "setup.cfg").unwrap_or_default());
    let setup_py = text(root, "setup.py").unwrap_or_default();
    let mut declared = Declared {
        is_package: pyproject.contains_key("project")
            || pyproject.contains_key("build-system")
            || lookup(&pyproject, &["tool", "poetry", "name"]).is_some()
            || setup_py.contains("setup(")
            || setup_cfg.get("metadata", "name").is_some(),
        ..Declared::default()
    };
    from_pyproject(&pyproject, &mut declared);
    from_poetry(&pyproject, &mut declared);
    from_setup_cfg(&setup_cfg, &mut declared);
    from_metadata(root, &mut declared);
    if !declared.groups.iter().any(|group| group.purpose == Purpose::Run) {
        from_setup_py(&setup_py, &mut declared);
    }
    from_requirement_files(root, &mut declared);
    from_tox(project, &pyproject, &setup_cfg, &mut declared);
    from_nox(root, &mut declared);
    from_pipfile(root, &mut declared);
    declared.add("the plugins pytest is configured with", Purpose::Tests, pytest::plugins_needed(project));
    from_imported_extras(project, &pyproject, &setup_cfg, &mut declared);
    own_extras(&mut declared);
    without_tools(project, &mut declared);
    declared.locked = locked(root);
    declared
}

/// Packages of the project's other extras that a test file imports: tests exercise optional parts, too.
fn from_imported_extras(project: &Project, pyproject: &Table, setup_cfg: &Ini, declared: &mut Declared) {
    let extras =
        lookup(pyproject, &["project", "optional-dependencies"]).and_then(Value::as_table).into_iter().flatten();
    let mut lines: Vec<String> = extras.flat_map(|(_, requirements)| strings(Some(requirements))).collect();
    let section = "options.extras_require";
    for extra in setup_cfg.section(section).into_iter().flat_map(|section| section.keys()) {
        lines.extend(setup_cfg.lines(section, extra));
    }
    if lines.is_empty() {
        return;
    }
    let sources = test_sources(project);
    lines.retain(|line| Requirement::parse(line).is_some_and(|requirement| is_imported(&requirement, &sources)));
    declared.add("extras that tests import", Purpose::Tests, lines);
}

fn test_sources(project: &Project) -> Vec<String> {
    let tests = project.all_files().iter().filter(|file| super::suite::is_test_code(&file.relative));
    tests.filter_map(|file| fs::read_to_string(&file.path).ok()).collect()
}

/// True when a module named as the distribution is imported.
fn is_imported(requirement: &Requirement, sources: &[String]) -> bool {
    let module = requirement.name.replace('-', "_");
    let words = [format!("import {module}"), format!("from {module}")];
    sources.iter().any(|source| words.iter().any(|word| source.contains(word)))
}

/// Leaves out tools of developers, unless a test file imports one.
fn without_tools(project: &Project, declared: &mut Declared) {
    let is_tool = |requirement: &Requirement| {
        let name = requirement.name.as_str();
        TOOLS.contains(&name) || TOOL_FAMILIES.iter().any(|family| name.starts_with(family))
    };
    if !declared.groups.iter().any(|group| group.purpose != Purpose::Run && group.requirements.iter().any(is_tool)) {
        return;
    }
    let sources = test_sources(project);
    for group in declared.groups.iter_mut().filter(|group| group.purpose != Purpose::Run) {
        group.requirements.retain(|requirement| !is_tool(requirement) || is_imported(requirement, &sources));
    }
    declared.groups.retain(|group| !group.requirements.is_empty());
}

impl Declared {
    /// The version of `name` that the project's lock file holds for `interpreter`, when it holds exactly one.
    pub(super) fn locked_version(&self, name: &str, interpreter: &Interpreter) -> Option<&str> {
        let fits = |locked: &&Locked| {
            locked.markers.is_empty() || locked.markers.iter().any(|marker| requirement::holds(marker, interpreter))
        };
        let mut fitting = self.locked.get(name)?.iter().filter(fits);
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first.version.as_str())
    }

    fn add(&mut self, label: &str, purpose: Purpose, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        self.add_extra(label, purpose, "", lines);
    }

    fn add_extra(
        &mut self,
        label: &str,
        purpose: Purpose,
        extra: &str,
        lines: impl IntoIterator<Item = impl AsRef<str>>,
    ) {
        let requirements: Vec<_> = lines.into_iter().filter_map(|line| Requirement::parse(line.as_ref())).collect();
        if !requirements.is_empty() {
            let (label, extra) = (label.to_owned(), extra.to_owned());
            self.groups.push(Group { label, purpose, extra, requirements });
        }
    }
}

fn text(root: &Path, name: &str) -> Option<String> {
    let bytes = fs::read(root.join(name)).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn lookup<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    let value = table.get(*first)?;
    if rest.is_empty() { Some(value) } else { lookup(value.as_table()?, rest) }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// True for the names of extras, groups and files that hold what tests need.
pub(super) fn is_test_name(name: &str) -> bool {
    TEST_NAMES.contains(&normalized(name).as_str())
}

fn from_pyproject(pyproject: &Table, declared: &mut Declared) {
    declared.name = lookup(pyproject, &["project", "name"]).and_then(Value::as_str).map(normalized);
    declared.add("`[project] dependencies`", Purpose::Run, strings(lookup(pyproject, &["project", "dependencies"])));
    if let Some(extras) = lookup(pyproject, &["project", "optional-dependencies"]).and_then(Value::as_table) {
        for (extra, requirements) in extras.iter().filter(|(name, _)| is_test_name(name)) {
            declared.extras.insert(extra.clone());
            declared.add_extra(
                &format!("the extra `{extra}`"),
                Purpose::of_name(extra),
                extra,
                strings(Some(requirements)),
            );
        }
    }
    let Some(groups) = pyproject.get("dependency-groups").and_then(Value::as_table) else { return };
    for name in groups.keys().filter(|name| is_test_name(name)) {
        let lines = group_lines(groups, name, &mut BTreeSet::new());
        declared.add(&format!("the dependency group `{name}`"), Purpose::of_name(name), lines);
    }
}

/// A dependency group with the groups it includes (PEP 735); a circle ends where it closes.
fn group_lines(groups: &Table, name: &str, seen: &mut BTreeSet<String>) -> Vec<String> {
    if !seen.insert(normalized(name)) {
        return vec![];
    }
    let found = groups.iter().find(|(key, _)| normalized(key) == normalized(name));
    let items = found.and_then(|(_, value)| value.as_array()).map(Vec::as_slice).unwrap_or_default();
    let lines = items.iter().flat_map(|item| match item {
        Value::String(line) => vec![line.clone()],
        Value::Table(table) => match table.get("include-group").and_then(Value::as_str) {
            Some(included) => group_lines(groups, included, seen),
            None => vec![],
        },
        _ => vec![],
    });
    lines.collect()
}

fn from_poetry(pyproject: &Table, declared: &mut Declared) {
    let Some(poetry) = lookup(pyproject, &["tool", "poetry"]).and_then(Value::as_table) else { return };
    if declared.name.is_none() {
        declared.name = poetry.get("name").and_then(Value::as_str).map(normalized);
    }
    declared.add("`[tool.poetry.dependencies]`", Purpose::Run, poetry_lines(poetry.get("dependencies"), false));
    declared.add(
        "`[tool.poetry.dev-dependencies]`",
        Purpose::Development,
        poetry_lines(poetry.get("dev-dependencies"), true),
    );
    let groups = poetry.get("group").and_then(Value::as_table);
    for (name, group) in groups.into_iter().flatten().filter(|(name, _)| is_test_name(name)) {
        let lines = poetry_lines(group.get("dependencies"), true);
        declared.add(&format!("the poetry group `{name}`"), Purpose::of_name(name), lines);
    }
    let extras = poetry.get("extras").and_then(Value::as_table).into_iter().flatten();
    declared.extras.extend(extras.map(|(name, _)| name.clone()).filter(|name| is_test_name(name)));
}

/// poetry's `name = "^1.2"` as requirements; paths and repositories are left to poetry's own build.
fn poetry_lines(value: Option<&Value>, with_optional: bool) -> Vec<String> {
    let Some(table) = value.and_then(Value::as_table) else { return vec![] };
    let lines = table.iter().filter(|(name, _)| *name != "python").filter_map(|(name, value)| {
        let (version, details) = match value {
            Value::String(version) => (version.as_str(), None),
            Value::Table(table) => (table.get("version")?.as_str()?, Some(table)),
            Value::Array(_) => ("*", None),
            _ => return None,
        };
        let flag = |key: &str| details.and_then(|table| table.get(key)?.as_bool()).unwrap_or(false);
        if flag("optional") && !with_optional {
            return None;
        }
        let extras = strings(details.and_then(|table| table.get("extras")));
        let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
        let marker = details.and_then(|table| table.get("markers")?.as_str()).map(|marker| format!(" ; {marker}"));
        Some(format!("{name}{extras}{}{}", poetry_version(version), marker.unwrap_or_default()))
    });
    lines.collect()
}

/// `^1.2.3` is `>=1.2.3,<2`; `~1.2` is `>=1.2,<1.3`; `1.2` is `==1.2`.
fn poetry_version(version: &str) -> String {
    let one = |part: &str| -> Option<String> {
        let part = part.trim();
        if let Some(base) = part.strip_prefix('^') {
            let numbers: Vec<u32> = base.split('.').map_while(|number| number.parse().ok()).collect();
            let significant = numbers.iter().position(|number| *number > 0).unwrap_or(numbers.len().saturating_sub(1));
            let mut upper = numbers.get(..=significant)?.to_vec();
            *upper.last_mut()? += 1;
            return Some(format!(">={base},<{}", joined(&upper)));
        }
        if let Some(base) = part.strip_prefix('~').filter(|base| !base.starts_with('=')) {
            let numbers: Vec<u32> = base.split('.').map_while(|number| number.parse().ok()).collect();
            let mut upper = numbers.get(..numbers.len().min(2))?.to_vec();
            *upper.last_mut()? += 1;
            return Some(format!(">={base},<{}", joined(&upper)));
        }
        match part {
            "*" | "" => None,
            _ if part.starts_with(|c: char| c.is_ascii_digit()) => Some(format!("=={part}")),
            _ => Some(part.to_owned()),
        }
    };
    if version.contains("||") {
        return String::new();
    }
    version.split(',').filter_map(one).collect::<Vec<_>>().join(",")
}

fn joined(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

fn from_setup_cfg(setup_cfg: &Ini, declared: &mut Declared) {
    if declared.name.is_none() {
        declared.name = setup_cfg.get("metadata", "name").map(normalized);
    }
    declared.add("`install_requires` of setup.cfg", Purpose::Run, setup_cfg.lines("options", "install_requires"));
    declared.add("`tests_require` of setup.cfg", Purpose::Tests, setup_cfg.lines("options", "tests_require"));
    let section = "options.extras_require";
    for extra in setup_cfg.section(section).into_iter().flat_map(|section| section.keys()) {
        if is_test_name(extra) {
            declared.extras.insert(extra.clone());
            declared.add_extra(
                &format!("the extra `{extra}`"),
                Purpose::of_name(extra),
                extra,
                setup_cfg.lines(section, extra),
            );
        }
    }
}

/// The metadata a source distribution carries, for what only the build would compute.
fn from_metadata(root: &Path, declared: &mut Declared) {
    let egg_info = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let egg_info: Vec<_> =
        egg_info.filter(|path| path.extension().is_some_and(|extension| extension == "egg-info")).collect();
    let metadata = text(root, "PKG-INFO").or_else(|| egg_info.iter().find_map(|path| text(path, "PKG-INFO")));
    let metadata = metadata.unwrap_or_default();
    let header = |name: &'static str| {
        let lines = metadata.lines().take_while(|line| !line.is_empty());
        lines.filter_map(move |line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
    };
    if declared.name.is_none() {
        declared.name = header("Name").next().map(|name| normalized(&name));
    }
    let extras: Vec<String> = header("Provides-Extra").filter(|name| is_test_name(name)).collect();
    let mut lines: Vec<String> = header("Requires-Dist").collect();
    if lines.is_empty() {
        let requires =
            egg_info.iter().map(|path| text(path, "requires.txt").unwrap_or_default()).find(|text| !text.is_empty());
        lines = requires.iter().flat_map(|text| requires_lines(text)).collect();
    }
    let (with_extra, without): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.contains("extra =="));
    if !declared.groups.iter().any(|group| group.purpose == Purpose::Run) {
        declared.add("the metadata of the distribution", Purpose::Run, without);
    }
    for extra in extras {
        if declared.extras.insert(extra.clone()) {
            let named = |line: &&String| line.contains(&format!("'{extra}'")) || line.contains(&format!("\"{extra}\""));
            declared.add_extra(
                &format!("the extra `{extra}`"),
                Purpose::of_name(&extra),
                &extra,
                with_extra.iter().filter(named),
            );
        }
    }
}

/// setuptools' `requires.txt`: sections `[extra:marker]`.
fn requires_lines(text: &str) -> Vec<String> {
    let mut condition = String::new();
    let mut lines = vec![];
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let (extra, marker) = section.split_once(':').unwrap_or((section, ""));
            let parts =
                [if extra.is_empty() { String::new() } else { format!("extra == '{extra}'") }, marker.to_owned()];
            condition = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" and ");
        } else if condition.is_empty() {
            lines.push(line.to_owned());
        } else {
            lines.push(format!("{line} ; {condition}"));
        }
    }
    lines
}

/// String literals of the lists in setup.py; what is computed there is left to the build.
fn from_setup_py(setup_py: &str, declared: &mut Declared) {
    declared.add("`install_requires` of setup.py", Purpose::Run, literals_after(setup_py, "install_requires"));
    declared.add("`tests_require` of setup.py", Purpose::Tests, literals_after(setup_py, "tests_require"));
    let extras = setup_py.find("extras_require").map(|start| &setup_py[start..]).unwrap_or_default();
    for name in TEST_NAMES {
        for quoted in [format!("'{name}':"), format!("\"{name}\":")] {
            let lines = literals_after(extras, &quoted);
            if !lines.is_empty() {
                declared.extras.insert((*name).to_owned());
                declared.add_extra(&format!("the extra `{name}`"), Purpose::of_name(name), name, lines);
            }
        }
    }
}

/// The strings of the list that follows `keyword`.
fn literals_after(source: &str, keyword: &str) -> Vec<String> {
    let Some(start) = source.find(keyword) else { return vec![] };
    let rest = source[start + keyword.len()..].trim_start_matches([' ', '=', ':']);
    let Some(list) = rest.strip_prefix('[') else { return vec![] };
    string_literals(&list[..closing(list)])
}

/// The offset of the bracket that closes the one before `text`; strings are passed over.
fn closing(text: &str) -> usize {
    let mut depth = 1;
    let mut quote = None;
    for (offset, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => {
                depth -= 1;
                if depth == 0 {
                    return offset;
                }
            }
            _ => {}
        }
    }
    text.len()
}

fn string_literals(text: &str) -> Vec<String> {
    let mut found = vec![];
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let mut rest = line;
        while let Some(start) = rest.find(['\'', '"']) {
            let quote = rest.as_bytes()[start] as char;
            let Some(length) = rest[start + 1..].find(quote) else { break };
            found.push(rest[start + 1..start + 1 + length].to_owned());
            rest = &rest[start + length + 2..];
        }
    }
    found
}

fn from_requirement_files(root: &Path, declared: &mut Declared) {
    let mut paths: Vec<(PathBuf, Purpose)> = vec![];
    for name in file_names(root) {
        if let Some(rest) = requirement_file_topic(&name) {
            let purpose = if rest.is_empty() { Purpose::Run } else { Purpose::of_name(&rest) };
            paths.push((root.join(&name), purpose));
        }
    }
    for directory in ["requirements", "reqs"] {
        for name in file_names(&root.join(directory)) {
            let Some((stem, "txt" | "in")) = name.rsplit_once('.') else { continue };
            let is_runtime = matches!(stem, "base" | "main" | "common" | "requirements" | "default");
            let is_test = stem.split(['-', '_']).any(is_test_name) && !is_for_other_work(stem);
            if is_runtime || is_test {
                let purpose = if is_runtime { Purpose::Run } else { Purpose::of_name(stem) };
                paths.push((root.join(directory).join(&name), purpose));
            }
        }
    }
    for directory in ["tests", "test", "tests/requirements"] {
        let names = file_names(&root.join(directory)).into_iter();
        let names = names.filter(|name| requirement_file_topic(name).is_some());
        paths.extend(names.map(|name| (root.join(directory).join(name), Purpose::Tests)));
    }
    // A compiled `.txt` says the same as the `.in` beside it, for the Python it was compiled with.
    let compiled: BTreeSet<_> = paths.iter().map(|(path, _)| path.clone()).collect();
    paths.retain(|(path, _)| {
        !(path.extension().is_some_and(|e| e == "in") && compiled.contains(&path.with_extension("txt")))
    });
    // A package says itself what it cannot run without; beside that, such files hold what is convenient to have.
    let says_needs = declared.is_package && declared.groups.iter().any(|group| group.purpose == Purpose::Run);
    if says_needs || has_core_metadata(root) {
        for (_, purpose) in &mut paths {
            *purpose = (*purpose).max(Purpose::Tests);
        }
    }
    paths.sort_by_key(|(_, purpose)| *purpose);
    for (path, purpose) in paths {
        let mut lines = vec![];
        requirement_lines(&path, &mut lines, &mut declared.pip_options, &mut BTreeSet::new());
        declared.extras.extend(lines.iter().flat_map(|line| own_extras_of(line)));
        let label = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        declared.add(&format!("`{label}`"), purpose, lines);
        declared.requirement_files.push(label);
    }
}

/// True where the distribution's own metadata is complete: nothing in it means nothing is needed.
fn has_core_metadata(root: &Path) -> bool {
    let pyproject: Table = text(root, "pyproject.toml").and_then(|text| toml::from_str(&text).ok()).unwrap_or_default();
    let is_dynamic = strings(lookup(&pyproject, &["project", "dynamic"])).iter().any(|name| name == "dependencies");
    root.join("PKG-INFO").is_file() || (pyproject.contains_key("project") && !is_dynamic)
}

/// What `requirements-dev.txt` or `test_requirements.in` are for (`dev`, `test`), nothing for `requirements.txt`; `None`
/// for any other file. Strict, because what is taken for a name in such a file gets installed.
fn requirement_file_topic(name: &str) -> Option<String> {
    let (stem, "txt" | "in") = name.rsplit_once('.')? else { return None };
    if let Some(rest) = stem.strip_prefix("requirements") {
        let is_apart = rest.is_empty() || rest.starts_with(['-', '_', '.']);
        return (is_apart && !is_for_other_work(rest)).then(|| rest.to_owned());
    }
    let topic = stem.strip_suffix("requirements")?.strip_suffix(['-', '_', '.'])?;
    is_test_name(topic).then(|| topic.to_owned())
}

fn file_names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Files for documentation, linters and releases: large, and no test needs them.
fn is_for_other_work(name: &str) -> bool {
    ["doc", "lint", "release", "publish", "format", "style", "mypy", "typing", "pre-commit"]
        .iter()
        .any(|word| name.contains(word))
}

/// The lines of a requirement file with those it includes; options that name package sources go to `options`.
fn requirement_lines(path: &Path, lines: &mut Vec<String>, options: &mut Vec<String>, seen: &mut BTreeSet<PathBuf>) {
    if !seen.insert(path.to_path_buf()) {
        return;
    }
    let content = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let parent = path.parent().unwrap_or(Path::new("."));
    for line in content.replace("\\\n", " ").lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("--requirement").or_else(|| line.strip_prefix("-r")) {
            let included = parent.join(name.trim_start_matches([' ', '=']).trim());
            if !included.file_name().is_some_and(|name| is_for_other_work(&name.to_string_lossy())) {
                requirement_lines(&included, lines, options, seen);
            }
        } else if ["--index-url", "--extra-index-url", "--find-links", "-i ", "-f "].iter().any(|o| line.starts_with(o))
        {
            let parts: Vec<String> = line.splitn(2, [' ', '=']).map(|part| part.trim().to_owned()).collect();
            if !options.windows(parts.len()).any(|window| window == parts) {
                options.extend(parts);
            }
        } else if !line.is_empty() {
            lines.push(line.to_owned());
        }
    }
}

/// `.[test,socks]` and `-e .[test]` name extras of the project itself.
fn own_extras_of(line: &str) -> Vec<String> {
    let path = line.trim_start_matches("-e").trim_start_matches("--editable").trim();
    let inner =
        path.strip_prefix(".[").or_else(|| path.strip_prefix("{toxinidir}[")).and_then(|rest| rest.split(']').next());
    inner.map(|inner| inner.split(',').map(|extra| extra.trim().to_owned()).collect()).unwrap_or_default()
}

fn from_tox(project: &Project, pyproject: &Table, setup_cfg: &Ini, declared: &mut Declared) {
    let legacy = lookup(pyproject, &["tool", "tox", "legacy_tox_ini"]).and_then(Value::as_str).map(Ini::parse);
    let own = text(&project.root, "tox.ini").map(|text| Ini::parse(&text));
    for ini in own.iter().chain(legacy.iter()) {
        from_tox_ini(project, ini, "testenv", declared);
    }
    from_tox_ini(project, setup_cfg, "tox:testenv", declared);
    let toml: Option<Table> = text(&project.root, "tox.toml").and_then(|text| toml::from_str(&text).ok());
    let tables = [toml.as_ref(), lookup(pyproject, &["tool", "tox"]).and_then(Value::as_table)];
    for table in tables.into_iter().flatten() {
        let base = table.get("env_run_base");
        let environments = table.get("env").and_then(Value::as_table).into_iter().flatten();
        let tests = environments.filter(|(name, _)| is_test_environment(name)).map(|(_, value)| value);
        for environment in base.into_iter().chain(tests) {
            declared.extras.extend(strings(environment.get("extras")));
            add_tox_lines(project, &strings(environment.get("deps")), declared);
        }
    }
}

/// `py`, `py311`, `py3`, `test`, `tests-cov`: not documentation, not linters, not one version of a dependency.
fn is_test_environment(name: &str) -> bool {
    name.split(['-', '{', '}', ',']).next().is_some_and(|first| {
        is_test_name(first)
            || first.strip_prefix("py").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn from_tox_ini(project: &Project, ini: &Ini, base: &str, declared: &mut Declared) {
    for section in ini.sections() {
        let is_named = section.strip_prefix("testenv:").is_some_and(is_test_environment);
        if section == base || (base == "testenv" && is_named) {
            let extras = ini.lines(section, "extras");
            declared.extras.extend(extras.iter().flat_map(|line| line.split(',')).map(|extra| extra.trim().to_owned()));
            add_tox_lines(project, &ini.lines(section, "deps"), declared);
        }
    }
}

fn add_tox_lines(project: &Project, lines: &[String], declared: &mut Declared) {
    let mut plain = vec![];
    for line in lines {
        let Some(line) = without_factor(line) else { continue };
        if let Some(name) = line.strip_prefix("-r") {
            let name = name.trim().trim_start_matches("{toxinidir}/").trim_start_matches("{tox_root}/");
            let path = project.root.join(name);
            requirement_lines(&path, &mut plain, &mut declared.pip_options, &mut BTreeSet::new());
        } else {
            plain.push(line.to_owned());
        }
    }
    declared.extras.extend(plain.iter().flat_map(|line| own_extras_of(line)));
    declared.add("the environments of tox", Purpose::Tests, plain);
}

/// `py: mock` applies to every Python; `django42: Django<5` to one column of a matrix, which is left out.
fn without_factor(line: &str) -> Option<&str> {
    let Some((factors, rest)) = line.split_once(": ") else { return Some(line) };
    if factors.contains(['=', '<', '>', '[', ';', ' ']) {
        return Some(line);
    }
    let is_general =
        |factor: &str| factor == "py" || factor == "py3" || is_test_name(factor) || factor.starts_with('!');
    factors.split([',', '-']).all(is_general).then_some(rest.trim())
}

/// String arguments of `session.install(…)` in the sessions of noxfile.py whose names speak of tests.
fn from_nox(root: &Path, declared: &mut Declared) {
    let source = text(root, "noxfile.py").unwrap_or_default();
    let mut lines = vec![];
    for session in source.split("\ndef ").skip(1) {
        let name = session.split('(').next().unwrap_or_default();
        if !name.contains("test") && !name.contains("unit") {
            continue;
        }
        for call in session.split(".install(").skip(1) {
            let arguments = string_literals(&call[..closing(call)]);
            let mut arguments = arguments.into_iter();
            while let Some(argument) = arguments.next() {
                if argument == "-r" || argument == "-c" {
                    let file = arguments.next().unwrap_or_default();
                    if argument == "-r" {
                        let path = root.join(file);
                        requirement_lines(&path, &mut lines, &mut declared.pip_options, &mut BTreeSet::new());
                    }
                } else {
                    lines.push(argument);
                }
            }
        }
    }
    declared.extras.extend(lines.iter().flat_map(|line| own_extras_of(line)));
    declared.add("the sessions of nox", Purpose::Tests, lines);
}

fn from_pipfile(root: &Path, declared: &mut Declared) {
    let pipfile: Option<Table> = text(root, "Pipfile").and_then(|text| toml::from_str(&text).ok());
    let Some(pipfile) = pipfile else { return };
    for (section, purpose) in [("packages", Purpose::Run), ("dev-packages", Purpose::Development)] {
        let lines = poetry_lines(pipfile.get(section), true);
        declared.add(&format!("`[{section}]` of the Pipfile"), purpose, lines);
    }
}

/// The versions the project's own lock file settled on.
fn locked(root: &Path) -> BTreeMap<String, Vec<Locked>> {
    let names = ["uv.lock", "poetry.lock", "pdm.lock"];
    let lock: Option<Table> = names.iter().find_map(|name| toml::from_str(&text(root, name)?).ok());
    let packages =
        lock.as_ref().and_then(|lock| lock.get("package")?.as_array()).map(Vec::as_slice).unwrap_or_default();
    let mut versions: BTreeMap<String, Vec<Locked>> = BTreeMap::new();
    for package in packages {
        let field = |key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(name), Some(version)) = (field("name"), field("version")) else { continue };
        let mut markers = strings(package.get("resolution-markers"));
        markers.extend(field("markers").or_else(|| field("marker")));
        versions.entry(normalized(&name)).or_default().push(Locked { version, markers });
    }
    versions
}

/// A requirement on the project itself asks for its extras, not for another copy of it.
fn own_extras(declared: &mut Declared) {
    let Some(name) = declared.name.clone() else { return };
    for group in &mut declared.groups {
        let (own, others): (Vec<_>, Vec<_>) = group.requirements.drain(..).partition(|r| r.name == name);
        group.requirements = others;
        for requirement in own {
            let inner = requirement.text.split_once('[').and_then(|(_, rest)| rest.split(']').next());
            declared
                .extras
                .extend(inner.iter().flat_map(|inner| inner.split(',')).map(|extra| extra.trim().to_owned()));
        }
    }
    declared.groups.retain(|group| !group.requirements.is_empty());
    declared.extras.retain(|extra| !extra.is_empty() && !extra.contains(['{', ' ']));
}

#[cfg(test)]
#[path = "declared_tests.rs"]
mod tests;
