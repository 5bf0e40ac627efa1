//! Finds loops that drop repeated items by searching the list they build.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{argument, is_alone};
use crate::engine::rewrite::facts::{
    assignment, call_statement, comparison, is_empty_list, local_variable, only_statement, used_only_in,
};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, has_comment, is_async, is_within_try, method, positional, previous_statement};

rule! {
    /// ## What it finds
    /// A loop that is nothing but `if x not in out: out.append(x)`, right after `out = []`.
    /// ## Why it is slow
    /// Every item is compared with all kept before it; a dict keeps order and finds repeats by hash.
    /// ## What must hold
    /// - `out` is a local list bound right before the loop, and the loop variable is not used afterwards.
    /// - The loop has no `else`, no comment, and stands in no `try` or `with`.
    /// - Proven when the items are strings, numbers or tuples of these by construction.
    /// ## Example
    /// ```python before proven
    /// def distinct(text):
    ///     seen = []
    ///     for word in str(text).split():
    ///         if word not in seen:
    ///             seen.append(word)
    ///     return seen
    /// ```
    /// ```python after
    /// def distinct(text):
    ///     seen = list(dict.fromkeys(str(text).split()))
    ///     return seen
    /// ```
    /// ```python before needs-run
    /// def distinct(rows):
    ///     out = []
    ///     for row in rows:
    ///         if row not in out:
    ///             out.append(row)
    ///     return out
    /// ```
    /// ```python after
    /// def distinct(rows):
    ///     out = list(dict.fromkeys(rows))
    ///     return out
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def prefilled(rows, out):
    ///     for row in rows:
    ///         if row not in out:
    ///             out.append(row)
    ///     return out
    /// ```
    /// ```python unchanged
    /// def last(rows):
    ///     out = []
    ///     for row in rows:
    ///         if row not in out:
    ///             out.append(row.name)
    ///     return out
    /// ```
    "list-dedup", Algorithm, [Trigger::Kind(Kind::For)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if is_async(node) || node.field(Field::Alternative).is_some() || has_comment(node) || is_within_try(node) {
        return None;
    }
    let target = node.field(Field::Left)?;
    let item = local_variable(target)?;
    let test = only_statement(node).filter(|only| only.is(Kind::If) && only.field(Field::Alternative).is_none())?;
    let (needle, operator, container) = comparison(test.field(Field::Condition)?)?;
    if !operator.starts_with("not") || needle.variable() != Some(item) {
        return None;
    }
    let out = local_variable(container)?;
    let call = call_statement(only_statement(test)?)?;
    let (receiver, "append") = method(call)? else { return None };
    let [appended] = positional(call)?[..] else { return None };
    if receiver.variable() != Some(out) || appended.variable() != Some(item) || !used_only_in(target, node) {
        return None;
    }
    let before = previous_statement(node)?;
    let (left, value) = assignment(before)?;
    let iterable = node.field(Field::Right)?;
    let is_mentioned = iterable.descendants().any(|each| each.is(Kind::Identifier) && each.variable() == Some(out));
    if left.variable() != Some(out) || !is_empty_list(value) || !is_alone(before) || !is_alone(node) || is_mentioned {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is searched for every item it gets", container.text()));
    let typed = context.typed(needle);
    if !(typed.is_proved() && typed.of.is_hashable()) {
        rewrite.assume(Assumption::Hashable(format!("the items of `{}`", iterable.text())));
    }
    rewrite.edits.replace(value, format!("list(dict.fromkeys({}))", argument(iterable)));
    let file = node.file();
    rewrite.edits.replace_range(file.line_end(before.end() - 1), file.line_end(node.end() - 1), "");
    Some(rewrite)
}
