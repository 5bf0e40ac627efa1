//! Which declared packages an interpreter lacks, so that the user is told before a run fails on an import.

use super::declared::{Group, Purpose};
use super::{Project, ProjectError, interpreter};
use crate::model::Interpreter;

/// A package the project declares and the interpreter has not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingPackage {
    /// The distribution's name, normalised.
    pub name: String,
    /// As declared: `flask>=2`.
    pub requirement: String,
    /// Where it is declared: `requirements.txt`.
    pub declared_in: String,
    /// True when only the tests need it.
    pub is_for_tests: bool,
}

/// What is declared and not installed; what the project needs to run comes first. Lists for developers are left out.
pub fn missing(project: &Project, interpreter: &Interpreter) -> Result<Vec<MissingPackage>, ProjectError> {
    lacking(project, interpreter, Purpose::Tests)
}

/// As [`missing`], for everything up to and including `purpose`.
pub(super) fn lacking(
    project: &Project,
    interpreter: &Interpreter,
    purpose: Purpose,
) -> Result<Vec<MissingPackage>, ProjectError> {
    let installed = interpreter::distributions(project, interpreter)?;
    let mut found: Vec<MissingPackage> = vec![];
    for group in project.declared().groups.iter().filter(|group| group.purpose <= purpose) {
        for requirement in group.requirements.iter().filter(|r| r.applies(interpreter, &group.extra)) {
            if installed.contains_key(&requirement.name) || found.iter().any(|known| known.name == requirement.name) {
                continue;
            }
            found.push(package(requirement, group));
        }
    }
    found.sort_by_key(|package| package.is_for_tests);
    Ok(found)
}

/// The error for packages without which the project cannot run; `Ok` when only tests lack something.
pub fn check(project: &Project, interpreter: &Interpreter) -> Result<(), ProjectError> {
    let needed = missing(project, interpreter)?.into_iter().filter(|package| !package.is_for_tests);
    let packages: Vec<String> = needed.map(|package| package.name).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let environment = format!("`{}` ({})", interpreter.path.display(), interpreter::why(interpreter));
    Err(ProjectError::MissingPackages { packages, environment })
}

fn package(requirement: &super::requirement::Requirement, group: &Group) -> MissingPackage {
    MissingPackage {
        name: requirement.name.clone(),
        requirement: requirement.text.clone(),
        declared_in: group.label.clone(),
        is_for_tests: group.purpose != Purpose::Run,
    }
}
