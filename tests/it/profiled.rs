//! Runs the cmdx binary on a project in a temporary directory and reads its report.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cmdx::model::{CpuProfile, ExitReason, FunctionCost, Report};

/// A project in a temporary directory.
pub(crate) struct Profiled {
    pub(crate) root: PathBuf,
    _directory: tempfile::TempDir,
}

/// What cmdx said about one run.
pub(crate) struct Answer {
    pub(crate) report: Report,
    /// What the program printed.
    pub(crate) stdout: String,
    /// What the program printed on its standard error.
    pub(crate) stderr: String,
}

impl Profiled {
    /// A project of `files`.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = fs::canonicalize(directory.path()).expect("just made").join("project");
        for (name, content) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
            fs::write(path, content).expect("writable");
        }
        Self { root, _directory: directory }
    }

    /// `cmdx optimize --profile --format=json --python PYTHON` in the project.
    pub(crate) fn command(&self, python: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cmdx"));
        command.current_dir(&self.root).env("PYTHONDONTWRITEBYTECODE", "1");
        command.args(["optimize", "--profile", "-qq", "--format=json", "--python"]).arg(python);
        command
    }

    /// Profiles `python words…`; the program must end well.
    pub(crate) fn run(&self, python: &Path, words: &[&str]) -> Answer {
        let output = self.command(python).arg(".").arg("--").arg(python).args(words).output().expect("cmdx starts");
        let answer = self.answer(&output);
        let exit = answer.report.workload.as_ref().map(|workload| workload.exit);
        assert_eq!(exit, Some(ExitReason::Exited(0)), "{words:?}:\n{}{}", answer.stdout, answer.stderr);
        answer
    }

    /// Reads what cmdx wrote.
    pub(crate) fn answer(&self, output: &Output) -> Answer {
        let said = String::from_utf8_lossy(&output.stderr);
        let report: Report =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("no report ({error}):\n{said}"));
        let log = |path: Option<&String>| {
            path.map(|path| fs::read_to_string(self.root.join(path)).expect("the log is kept")).unwrap_or_default()
        };
        let workload = report.workload.as_ref();
        let stdout = log(workload.map(|workload| &workload.stdout_log));
        let stderr = log(workload.map(|workload| &workload.stderr_log));
        Answer { report, stdout, stderr }
    }
}

impl Answer {
    /// The CPU profile.
    pub(crate) fn cpu(&self) -> &CpuProfile {
        &self.report.profile.as_ref().expect("the workload was run").cpu
    }

    /// The cost of the function named last by `name` (`work`, `Worker.work`, `make.<locals>.work`).
    pub(crate) fn function(&self, name: &str) -> Option<&FunctionCost> {
        self.cpu().functions.iter().find(|function| {
            let symbol = &function.location.symbol;
            symbol == name || symbol.ends_with(&format!(".{name}"))
        })
    }

    /// Wall and CPU seconds charged to functions of these names.
    pub(crate) fn seconds(&self, names: &[&str]) -> (f64, f64) {
        let functions = names.iter().filter_map(|name| self.function(name));
        functions.fold((0.0, 0.0), |sum, cost| (sum.0 + cost.wall_seconds, sum.1 + cost.cpu_seconds))
    }

    /// Names of the charged functions with their wall seconds, for messages.
    pub(crate) fn names(&self) -> Vec<String> {
        let functions = self.cpu().functions.iter();
        functions
            .map(|cost| format!("{} {:.3}/{:.3} s", cost.location.symbol, cost.wall_seconds, cost.cpu_seconds))
            .collect()
    }

    /// A number that the program printed as `name number`.
    pub(crate) fn printed(&self, name: &str) -> f64 {
        let line = self.stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no `{name}` in:\n{}", self.stdout))
    }
}
