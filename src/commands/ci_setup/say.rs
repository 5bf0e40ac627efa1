//! What `ci-setup` says: the files, what was found in the project, and what is left to do.

use std::io::{self, Write};

use similar::TextDiff;

use super::place::{Planned, State};
use crate::engine::ci::{InstallFrom, Platform, Setup};
use crate::model::{CiService, Dependencies};
use crate::support::printable::printable;
use crate::support::style::Style;

/// The difference a file would see; the whole text where there is none yet.
pub(super) fn diff(file: &Planned) -> String {
    let before = file.before.as_deref().unwrap_or_default();
    let diff = TextDiff::from_lines(before, file.after.as_str());
    let from = if file.before.is_some() { format!("a/{}", file.shown) } else { "/dev/null".to_owned() };
    diff.unified_diff().context_radius(3).header(&from, &format!("b/{}", file.shown)).to_string()
}

/// One line a file: what was done with it.
pub(super) fn write_done(files: &[Planned], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    for file in files {
        let word = match file.state {
            State::New => "Created",
            State::Same => "Unchanged",
            State::Outdated => "Updated",
            State::Edited | State::Foreign if file.before.as_deref().is_some_and(|old| file.after.contains(old)) => {
                "Added to"
            }
            State::Edited | State::Foreign => "Replaced",
        };
        writeln!(out, "{word} {}", style.strong(&printable(&file.shown)))?;
    }
    Ok(())
}

/// What was found in the project, and what it was found from.
pub(super) fn write_facts(setup: &Setup, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if setup.platform == Platform::PreCommit {
        return Ok(());
    }
    let facts = &setup.facts;
    writeln!(out, "\nFrom the project:")?;
    let mut line = |name: &str, value: String| writeln!(out, "  {name:<15} {}", style.text(&value));
    line("default branch", format!("{} ({})", facts.default_branch, facts.default_branch_from))?;
    let all =
        if facts.pythons.len() > 1 { format!("; it supports {}", facts.pythons.join(", ")) } else { String::new() };
    line("Python", format!("{} ({}{all})", facts.python, facts.python_from))?;
    line("dependencies", dependencies(&facts.dependencies))?;
    if !facts.services.is_empty() {
        let beside = if setup.platform == Platform::Jenkins { " (not started by this Jenkinsfile)" } else { "" };
        let names: Vec<&str> = facts.services.iter().map(|service| service_name(*service)).collect();
        line("servers", format!("{}{beside}", names.join(", ")))?;
    }
    line("cmdx", source(&setup.install_from))
}

fn dependencies(dependencies: &Dependencies) -> String {
    match dependencies {
        Dependencies::Nothing => "none declared".to_owned(),
        Dependencies::Uv => "uv, uv.lock".to_owned(),
        Dependencies::Poetry => "poetry".to_owned(),
        Dependencies::Pdm => "pdm, pdm.lock".to_owned(),
        Dependencies::Pipenv => "pipenv, Pipfile.lock".to_owned(),
        Dependencies::Pip { files, is_package, extras, groups } => {
            let mut parts = files.clone();
            if *is_package {
                let extras = if extras.is_empty() { String::new() } else { format!(" with {}", extras.join(", ")) };
                parts.push(format!("the project itself{extras}"));
            }
            parts.extend(groups.iter().map(|group| format!("the group {group}")));
            format!("pip, {}", parts.join(", "))
        }
    }
}

fn service_name(service: CiService) -> &'static str {
    match service {
        CiService::Postgres => "PostgreSQL",
        CiService::Mysql => "MySQL",
        CiService::Redis => "Redis",
        CiService::Mongo => "MongoDB",
    }
}

fn source(source: &InstallFrom) -> String {
    match source {
        InstallFrom::Given(source) => source.clone(),
        InstallFrom::Source(source) => format!("{source}, built by the job: that takes minutes"),
        InstallFrom::Project => "among the project's own requirements".to_owned(),
        InstallFrom::Variable => "from the variable CMDX_INSTALL_FROM, which has to be set".to_owned(),
    }
}

/// Where the variable that names cmdx's source is set.
pub(super) fn where_to_set(platform: Platform) -> &'static str {
    match platform {
        Platform::Github => "a repository variable: `gh variable set CMDX_INSTALL_FROM`",
        Platform::Gitlab => "a CI/CD variable of the project",
        Platform::Azure => "a variable of the pipeline",
        Platform::Circleci => "an environment variable of the project",
        Platform::Bitbucket => "a repository variable",
        Platform::Jenkins => "a global environment variable",
        Platform::PreCommit => "nothing: the hook uses the cmdx on your PATH",
    }
}
