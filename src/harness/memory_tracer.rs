//! Makes the memory tracer ready for a run, and proves on the very interpreter that it works there, before the user's
//! program meets it.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::agent::memory_log::{self, MemoryEvent, ProcessMemory, TracerNote};
use crate::agent::{TRACER, install_tracer, tracer_directories, tracer_environment};
use crate::model::Interpreter;

/// Minor versions of CPython 3 whose frames the tracer can read.
const MINORS: std::ops::RangeInclusive<u32> = 9..=15;
/// Allocates a block that is always recorded, on line 1 of `<string>`.
const PROBE: &str = "block = bytearray(3000000)";
const PROBE_BYTES: u64 = 3_000_000;
/// An interpreter starts in 20 to 200 ms; on a loaded machine or a cold disk it takes longer.
const PROBE_DEADLINE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(4);

/// Variables with which a program is traced, its logs going to `logs`, which must exist. `preloaded` is the
/// `LD_PRELOAD` that the program would run with.
///
/// # Errors
/// Why this interpreter cannot be traced, in words that follow "because".
pub fn prepare(
    interpreter: &Interpreter,
    logs: &Path,
    preloaded: Option<&str>,
) -> Result<Vec<(String, OsString)>, String> {
    refuse_unknown(interpreter)?;
    let mut reason = "there is no private directory for the tracer whose path has neither blank nor colon".to_owned();
    for directory in tracer_directories() {
        let tried = install_tracer(&directory)
            .map_err(|error| format!("the tracer cannot be written: {error}"))
            .and_then(|library| probe(&interpreter.path, &library, preloaded).map(|()| library));
        match tried {
            Ok(library) => return Ok(tracer_environment(&library, logs, preloaded)),
            Err(why) => reason = why,
        }
    }
    Err(reason)
}

fn refuse_unknown(interpreter: &Interpreter) -> Result<(), String> {
    let (major, minor, _) = interpreter.version;
    if TRACER.is_empty() {
        return Err("there is none for this platform: it needs Linux on x86-64".to_owned());
    }
    if interpreter.implementation != "cpython" {
        return Err(format!("the interpreter is not CPython but {}", interpreter.implementation));
    }
    if interpreter.is_free_threaded {
        return Err("the interpreter is free-threaded".to_owned());
    }
    if major != 3 || !MINORS.contains(&minor) {
        return Err(format!("it knows CPython 3.9 to 3.15, not {major}.{minor}"));
    }
    Ok(())
}

/// Traces a program of one line and looks whether the log tells that line.
fn probe(python: &Path, library: &Path, preloaded: Option<&str>) -> Result<(), String> {
    let logs = tempfile::tempdir().map_err(|error| format!("its logs cannot be written: {error}"))?;
    let mut child = Command::new(python)
        .args(["-I", "-S", "-c", PROBE])
        .envs(tracer_environment(library, logs.path(), preloaded))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the interpreter could not be started with it: {error}"))?;
    let is_well = wait(&mut child);
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !is_well || !said.is_empty() {
        let first = said.lines().next().unwrap_or("it did not end well");
        return Err(format!("the interpreter does not run well with it: {first}"));
    }
    let (processes, _) = memory_log::read_directory(logs.path());
    if processes.is_empty() {
        return Err("the interpreter does not load it".to_owned());
    }
    if processes.iter().any(tells_the_line) {
        Ok(())
    } else {
        Err("it does not understand this interpreter".to_owned())
    }
}

/// True when the child ended by itself, and well.
fn wait(child: &mut Child) -> bool {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if start.elapsed() < PROBE_DEADLINE => thread::sleep(POLL),
            _ => {
                // A child that is gone already is what was wanted.
                let _gone_is_fine = child.kill();
                return false;
            }
        }
    }
}

fn tells_the_line(process: &ProcessMemory) -> bool {
    // A user's own PYTHONMALLOC is noted; it does not keep lines from being told.
    let may_be_noted = |note: &TracerNote| *note == TracerNote::OtherAllocator;
    process.has_ended
        && process.notes.iter().all(may_be_noted)
        && process.events.iter().any(|event| match event {
            MemoryEvent::Allocated { node, bytes, .. } if (PROBE_BYTES..PROBE_BYTES + 100).contains(bytes) => {
                let frame = process.nodes.get(node).map(|node| &process.frames[node.frame as usize]);
                frame.is_some_and(|frame| frame.file == "<string>" && frame.symbol == "<module>" && frame.line == 1)
            }
            _ => false,
        })
}
