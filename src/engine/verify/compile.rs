//! Asks the project's interpreter whether the new files compile and their names resolve: one process for all.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::VerifyError;
use super::room::Room;
use crate::harness;
use crate::model::{ExitReason, Workload, WorkloadKind};
use crate::support::atomic_file;

/// Compiling takes milliseconds a file; a minute covers any project.
const DEADLINE: Duration = Duration::from_mins(1);

/// One file to compile.
#[derive(Clone, Copy, Debug)]
pub struct CompileJob<'a> {
    /// Relative to the project root.
    pub path: &'a str,
    /// As it is on disk.
    pub before: &'a [u8],
    /// As it would be.
    pub after: &'a [u8],
}

/// Compiles every file; returns path and problem of those that do not, or that use names nothing binds.
pub fn compile(room: &Room, python: &Path, jobs: &[CompileJob<'_>]) -> Result<Vec<(String, String)>, VerifyError> {
    if jobs.is_empty() {
        return Ok(vec![]);
    }
    let directory = room.run_directory()?;
    let mut list = vec![];
    for (index, job) in jobs.iter().enumerate() {
        let before = directory.join(format!("before-{index}"));
        let after = directory.join(format!("after-{index}"));
        atomic_file::write(&before, job.before).map_err(VerifyError::of_room(&before))?;
        atomic_file::write(&after, job.after).map_err(VerifyError::of_room(&after))?;
        list.push(json!([job.path, before, after]));
    }
    let input = directory.join("jobs.json");
    atomic_file::write(&input, json!(list).to_string().as_bytes()).map_err(VerifyError::of_room(&input))?;
    let argv = [python, Path::new("-I"), Path::new("-S"), &room.script("cmdx_check.py"), &input];
    let workload = Workload {
        kind: WorkloadKind::Script,
        title: "compiling".into(),
        argv: argv.iter().map(|word| word.display().to_string()).collect(),
        cwd: directory.clone(),
        env: vec![],
    };
    let run = harness::run_plain(&workload, &[], &directory, DEADLINE)?;
    if run.exit == ExitReason::Interrupted {
        return Err(VerifyError::Interrupted);
    }
    let answer = fs::read(&run.stdout_log).map_err(VerifyError::of_room(&run.stdout_log))?;
    serde_json::from_slice(&answer).map_err(|_| {
        let said = fs::read_to_string(&run.stderr_log).unwrap_or_default();
        VerifyError::NoAnswer { message: said.lines().last().unwrap_or("nothing was said").to_owned() }
    })
}
