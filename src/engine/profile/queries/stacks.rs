//! Rebuilds the project's stack of a query from the activations that the agent noted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::agent::wire::{Code, ProcessEvents};
use crate::model::Location;
use crate::syntax::Outline;

/// Names of the frames that comprehensions have up to Python 3.11 (generator expressions always).
const COMPREHENSIONS: &[&str] = &["<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"];

/// A cycle of parents cannot be written by the agent; a damaged file may hold one.
const DEPTH_MAX: usize = 256;

/// Outlines of the project's files, each made once.
pub(super) struct Sources<'a> {
    outline_of: &'a dyn Fn(&str) -> Option<Outline>,
    known: RefCell<BTreeMap<String, Option<Rc<Outline>>>>,
}

impl<'a> Sources<'a> {
    /// Sources that come from `outline_of`, by path relative to the project root.
    pub(super) fn new(outline_of: &'a dyn Fn(&str) -> Option<Outline>) -> Self {
        Self { outline_of, known: RefCell::default() }
    }

    /// The outline of a file; `None` when its source is not to be had.
    pub(super) fn outline(&self, path: &str) -> Option<Rc<Outline>> {
        if let Some(known) = self.known.borrow().get(path) {
            return known.clone();
        }
        let outline = (self.outline_of)(path).map(Rc::new);
        self.known.borrow_mut().insert(path.to_owned(), outline.clone());
        outline
    }

    /// Line of the header of the innermost loop that repeats `line`.
    pub(super) fn loop_header(&self, path: &str, line: u32) -> Option<u32> {
        self.outline(path)?.innermost_loop(line).map(|found| found.header_line)
    }

    /// The place of a line, under the name of its function.
    pub(super) fn location(&self, code: &Code, line: u32) -> Location {
        let is_nameless = COMPREHENSIONS.contains(&code.name.as_str());
        let name = self
            .outline(&code.path)
            .filter(|_| is_nameless)
            .map(|outline| outline.function_at(line).map_or("<module>".to_owned(), |function| function.name.clone()));
        Location::new(code.path.clone(), line, name.unwrap_or_else(|| code.name.clone()))
    }

    fn are_in_one_function(&self, path: &str, left: u32, right: u32) -> bool {
        let Some(outline) = self.outline(path) else { return true };
        let function = |line| outline.function_at(line).map(|function| (function.code_line, function.last_line));
        function(left) == function(right)
    }
}

/// A line of the project on the stack of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FrameAt {
    /// Index into `Codes::codes`.
    pub code: u32,
    /// The line being executed.
    pub line: u32,
}

/// Code objects of all processes, each once.
#[derive(Debug, Default)]
pub(super) struct Codes {
    /// The code objects.
    pub codes: Vec<Code>,
    numbers: BTreeMap<(String, String, u32), u32>,
}

impl Codes {
    fn number(&mut self, code: &Code) -> u32 {
        let key = (code.path.clone(), code.name.clone(), code.first_line);
        let next = self.codes.len() as u32;
        *self.numbers.entry(key).or_insert_with(|| {
            self.codes.push(code.clone());
            next
        })
    }
}

/// The stack of one query, innermost first: its lines, and who executed them.
#[derive(Clone, Debug, Default)]
pub(super) struct CallStack {
    /// The lines.
    pub frames: Vec<FrameAt>,
    /// The activation of each frame; contexts where `is_measured` is false.
    pub activations: Vec<u32>,
    /// True when every frame was told from other calls of the same function.
    pub is_measured: bool,
}

/// Builds the stacks of one process.
pub(super) struct Stacks<'a> {
    process: &'a ProcessEvents,
    sources: &'a Sources<'a>,
    numbers: BTreeMap<u32, u32>,
}

impl<'a> Stacks<'a> {
    /// Enters the process's code objects into `codes`.
    pub(super) fn new(process: &'a ProcessEvents, sources: &'a Sources<'a>, codes: &mut Codes) -> Self {
        let numbers = process.codes.iter().map(|(number, code)| (*number, codes.number(code))).collect();
        Self { process, sources, numbers }
    }

    /// The stack above `line` of `activation`.
    pub(super) fn stack(&self, activation: u32, line: u32) -> CallStack {
        let mut stack = CallStack { is_measured: true, ..CallStack::default() };
        let (mut number, mut line) = (activation, line);
        while let Some(activation) = self.process.activations.get(&number) {
            let Some(code) = self.numbers.get(&activation.code) else { break };
            stack.is_measured &= !activation.is_context;
            if !self.is_part_of_parent(number) {
                stack.frames.push(FrameAt { code: *code, line });
                stack.activations.push(number);
                line = activation.parent_line;
            }
            number = activation.parent;
            if stack.frames.len() >= DEPTH_MAX {
                break;
            }
        }
        stack
    }

    /// A comprehension is a loop of the function around it: its frame is left out and its line stands for the call.
    fn is_part_of_parent(&self, number: u32) -> bool {
        let code_of = |number: u32| {
            let activation = self.process.activations.get(&number)?;
            Some((activation, self.process.codes.get(&activation.code)?))
        };
        let Some((activation, code)) = code_of(number) else { return false };
        let Some((_, parent)) = code_of(activation.parent) else { return false };
        COMPREHENSIONS.contains(&code.name.as_str())
            && parent.path == code.path
            && parent.first_line <= code.first_line
            && self.sources.are_in_one_function(&code.path, code.first_line, activation.parent_line)
    }
}
