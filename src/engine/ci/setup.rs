//! What was asked for, checked: nothing that goes into a generated file may end a line or open an expression.

use super::Platform;
use crate::model::CiFacts;

/// All that decides the bytes of the generated files.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Who runs it.
    pub platform: Platform,
    /// A schedule, and a history that is kept from run to run.
    pub has_monitoring: bool,
    /// A step that fails when a limit is passed.
    pub has_gates: bool,
    /// In how many parts the benchmarks are run; one for all together.
    pub n_shards: u32,
    /// Where cmdx comes from.
    pub install_from: InstallFrom,
    /// Commands are written with a slash, through links that a step makes.
    pub has_slash: bool,
    /// The command line that makes the same files again.
    pub regenerate: String,
    /// What is known about the project.
    pub facts: CiFacts,
}

/// How cmdx reaches the machine that measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstallFrom {
    /// What pip takes: `cmdx==0.1.0`, a wheel, its URL.
    Given(String),
    /// As above, and pip has to build it: a git URL, a directory.
    Source(String),
    /// The project's own requirements bring it.
    Project,
    /// The variable `CMDX_INSTALL_FROM` of the build server names it; a run without it says so and ends.
    Variable,
}

/// What cannot go into a generated file.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot stand in a generated file: `{}`", value.escape_debug())]
pub struct Refusal {
    /// What it is: the default branch, a file.
    pub what: &'static str,
    /// Its text.
    pub value: String,
}

impl Setup {
    /// Refuses text that a build server would read as more than text.
    ///
    /// # Errors
    /// The first such text.
    pub fn check(&self) -> Result<(), Refusal> {
        let source = match &self.install_from {
            InstallFrom::Given(source) | InstallFrom::Source(source) => source.as_str(),
            InstallFrom::Project | InstallFrom::Variable => "",
        };
        let texts = [
            ("the place cmdx comes from", source),
            ("the default branch", self.facts.default_branch.as_str()),
            ("the project's directory", self.facts.prefix.as_str()),
            ("the Python version", self.facts.python.as_str()),
        ];
        for (what, value) in texts {
            let is_expression = ["${{", "<<", "$[", "{{"].iter().any(|open| value.contains(open));
            // A branch is only ever a quoted scalar; a directory stands in lists of paths as well.
            let is_odd_path = what.ends_with("directory") && value.contains(|c: char| "\"'`$*?[]{}\\:#".contains(c));
            if value.contains(char::is_control) || is_expression || is_odd_path {
                return Err(Refusal { what, value: value.to_owned() });
            }
        }
        Ok(())
    }
}
