//! Finds dictionaries asked for their keys where they answer themselves.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Node, Provenance, Type, Usage, arguments, has_comment, infer, method, usage};

rule! {
    /// ## What it finds
    /// `k in d.keys()` and `for k in d.keys()`.
    /// ## Why it is slow
    /// A view is made only to ask what the dict knows itself.
    /// ## What must hold
    /// - `d` is a dict made in this function: other types have a `keys()` that means something else.
    /// ## Example
    /// ```python before proven
    /// def known(pairs, name):
    ///     table = dict(pairs)
    ///     return name in table.keys()
    /// ```
    /// ```python after
    /// def known(pairs, name):
    ///     table = dict(pairs)
    ///     return name in table
    /// ```
    /// ```python before needs-run
    /// def show(table: dict):
    ///     for name in table.keys():
    ///         print(name)
    /// ```
    /// ```python after
    /// def show(table: dict):
    ///     for name in table:
    ///         print(name)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def has_column(row, name):
    ///     return name in row.keys()
    /// ```
    "dict-keys", Algorithm, [Trigger::Call("keys")] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (receiver, _) = method(node)?;
    let is_asked = matches!(usage(node), Usage::Searched(_) | Usage::Iterated(_));
    let typed = infer(receiver);
    if !is_asked || !arguments(node).is_empty() || !matches!(typed.of, Type::Dict(..)) || has_comment(node) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` needs no `keys()` here", receiver.text()));
    if typed.by != Provenance::Proved {
        rewrite.assume(Assumption::Type(receiver.text().into(), "a plain dict, as annotated"));
    }
    rewrite.edits.replace_range(receiver.end(), node.end(), "");
    Some(rewrite)
}
