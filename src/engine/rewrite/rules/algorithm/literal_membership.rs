//! Finds constant lists that are only searched.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::comparison;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Kind, Node, Type, Usage, has_comment, infer, usage};

rule! {
    /// ## What it finds
    /// `x in [..]` or `x in (..)` with four or more constant items of one type.
    /// ## Why it is slow
    /// A list is searched item by item; a set of constants is made once and hashed into.
    /// ## What must hold
    /// - Every item is a literal of the same type, so it is hashable and equal only to itself.
    /// - `x` is hashable by construction: a set raises where a list answers `False` for `[1] in ..`.
    /// ## Example
    /// ```python before proven
    /// def is_open(kind):
    ///     return str(kind) in ["new", "paid", "sent", "back"]
    /// ```
    /// ```python after
    /// def is_open(kind):
    ///     return str(kind) in {"new", "paid", "sent", "back"}
    /// ```
    /// ```python before needs-run
    /// def is_open(kind):
    ///     return kind not in (1, 2, 3, 5)
    /// ```
    /// ```python after
    /// def is_open(kind):
    ///     return kind not in {1, 2, 3, 5}
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def is_open(kind, other):
    ///     return str(kind) in ["new", other, "sent", "back"] or kind in ["a", "b"]
    /// ```
    "literal-membership", Algorithm, [Trigger::Kind(Kind::Comparison)] => find
}

/// Below this a list of literals is as fast: `CPython` makes it a constant tuple.
const ITEMS_MIN: usize = 4;

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (needle, _, container) = comparison(node)?;
    let is_display =
        matches!(container.kind(), Kind::List | Kind::Tuple) && matches!(usage(container), Usage::Searched(_));
    let items = container.child_nodes();
    if !is_display || items.len() < ITEMS_MIN || has_comment(container) {
        return None;
    }
    let kind = items[0].kind();
    let is_literal = |item: &Node<'a>| {
        item.kind() == kind && matches!(kind, Kind::String | Kind::Integer) && !item.has(Kind::Interpolation)
    };
    if !items.iter().all(is_literal) || items.iter().any(|item| infer(*item).of != infer(items[0]).of) {
        return None;
    }
    let mut rewrite = Rewrite::new(container, format!("{} constants are compared one by one", items.len()));
    let typed = infer(needle);
    match typed.of {
        Type::List(_) | Type::Dict(..) | Type::Set(_) | Type::Deque(_) => return None,
        _ if typed.is_proved() && typed.of.is_hashable() => {}
        _ => rewrite.assume(Assumption::Hashable(format!("the values of `{}`", needle.text()))),
    }
    let inside = &container.text()[1..container.text().len() - 1];
    rewrite.edits.replace(container, format!("{{{inside}}}"));
    Some(rewrite)
}
