//! What is run, with which interpreter.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A command that exercises the project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Which of the sources of workloads it came from.
    pub kind: WorkloadKind,
    /// One line for the report: `the test suite (pytest tests)`.
    pub title: String,
    /// Program and arguments; the program is a path or a name on `PATH`.
    pub argv: Vec<String>,
    /// Directory it runs in.
    pub cwd: PathBuf,
    /// Variables set on top of the inherited environment.
    pub env: Vec<(String, String)>,
}

/// Where a workload comes from; the order is the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkloadKind {
    /// The words after `--`.
    Command,
    /// `[[workload]]` of the configuration.
    Configured,
    /// Performance tests or benchmarks.
    PerformanceTests,
    /// The whole test suite.
    TestSuite,
    /// `python -m package`.
    MainModule,
    /// The one script that was named.
    Script,
}

/// A Python interpreter that was asked about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interpreter {
    /// The executable, as it is started.
    pub path: PathBuf,
    /// Why this one.
    pub source: InterpreterSource,
    /// `(major, minor, micro)`.
    pub version: (u32, u32, u32),
    /// `cpython`, `pypy`, …
    pub implementation: String,
    /// `sys.prefix`.
    pub prefix: PathBuf,
    /// True for a build without the global interpreter lock.
    pub is_free_threaded: bool,
    /// True when `import pytest` would work.
    pub has_pytest: bool,
}

/// How the interpreter was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterpreterSource {
    /// `--python`.
    Flag,
    /// `python` in the configuration.
    Configuration,
    /// `VIRTUAL_ENV`.
    VirtualEnv,
    /// The environment that holds the cmdx binary.
    BesideBinary,
    /// `.venv`, `venv` or `env` in the project or above it.
    ProjectEnvironment(String),
    /// poetry, pipenv, pdm or hatch.
    Tool(String),
    /// `CONDA_PREFIX`.
    Conda,
    /// `.python-version`.
    PythonVersionFile,
    /// `python3` on `PATH`.
    Path,
    /// `.cmdx/venv`, made by `--install`.
    Private,
}
