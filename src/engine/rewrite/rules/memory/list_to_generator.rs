//! Finds functions that build a list only to be iterated once.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{argument, is_alone};
use crate::engine::rewrite::facts::{local_variable, passed_on, returned_list, returns_new_list};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, binding_value, enclosing_function, enclosing_loop, is_async, positional, statement_of,
    usage,
};

rule! {
    /// ## What it finds
    /// A function that fills a list in a loop and returns it, when every caller of the project only walks the result.
    /// ## Why it is slow
    /// The whole list stands in memory before the first item is used; a generator has one item at a time.
    /// ## What must hold
    /// - Every mention of the function's name in the project is a call whose result is iterated once, on the spot.
    /// - It is a plain module-level function with one `return`, at its end; it appends outside `try`.
    /// - Work and errors move from the call to the iteration: that needs a run.
    /// ## Example
    /// ```python before needs-run
    /// def squares(rows):
    ///     found = []
    ///     for row in rows:
    ///         found.append(row * row)
    ///     return found
    ///
    ///
    /// def total(rows):
    ///     return sum(squares(rows))
    /// ```
    /// ```python after
    /// def squares(rows):
    ///     for row in rows:
    ///         yield row * row
    ///
    ///
    /// def total(rows):
    ///     return sum(squares(rows))
    /// ```
    /// ```python before needs-run
    /// from typing import List
    ///
    ///
    /// def lines(path: str) -> List[str]:
    ///     with open(path) as file:
    ///         return [line.strip() for line in file if line.strip()]
    ///
    ///
    /// def show(path):
    ///     for line in lines(path):
    ///         print(line)
    /// ```
    /// ```python after
    /// from typing import List
    /// from typing import Iterator
    ///
    ///
    /// def lines(path: str) -> Iterator[str]:
    ///     with open(path) as file:
    ///         yield from (line.strip() for line in file if line.strip())
    ///
    ///
    /// def show(path):
    ///     for line in lines(path):
    ///         print(line)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def squares(rows):
    ///     found = []
    ///     for row in rows:
    ///         found.append(row * row)
    ///     return found
    ///
    ///
    /// def both(rows):
    ///     result = squares(rows)
    ///     return len(result), sum(result)
    /// ```
    /// ```python unchanged
    /// def squares(rows):
    ///     found = []
    ///     for row in rows:
    ///         found.append(row * row)
    ///     return found
    /// ```
    "list-to-generator", Memory, [Trigger::Kind(Kind::Function)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let value = returned_in_with(node)?;
    let is_plain =
        node.parent()?.is(Kind::Module) && !is_async(node) && !node.has(Kind::Yield) && !node.has(Kind::Await);
    if !is_plain || node.descendants().filter(|each| each.is(Kind::Return)).count() != 1 {
        return None;
    }
    let mentions = context.index.mentions_of(node)?;
    let mut n_calls = 0;
    for mention in mentions {
        if is_import(mention) {
            continue;
        }
        if context.index.definition(mention) != Some(node) || !is_walked(context, mention, PASSED_ON_MAX) {
            return None;
        }
        n_calls += 1;
    }
    if n_calls == 0 {
        return None;
    }
    let name = crate::syntax::function_name(node);
    let mut rewrite = Rewrite::new(node, format!("`{name}` builds a list that every caller walks once"));
    if value.kind() == Kind::Identifier {
        appended(value, &mut rewrite)?;
    } else {
        let returned = statement_of(value);
        let text = &value.text()[1..value.text().len() - 1];
        if enclosing_loop(returned).is_some() || value.has(Kind::Named) {
            return None;
        }
        rewrite.edits.replace(returned, format!("yield from ({text})"));
    }
    retype(context, node, &mut rewrite)?;
    rewrite.assume(Assumption::CallersKnown(name.into()));
    rewrite
        .assume(Assumption::Deferred("the function's work, errors and open files may come while its result is walked"));
    rewrite.until(value);
    Some(rewrite)
}

/// The list that the function returns at its end, or at the end of its one `with`.
fn returned_in_with(function: Node<'_>) -> Option<Node<'_>> {
    if returns_new_list(function) {
        return returned_list(function);
    }
    None
}

fn is_import(mention: Node<'_>) -> bool {
    mention.ancestors().take(3).any(|each| matches!(each.kind(), Kind::ImportFrom | Kind::Import))
}

/// A result that more functions hand on than this is followed no further.
const PASSED_ON_MAX: u32 = 3;

/// True when the mention is a call whose result is walked exactly once, here or where a function that returns it is
/// called.
fn is_walked<'a>(context: &Context<'a>, mention: Node<'a>, depth: u32) -> bool {
    let callee = if mention.role() == Field::Attribute { mention.parent().unwrap_or(mention) } else { mention };
    let Usage::Call(call) = usage(callee) else { return false };
    if is_walk(call) {
        return true;
    }
    if usage(call) == Usage::Returned {
        return is_passed_on(context, call, depth);
    }
    let Usage::Assigned(assignment) = usage(call) else { return false };
    let Some(variable) = assignment.field(Field::Left).and_then(local_variable) else { return false };
    let uses: Vec<Node<'_>> = variable.uses().collect();
    let [only] = uses[..] else { return false };
    variable.only_binding().is_some()
        && is_walk(only)
        && enclosing_loop(only) == enclosing_loop(call)
        && only.start() > call.end()
}

/// True when the function does nothing but return the call, and all its own results are walked once.
fn is_passed_on<'a>(context: &Context<'a>, call: Node<'a>, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    let Some(function) = enclosing_function(call) else { return false };
    if passed_on(function) != Some(call)
        || function.parent().is_none_or(|parent| parent.is(Kind::Decorated))
        || is_async(function)
    {
        return false;
    }
    let Some(mentions) = context.index.mentions_of(function) else { return false };
    let mut calls = mentions.into_iter().filter(|mention| !is_import(*mention)).peekable();
    calls.peek().is_some()
        && calls.all(|mention| context.callee_is(mention, function) && is_walked(context, mention, depth))
}

fn is_walk(value: Node<'_>) -> bool {
    match usage(value) {
        Usage::Iterated(looping) => !is_async(looping),
        Usage::Builtin(name, call) => {
            let is_reader = matches!(
                name,
                "sum"
                    | "any"
                    | "all"
                    | "sorted"
                    | "list"
                    | "tuple"
                    | "set"
                    | "frozenset"
                    | "min"
                    | "max"
                    | "join"
                    | "Counter"
                    | "fsum"
                    | "dict"
            );
            is_reader && positional(call).is_none_or(|all| all.len() == 1)
        }
        _ => false,
    }
}

/// Every `found.append(x)` becomes `yield x`; the list and its `return` go.
fn appended<'a>(value: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let variable = local_variable(value)?;
    let binding = variable.only_binding()?;
    let opening = statement_of(binding);
    let closing = statement_of(value);
    let mut n_in_loops = 0;
    for each in variable.uses() {
        if each == value {
            continue;
        }
        let Usage::Method("append", call) = usage(each) else { return None };
        let [item] = positional(call)?[..] else { return None };
        let is_within = call.ancestors().take_while(|each| !each.is(Kind::Function)).any(|each| each.is(Kind::Try));
        if usage(call) != Usage::Dropped
            || is_within
            || !is_alone(statement_of(call))
            || enclosing_function(call) != enclosing_function(value)
        {
            return None;
        }
        n_in_loops += u32::from(enclosing_loop(call).is_some());
        let text = if item.is(Kind::Yield) { return None } else { argument(item) };
        rewrite.edits.replace(call, format!("yield {text}"));
    }
    if n_in_loops == 0 || !is_alone(opening) || !is_alone(closing) || binding_value(binding).is_none() {
        return None;
    }
    rewrite.edits.remove(opening);
    rewrite.edits.remove(closing);
    Some(())
}

/// `-> List[str]` becomes `-> Iterator[str]`.
pub(crate) fn retype<'a>(context: &Context<'a>, function: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let Some(annotation) = function.field(Field::ReturnType) else { return Some(()) };
    let text = annotation.text();
    let name = text.split('[').next()?;
    match name {
        "list" | "List" | "typing.List" => {
            let iterator = context.import(rewrite, "typing", "Iterator")?;
            rewrite.edits.replace_range(annotation.start(), annotation.start() + name.len(), iterator);
            Some(())
        }
        "Iterable" | "typing.Iterable" | "Iterator" => Some(()),
        _ => None,
    }
}
