//! What the process finds around itself: variables and terminals. Injected, so that every decision can be tested.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use console::Term;

/// Variables and the state of the two output streams.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The environment.
    pub variables: BTreeMap<String, String>,
    /// True when standard output is a terminal.
    pub is_stdout_terminal: bool,
    /// True when standard error is a terminal.
    pub is_stderr_terminal: bool,
    /// Columns of the terminal, when there is one.
    pub terminal_width: Option<usize>,
}

impl Surroundings {
    /// Those of this process. Variables that are not UTF-8 say nothing about a terminal and are left out.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os();
        let size = Term::stdout().size_checked().or_else(|| Term::stderr().size_checked());
        Self {
            variables: variables.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect(),
            is_stdout_terminal: std::io::stdout().is_terminal(),
            is_stderr_terminal: std::io::stderr().is_terminal(),
            terminal_width: size.map(|(_, columns)| usize::from(columns)),
        }
    }

    /// The variable's value, when it is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// True when the variable is set to something other than `0` and `false`.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|value| !matches!(value, "0" | "false"))
    }

    /// True in a terminal that can only append.
    pub(super) fn is_dumb(&self) -> bool {
        self.variable("TERM") == Some("dumb")
    }
}
