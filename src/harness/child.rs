//! Starts a workload in its own process group and ends its whole tree. The only place that starts a workload.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::error::HarnessError;
use super::{log_file, process_tree};
use crate::model::{Workload, WorkloadKind};

/// What a program gets to end by itself after it was asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How often the tree is looked at while it ends.
const POLL: Duration = Duration::from_millis(10);

/// A running workload.
pub(super) struct Running {
    child: Child,
    readers: Vec<JoinHandle<io::Result<()>>>,
}

/// Starts `workload` with its output going to the two logs.
pub(super) fn start(
    workload: &Workload,
    agent_variables: &[(String, OsString)],
    stdout_log: &Path,
    stderr_log: &Path,
) -> Result<Running, HarnessError> {
    if !workload.cwd.is_dir() {
        return Err(HarnessError::NoDirectory { directory: workload.cwd.clone() });
    }
    let program = workload.argv.first().cloned().unwrap_or_default();
    let mut command = Command::new(&program);
    command
        .args(&workload.argv[1..])
        .current_dir(&workload.cwd)
        .envs(workload.env.iter().map(|(name, value)| (name, value)))
        .envs(agent_variables.iter().map(|(name, value)| (name, value)))
        .stdin(standard_input(workload.kind))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => HarnessError::ProgramNotFound { program },
        _ => HarnessError::NotStarted { program, source },
    })?;
    let mut readers = vec![];
    if let Some(stdout) = child.stdout.take() {
        let path = stdout_log.to_path_buf();
        readers.push(thread::spawn(move || log_file::capture(stdout, &path)));
    }
    if let Some(stderr) = child.stderr.take() {
        let path = stderr_log.to_path_buf();
        readers.push(thread::spawn(move || log_file::capture(stderr, &path)));
    }
    Ok(Running { child, readers })
}

/// A command that the user typed may read what is piped into cmdx; a terminal is not handed on, because reading from
/// it in another process group would stop the program.
fn standard_input(kind: WorkloadKind) -> Stdio {
    if kind == WorkloadKind::Command && !io::stdin().is_terminal() { Stdio::inherit() } else { Stdio::null() }
}

impl Running {
    /// Process id of the workload's first process.
    pub(super) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Its exit status once it has ended.
    pub(super) fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks the first process and its group to end, waits a little, and ends what is left of it.
    pub(super) fn stop(&mut self, signal: Signal) -> Option<ExitStatus> {
        signal_group(self.pid(), signal);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if let Some(status) = self.try_wait() {
                return Some(status);
            }
            thread::sleep(POLL);
        }
        signal_group(self.pid(), Signal::SIGKILL);
        self.child.wait().ok()
    }

    /// Ends everything the workload left behind, daemons included, and returns what its logs could not take.
    pub(super) fn finish(self) -> Vec<io::Error> {
        signal_group(self.child.id().cast_signed(), Signal::SIGTERM);
        end_descendants();
        self.readers.into_iter().filter_map(|reader| reader.join().ok()?.err()).collect()
    }
}

/// Makes orphans of the workload children of this process, so that a daemon is found and ended. Returns false where
/// the system cannot; daemons are then out of reach.
pub(super) fn adopt_orphans() -> bool {
    nix::sys::prctl::set_child_subreaper(true).is_ok()
}

/// User and system time of all children that have been waited for.
pub(super) fn children_cpu_seconds() -> f64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return 0.0 };
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 * 1e-6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn signal_group(leader: i32, signal: Signal) {
    // A group that is gone already is what was wanted.
    let _gone_is_fine = kill(Pid::from_raw(-leader), signal);
}

/// Terminates, then kills, all descendants of this process, and reaps those that were adopted.
fn end_descendants() {
    let own = std::process::id().cast_signed();
    let deadline = Instant::now() + GRACE;
    let mut signal = Signal::SIGTERM;
    loop {
        reap();
        let left = process_tree::descendants(own);
        if left.is_empty() {
            return;
        }
        for pid in left {
            let _gone_is_fine = kill(Pid::from_raw(pid), signal);
        }
        if signal == Signal::SIGTERM && Instant::now() >= deadline {
            signal = Signal::SIGKILL;
        } else if Instant::now() >= deadline + GRACE {
            // Only a process in an uninterruptible system call outlives SIGKILL; it ends when the call does.
            return;
        }
        thread::sleep(POLL);
    }
}

fn reap() {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

/// Makes sure that a log exists even when the child printed nothing or never started.
pub(super) fn touch(path: &Path) -> io::Result<()> {
    File::create(path).map(drop)
}
