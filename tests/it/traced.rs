//! Runs a Python program with the agent in it, without the rest of cmdx, and reads what it reported.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cmdx::agent::{self, wire};
use cmdx::engine::profile::queries;
use cmdx::model::{QueryPattern, QueryPatternKind, QueryProfile};
use cmdx::syntax::Outline;

/// A project in a temporary directory, with a place for the agent and its events.
pub(crate) struct Traced {
    pub(crate) root: PathBuf,
    pub(crate) events: PathBuf,
    agent: PathBuf,
    _directory: tempfile::TempDir,
}

impl Traced {
    /// A project of `files`.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let base = fs::canonicalize(directory.path()).expect("just made");
        let (root, events, agent) = (base.join("project"), base.join("events"), base.join("agent"));
        for path in [&root, &events] {
            fs::create_dir(path).expect("writable");
        }
        agent::install(&agent).expect("writable");
        for (name, content) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
            fs::write(path, content).expect("writable");
        }
        Self { root, events, agent, _directory: directory }
    }

    /// `python` with the agent's environment, in the project.
    pub(crate) fn command(&self, python: &Path) -> Command {
        let mut command = self.bare_command(python);
        let settings = agent::Settings {
            agent_directory: &self.agent,
            events_directory: &self.events,
            project_root: &self.root,
            excludes: &[],
            python_path: None,
        };
        command.envs(agent::environment(&settings));
        command
    }

    /// `python` without the agent, in the project.
    pub(crate) fn bare_command(&self, python: &Path) -> Command {
        let mut command = Command::new(python);
        command.current_dir(&self.root).env_remove("PYTHONPATH").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Runs `python arguments…` with the agent; it must succeed.
    pub(crate) fn run(&self, python: &Path, arguments: &[&str]) -> Output {
        let output = self.command(python).args(arguments).output().expect("the interpreter starts");
        assert!(
            output.status.success(),
            "{arguments:?} failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    /// All that was reported until now.
    pub(crate) fn processes(&self) -> Vec<wire::ProcessEvents> {
        let (processes, problems) = wire::read_directory(&self.events);
        assert!(problems.is_empty(), "{problems:?}");
        processes
    }

    /// The query profile of it.
    pub(crate) fn profile(&self) -> QueryProfile {
        let outline = |path: &str| Some(Outline::of(&fs::read(self.root.join(path)).ok()?));
        queries::build(&self.processes(), &outline)
    }

    /// Runs `main.py` and gives the profile.
    pub(crate) fn profile_of_main(&self, python: &Path) -> QueryProfile {
        self.run(python, &["main.py"]);
        self.profile()
    }
}

/// The number of the line of `source` that holds the mark `# <mark>`.
pub(crate) fn line(source: &str, mark: &str) -> u32 {
    let mark = format!("# {mark}");
    let at = source.lines().position(|line| line.trim_end().ends_with(&mark));
    at.unwrap_or_else(|| panic!("no line ends in `{mark}`")) as u32 + 1
}

/// The only pattern of a kind.
pub(crate) fn the_pattern(profile: &QueryProfile, kind: QueryPatternKind) -> QueryPattern {
    let found: Vec<_> = profile.patterns.iter().filter(|pattern| pattern.kind == kind).collect();
    assert_eq!(found.len(), 1, "patterns of kind {kind:?} in {profile:#?}");
    found[0].clone()
}

/// Asserts the N+1 of `source`: the query on the line marked `# query`, the loop on the line marked `# loop`.
pub(crate) fn assert_n_plus_one(profile: &QueryProfile, source: &str, per_call: u64) {
    let pattern = the_pattern(profile, QueryPatternKind::NPlusOne);
    assert_repeated(&pattern, profile, source, per_call);
    assert_eq!(
        pattern.evidence,
        format!("{per_call} queries per call, from the loop at line {}", line(source, "loop"))
    );
}

/// Asserts site, loop and count per call of a pattern.
pub(crate) fn assert_repeated(pattern: &QueryPattern, profile: &QueryProfile, source: &str, per_call: u64) {
    let group = &profile.groups[pattern.group as usize];
    let found = group.repeated_by.as_ref().expect("a loop");
    assert_eq!(pattern.site.line, line(source, "query"), "{group:#?}");
    assert_eq!(found.location.line, line(source, "loop"), "{group:#?}");
    assert!((found.per_call - per_call as f64).abs() < 1e-9, "{group:#?}");
    assert!(found.is_measured, "{group:#?}");
}
