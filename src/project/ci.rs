//! What a build server has to know about the project: default branch, Python, dependency tool, services.
//! Reads files and asks git; runs none of the project's code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use toml::{Table, Value};

use super::declared::{Declared, Purpose};
use super::{Project, child, suite};
use crate::model::{CiFacts, CiService, Dependencies};

/// git answers at once; where it waits for something there is nothing to learn from it.
const GIT_DEADLINE: Duration = Duration::from_secs(10);
/// Where neither the project nor its metadata names one: supported by most packages, and by cmdx.
const PYTHON_DEFAULT: u32 = 12;
/// The minor versions of Python 3 that a project may be measured on.
const PYTHONS: std::ops::RangeInclusive<u32> = 8..=14;
/// Names that a repository's default branch usually has, likeliest first.
const BRANCHES: &[&str] = &["main", "master", "trunk", "develop"];
/// Packages that mean a server, by the beginning of their names.
const SERVICES: &[(CiService, &[&str])] = &[
    (CiService::Postgres, &["psycopg", "asyncpg", "pg8000", "aiopg"]),
    (CiService::Mysql, &["pymysql", "mysqlclient", "aiomysql", "asyncmy", "mysql-connector", "mariadb"]),
    (CiService::Redis, &["redis", "aioredis", "hiredis", "django-redis", "rq", "celery-redis"]),
    (CiService::Mongo, &["pymongo", "motor", "mongoengine", "beanie"]),
];

/// Reads all of it.
pub fn facts(project: &Project) -> CiFacts {
    let declared = project.declared();
    let pyproject = table(&project.root.join("pyproject.toml"));
    let dependencies = dependencies(&project.root, declared, &pyproject);
    let names = needed_names(declared, &dependencies);
    let (python, python_from, pythons) = python(&project.root, &pyproject);
    let (default_branch, default_branch_from) = default_branch(&project.root);
    CiFacts {
        default_branch,
        default_branch_from,
        has_repository: repository(&project.root).is_some(),
        has_remote: git(&project.root, &["remote"]).is_some_and(|remotes| !remotes.is_empty()),
        prefix: prefix(project),
        python,
        python_from,
        pythons,
        services: services(&names),
        declares_cmdx: names.contains("cmdx"),
        lacks_pytest: !names.contains("pytest") && tests_import(project, "pytest"),
        reads_database_url: mentions(project, "DATABASE_URL"),
        dependencies,
    }
}

/// The top of the repository the project lies in.
pub fn repository(root: &Path) -> Option<PathBuf> {
    root.ancestors().find(|directory| directory.join(".git").exists()).map(Path::to_path_buf)
}

fn prefix(project: &Project) -> String {
    let top = repository(&project.root).unwrap_or_else(|| project.root.clone());
    let inner = super::files::relative(&top, &project.root);
    if inner.is_empty() { inner } else { inner + "/" }
}

/// What git says, trimmed; nothing where it fails or is missing.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(arguments).env("LC_ALL", "C");
    let finished = child::run(&mut command, GIT_DEADLINE).ok()?;
    finished.is_success().then(|| finished.stdout.trim().to_owned())
}

/// The branch that the remote calls its own; else a local one with a usual name, else the one that is checked out.
fn default_branch(root: &Path) -> (String, String) {
    let remote = git(root, &["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"]);
    if let Some(branch) = remote.as_deref().and_then(|name| name.strip_prefix("refs/remotes/origin/")) {
        return (branch.to_owned(), "origin/HEAD".to_owned());
    }
    let listed = git(root, &["for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes/origin"]);
    let listed = listed.unwrap_or_default();
    let branches: Vec<&str> = listed
        .lines()
        .filter_map(|name| name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/remotes/origin/")))
        .collect();
    if let Some(usual) = BRANCHES.iter().find(|usual| branches.contains(usual)) {
        return ((*usual).to_owned(), "the branch of that name".to_owned());
    }
    match git(root, &["symbolic-ref", "--quiet", "--short", "HEAD"]) {
        Some(branch) if !branch.is_empty() => (branch, "the branch that is checked out".to_owned()),
        _ => ("main".to_owned(), "assumed: there is no repository".to_owned()),
    }
}

fn table(path: &Path) -> Table {
    fs::read_to_string(path).ok().and_then(|text| toml::from_str(&text).ok()).unwrap_or_default()
}

fn lookup<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    let value = table.get(*first)?;
    if rest.is_empty() { Some(value) } else { lookup(value.as_table()?, rest) }
}

fn dependencies(root: &Path, declared: &Declared, pyproject: &Table) -> Dependencies {
    let has = |name: &str| root.join(name).is_file();
    if has("uv.lock") {
        return Dependencies::Uv;
    }
    if has("poetry.lock") || lookup(pyproject, &["tool", "poetry", "dependencies"]).is_some() {
        return Dependencies::Poetry;
    }
    if has("pdm.lock") {
        return Dependencies::Pdm;
    }
    if has("Pipfile.lock") {
        return Dependencies::Pipenv;
    }
    let files: Vec<String> = declared.requirement_files.iter().filter(|file| is_installed(file)).cloned().collect();
    let is_buildable = declared.is_package && (pyproject.contains_key("build-system") || has("setup.py"));
    let is_package = is_buildable || pyproject.contains_key("project");
    let groups = pyproject.get("dependency-groups").and_then(Value::as_table);
    let groups: Vec<String> =
        groups.into_iter().flat_map(Table::keys).filter(|name| super::declared::is_test_name(name)).cloned().collect();
    if files.is_empty() && !is_package && groups.is_empty() {
        return Dependencies::Nothing;
    }
    let extras = if is_package { declared.extras.iter().cloned().collect() } else { vec![] };
    Dependencies::Pip { files, is_package, extras, groups }
}

/// Files for a purpose of their own (`requirements-postgres.txt`) are left to those who know when they are wanted.
fn is_installed(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let words = stem.split(['-', '_', '.']).filter(|word| *word != "requirements");
    file.chars().all(|character| !character.is_control() && !"{}'\"".contains(character))
        && words
            .into_iter()
            .all(|word| super::declared::is_test_name(word) || ["base", "main", "common", "default"].contains(&word))
}

/// Names of all packages that the job installs.
fn needed_names(declared: &Declared, dependencies: &Dependencies) -> BTreeSet<String> {
    let is_left_out = |label: &str| match dependencies {
        Dependencies::Pip { files, .. } => {
            let file = label.trim_matches('`');
            declared.requirement_files.iter().any(|known| known == file) && !files.iter().any(|known| known == file)
        }
        _ => false,
    };
    let groups = declared.groups.iter().filter(|group| group.purpose <= Purpose::Development);
    let groups = groups.filter(|group| !is_left_out(&group.label));
    groups.flat_map(|group| group.requirements.iter().map(|requirement| requirement.name.clone())).collect()
}

fn services(names: &BTreeSet<String>) -> Vec<CiService> {
    let needs = |packages: &[&str]| {
        packages.iter().any(|package| {
            names.iter().any(|name| {
                name == package || (package.len() > 3 && name.starts_with(package) && !name.contains("stubs"))
            })
        })
    };
    SERVICES.iter().filter(|(_, packages)| needs(packages)).map(|(service, _)| *service).collect()
}

fn tests_import(project: &Project, module: &str) -> bool {
    let words = [format!("import {module}"), format!("from {module}")];
    let tests = project.all_files().iter().filter(|file| suite::is_test_code(&file.relative));
    let mut sources = tests.filter_map(|file| fs::read_to_string(&file.path).ok());
    let has_words = |source: &String| source.lines().any(|line| words.iter().any(|word| line.trim().starts_with(word)));
    sources.any(|source| has_words(&source)) || project.root.join("pytest.ini").is_file()
}

fn mentions(project: &Project, word: &str) -> bool {
    let mut files = project.all_files().iter();
    files.any(|file| fs::read_to_string(&file.path).is_ok_and(|source| source.contains(word)))
}

/// The version to measure on, how it is known, and all that the project says it supports.
fn python(root: &Path, pyproject: &Table) -> (String, String, Vec<String>) {
    let requires = lookup(pyproject, &["project", "requires-python"])
        .or_else(|| lookup(pyproject, &["tool", "poetry", "dependencies", "python"]))
        .and_then(Value::as_str)
        .map(str::to_owned)
        .or_else(|| setup_requires(root));
    let allowed: Vec<u32> =
        PYTHONS.filter(|minor| requires.as_deref().is_none_or(|text| allows(text, *minor))).collect();
    let classified: Vec<u32> =
        classified(root, pyproject).into_iter().filter(|minor| allowed.contains(minor)).collect();
    let pythons = if classified.is_empty() && requires.is_some() { allowed.clone() } else { classified.clone() };
    let named = |minor: u32| format!("3.{minor}");
    let (minor, from) = if let Some(minor) = pinned(root) {
        (minor, ".python-version")
    } else if let Some(minor) = classified.iter().max() {
        (*minor, "the newest of its classifiers")
    } else if requires.is_some() && !allowed.is_empty() {
        let usual = allowed.contains(&PYTHON_DEFAULT).then_some(PYTHON_DEFAULT);
        (usual.or_else(|| allowed.iter().max().copied()).unwrap_or(PYTHON_DEFAULT), "requires-python")
    } else {
        (PYTHON_DEFAULT, "assumed: the project names none")
    };
    (named(minor), from.to_owned(), pythons.into_iter().map(named).collect())
}

/// `3.11`, `3.11.7` or `cpython-3.11` in `.python-version`.
fn pinned(root: &Path) -> Option<u32> {
    let text = fs::read_to_string(root.join(".python-version")).ok()?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    minor_of(line.trim_start_matches("cpython-").trim_start_matches("python-"))
}

fn minor_of(version: &str) -> Option<u32> {
    version.strip_prefix("3.")?.split(['.', '-', '+']).next()?.parse().ok()
}

fn setup_requires(root: &Path) -> Option<String> {
    let cfg = super::ini::Ini::parse(&fs::read_to_string(root.join("setup.cfg")).unwrap_or_default());
    if let Some(text) = cfg.get("options", "python_requires") {
        return Some(text.to_owned());
    }
    let setup = fs::read_to_string(root.join("setup.py")).ok()?;
    let rest = setup.split("python_requires").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| "'\"".contains(*quote))?;
    rest[1..].split(quote).next().map(str::to_owned)
}

fn classified(root: &Path, pyproject: &Table) -> BTreeSet<u32> {
    let own = lookup(pyproject, &["project", "classifiers"])
        .or_else(|| lookup(pyproject, &["tool", "poetry", "classifiers"]));
    let own = own.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let files = ["setup.cfg", "setup.py"].map(|name| fs::read_to_string(root.join(name)).unwrap_or_default());
    let lines = files.iter().flat_map(|text| text.lines()).map(str::to_owned);
    let versions = own.chain(lines).filter_map(|line| {
        let rest = line.split("Programming Language :: Python :: ").nth(1)?.to_owned();
        minor_of(rest.trim_end_matches(['\'', '"', ',', ' ']))
    });
    versions.collect()
}

/// True when a specifier such as `>=3.9,<3.13` or `^3.9` admits the minor version.
fn allows(specifier: &str, minor: u32) -> bool {
    specifier.split("||").any(|alternative| {
        alternative.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty()).all(|part| admits(part, minor))
    })
}

fn admits(part: &str, minor: u32) -> bool {
    let split = part.find(|character: char| character.is_ascii_digit()).unwrap_or(part.len());
    let (operator, version) = part.split_at(split);
    let numbers: Vec<u32> = version.split('.').map_while(|number| number.parse().ok()).collect();
    let Some((major, rest)) = numbers.split_first() else { return true };
    let (bound, is_exact) = (rest.first().copied(), rest.len() > 1);
    if *major != 3 {
        // `<4` admits all of Python 3, `>=2.7` too.
        return if *major > 3 { operator.starts_with('<') } else { operator.starts_with('>') };
    }
    let Some(bound) = bound else { return !matches!(operator.trim(), "<" | ">") };
    match operator.trim() {
        "~=" | "~" if is_exact || operator.trim() == "~" => minor == bound,
        ">=" | "^" | "~=" => minor >= bound,
        ">" if is_exact => minor >= bound,
        ">" => minor > bound,
        "<" if is_exact => minor <= bound,
        "<" => minor < bound,
        "<=" => minor <= bound,
        "!=" => is_exact && !version.ends_with(".*") || minor != bound,
        _ => minor == bound,
    }
}

#[cfg(test)]
#[path = "ci_tests.rs"]
mod tests;
