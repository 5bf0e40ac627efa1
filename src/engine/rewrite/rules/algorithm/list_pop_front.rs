//! Finds lists that are used as queues.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::{is_empty_list, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, binding_value, enclosing_loop, is_builtin_call, is_within_try, method,
    positional, usage,
};

rule! {
    /// ## What it finds
    /// `queue.pop(0)` or `queue.insert(0, x)` in a loop on a list of the function.
    /// ## Why it is slow
    /// Every other item of the list moves by one place; a `deque` takes from both ends at once.
    /// ## What must hold
    /// - The list is made in this function and stays in it: it is only added to, taken from, counted, searched, tested.
    /// - Proven when `while queue:` guards the `pop(0)`; else the text of an `IndexError` changes.
    /// ## Example
    /// ```python before proven
    /// def walk(graph, start):
    ///     queue = [start]
    ///     order = []
    ///     while queue:
    ///         node = queue.pop(0)
    ///         order.append(node)
    ///         for child in graph[node]:
    ///             queue.append(child)
    ///     return order
    /// ```
    /// ```python after
    /// from collections import deque
    ///
    /// def walk(graph, start):
    ///     queue = deque([start])
    ///     order = []
    ///     while queue:
    ///         node = queue.popleft()
    ///         order.append(node)
    ///         for child in graph[node]:
    ///             queue.append(child)
    ///     return order
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def windows(rows):
    ///     window = []
    ///     for row in rows:
    ///         window.append(row)
    ///         if len(window) > 3:
    ///             window.pop(0)
    ///         yield window[:]
    /// ```
    /// ```python unchanged
    /// def serve(queue):
    ///     while queue:
    ///         print(queue.pop(0))
    /// ```
    "list-pop-front", Algorithm, [Trigger::Call("pop"), Trigger::Call("insert")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (receiver, _) = method(node)?;
    let variable = local_variable(receiver)?;
    let first = variable.uses().filter_map(front_call).find(|call| enclosing_loop(*call).is_some())?;
    let value = binding_value(variable.only_binding()?)?;
    if first != node || !is_list_maker(value) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` moves all its items when its first one goes", receiver.text()));
    for each in variable.uses() {
        match usage(each) {
            Usage::Method("append" | "extend" | "clear", call) => {
                positional(call)?;
            }
            Usage::Method("pop", call) => take(call, &mut rewrite)?,
            Usage::Method("insert", call) => {
                let [place, item] = positional(call)?[..] else { return None };
                if place.text() != "0" {
                    return None;
                }
                rewrite.edits.replace(call.field(Field::Function)?.field(Field::Attribute)?, "appendleft");
                rewrite.edits.replace_range(place.start(), item.start(), "");
            }
            Usage::Truth | Usage::Searched(_) | Usage::Builtin("len" | "bool", _) => {}
            Usage::Iterated(looping) if !looping.is(Kind::For) => {}
            _ => return None,
        }
    }
    let deque = context.import(&mut rewrite, "collections", "deque")?;
    let text = if is_empty_list(value) { format!("{deque}()") } else { wrapped(value, &deque)? };
    rewrite.edits.replace(value, text);
    Some(rewrite)
}

/// The call by which the front of a list is taken or filled.
fn front_call(each: Node<'_>) -> Option<Node<'_>> {
    match usage(each) {
        Usage::Method("pop" | "insert", call) => {
            positional(call)?.first().filter(|first| first.text() == "0").map(|_| call)
        }
        _ => None,
    }
}

fn take<'a>(call: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let name = call.field(Field::Function)?.field(Field::Attribute)?;
    let list = call.field(Field::Arguments)?;
    match positional(call)?[..] {
        [] => {}
        [place] if place.text() == "0" => {
            rewrite.edits.replace(name, "popleft");
            rewrite.edits.replace(list, "()");
        }
        _ => return None,
    }
    if !is_guarded(call) || is_within_try(call) {
        rewrite.assume(Assumption::ErrorChanges(
            "the text of the `IndexError` of an empty list",
            "that of an empty deque",
        ));
    }
    Some(())
}

/// True when the statement is the first of a `while queue:`, so that the queue cannot be empty.
fn is_guarded(call: Node<'_>) -> bool {
    let Some(block) = crate::syntax::statement_of(call).parent() else { return false };
    let Some(looping) = block.parent().filter(|parent| parent.is(Kind::While)) else { return false };
    let Some(queue) = method(call).and_then(|(queue, _)| queue.variable()) else { return false };
    let is_first = block.children().next() == Some(crate::syntax::statement_of(call));
    is_first && looping.field(Field::Condition).is_some_and(|condition| condition.variable() == Some(queue))
}

fn is_list_maker(value: Node<'_>) -> bool {
    matches!(value.kind(), Kind::List | Kind::ListComprehension)
        || is_empty_list(value)
        || (is_builtin_call(value, "list") || is_builtin_call(value, "sorted")) && !arguments(value).is_empty()
}

fn wrapped(value: Node<'_>, deque: &str) -> Option<String> {
    if value.is(Kind::ListComprehension) {
        return Some(format!("{deque}({})", value.text()));
    }
    if is_builtin_call(value, "list") {
        let [only] = positional(value)?[..] else { return None };
        let list = value.field(Field::Arguments)?;
        return Some(if only.is(Kind::GeneratorExpression) {
            format!("{deque}{}", list.text())
        } else {
            format!("{deque}({})", only.text())
        });
    }
    Some(format!("{deque}({})", value.text()))
}
