//! Traces the memory of a run where that was asked for and is possible, and turns the logs into the profile.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::args::Plan;
use super::charged::Charged;
use crate::agent::memory_log;
use crate::commands::sources::Sources;
use crate::engine::profile::memory;
use crate::harness::{FramePaths, prepare_memory_tracer};
use crate::model::{Frame, Interpreter, MemoryProfile, MemoryTracer, Problem, Workload};
use crate::project::Project;

/// Whether memory is traced, and how.
pub(super) enum MemoryTracing {
    /// It was not asked for.
    Off,
    /// By the native tracer.
    Native {
        /// What the traced program is started with.
        variables: Vec<(String, OsString)>,
        /// Where it writes.
        logs: PathBuf,
        interpreter: Interpreter,
    },
    /// The native tracer cannot; the reason follows "because".
    Refused(String),
}

impl MemoryTracing {
    /// Makes the tracer ready for the workloads of a run.
    pub(super) fn prepare(plan: &Plan, interpreter: &Interpreter, directory: &Path) -> Self {
        if !plan.traced.memory {
            return Self::Off;
        }
        let logs = directory.join("memory");
        let prepared = fs::create_dir_all(&logs)
            .map_err(|error| format!("its logs cannot be written: {error}"))
            .and_then(|()| prepare_memory_tracer(interpreter, &logs, inherited().as_deref()));
        match prepared {
            Ok(variables) => Self::Native { variables, logs, interpreter: interpreter.clone() },
            Err(reason) => {
                tracing::info!(reason, "memory is not traced natively");
                Self::Refused(reason)
            }
        }
    }

    /// Variables for a workload, what it preloads itself included.
    pub(super) fn variables(&self, workload: &Workload) -> Vec<(String, OsString)> {
        let Self::Native { variables, logs, interpreter } = self else { return vec![] };
        let own = workload.env.iter().find(|(name, _)| name == "LD_PRELOAD").map(|(_, value)| value.as_str());
        match own {
            None => variables.clone(),
            Some(own) => prepare_memory_tracer(interpreter, logs, Some(own)).unwrap_or_default(),
        }
    }

    /// What was traced; `None` when it was not asked for.
    pub(super) fn profile(
        &self,
        frames: &mut Vec<Frame>,
        sources: &Sources,
        charged: &Charged,
        project: &Project,
        problems: &mut Vec<Problem>,
    ) -> Option<MemoryProfile> {
        let logs = match self {
            Self::Off => return None,
            Self::Refused(reason) => return Some(untraced(format!("memory was not traced, because {reason}"))),
            Self::Native { logs, .. } => logs,
        };
        let (processes, lost) = memory_log::read_directory(logs);
        problems.extend(lost);
        if processes.is_empty() {
            let reason = "memory was not traced: no Python process of the workload loaded the tracer";
            return Some(untraced(reason.to_owned()));
        }
        let root = fs::canonicalize(&project.root).unwrap_or_else(|_| project.root.clone());
        let paths = FramePaths::new(&root, Some(root.clone()));
        let source = memory::Source {
            is_charged: &|path| charged.holds(path),
            outline: &|path| sources.outline(path),
            line: &|path, number| {
                let text = sources.text(path)?;
                text.lines().nth(number.checked_sub(1)? as usize).map(str::to_owned)
            },
            resolve: &|file| paths.of(file),
        };
        Some(memory::build(&processes, frames, &source))
    }
}

/// What cmdx itself was started with, which the workload inherits.
fn inherited() -> Option<String> {
    std::env::var("LD_PRELOAD").ok().filter(|value| !value.is_empty())
}

fn untraced(note: String) -> MemoryProfile {
    MemoryProfile { tracer: MemoryTracer::None, notes: vec![note], ..MemoryProfile::default() }
}
