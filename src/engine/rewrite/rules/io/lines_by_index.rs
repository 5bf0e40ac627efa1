//! Finds files of which all lines are read to look at the first or last few.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::local_variable;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Provenance, Type, Usage, arguments, binding_value, enclosing_loop, has_comment, infer,
    is_builtin_call, keyword, method, positional, string_value, usage,
};

rule! {
    /// ## What it finds
    /// `f.readlines()[0]`, `f.readlines()[-1]`, `f.readlines()[:3]`, and `lines = f.readlines()` of which only such lines
    /// are used.
    /// ## Why it is slow
    /// The whole file is read, cut into lines and kept for a few of them.
    /// ## What must hold
    /// - `f` comes from the builtin `open`, and nothing reads it afterwards.
    /// - The positions are constants, all from the start or all from the end; too short a file raises the same error.
    /// - From the start: a later line that cannot be decoded is no longer noticed. Proven for binary files and encodings
    ///   that know every byte; from the end all is read anyway.
    /// ## Example
    /// ```python before proven
    /// def header(path):
    ///     with open(path, encoding="latin-1") as f:
    ///         first = f.readlines()[0]
    ///     return first.strip()
    ///
    ///
    /// def trailer(path):
    ///     with open(path) as f:
    ///         lines = f.readlines()
    ///     return lines[-1].split(";")
    /// ```
    /// ```python after
    /// from collections import deque
    /// from itertools import islice
    ///
    /// def header(path):
    ///     with open(path, encoding="latin-1") as f:
    ///         first = list(islice(f, 1))[0]
    ///     return first.strip()
    ///
    ///
    /// def trailer(path):
    ///     with open(path) as f:
    ///         lines = list(deque(f, maxlen=1))
    ///     return lines[-1].split(";")
    /// ```
    /// ```python before needs-run
    /// def columns(path):
    ///     with open(path) as f:
    ///         return [line.split() for line in f.readlines()[:2]]
    /// ```
    /// ```python after
    /// from itertools import islice
    ///
    /// def columns(path):
    ///     with open(path) as f:
    ///         return [line.split() for line in list(islice(f, 2))]
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// from vault import open as unlock
    ///
    ///
    /// def header(path):
    ///     with unlock(path) as f:
    ///         return f.readlines()[0]
    ///
    ///
    /// def ends(path):
    ///     with open(path) as f:
    ///         lines = f.readlines()
    ///     return lines[0], lines[-1], len(lines)
    ///
    ///
    /// def line(path, number):
    ///     with open(path) as f:
    ///         return f.readlines()[number]
    ///
    ///
    /// def rest(path):
    ///     with open(path) as f:
    ///         first = f.readlines()[0]
    ///         return first, f.read()
    /// ```
    "lines-by-index", Io, [Trigger::Call("readlines")] => find
}

/// More lines than this are a good part of most files.
const LINES_MAX: u32 = 100;

/// Which lines are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The first so many.
    Head(u32),
    /// The last so many.
    Tail(u32),
}

impl Part {
    fn joined(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Head(a), Self::Head(b)) => Some(Self::Head(a.max(b))),
            (Self::Tail(a), Self::Tail(b)) => Some(Self::Tail(a.max(b))),
            _ => None,
        }
    }
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (file, _) = method(node)?;
    let typed = infer(file);
    if typed.of != Type::File || typed.by != Provenance::Proved || !arguments(node).is_empty() || has_comment(node) {
        return None;
    }
    let opened = opening(file)?;
    if !is_read_last(file, node) {
        return None;
    }
    let (part, replaced) = wanted(node)?;
    let mut rewrite = Rewrite::new(node, "all lines are read into memory for a few of them".to_owned());
    let text = match part {
        Part::Head(count) => {
            if !knows_every_byte(opened) {
                rewrite.assume(Assumption::ErrorChanges("the error of a bad line further down", "no error"));
            }
            let islice = context.import(&mut rewrite, "itertools", "islice")?;
            format!("list({islice}({}, {count}))", file.text())
        }
        Part::Tail(count) => {
            let deque = context.import(&mut rewrite, "collections", "deque")?;
            format!("list({deque}({}, maxlen={count}))", file.text())
        }
    };
    rewrite.edits.replace(replaced, text);
    Some(rewrite)
}

/// The call of `open` that the file comes from.
fn opening(file: Node<'_>) -> Option<Node<'_>> {
    if is_builtin_call(file, "open") {
        return Some(file);
    }
    let binding = local_variable(file)?.only_binding()?;
    let value = match binding.parent()?.kind() {
        Kind::AsPatternTarget => binding.parent()?.parent()?.children().next()?,
        _ => binding_value(binding)?,
    };
    is_builtin_call(value, "open").then_some(value)
}

/// True when nothing but `close` uses the file after the lines are read.
fn is_read_last<'a>(file: Node<'a>, node: Node<'a>) -> bool {
    if file.is(Kind::Call) {
        return true;
    }
    let Some(variable) = local_variable(file) else { return false };
    let Some(binding) = variable.only_binding() else { return false };
    enclosing_loop(binding) == enclosing_loop(node)
        && variable.uses().all(|each| {
            each == file
                || matches!(usage(each), Usage::Method("close", _)) && each.start() > node.start()
                || matches!(usage(each), Usage::Method("readline", _) | Usage::Builtin("next", _))
                    && each.end() < node.start()
                    && enclosing_loop(each) == enclosing_loop(node)
        })
}

/// Which lines are used, and what to replace by them.
fn wanted(node: Node<'_>) -> Option<(Part, Node<'_>)> {
    match usage(node) {
        Usage::Item(item) => {
            let key = item.field(Field::Subscript)?;
            if key.is(Kind::Slice) {
                return Some((slice(key)?, item));
            }
            Some((position(key)?, node))
        }
        Usage::Assigned(assignment) if assignment.is(Kind::Assignment) => {
            let variable = local_variable(assignment.field(Field::Left)?)?;
            variable.only_binding()?;
            let mut part: Option<Part> = None;
            for each in variable.uses() {
                let now = match usage(each) {
                    Usage::Item(item) => {
                        let key = item.field(Field::Subscript)?;
                        if key.is(Kind::Slice) { slice(key)? } else { position(key)? }
                    }
                    Usage::Truth => continue,
                    _ => return None,
                };
                part = Some(match part {
                    Some(part) => part.joined(now)?,
                    None => now,
                });
            }
            Some((part?, node))
        }
        _ => None,
    }
}

fn position(key: Node<'_>) -> Option<Part> {
    match key.kind() {
        Kind::Integer => Some(Part::Head(number(key)? + 1)),
        Kind::Unary => Some(Part::Tail(negative(key)?)),
        _ => None,
    }
}

/// `:3` or `-3:`.
fn slice(key: Node<'_>) -> Option<Part> {
    let bound = key.only_child()?;
    match (key.text().starts_with(':'), bound.kind()) {
        (true, Kind::Integer) if key.text().matches(':').count() == 1 => {
            number(bound).filter(|n| *n > 0).map(Part::Head)
        }
        (false, Kind::Unary) if key.text().matches(':').count() == 1 => negative(bound).map(Part::Tail),
        _ => None,
    }
}

fn number(node: Node<'_>) -> Option<u32> {
    node.text().parse().ok().filter(|number| *number < LINES_MAX)
}

fn negative(node: Node<'_>) -> Option<u32> {
    let digits = node.text().strip_prefix('-')?.trim_start();
    digits.parse().ok().filter(|number| (1..=LINES_MAX).contains(number))
}

/// True when no byte of the file can fail to be decoded: binary mode, Latin-1, or a lenient error handler.
fn knows_every_byte(open: Node<'_>) -> bool {
    let all: Vec<Node<'_>> = arguments(open).into_iter().take_while(|each| !each.is(Kind::KeywordArgument)).collect();
    let mode = keyword(open, "mode").or_else(|| all.get(1).copied()).and_then(string_value);
    let encoding = keyword(open, "encoding").or_else(|| all.get(3).copied()).and_then(string_value);
    let errors = keyword(open, "errors").or_else(|| all.get(4).copied()).and_then(string_value);
    let is_plain = positional(open).is_some() || arguments(open).iter().all(|each| !each.text().starts_with('*'));
    is_plain
        && (mode.is_some_and(|mode| mode.contains('b'))
            || encoding.is_some_and(|name| {
                matches!(
                    name.to_ascii_lowercase().replace('_', "-").as_str(),
                    "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "cp437" | "cp850"
                )
            })
            || errors.is_some_and(|name| matches!(name, "replace" | "ignore" | "surrogateescape" | "backslashreplace")))
}
