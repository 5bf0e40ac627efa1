//! Stacks of all processes in one numbering, each with the line of the project that is charged for it.

use std::collections::HashMap;

use crate::agent::memory_log::{Node, ProcessMemory};
use crate::engine::profile::cpu;
use crate::model::{Frame, Location};

/// Nodes with lower numbers stand for no frame.
const NODE_FIRST: u32 = 16;

/// All distinct stacks.
pub(super) struct Stacks {
    /// Indexes into the profile's frames, root first.
    pub frames: Vec<Vec<u32>>,
    /// The line that is charged, as an index into `lines`; `None` outside the project.
    pub line_of: Vec<Option<u32>>,
    pub lines: Vec<Location>,
    /// The function of a line, as an index into `functions`.
    pub function_of: Vec<u32>,
    pub functions: Vec<Location>,
    /// Process and node to stack.
    by_node: Vec<HashMap<u32, u32>>,
}

impl Stacks {
    /// The stack of a node; every event has one, if only the empty one.
    pub(super) fn of(&self, process: usize, node: u32) -> u32 {
        self.by_node[process].get(&node).copied().unwrap_or(0)
    }
}

/// Frames known so far, those of the CPU profile first.
struct Frames<'frames> {
    frames: &'frames mut Vec<Frame>,
    ids: HashMap<Frame, u32>,
}

impl Frames<'_> {
    fn intern(&mut self, frame: Frame) -> u32 {
        let frames = &mut *self.frames;
        *self.ids.entry(frame).or_insert_with_key(|frame| {
            frames.push(frame.clone());
            frames.len() as u32 - 1
        })
    }
}

/// Numbers the stacks; `frames` grows by those that were met nowhere else.
pub(super) fn of(processes: &[ProcessMemory], frames: &mut Vec<Frame>, source: &super::Source<'_, '_>) -> Stacks {
    let ids = (0..).zip(frames.iter()).map(|(id, frame)| (frame.clone(), id)).collect();
    let mut known = Frames { frames, ids };
    let mut stacks = Stacks {
        frames: vec![vec![]],
        line_of: vec![],
        lines: vec![],
        function_of: vec![],
        functions: vec![],
        by_node: vec![],
    };
    let mut ids: HashMap<Vec<u32>, u32> = HashMap::from([(vec![], 0)]);
    for process in processes {
        let frame_ids: Vec<u32> = process
            .frames
            .iter()
            .map(|traced| {
                let (path, is_project) = (source.resolve)(&traced.file);
                known.intern(Frame { path, symbol: traced.symbol.clone(), line: traced.line, is_project })
            })
            .collect();
        let mut by_node = HashMap::with_capacity(process.nodes.len());
        for number in process.nodes.keys() {
            let stack = frames_of(&process.nodes, &frame_ids, *number);
            let id = *ids.entry(stack).or_insert_with_key(|stack| {
                stacks.frames.push(stack.clone());
                stacks.frames.len() as u32 - 1
            });
            by_node.insert(*number, id);
        }
        stacks.by_node.push(by_node);
    }
    charge(&mut stacks, known.frames, source);
    stacks
}

/// From the root to a node. A parent has a lower number than its child, so there is no circle.
fn frames_of(nodes: &std::collections::BTreeMap<u32, Node>, frame_ids: &[u32], number: u32) -> Vec<u32> {
    let mut stack = vec![];
    let mut at = number;
    while at >= NODE_FIRST {
        let Some(node) = nodes.get(&at).filter(|node| node.parent < at) else { break };
        stack.push(frame_ids[node.frame as usize]);
        at = node.parent;
    }
    stack.reverse();
    stack
}

/// Finds the innermost line of the project on each stack.
fn charge(stacks: &mut Stacks, frames: &[Frame], source: &super::Source<'_, '_>) {
    let mut lines: HashMap<Location, u32> = HashMap::new();
    let mut functions: HashMap<Location, u32> = HashMap::new();
    let cpu_source = cpu::Source { is_charged: source.is_charged, outline: source.outline };
    for stack in &stacks.frames {
        let innermost = stack.iter().rev().map(|frame| &frames[*frame as usize]);
        let mut charged = innermost.filter(|frame| frame.is_project && (source.is_charged)(&frame.path));
        let line = charged.next().map(|frame| {
            let function = cpu::definition(frame, &cpu_source);
            let location = Location::new(&frame.path, frame.line, &function.symbol);
            let next_line = lines.len() as u32;
            *lines.entry(location).or_insert_with_key(|location| {
                stacks.lines.push(location.clone());
                let next_function = functions.len() as u32;
                stacks.function_of.push(*functions.entry(function).or_insert_with_key(|function| {
                    stacks.functions.push(function.clone());
                    next_function
                }));
                next_line
            })
        });
        stacks.line_of.push(line);
    }
}
