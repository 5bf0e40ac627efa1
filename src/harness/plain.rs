//! Runs a workload as it is, without sampler: for its outcome, or for its time.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::child;
use super::error::HarnessError;
use super::record::reason_of;
use crate::model::{ExitReason, Workload};
use crate::support::interrupt;

/// How often the end of the workload is looked for.
const WAIT_INTERVAL: Duration = Duration::from_millis(2);

/// What came of a plain run.
#[derive(Clone, Debug)]
pub struct PlainRun {
    /// How it ended.
    pub exit: ExitReason,
    /// Start to end.
    pub wall_seconds: f64,
    /// User and system time of the whole process tree.
    pub cpu_seconds: f64,
    /// What it printed.
    pub stdout_log: PathBuf,
    /// What it complained.
    pub stderr_log: PathBuf,
}

/// Runs `workload` to its end or the deadline, its output going to logs in `directory`. No process of its tree is
/// left behind.
///
/// # Errors
/// When it could not be started or its logs could not be written.
pub fn run_plain(
    workload: &Workload,
    variables: &[(String, OsString)],
    directory: &Path,
    deadline: Duration,
) -> Result<PlainRun, HarnessError> {
    run_watched(workload, variables, directory, deadline, &mut |_| {})
}

/// As [`run_plain`]; `watch` is told now and then how long it has run.
pub(super) fn run_watched(
    workload: &Workload,
    variables: &[(String, OsString)],
    directory: &Path,
    deadline: Duration,
    watch: &mut dyn FnMut(Duration),
) -> Result<PlainRun, HarnessError> {
    let (stdout_log, stderr_log) = (directory.join("stdout.log"), directory.join("stderr.log"));
    for log in [&stdout_log, &stderr_log] {
        child::touch(log).map_err(|source| HarnessError::NotWritable { path: log.clone(), source })?;
    }
    child::adopt_orphans();
    let cpu_before = child::children_cpu_seconds();
    let start = Instant::now();
    let mut running = child::start(workload, variables, &stdout_log, &stderr_log)?;
    let exit = loop {
        if let Some(status) = running.try_wait() {
            break reason_of(status);
        }
        if interrupt::is_requested() {
            running.stop(Signal::SIGINT);
            break ExitReason::Interrupted;
        }
        if start.elapsed() >= deadline {
            running.stop(Signal::SIGTERM);
            break ExitReason::DeadlinePassed;
        }
        watch(start.elapsed());
        thread::sleep(WAIT_INTERVAL);
    };
    let wall_seconds = start.elapsed().as_secs_f64();
    if let Some(source) = running.finish().into_iter().next() {
        return Err(HarnessError::NotWritable { path: stdout_log, source });
    }
    let cpu_seconds = child::children_cpu_seconds() - cpu_before;
    Ok(PlainRun { exit, wall_seconds, cpu_seconds, stdout_log, stderr_log })
}
