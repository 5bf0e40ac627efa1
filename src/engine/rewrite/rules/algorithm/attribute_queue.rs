//! Finds lists kept in an attribute that lose or get items at the front, and makes them deques.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::attributes::{Access, access, held, is_known_filled, leaves};
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::{body, calls_unknown, comparison, is_empty_list};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, enclosing_function, is_builtin_call, method, positional, usage,
};

rule! {
    /// ## What it finds
    /// `self.queue.pop(0)` or `self.queue.insert(0, x)` on a list that a class keeps.
    /// ## Why it is slow
    /// Taking or adding the first item moves all others; a deque does it in one step.
    /// ## What must hold
    /// - The class makes the list in `__init__`, and no other code of the project mentions the attribute.
    /// - It never leaves the class, and nothing is done to it that a deque lacks. Slices from the front become `islice`.
    /// - Proven when an empty queue is caught before; else the text of an `IndexError` changes. Where it is walked while
    ///   others may change it, a deque raises and a list goes on.
    /// ## Example
    /// ```python before proven
    /// class Line:
    ///     def __init__(self, callers=()):
    ///         self._waiting = list(callers)
    ///
    ///     def join(self, caller):
    ///         self._waiting.append(caller)
    ///
    ///     def take(self):
    ///         if not self._waiting:
    ///             return None
    ///         return self._waiting.pop(0)
    ///
    ///     def first(self):
    ///         return self._waiting[:3]
    /// ```
    /// ```python after
    /// from collections import deque
    /// from itertools import islice
    ///
    /// class Line:
    ///     def __init__(self, callers=()):
    ///         self._waiting = deque(callers)
    ///
    ///     def join(self, caller):
    ///         self._waiting.append(caller)
    ///
    ///     def take(self):
    ///         if not self._waiting:
    ///             return None
    ///         return self._waiting.popleft()
    ///
    ///     def first(self):
    ///         return list(islice(self._waiting, 3))
    /// ```
    /// ```python before needs-run
    /// class Line:
    ///     def __init__(self):
    ///         self._waiting: list[str] = []
    ///
    ///     def hurry(self, caller: str):
    ///         self._waiting.insert(0, caller)
    ///
    ///     def __iter__(self):
    ///         return iter(self._waiting)
    /// ```
    /// ```python after
    /// from collections import deque
    ///
    /// class Line:
    ///     def __init__(self):
    ///         self._waiting: deque[str] = deque()
    ///
    ///     def hurry(self, caller: str):
    ///         self._waiting.appendleft(caller)
    ///
    ///     def __iter__(self):
    ///         return iter(self._waiting)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Line:
    ///     def __init__(self):
    ///         self._waiting = []
    ///
    ///     def take(self):
    ///         return self._waiting.pop(0)
    ///
    ///     def waiting(self):
    ///         return self._waiting
    /// ```
    /// ```python unchanged
    /// class Line:
    ///     def __init__(self):
    ///         self._waiting = []
    ///
    ///     def take(self):
    ///         self._waiting.sort()
    ///         return self._waiting.pop(0)
    /// ```
    "attribute-queue", Algorithm, [Trigger::Call("pop"), Trigger::Call("insert")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (receiver, _) = method(node)?;
    if !is_front(node) || !receiver.is(Kind::Attribute) {
        return None;
    }
    let held = held(context, receiver)?;
    let is_front_place = |place: Node<'a>| match access(place) {
        Access::Used(Usage::Method("pop" | "insert", call)) => is_front(call),
        _ => false,
    };
    if !held.is_first(receiver, is_front_place) {
        return None;
    }
    held.made()?;
    let mut rewrite =
        Rewrite::new(node, format!("`{}` moves all its items when its first one changes", receiver.text()));
    let deque = context.import(&mut rewrite, "collections", "deque")?;
    for place in &held.places {
        match access(*place) {
            Access::Stored(_, value) => {
                rewrite.edits.replace(value, as_deque(value, &deque)?);
                let promise = place.parent()?.field(Field::Type);
                if let Some(promise) = promise {
                    let name = ["list", "List"].into_iter().find(|name| {
                        promise.text().strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
                    })?;
                    rewrite.edits.replace_range(promise.start(), promise.start() + name.len(), deque.clone());
                }
            }
            Access::Used(Usage::Method("pop", call)) => take(call, &mut rewrite)?,
            Access::Used(Usage::Method("insert", call)) => {
                let [place, item] = positional(call)?[..] else { return None };
                if place.text() != "0" {
                    return None;
                }
                rewrite.edits.replace(call.field(Field::Function)?.field(Field::Attribute)?, "appendleft");
                rewrite.edits.replace_range(place.start(), item.start(), "");
            }
            Access::Used(Usage::Method("remove" | "index", call)) => {
                if !is_error_swallowed(call) {
                    rewrite.assume(Assumption::ErrorChanges(
                        "the text of the `ValueError` of a missing item",
                        "that of a deque",
                    ));
                }
            }
            Access::Used(Usage::Item(item)) => part(context, item, &mut rewrite)?,
            Access::Used(use_) => plain(use_, receiver, &mut rewrite)?,
            Access::Other => return None,
        }
    }
    held.assume_private(context, &mut rewrite);
    Some(rewrite)
}

/// True for `pop(0)` and `insert(0, x)`.
fn is_front(call: Node<'_>) -> bool {
    positional(call).is_some_and(|all| {
        let n_wanted = if method(call).is_some_and(|(_, name)| name == "pop") { 1 } else { 2 };
        all.len() == n_wanted && all[0].text() == "0"
    })
}

/// The source of a deque with the items of a list expression.
fn as_deque(value: Node<'_>, deque: &str) -> Option<String> {
    if is_empty_list(value) {
        return Some(format!("{deque}()"));
    }
    if is_builtin_call(value, "list") {
        let [only] = positional(value)?[..] else { return None };
        let list = value.field(Field::Arguments)?;
        let is_bare = only.is(Kind::GeneratorExpression);
        return Some(if is_bare { format!("{deque}{}", list.text()) } else { format!("{deque}({})", only.text()) });
    }
    let is_own = matches!(value.kind(), Kind::List | Kind::ListComprehension) || is_builtin_call(value, "sorted");
    is_own.then(|| format!("{deque}({})", value.text()))
}

fn take<'a>(call: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let callee = call.field(Field::Function)?;
    let list = callee.field(Field::Object)?;
    match arguments(call)[..] {
        [] => {}
        [place] if place.text() == "0" => {
            rewrite.edits.replace(callee.field(Field::Attribute)?, "popleft");
            rewrite.edits.replace(call.field(Field::Arguments)?, "()");
        }
        _ => return None,
    }
    let is_same = |node: Node<'a>| node.is(Kind::Attribute) && node.text() == list.text();
    if !is_known_filled(call, is_same) && !is_error_swallowed(call) {
        rewrite.assume(Assumption::ErrorChanges(
            "the text of the `IndexError` of an empty list",
            "that of an empty deque",
        ));
    }
    Some(())
}

/// True when the statement stands in a `try` whose handlers look at no error.
fn is_error_swallowed(call: Node<'_>) -> bool {
    let Some(holder) = call.ancestor(Kind::Try) else { return false };
    let is_inside = holder.field(Field::Body).is_some_and(|body| body.contains(call));
    let mut handlers = holder.children().filter(|child| child.is(Kind::Except));
    is_inside
        && enclosing_function(holder) == enclosing_function(call)
        && handlers.all(|handler| {
            !handler.has(Kind::AsPattern)
                && handler.field(Field::Alias).is_none()
                && !handler.descendants().any(|each| each.is(Kind::Raise) || each.is(Kind::Call))
        })
}

/// An item or a slice that is read.
fn part<'a>(context: &Context<'a>, item: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let key = item.field(Field::Subscript)?;
    if !key.is(Kind::Slice) {
        return matches!(key.text(), "0" | "-1").then_some(());
    }
    let (text, queue) = (key.text(), item.field(Field::Value)?);
    if text == ":" {
        rewrite.edits.replace(item, format!("list({})", queue.text()));
        return Some(());
    }
    let bound = text.strip_prefix(':').filter(|bound| !bound.contains(':'))?.trim();
    let only = key.only_child()?;
    let is_positive = bound.chars().all(|c| c.is_ascii_digit()) && !bound.is_empty();
    if !is_positive && !is_never_negative(only) {
        rewrite.edits.replace(item, format!("list({})[{text}]", queue.text()));
        return Some(());
    }
    let islice = context.import(rewrite, "itertools", "islice")?;
    rewrite.edits.replace(item, format!("list({islice}({}, {bound}))", queue.text()));
    Some(())
}

/// True for a name that an `if n < 0:` above in the function lets through only when it is not negative.
fn is_never_negative(name: Node<'_>) -> bool {
    let Some(variable) = name.variable() else { return false };
    let Some(function) = enclosing_function(name) else { return false };
    variable.only_binding().is_some()
        && body(function).into_iter().take_while(|statement| !statement.contains(name)).any(|statement| {
            let test = statement.is(Kind::If).then(|| statement.field(Field::Condition)).flatten();
            leaves(statement)
                && test.and_then(comparison).is_some_and(|(left, operator, right)| {
                    left.variable() == Some(variable) && operator == "<" && matches!(right.text(), "0" | "1")
                })
        })
}

fn plain<'a>(use_: Usage<'a>, queue: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    match use_ {
        Usage::Method("append" | "extend" | "clear" | "count" | "reverse", _)
        | Usage::Truth
        | Usage::Searched(_)
        | Usage::Builtin(
            "len" | "list" | "tuple" | "sorted" | "set" | "sum" | "min" | "max" | "any" | "all" | "bool" | "join",
            _,
        ) => {}
        Usage::Builtin("iter" | "enumerate" | "reversed" | "zip" | "map" | "filter", call) => match usage(call) {
            Usage::Iterated(looping) => walked(looping, queue, rewrite),
            _ => rewrite.assume(Assumption::Unchanged(format!("{} while it is walked", queue.text()))),
        },
        Usage::Iterated(looping) => walked(looping, queue, rewrite),
        _ => return None,
    }
    Some(())
}

/// A deque raises when it changes while it is walked.
fn walked<'a>(looping: Node<'a>, queue: Node<'a>, rewrite: &mut Rewrite<'a>) {
    let region = if looping.is(Kind::For) { looping } else { looping.parent().unwrap_or(looping) };
    if calls_unknown(region) || region.has(Kind::Yield) || region.has(Kind::Await) {
        rewrite.assume(Assumption::Unchanged(format!("{} while it is walked", queue.text())));
    }
}
