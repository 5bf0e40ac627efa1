//! Runs the tools this room asks (interpreters, pip, poetry): own process group, deadline, no input, nothing inherited
//! that could stay behind. The user's workload is run by the harness, never here.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::interrupt;

/// Short enough not to be felt, long enough to cost nothing.
const POLL: Duration = Duration::from_millis(4);

/// How a child ended and what it said.
#[derive(Debug)]
pub(super) struct Finished {
    /// `None` when it was ended for passing its deadline.
    pub(super) status: Option<ExitStatus>,
    /// Invalid UTF-8 replaced.
    pub(super) stdout: String,
    /// Invalid UTF-8 replaced.
    pub(super) stderr: String,
}

impl Finished {
    /// True for exit code 0.
    pub(super) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Runs to the end or the deadline; an interruption of cmdx ends it and is an error of kind `Interrupted`.
pub(super) fn run(command: &mut Command, deadline: Duration) -> io::Result<Finished> {
    let mut stdout = tempfile::tempfile()?;
    let mut stderr = tempfile::tempfile()?;
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    isolate(command);
    let mut child = command.spawn()?;
    let ended = wait(&mut child, deadline);
    if !matches!(ended, Ok(Some(_))) {
        end_group(&mut child);
    }
    Ok(Finished { status: ended?, stdout: text_of(&mut stdout)?, stderr: text_of(&mut stderr)? })
}

fn wait(child: &mut Child, deadline: Duration) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if interrupt::is_requested() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if start.elapsed() >= deadline {
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

fn text_of(file: &mut File) -> io::Result<String> {
    let mut bytes = vec![];
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(unix)]
fn isolate(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn isolate(_command: &mut Command) {}

/// Ends the child with everything it started, and reaps it.
fn end_group(child: &mut Child) {
    // The group is the child's own, and the child is not reaped yet. All of these fail only for a child that is gone, which is what is wanted.
    let _gone_is_fine = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
    drop(child.kill());
    drop(child.wait());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_passes_its_deadline_is_ended_with_its_children() {
        let start = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$; sleep 60 & sleep 60"]);
        let finished = run(&mut command, Duration::from_millis(200)).expect("sh starts");
        assert!(finished.status.is_none());
        assert!(!finished.is_success());
        assert!(start.elapsed() < Duration::from_secs(20), "the group was ended");
    }

    #[test]
    fn what_a_child_says_is_kept() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let finished = run(&mut command, Duration::from_secs(20)).expect("sh starts");
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(finished.status.and_then(|status| status.code()), Some(3));
    }
}
