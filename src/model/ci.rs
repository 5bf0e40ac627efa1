//! What a build server has to know about a project before it can measure it.

use serde::{Deserialize, Serialize};

/// Facts read from the project's files and its repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct CiFacts {
    /// The branch that others are merged into.
    pub default_branch: String,
    /// How the default branch is known, in words.
    pub default_branch_from: String,
    /// False where there is no git repository: nothing can be compared with an earlier state then.
    pub has_repository: bool,
    /// False where the repository knows no remote.
    pub has_remote: bool,
    /// From the repository's top to the project's root with `/` at its end; empty where they are the same.
    pub prefix: String,
    /// The Python to measure on: `3.11`.
    pub python: String,
    /// How that version is known, in words.
    pub python_from: String,
    /// All minor versions the project says it supports.
    pub pythons: Vec<String>,
    /// How its dependencies are installed.
    pub dependencies: Dependencies,
    /// What it talks to.
    pub services: Vec<CiService>,
    /// True when the project's own requirements bring cmdx.
    pub declares_cmdx: bool,
    /// True when its tests need a pytest that nothing declares.
    pub lacks_pytest: bool,
    /// True when the source reads `DATABASE_URL`.
    pub reads_database_url: bool,
}

/// The tool that installs a project's dependencies, with what it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "kebab-case")]
pub enum Dependencies {
    /// Nothing is declared.
    Nothing,
    /// `pip install -r … -e .[test]`.
    Pip {
        /// Requirement files, relative to the project's root.
        files: Vec<String>,
        /// True when the project itself can be installed.
        is_package: bool,
        /// Extras of the project that tests need.
        extras: Vec<String>,
        /// Dependency groups that tests need (PEP 735).
        groups: Vec<String>,
    },
    /// uv with its lock file.
    Uv,
    /// poetry with its lock file.
    Poetry,
    /// pdm with its lock file.
    Pdm,
    /// pipenv with its lock file.
    Pipenv,
}

/// A server the project's tests may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CiService {
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
    /// Redis.
    Redis,
    /// MongoDB.
    Mongo,
}
