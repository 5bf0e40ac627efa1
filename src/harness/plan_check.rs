//! Has the project's interpreter ask the databases of a run whether an index would help. The question is put to a copy:
//! an index is advised only when the planner then uses it, at least twice as fast and a millisecond faster.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::model::{PlanAnswer, PlanQuestion};

/// What is run.
const SCRIPT: &str = include_str!("plan_check.py");

/// Why there are no answers.
#[derive(Debug, thiserror::Error)]
pub enum PlanCheckError {
    /// The interpreter could not be started or talked to.
    #[error("cannot run `{python}`: {source}")]
    Interpreter {
        /// The interpreter.
        python: String,
        /// What the system said.
        source: io::Error,
    },
    /// It did not answer in time.
    #[error("the planner did not answer within {limit_seconds} s")]
    Deadline {
        /// The time it had.
        limit_seconds: u64,
    },
    /// It answered something else.
    #[error("the planner check failed: {message}")]
    Failed {
        /// The last line of what it said.
        message: String,
    },
}

/// Asks all `questions` with the interpreter at `python`, in `directory` (whose `.pgpass` and the like are not read;
/// a PostgreSQL password comes from the environment).
///
/// # Errors
/// When the interpreter cannot be run, or does not answer within `deadline`.
pub fn ask(
    python: &Path,
    directory: &Path,
    questions: &[PlanQuestion],
    deadline: Duration,
) -> Result<Vec<PlanAnswer>, PlanCheckError> {
    if questions.is_empty() {
        return Ok(vec![]);
    }
    let failed = |source| PlanCheckError::Interpreter { python: python.display().to_string(), source };
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .current_dir(directory)
        .env_remove("CMDX_EVENTS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let input = serde_json::to_vec(questions).map_err(|error| failed(error.into()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A child that is gone already says why on standard error.
        drop(stdin.write_all(&input));
    }
    let id = child.id();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(deadline) else {
        end(id);
        return Err(PlanCheckError::Deadline { limit_seconds: deadline.as_secs() });
    };
    let output = output.map_err(failed)?;
    serde_json::from_slice(&output.stdout).map_err(|_| PlanCheckError::Failed {
        message: String::from_utf8_lossy(&output.stderr).trim_end().lines().next_back().unwrap_or_default().to_owned(),
    })
}

/// Ends the child; the thread that waits for it takes its exit status.
fn end(id: u32) {
    // It may have ended by itself in this instant.
    let _gone_is_fine = signal::kill(Pid::from_raw(id.cast_signed()), Signal::SIGKILL);
}
