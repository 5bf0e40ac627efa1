//! Finds what repeats a statement: the frame whose one activation led to many of its executions.

use std::collections::BTreeSet;

use super::stacks::{CallStack, Codes, FrameAt, Sources};

/// Below this many executions per activation nothing repeats: a retry or a second look is no loop.
const REPEATS_MIN: f64 = 1.5;

/// A place outside any loop of the source counts as repeating from this many executions per activation on.
const REPEATS_WITHOUT_LOOP_MIN: f64 = 3.0;

/// What repeats a statement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Repetition {
    /// How it repeats.
    pub cause: Cause,
    /// The code and line inside the loop from which the executions come.
    pub frame: FrameAt,
    /// Line of the loop's header; the line itself where there is no loop in the source.
    pub header_line: u32,
    /// Depth of that frame on the stack.
    pub depth: usize,
    /// Activations of the holder.
    pub n_calls: u64,
    /// False when concluded from the source alone.
    pub is_measured: bool,
}

/// Where a repetition comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// A loop of the project.
    Loop,
    /// A call without a loop around it that calls the project back many times: `map`, `sorted`, recursion.
    Callback,
    /// A library that repeats the statement within one call.
    Library,
}

/// One execution: its stack's activations in one process, and its scope.
pub(super) struct Execution<'a> {
    /// Tells processes apart.
    pub process: u32,
    /// Request, test or iteration; a loop around several of them repeats none of their statements.
    pub scope: u32,
    /// The stack.
    pub stack: &'a CallStack,
}

/// What repeats `executions`, which all have the same lines on their stacks.
pub(super) fn repetition(executions: &[Execution<'_>], codes: &Codes, sources: &Sources<'_>) -> Option<Repetition> {
    let stack = executions.first()?.stack;
    let header = |frame: &FrameAt| sources.loop_header(&codes.codes[frame.code as usize].path, frame.line);
    if executions.iter().all(|execution| execution.stack.is_measured) {
        return measured(executions, stack, header);
    }
    if executions.len() < 2 {
        return None;
    }
    let scopes: BTreeSet<_> = executions.iter().map(|execution| (execution.process, execution.scope)).collect();
    stack.frames.iter().enumerate().find_map(|(depth, frame)| {
        let header_line = header(frame)?;
        let n_calls = scopes.len() as u64;
        Some(Repetition { cause: Cause::Loop, frame: *frame, header_line, depth, n_calls, is_measured: false })
    })
}

/// The innermost frame with fewer activations than executions whose line a loop repeats; else one that repeats
/// without a loop in the source.
fn measured(
    executions: &[Execution<'_>],
    stack: &CallStack,
    header: impl Fn(&FrameAt) -> Option<u32>,
) -> Option<Repetition> {
    let n = executions.len() as f64;
    for (depth, frame) in stack.frames.iter().enumerate() {
        let activations: BTreeSet<_> =
            executions.iter().map(|each| (each.process, each.scope, each.stack.activations.get(depth))).collect();
        let per_call = n / activations.len() as f64;
        let n_calls = activations.len() as u64;
        let found =
            |cause, header_line| Repetition { cause, frame: *frame, header_line, depth, n_calls, is_measured: true };
        match header(frame) {
            Some(header_line) if per_call >= REPEATS_MIN => return Some(found(Cause::Loop, header_line)),
            None if per_call >= REPEATS_WITHOUT_LOOP_MIN => {
                let cause = if depth == 0 { Cause::Library } else { Cause::Callback };
                return Some(found(cause, frame.line));
            }
            _ => {}
        }
    }
    None
}
