//! Traces the memory of a run where that was asked for and is possible, and turns the logs into the profile.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::args::Plan;
use super::charged::Charged;
use crate::agent::memory_log;
use crate::agent::wire::ProcessEvents;
use crate::commands::sources::Sources;
use crate::engine::profile::memory;
use crate::harness::{FramePaths, prepare_memory_tracer};
use crate::model::{Frame, Interpreter, MemoryProfile, MemoryTracer, Problem, Workload};
use crate::project::Project;

/// Has the Python agent note handles and containers; `tracemalloc` has it trace allocations as well.
const HANDLES: &str = "CMDX_HANDLES";

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
        let handles = |how: &str| (HANDLES.to_owned(), how.into());
        let (variables, logs, interpreter) = match self {
            Self::Off => return vec![],
            Self::Refused(_) => return vec![handles("tracemalloc")],
            Self::Native { variables, logs, interpreter } => (variables, logs, interpreter),
        };
        let own = workload.env.iter().find(|(name, _)| name == "LD_PRELOAD").map(|(_, value)| value.as_str());
        let mut variables = match own {
            None => variables.clone(),
            Some(own) => prepare_memory_tracer(interpreter, logs, Some(own)).unwrap_or_default(),
        };
        variables.push(handles("native"));
        variables
    }

    /// What was traced; `None` when it was not asked for.
    pub(super) fn profile(
        &self,
        frames: &mut Vec<Frame>,
        events: &[ProcessEvents],
        sources: &Sources,
        charged: &Charged,
        project: &Project,
    ) -> Option<(MemoryProfile, Vec<Problem>)> {
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
        let mut problems = vec![];
        let mut profile = match self {
            Self::Off => return None,
            Self::Refused(reason) => untraced(format!("the native tracer did not run, because {reason}")),
            Self::Native { logs, .. } => {
                let (processes, lost) = memory_log::read_directory(logs);
                problems = lost;
                if processes.is_empty() {
                    untraced("memory was not traced: no Python process of the workload loaded the tracer".to_owned())
                } else {
                    memory::build(&processes, frames, &source)
                }
            }
        };
        memory::add_python_trace(&mut profile, events, &source);
        profile.handles = memory::handles(events, source.is_charged);
        profile.caches = memory::caches(events, &|path| sources.text(path).map(Cow::into_owned));
        Some((profile, problems))
    }
}

/// What cmdx itself was started with, which the workload inherits.
fn inherited() -> Option<String> {
    std::env::var("LD_PRELOAD").ok().filter(|value| !value.is_empty())
}

fn untraced(note: String) -> MemoryProfile {
    MemoryProfile { tracer: MemoryTracer::None, notes: vec![note], ..MemoryProfile::default() }
}
