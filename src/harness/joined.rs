//! Several runs, one after another, as one recording.

use crate::model::{ExitReason, Recording, Sample};

/// Puts `next` behind `first` as if it had been run right after it. How the first run that failed ended is how the
/// whole ended.
pub fn joined(mut first: Recording, next: Recording) -> Recording {
    let (n_processes, n_frames, n_stacks) =
        (first.processes.len() as u32, first.frames.len() as u32, first.stacks.len() as u32);
    first.processes.extend(next.processes);
    first.frames.extend(next.frames);
    let stacks = next.stacks.into_iter().map(|stack| stack.into_iter().map(|frame| frame + n_frames).collect());
    first.stacks.extend(stacks);
    let samples = next.samples.into_iter().map(|sample| Sample {
        process: sample.process + n_processes,
        stack: sample.stack + n_stacks,
        at_seconds: sample.at_seconds + first.wall_seconds,
        ..sample
    });
    first.samples.extend(samples);
    if first.exit == ExitReason::Exited(0) {
        first.exit = next.exit;
        first.stdout_log = next.stdout_log;
        first.stderr_log = next.stderr_log;
    }
    first.wall_seconds += next.wall_seconds;
    first.cpu_seconds += next.cpu_seconds;
    first.n_failed_samples += next.n_failed_samples;
    first.problems.extend(next.problems);
    first
}
