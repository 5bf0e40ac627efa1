//! Finds lists that get an item only after all of their items were compared with it by key, and keeps a dict beside
//! them.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{
    assignment, body, call_statement, calls_unknown, comparison, depends_on, is_empty_list, local_variable,
    only_statement, suspends,
};
use crate::engine::rewrite::keys::{assume_equal_key, is_repeatable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, Variable, enclosing_loop, has_comment, is_async, method, positional, statement_of, usage,
};

rule! {
    /// ## What it finds
    /// `for known in merged: if known.key == item.key: break` with an `else` that appends a new item to `merged`.
    /// ## Why it is slow
    /// Every item is compared with all that were kept before it; a dict by key is asked once.
    /// ## What must hold
    /// - The list begins empty in this function and gets items nowhere else, and its items are never `None`.
    /// - Nothing in the project gives an item another key after it was made.
    /// - Keys are hashable, and equal ones have equal hashes; proven when they are declared as text or numbers.
    /// ## Example
    /// ```python before proven
    /// class Item:
    ///     key: str
    ///
    ///     def __init__(self, key: str):
    ///         self.key = key
    ///         self.n = 0
    ///
    /// def merged(names: list[str]):
    ///     items = []
    ///     for name in map(str, names):
    ///         for known in items:
    ///             if known.key == name:
    ///                 break
    ///         else:
    ///             items.append(Item(name))
    ///             continue
    ///         known.n += 1
    ///     return [(item.key, item.n) for item in items]
    /// ```
    /// ```python after
    /// class Item:
    ///     key: str
    ///
    ///     def __init__(self, key: str):
    ///         self.key = key
    ///         self.n = 0
    ///
    /// def merged(names: list[str]):
    ///     items = []
    ///     items_by_key = {}
    ///     for name in map(str, names):
    ///         known = items_by_key.get(name)
    ///         if known is None:
    ///             items.append(Item(name))
    ///             items_by_key.setdefault(items[-1].key, items[-1])
    ///             continue
    ///         known.n += 1
    ///     return [(item.key, item.n) for item in items]
    /// ```
    /// ```python before needs-run
    /// def first_rows(rows):
    ///     kept = []
    ///     for row in rows:
    ///         for other in kept:
    ///             if other["id"] == row["id"]:
    ///                 break
    ///         else:
    ///             kept.append(row)
    ///     return kept
    /// ```
    /// ```python after
    /// def first_rows(rows):
    ///     kept = []
    ///     kept_by_id = {}
    ///     for row in rows:
    ///         other = kept_by_id.get(row["id"])
    ///         if other is None:
    ///             kept.append(row)
    ///             kept_by_id.setdefault(kept[-1]["id"], kept[-1])
    ///     return kept
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def near(rows):
    ///     kept = []
    ///     for row in rows:
    ///         for other in kept:
    ///             if abs(other["x"] - row["x"]) < 2:
    ///                 break
    ///         else:
    ///             kept.append(row)
    ///     return kept
    /// ```
    /// ```python unchanged
    /// def renamed(rows):
    ///     kept = []
    ///     for row in rows:
    ///         for other in kept:
    ///             if other.id == row.id:
    ///                 break
    ///         else:
    ///             kept.append(row)
    ///             row.id = 0
    ///     return kept
    /// ```
    "scan-before-append", Algorithm, [Trigger::Kind(Kind::For)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let otherwise = node.field(Field::Alternative)?;
    let list = node.field(Field::Right)?;
    let variable = local_variable(list)?;
    let known = node.field(Field::Left)?;
    let known_variable = local_variable(known)?;
    let looping = enclosing_loop(node)?;
    if is_async(node) || has_comment(node) || !is_alone(node) || suspends(looping) {
        return None;
    }
    let test = only_statement(node).filter(|only| only.is(Kind::If) && only.field(Field::Alternative).is_none())?;
    only_statement(test).filter(|only| only.is(Kind::Break))?;
    let (left, "==", right) = comparison(test.field(Field::Condition)?)? else { return None };
    let (key, wanted) = if depends_on(left, known_variable) { (left, right) } else { (right, left) };
    let field = field_of(key, known_variable)?;
    if depends_on(wanted, known_variable) || !is_repeatable(wanted) {
        return None;
    }
    let start = variable.only_binding()?;
    let start_statement = statement_of(start);
    let (_, value) = assignment(start_statement)?;
    let appended = only_append(otherwise, variable)?;
    let append = statement_of(appended);
    let leaves_no_trace = is_left(otherwise) || known_variable.uses().all(|each| node.contains(each));
    let stays = variable.uses().all(|each| usage(each) == Usage::Iterated(node) || is_harmless(each, appended));
    if !is_empty_list(value)
        || looping.contains(start)
        || !is_alone(start_statement)
        || !is_alone(append)
        || !leaves_no_trace
        || !stays
        || known_variable.bindings().count() != 1
        || stores(looping, &field)
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is walked before each item it gets", list.text()));
    assume_equal_key(context, wanted, &mut rewrite)?;
    assume_equal_key(context, key, &mut rewrite)?;
    let [item] = positional(appended)?[..] else { return None };
    let is_known_class =
        crate::engine::rewrite::inferred::class_of(context, item, 4).is_some() && key.is(Kind::Attribute);
    if !is_known_class || context.index.stores_attribute(&field) {
        rewrite.assume(Assumption::Pure(key.text().into()));
        if calls_unknown(looping) {
            rewrite.assume(Assumption::Unchanged(key.text().into()));
        }
    }
    let name = context.fresh_name(&format!("{}_by_{}", list.text(), identifier(&field)?));
    rewrite.edits.insert_after(start_statement, &[format!("{name} = {{}}")]);
    let file = node.file();
    let indentation = file.indentation(node.start());
    let colon = otherwise.field(Field::Body)?;
    let unit = indentation_unit(file);
    let head = format!(
        "{0} = {name}.get({1})\n{indentation}if {0} is None:\n{indentation}{unit}",
        known.text(),
        wanted.text()
    );
    let tail = &key.text()[known.text().len()..];
    rewrite.edits.replace_range(node.start(), colon.start(), head);
    let newest = format!("{}[-1]", list.text());
    rewrite.edits.insert_after(append, &[format!("{name}.setdefault({newest}{tail}, {newest})")]);
    Some(rewrite)
}

/// The attribute or item of the known one that is compared.
fn field_of<'a>(key: Node<'a>, known: Variable<'a>) -> Option<String> {
    let object = key.field(Field::Object).or_else(|| key.field(Field::Value))?;
    if !object.is(Kind::Identifier) || object.variable() != Some(known) {
        return None;
    }
    match key.kind() {
        Kind::Attribute => Some(key.field(Field::Attribute)?.text().to_owned()),
        Kind::Subscript => {
            let part =
                key.field(Field::Subscript).filter(|part| matches!(part.kind(), Kind::String | Kind::Integer))?;
            Some(part.text().to_owned())
        }
        _ => None,
    }
}

/// The one `list.append(…)` among the statements of the `else`.
fn only_append<'a>(otherwise: Node<'a>, list: Variable<'a>) -> Option<Node<'a>> {
    let mut found = body(otherwise).into_iter().filter_map(call_statement).filter(|call| {
        method(*call).is_some_and(|(receiver, name)| name == "append" && receiver.variable() == Some(list))
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// True when the block ends by leaving the round.
fn is_left(otherwise: Node<'_>) -> bool {
    body(otherwise)
        .last()
        .is_some_and(|last| matches!(last.kind(), Kind::Continue | Kind::Break | Kind::Return | Kind::Raise))
}

/// True for the append itself and for reads that let nobody change the list within the loop.
fn is_harmless<'a>(each: Node<'a>, append: Node<'a>) -> bool {
    match usage(each) {
        Usage::Method("append", call) => call == append,
        Usage::Iterated(_) | Usage::Truth | Usage::Builtin(..) | Usage::Item(_) => true,
        Usage::Returned | Usage::Argument(_) | Usage::Other(_) | Usage::Method("sort", _) => {
            enclosing_loop(each).is_none()
        }
        _ => false,
    }
}

/// True when the region gives anything this attribute or item.
fn stores(region: Node<'_>, field: &str) -> bool {
    region.descendants().any(|each| match each.kind() {
        Kind::Attribute => {
            each.field(Field::Attribute).is_some_and(|name| name.text() == field)
                && each.parent().is_some_and(|parent| {
                    matches!(parent.kind(), Kind::Assignment | Kind::AugmentedAssignment) && each.role() == Field::Left
                })
        }
        Kind::Subscript => {
            each.field(Field::Subscript).is_some_and(|key| key.text() == field)
                && matches!(usage_of_value(each), Some(Usage::ItemStore(_)))
        }
        _ => false,
    })
}

fn usage_of_value(subscript: Node<'_>) -> Option<Usage<'_>> {
    subscript.field(Field::Value).map(usage)
}

/// The word of a field as part of a name.
fn identifier(field: &str) -> Option<String> {
    let word: String = field.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let word = word.trim_matches('_').to_lowercase();
    (!word.is_empty()).then_some(word)
}
