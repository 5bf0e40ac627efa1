//! Finds lists that are copied to add an item.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::argument;
use crate::engine::rewrite::facts::{assignment, augmented, is_fresh, local_variable, proved};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Type, Usage, binding_value, enclosing_loop, usage};

rule! {
    /// ## What it finds
    /// `out = out + [x]` or `out += [x]` in a loop.
    /// ## Why it is slow
    /// The first copies the whole list for every item, the second builds a list to take one item out of it.
    /// ## What must hold
    /// - `out` is a list made in this function.
    /// - For `out = out + …`: the function hands the list to nothing else in the loop, so nobody keeps an older copy.
    /// ## Example
    /// ```python before proven
    /// def collect(rows):
    ///     out = []
    ///     for row in rows:
    ///         out = out + [row]
    ///         out += [row]
    ///         out = out + [row, 1]
    ///     return out
    /// ```
    /// ```python after
    /// def collect(rows):
    ///     out = []
    ///     for row in rows:
    ///         out.append(row)
    ///         out.append(row)
    ///         out.extend([row, 1])
    ///     return out
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def history(rows):
    ///     out = []
    ///     steps = []
    ///     for row in rows:
    ///         out = out + [row]
    ///         steps.append(out)
    ///     return steps
    /// ```
    /// ```python unchanged
    /// def given(out, rows):
    ///     for row in rows:
    ///         out = out + [row]
    ///     return out
    /// ```
    "list-concatenation", Algorithm, [Trigger::Kind(Kind::Assignment), Trigger::Kind(Kind::AugmentedAssignment)] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    enclosing_loop(node)?;
    if !node.parent()?.is(Kind::ExpressionStatement) {
        return None;
    }
    let (name, added) = if node.kind() == Kind::AugmentedAssignment {
        let (left, "+=", right) = augmented(node)? else { return None };
        (left, right)
    } else {
        let (left, right) = assignment(node)?;
        if !right.is(Kind::BinaryOperator) || right.field(Field::Operator)?.text() != "+" {
            return None;
        }
        let first = right.field(Field::Left)?;
        if node.field(Field::Type).is_some() || first.variable()? != left.variable()? {
            return None;
        }
        (left, right.field(Field::Right)?)
    };
    let variable = local_variable(name)?;
    // The list's own growth is no reason to doubt that it is one.
    let starts: Vec<Node<'a>> = variable.bindings().filter(|each| binding_value(*each).is_some_and(is_fresh)).collect();
    let is_list = |each: &Node<'a>| matches!(binding_value(*each).and_then(proved), Some(Type::List(_)));
    if starts.is_empty()
        || !starts.iter().all(is_list)
        || !variable.bindings().all(|each| starts.contains(&each) || grows(each))
    {
        return None;
    }
    if node.is(Kind::Assignment) && !variable.uses().all(is_private) {
        return None;
    }
    let is_mentioned = added.descendants().any(|each| each.is(Kind::Identifier) && each.variable() == Some(variable));
    if is_mentioned || !matches!(added.kind(), Kind::List | Kind::ListComprehension) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is copied to add to it", name.text()));
    let items = added.child_nodes();
    // `out += [a, b]` is as good as `extend`.
    if node.is(Kind::AugmentedAssignment) && (items.len() != 1 || !added.is(Kind::List)) {
        return None;
    }
    let text = match (&items[..], added.kind()) {
        ([item], Kind::List) if !item.is(Kind::ListSplat) => format!("{}.append({})", name.text(), argument(*item)),
        _ => format!("{}.extend({})", name.text(), added.text()),
    };
    if crate::syntax::has_comment(added) {
        return None;
    }
    if crate::engine::rewrite::facts::suspends(added) {
        rewrite.assume(Assumption::Unchanged(name.text().into()));
    }
    rewrite.edits.replace(node, text);
    Some(rewrite)
}

/// True for the bindings that this rule is about: they keep the variable a list.
fn grows(binding: Node<'_>) -> bool {
    let Some(parent) = binding.parent() else { return false };
    match parent.kind() {
        Kind::AugmentedAssignment => {
            parent.field(Field::Right).is_some_and(|right| matches!(right.kind(), Kind::List | Kind::ListComprehension))
        }
        Kind::Assignment => parent.field(Field::Right).is_some_and(|right| {
            right.is(Kind::BinaryOperator)
                && right
                    .field(Field::Left)
                    .is_some_and(|left| left.variable() == binding.variable() && left.variable().is_some())
                && right
                    .field(Field::Right)
                    .is_some_and(|added| matches!(added.kind(), Kind::List | Kind::ListComprehension))
        }),
        _ => false,
    }
}

/// True when the use keeps no reference to the list, or leaves the function.
fn is_private(each: Node<'_>) -> bool {
    match usage(each) {
        Usage::Returned => enclosing_loop(each).is_none(),
        Usage::Method("append" | "extend" | "pop" | "clear" | "index" | "count" | "sort" | "reverse", _)
        | Usage::Item(_)
        | Usage::Searched(_)
        | Usage::Truth
        | Usage::Builtin("len" | "sum" | "min" | "max" | "any" | "all" | "sorted" | "list" | "tuple" | "set", _)
        | Usage::Formatted
        | Usage::Augmented(_) => true,
        Usage::Iterated(looping) => enclosing_loop(each).is_none() && !matches!(looping.kind(), Kind::ForIn),
        // The left operand of `out + [x]` itself.
        Usage::Other(parent) => {
            parent.is(Kind::BinaryOperator)
                && parent.parent().is_some_and(|above| {
                    above.is(Kind::Assignment)
                        && above.field(Field::Left).is_some_and(|left| left.variable() == each.variable())
                })
        }
        _ => false,
    }
}
