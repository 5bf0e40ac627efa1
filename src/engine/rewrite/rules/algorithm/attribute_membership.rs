//! Finds lists kept in an attribute that are searched again and again, and keeps a set beside them.

use crate::engine::rewrite::attributes::{Access, Held, access, fresh_attribute, held};
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{comparison, is_empty_list, local_variable};
use crate::engine::rewrite::keys::{assume_key, is_repeatable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, enclosing_function, function_name, is_builtin_call, method, positional,
    previous_statement, statement_of, usage,
};

rule! {
    /// ## What it finds
    /// `x in self.items` in the methods of a class, where `items` is a list that the class fills.
    /// ## Why it is slow
    /// Every call walks the list, which grows with the object; a set beside it is hashed once. The list stays, with its
    /// order and its repeats.
    /// ## What must hold
    /// - The class makes the list in `__init__`, and no other code of the project mentions the attribute.
    /// - The list never leaves the class: it is added to, taken from, searched, counted, copied, walked.
    /// - The class shows no attributes by `__dict__`, `__slots__` or the like.
    /// - Items and what is looked for are hashable; proven when they are text or numbers by construction or annotation.
    /// ## Example
    /// ```python before proven
    /// class Sheet:
    ///     def __init__(self):
    ///         self._taken = []
    ///
    ///     def take(self, slot: int):
    ///         while slot in self._taken:
    ///             slot += 1
    ///         self._taken.append(slot)
    ///         return slot
    ///
    ///     def release(self, slot: int):
    ///         if slot not in self._taken:
    ///             return False
    ///         self._taken.remove(slot)
    ///         return True
    ///
    ///     def taken(self):
    ///         return list(self._taken)
    /// ```
    /// ```python after
    /// class Sheet:
    ///     def __init__(self):
    ///         self._taken = []
    ///         self._taken_set = set()
    ///
    ///     def take(self, slot: int):
    ///         while slot in self._taken_set:
    ///             slot += 1
    ///         self._taken.append(slot)
    ///         self._taken_set.add(slot)
    ///         return slot
    ///
    ///     def release(self, slot: int):
    ///         if slot not in self._taken_set:
    ///             return False
    ///         self._taken.remove(slot)
    ///         if slot not in self._taken:
    ///             self._taken_set.discard(slot)
    ///         return True
    ///
    ///     def taken(self):
    ///         return list(self._taken)
    /// ```
    /// ```python before needs-run
    /// class Seen:
    ///     def __init__(self, names=()):
    ///         self._names = list(names)
    ///
    ///     def note(self, name):
    ///         if name in self._names:
    ///             return False
    ///         self._names.append(name)
    ///         return True
    /// ```
    /// ```python after
    /// class Seen:
    ///     def __init__(self, names=()):
    ///         self._names = list(names)
    ///         self._names_set = set(self._names)
    ///
    ///     def note(self, name):
    ///         if name in self._names_set:
    ///             return False
    ///         self._names.append(name)
    ///         self._names_set.add(name)
    ///         return True
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Shown:
    ///     def __init__(self):
    ///         self._names = []
    ///
    ///     def note(self, name):
    ///         if name not in self._names:
    ///             self._names.append(name)
    ///
    ///     def names(self):
    ///         return self._names
    /// ```
    /// ```python unchanged
    /// class Weight:
    ///     def __init__(self, grams):
    ///         self.grams = grams
    ///
    ///     def __eq__(self, other):
    ///         return abs(self.grams - other.grams) < 5
    ///
    ///     def __hash__(self):
    ///         return hash(round(self.grams, -1))
    ///
    /// class Check:
    ///     def __init__(self):
    ///         self._declared = []
    ///
    ///     def declare(self, weight: Weight):
    ///         if weight not in self._declared:
    ///             self._declared.append(weight)
    /// ```
    /// ```python unchanged
    /// class Lists:
    ///     def __init__(self):
    ///         self._rows = []
    ///
    ///     def note(self, row):
    ///         if [row] not in self._rows:
    ///             self._rows.append([row])
    /// ```
    "attribute-membership", Algorithm, [Trigger::Kind(Kind::Comparison)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (_, _, container) = comparison(node)?;
    if !container.is(Kind::Attribute) || usage(container) != Usage::Searched(node) {
        return None;
    }
    let held = held(context, container)?;
    let is_search = |place: Node<'a>| matches!(access(place), Access::Used(Usage::Searched(_))) && !is_recheck(place);
    if !held.is_first(container, is_search) {
        return None;
    }
    let (made, _) = held.made()?;
    let message = format!("`{}` is searched item by item at every call", container.text());
    let mut rewrite = Rewrite::new(node, message);
    let twin = fresh_attribute(context, &format!("{}_set", held.name));
    let mut n_added = 0;
    for place in &held.places {
        match access(*place) {
            Access::Stored(statement, value) => store(context, *place, statement, value, &twin, &mut rewrite)?,
            Access::Used(Usage::Searched(_)) if is_recheck(*place) => {}
            Access::Used(Usage::Searched(search)) => {
                let (needle, ..) = comparison(search)?;
                assume_key(context, needle, &mut rewrite)?;
                rewrite.edits.replace(*place, twin_of(*place, &twin)?);
            }
            Access::Used(Usage::Method("append" | "insert", call)) => {
                add(context, *place, call, &twin, &mut rewrite)?;
                n_added += 1;
            }
            Access::Used(Usage::Method("remove", call)) => remove(context, *place, call, &twin, &mut rewrite)?,
            Access::Used(Usage::Method("pop", call)) => take(*place, call, &twin, &mut rewrite)?,
            Access::Used(Usage::Method("clear", call)) => {
                rewrite.edits.insert_after(alone(call)?, &[format!("{}.clear()", twin_of(*place, &twin)?)]);
            }
            Access::Used(usage) if only_reads(usage) => {}
            _ => return None,
        }
    }
    if n_added == 0 && !is_filled_from_outside(&held) {
        return None;
    }
    held.assume_private(context, &mut rewrite);
    rewrite.until(made);
    rewrite.at = node;
    Some(rewrite)
}

/// True for the search that follows the removal of an item: whether the list holds it once more.
fn is_recheck(place: Node<'_>) -> bool {
    let Some(before) = previous_statement(statement_of(place)) else { return false };
    before.descendants().any(|each| {
        method(each).is_some_and(|(list, name)| matches!(name, "remove" | "pop") && list.text() == place.text())
    })
}

/// True when the list is made of something that may be long.
fn is_filled_from_outside(held: &Held<'_>) -> bool {
    held.stores().iter().any(|(_, value)| {
        is_builtin_call(*value, "list") && !arguments(*value).is_empty() || value.is(Kind::ListComprehension)
    })
}

/// `self.items_set` for a `self.items`.
fn twin_of(place: Node<'_>, twin: &str) -> Option<String> {
    Some(format!("{}.{twin}", place.field(Field::Object)?.text()))
}

/// The statement of a call whose value nobody takes, alone on its lines.
fn alone(call: Node<'_>) -> Option<Node<'_>> {
    let statement = statement_of(call);
    (usage(call) == Usage::Dropped && is_alone(statement)).then_some(statement)
}

fn store<'a>(
    context: &Context<'a>,
    place: Node<'a>,
    statement: Node<'a>,
    value: Node<'a>,
    twin: &str,
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    let is_own = matches!(value.kind(), Kind::List | Kind::ListComprehension)
        || is_builtin_call(value, "list")
        || is_builtin_call(value, "sorted");
    if !is_own || !is_alone(statement) {
        return None;
    }
    let start = if is_empty_list(value) { "set()".to_owned() } else { format!("set({})", place.text()) };
    let name = twin_of(place, twin)?;
    let is_first = enclosing_function(statement).is_some_and(|function| function_name(function) == "__init__");
    let annotated = place.parent()?.field(Field::Type).map(Node::text);
    let promise = annotated.and_then(|text| text.strip_prefix("list[")).filter(|_| is_first && is_empty_list(value));
    let promise = promise.map_or_else(String::new, |rest| format!(": set[{rest}"));
    rewrite.edits.insert_after(statement, &[format!("{name}{promise} = {start}")]);
    if matches!(value.kind(), Kind::List | Kind::ListComprehension) {
        let items: Vec<Node<'a>> = match value.field(Field::Body) {
            Some(item) => vec![item],
            None => value.child_nodes(),
        };
        for item in items {
            assume_key(context, item, rewrite)?;
        }
    } else if !is_empty_list(value) {
        let element = crate::syntax::infer(value).of.element();
        if !element.is_hashable() {
            rewrite.assume(crate::engine::rewrite::assumption::Assumption::Hashable(format!(
                "the items of `{}`",
                place.text()
            )));
        }
    }
    Some(())
}

fn add<'a>(
    context: &Context<'a>,
    place: Node<'a>,
    call: Node<'a>,
    twin: &str,
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    let item = *positional(call)?.last()?;
    let statement = alone(call)?;
    if !is_repeatable(item) {
        return None;
    }
    assume_key(context, item, rewrite)?;
    rewrite.edits.insert_after(statement, &[format!("{}.add({})", twin_of(place, twin)?, item.text())]);
    Some(())
}

fn remove<'a>(
    context: &Context<'a>,
    place: Node<'a>,
    call: Node<'a>,
    twin: &str,
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    let [item] = positional(call)?[..] else { return None };
    let statement = alone(call)?;
    if !is_repeatable(item) {
        return None;
    }
    assume_key(context, item, rewrite)?;
    forget(place, statement, item.text(), twin, rewrite)
}

/// `x = self.items.pop()`.
fn take<'a>(place: Node<'a>, call: Node<'a>, twin: &str, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let Usage::Assigned(assignment) = usage(call) else { return None };
    let target = assignment.is(Kind::Assignment).then(|| assignment.field(Field::Left)).flatten()?;
    local_variable(target)?;
    let statement = statement_of(call);
    if !is_alone(statement) {
        return None;
    }
    forget(place, statement, target.text(), twin, rewrite)
}

/// The list may hold the item once more.
fn forget<'a>(place: Node<'a>, statement: Node<'a>, item: &str, twin: &str, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let unit = crate::engine::rewrite::edits::indentation_unit(place.file());
    let lines =
        [format!("if {item} not in {}:", place.text()), format!("{unit}{}.discard({item})", twin_of(place, twin)?)];
    rewrite.edits.insert_after(statement, &lines);
    Some(())
}

/// True for uses that neither change the list nor let anyone keep it.
fn only_reads(usage: Usage<'_>) -> bool {
    match usage {
        Usage::Method("index" | "count" | "copy" | "sort" | "reverse", _)
        | Usage::Item(_)
        | Usage::Iterated(_)
        | Usage::Truth
        | Usage::Compared(_)
        | Usage::Formatted => true,
        Usage::Builtin(name, _) => !matches!(name, "isinstance" | "next" | "id"),
        _ => false,
    }
}
