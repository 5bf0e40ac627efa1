//! Finds dicts that are copied to add a key.

use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::argument;
use crate::engine::rewrite::facts::{assignment, is_empty_dict, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Usage, binding_value, enclosing_loop, has_comment, usage};

rule! {
    /// ## What it finds
    /// `table = {**table, key: value}` in a loop.
    /// ## Why it is slow
    /// The whole dict is copied for every key.
    /// ## What must hold
    /// - The dict is made in this function, and no one else gets hold of an older copy.
    /// ## Example
    /// ```python before proven
    /// def index(rows):
    ///     table = {}
    ///     for row in rows:
    ///         table = {**table, str(row): row}
    ///     return table
    /// ```
    /// ```python after
    /// def index(rows):
    ///     table = {}
    ///     for row in rows:
    ///         table[str(row)] = row
    ///     return table
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def versions(rows):
    ///     table = {}
    ///     for row in rows:
    ///         table = {**table, row.key: row}
    ///         yield table
    /// ```
    "dict-copy-in-loop", Algorithm, [Trigger::Kind(Kind::Assignment)] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (name, value) = assignment(node)?;
    let parts = value.is(Kind::Dictionary).then(|| value.child_nodes())?;
    let [splat, pair] = parts[..] else { return None };
    let variable = local_variable(name)?;
    enclosing_loop(node)?;
    let is_copy = splat.is(Kind::DictionarySplat)
        && splat.only_child().and_then(Node::variable) == Some(variable)
        && pair.is(Kind::Pair);
    if !is_copy
        || has_comment(node)
        || node.field(Field::Type).is_some()
        || !node.parent()?.is(Kind::ExpressionStatement)
    {
        return None;
    }
    let (key, item) = (pair.field(Field::Key)?, pair.field(Field::Value)?);
    let is_start = |binding: &Node<'a>| {
        binding_value(*binding).is_some_and(|start| is_empty_dict(start) || start.is(Kind::Dictionary))
    };
    let mentions = |part: Node<'a>| variable.occurrences().any(|each| part.contains(each));
    if !variable.bindings().all(|binding| is_start(&binding))
        || mentions(key)
        || mentions(item)
        || key.has(Kind::Call) && item.has(Kind::Call)
    {
        return None;
    }
    let is_private = |each: Node<'a>| match usage(each) {
        Usage::Returned => enclosing_loop(each).is_none(),
        Usage::Item(_) | Usage::Searched(_) | Usage::Truth | Usage::Builtin("len", _) | Usage::Method("get", _) => true,
        Usage::Other(parent) => parent.is(Kind::DictionarySplat),
        _ => false,
    };
    if !variable.uses().all(is_private) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is copied for every key it gets", name.text()));
    // A dict display computes the key first, an item assignment the value.
    if !crate::engine::rewrite::facts::is_simple(key) && !crate::engine::rewrite::facts::is_simple(item) {
        rewrite.assume(crate::engine::rewrite::assumption::Assumption::Pure(key.text().into()));
    }
    rewrite.edits.replace(node, format!("{}[{}] = {}", name.text(), key.text(), argument(item)));
    Some(rewrite)
}
