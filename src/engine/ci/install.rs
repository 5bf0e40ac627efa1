//! The lines of shell that make a project ready on the machine that measures it.

use super::setup::{InstallFrom, Setup};
use super::{Platform, pins};
use crate::model::Dependencies;

/// How every package is installed.
const PIP: &str = "python -m pip install --disable-pip-version-check";

/// The lines, in order. Values reach them through variables; only file names of the project stand in them, quoted.
pub(super) fn lines(setup: &Setup) -> Vec<String> {
    let mut lines = system_lines(setup);
    match &setup.install_from {
        InstallFrom::Variable => {
            lines.push(
                ": \"${CMDX_INSTALL_FROM:?set this variable to a wheel of cmdx, its URL, or git+https://}\"".into(),
            );
            lines.push(format!("{PIP} \"${{CMDX_INSTALL_FROM}}\""));
        }
        InstallFrom::Given(_) => lines.push(format!("{PIP} \"${{CMDX_INSTALL_FROM}}\"")),
        InstallFrom::Source(_) => {
            if matches!(setup.platform, Platform::Github | Platform::Azure) {
                lines.push("rustup default stable && rustup update --no-self-update stable".into());
            }
            lines.push(format!("{PIP} \"${{CMDX_INSTALL_FROM}}\""));
        }
        InstallFrom::Project => {}
    }
    lines.extend(dependency_lines(setup));
    if setup.facts.lacks_pytest {
        lines.push(match setup.facts.dependencies {
            Dependencies::Uv => format!("uv pip install \"{}\"", pins::PYTEST),
            Dependencies::Poetry => format!("poetry run pip install \"{}\"", pins::PYTEST),
            Dependencies::Pdm => format!("pdm run python -m ensurepip && pdm run pip install \"{}\"", pins::PYTEST),
            Dependencies::Pipenv => format!("pipenv run pip install \"{}\"", pins::PYTEST),
            _ => format!("{PIP} \"{}\"", pins::PYTEST),
        });
    }
    if setup.has_slash {
        let sudo = if setup.platform.is_slim_image() { "" } else { "sudo " };
        lines.push(format!("{sudo}\"$(command -v cmdx)\" install --slash --dir / --yes"));
    }
    lines
}

/// What an image without git or a compiler lacks.
fn system_lines(setup: &Setup) -> Vec<String> {
    if !setup.platform.is_slim_image() {
        return vec![];
    }
    let is_source = matches!(setup.install_from, InstallFrom::Source(_) | InstallFrom::Variable);
    let compiler = if is_source { " gcc libc6-dev" } else { "" };
    vec![
        "apt-get update -qq".to_owned(),
        format!("apt-get install -y -qq --no-install-recommends git{compiler}"),
        // The checkout belongs to another user of the machine than the container's.
        "git config --global --add safe.directory \"${PWD}\"".to_owned(),
    ]
}

fn dependency_lines(setup: &Setup) -> Vec<String> {
    let tool = |package: &str, commands: &[&str]| {
        let mut lines = vec![format!("{PIP} \"{package}\"")];
        lines.extend(commands.iter().map(|command| (*command).to_owned()));
        lines
    };
    match &setup.facts.dependencies {
        Dependencies::Nothing => vec![],
        Dependencies::Uv => tool(pins::UV, &["uv sync --locked --all-extras"]),
        Dependencies::Poetry => tool(pins::POETRY, &["poetry install --no-interaction --all-extras"]),
        Dependencies::Pdm => tool(pins::PDM, &["pdm install --frozen-lockfile --dev"]),
        Dependencies::Pipenv => tool(pins::PIPENV, &["pipenv sync --dev"]),
        Dependencies::Pip { files, is_package, extras, groups } => pip_lines(files, *is_package, extras, groups),
    }
}

fn pip_lines(files: &[String], is_package: bool, extras: &[String], groups: &[String]) -> Vec<String> {
    let mut lines = vec![];
    if !groups.is_empty() {
        lines.push(format!("{PIP} \"{}\"", pins::PIP));
    }
    let mut words: Vec<String> = files.iter().map(|file| format!("-r {}", quoted(file))).collect();
    if is_package {
        let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
        words.push(format!("-e {}", quoted(&format!(".{extras}"))));
    }
    words.extend(groups.iter().map(|group| format!("--group {}", quoted(group))));
    if !words.is_empty() {
        lines.push(format!("{PIP} {}", words.join(" ")));
    }
    lines
}

/// A word that every shell reads as itself.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:@+,".contains(c));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Variables that make the tools put the environment where cmdx finds it.
pub(super) fn variables(setup: &Setup) -> Vec<(&'static str, String)> {
    let one = |name: &'static str, value: &str| vec![(name, value.to_owned())];
    let mut variables = match setup.facts.dependencies {
        Dependencies::Uv => one("UV_PYTHON", &setup.facts.python),
        Dependencies::Poetry => one("POETRY_VIRTUALENVS_IN_PROJECT", "true"),
        Dependencies::Pdm => one("PDM_VENV_IN_PROJECT", "true"),
        Dependencies::Pipenv => one("PIPENV_VENV_IN_PROJECT", "1"),
        Dependencies::Pip { .. } | Dependencies::Nothing => vec![],
    };
    if let InstallFrom::Given(source) | InstallFrom::Source(source) = &setup.install_from {
        variables.push(("CMDX_INSTALL_FROM", source.clone()));
    }
    variables
}

/// The directory a tool other than pip keeps downloads in, with the lock file that names what is in it.
pub(super) fn tool_cache(setup: &Setup) -> Option<(&'static str, &'static str)> {
    match setup.facts.dependencies {
        Dependencies::Uv => Some(("~/.cache/uv", "uv.lock")),
        Dependencies::Poetry => Some(("~/.cache/pypoetry", "poetry.lock")),
        Dependencies::Pdm => Some(("~/.cache/pdm", "pdm.lock")),
        Dependencies::Pipenv => Some(("~/.cache/pipenv", "Pipfile.lock")),
        Dependencies::Pip { .. } | Dependencies::Nothing => None,
    }
}
