//! Finds places in a sorted list that are looked for item by item, and looks for them by halving.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::attributes::{Access, Held, access, held, leaves};
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{comparison, is_empty_list, only_statement};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, Usage, arguments, has_comment, is_async, is_builtin_call, next_statement, positional,
    previous_statement, statement_of,
};

rule! {
    /// ## What it finds
    /// A loop over `enumerate(self.items)` that returns the place of the first item not below a value, where the class
    /// keeps the list sorted.
    /// ## Why it is slow
    /// Half of the list is compared for every search; halving takes a dozen comparisons for thousands of items.
    /// ## What must hold
    /// - The list only ever gets items that an `if` before has found not to be below its last one, or by `insort`.
    /// - No other code of the project mentions the attribute, and the list never leaves the class.
    /// - Proven when the items are whole numbers or text; floats may be NaN, which has no place in an order.
    /// ## Example
    /// ```python before proven
    /// class Log:
    ///     def __init__(self):
    ///         self._times = []
    ///
    ///     def add(self, at: int):
    ///         if self._times and at < self._times[-1]:
    ///             raise ValueError(at)
    ///         self._times.append(at)
    ///
    ///     def place(self, when: int):
    ///         for i, at in enumerate(self._times):
    ///             if at >= when:
    ///                 return i
    ///         return len(self._times)
    /// ```
    /// ```python after
    /// from bisect import bisect_left
    ///
    /// class Log:
    ///     def __init__(self):
    ///         self._times = []
    ///
    ///     def add(self, at: int):
    ///         if self._times and at < self._times[-1]:
    ///             raise ValueError(at)
    ///         self._times.append(at)
    ///
    ///     def place(self, when: int):
    ///         return bisect_left(self._times, when)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Log:
    ///     def __init__(self):
    ///         self._times = []
    ///
    ///     def add(self, at: int):
    ///         self._times.append(at)
    ///
    ///     def place(self, when: int):
    ///         for i, at in enumerate(self._times):
    ///             if at >= when:
    ///                 return i
    ///         return len(self._times)
    /// ```
    "sorted-scan", Algorithm, [Trigger::Kind(Kind::For)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let after = next_statement(node).filter(|after| after.is(Kind::Return))?;
    if is_async(node) || node.field(Field::Alternative).is_some() || has_comment(node) || !is_alone(node) {
        return None;
    }
    let iterable = node.field(Field::Right).filter(|right| is_builtin_call(*right, "enumerate"))?;
    let [list] = positional(iterable)?[..] else { return None };
    let pattern = node.field(Field::Left)?;
    let [place, item] = pattern.child_nodes()[..] else { return None };
    let test = only_statement(node).filter(|only| only.is(Kind::If) && only.field(Field::Alternative).is_none())?;
    let found = only_statement(test).filter(|found| found.is(Kind::Return))?.only_child()?;
    if found.text() != place.text() || !list.is(Kind::Attribute) {
        return None;
    }
    let (function, wanted) = halving(test.field(Field::Condition)?, item)?;
    let missing = after.only_child()?;
    let is_end = is_builtin_call(missing, "len") && positional(missing)?.first()?.text() == list.text();
    let attribute = held(context, list)?;
    let mut rewrite = Rewrite::new(node, format!("`{}` is sorted, but walked from its start", list.text()));
    let added = kept_sorted(&attribute)?;
    for each in added.iter().copied().chain([wanted]) {
        ordered(context, each, &mut rewrite)?;
    }
    if added.is_empty() {
        return None;
    }
    attribute.assume_private(context, &mut rewrite);
    let bisect = context.import(&mut rewrite, "bisect", function)?;
    let call = format!("{bisect}({}, {})", list.text(), wanted.text());
    let range = (node.start(), after.end());
    if is_end {
        rewrite.edits.replace_range(range.0, range.1, format!("return {call}"));
    } else if matches!(missing.text(), "None" | "-1") {
        let indentation = node.file().indentation(node.start());
        let place = place.text();
        let answer = format!(
            "{place} = {call}\n{indentation}return {place} if {place} < len({}) else {}",
            list.text(),
            missing.text()
        );
        rewrite.edits.replace_range(range.0, range.1, answer);
    } else {
        return None;
    }
    rewrite.until(after);
    Some(rewrite)
}

/// The function that finds the place of `item >= wanted`, and what is wanted.
fn halving<'a>(condition: Node<'a>, item: Node<'a>) -> Option<(&'static str, Node<'a>)> {
    let (left, operator, right) = comparison(condition.unwrapped())?;
    let is_item = |node: Node<'a>| node.is(Kind::Identifier) && node.variable() == item.variable();
    let (function, wanted) = match operator {
        ">=" if is_item(left) => ("bisect_left", right),
        ">" if is_item(left) => ("bisect_right", right),
        "<=" if is_item(right) => ("bisect_left", left),
        "<" if is_item(right) => ("bisect_right", left),
        _ => return None,
    };
    (wanted.is(Kind::Identifier) && wanted.variable() != item.variable()).then_some((function, wanted))
}

/// What is put into a list that is sorted at all times; `None` when it may not be.
fn kept_sorted<'a>(held: &Held<'a>) -> Option<Vec<Node<'a>>> {
    let mut added = vec![];
    held.made()?;
    for place in &held.places {
        match access(*place) {
            Access::Stored(_, value) if is_empty_list(value) => {}
            Access::Stored(_, value) if is_builtin_call(value, "sorted") && arguments(value).len() == 1 => {
                added.push(value);
            }
            Access::Used(Usage::Method("append", call)) => {
                let [item] = positional(call)?[..] else { return None };
                if !is_after_last(call, item, *place) {
                    return None;
                }
                added.push(item);
            }
            Access::Used(
                Usage::Method("index" | "count" | "copy" | "pop" | "remove" | "clear", _)
                | Usage::Item(_)
                | Usage::Iterated(_)
                | Usage::Searched(_)
                | Usage::Truth
                | Usage::Compared(_)
                | Usage::Formatted,
            ) => {}
            Access::Used(Usage::Builtin(name, _)) if name != "isinstance" => {}
            Access::Used(Usage::Argument(call)) => added.push(inserted(call)?),
            _ => return None,
        }
    }
    Some(added)
}

/// The item of `insort(self.items, item)`, or of a search by halving.
fn inserted(call: Node<'_>) -> Option<Node<'_>> {
    let path = crate::syntax::qualified(call.field(Field::Function)?)?;
    let name = path.strip_prefix("bisect.")?;
    let [_, item] = positional(call)?[..] else { return None };
    name.contains("sort").then_some(item).or_else(|| name.starts_with("bisect").then_some(item))
}

/// True when an `if` before the statement leaves when the item is below the last one of the list.
fn is_after_last(call: Node<'_>, item: Node<'_>, list: Node<'_>) -> bool {
    let is_last = |node: Node<'_>| {
        node.is(Kind::Subscript)
            && node.field(Field::Value).is_some_and(|value| value.text() == list.text())
            && node.field(Field::Subscript).is_some_and(|key| key.text() == "-1")
    };
    let mut before = previous_statement(statement_of(call));
    while let Some(statement) = before {
        let test = statement.is(Kind::If).then(|| statement.field(Field::Condition)).flatten();
        if let Some(test) = test.map(Node::unwrapped)
            && leaves(statement)
            && test.is(Kind::BooleanOperator)
            && test.field(Field::Operator).is_some_and(|operator| operator.text() == "and")
            && test.field(Field::Left).is_some_and(|left| left.text() == list.text())
            && let Some((left, operator, right)) = test.field(Field::Right).and_then(comparison)
        {
            let is_below = matches!(operator, "<" | "<=") && left.text() == item.text() && is_last(right);
            let is_above = matches!(operator, ">" | ">=") && right.text() == item.text() && is_last(left);
            return is_below || is_above;
        }
        let binds_item =
            item.variable().is_some_and(|variable| variable.bindings().any(|binding| statement.contains(binding)));
        let is_changed = statement.descendants().any(|each| each.is(Kind::Attribute) && each.text() == list.text());
        if binds_item || is_changed || !item.is(Kind::Identifier) {
            return false;
        }
        before = previous_statement(statement);
    }
    false
}

/// States what must hold for the values to have an order without gaps.
fn ordered<'a>(context: &Context<'a>, node: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let typed = context.typed(node);
    let of = if let Type::List(element) = &typed.of { element.as_ref().clone() } else { typed.of.clone() };
    match of {
        Type::Int | Type::Str | Type::Bytes | Type::Bool => {
            if !typed.is_proved() {
                rewrite.assume(Assumption::Annotated(node.text().into()));
            }
        }
        Type::Unknown | Type::Float | Type::Tuple(_) | Type::Instance(_) => {
            rewrite.assume(Assumption::Type(node.text().into(), "of a kind with one order for all, without NaN"));
        }
        _ => return None,
    }
    Some(())
}
