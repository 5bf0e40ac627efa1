//! What may be a key of a dict or an item of a set in the place of comparisons, and what that rests on.

use crate::syntax::{Field, Kind, Node, Type, function_name};

use super::assumption::Assumption;
use super::attributes::methods;
use super::context::Context;
use super::inferred::class_of;
use super::rule::Rewrite;

/// States what must hold for the values of an expression to be found by their hash as they are by comparing; `None`
/// when they cannot be.
pub(crate) fn assume_key<'a>(context: &Context<'a>, node: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let typed = context.typed(node);
    match &typed.of {
        Type::List(_) | Type::Dict(..) | Type::Set(_) | Type::Deque(_) => return None,
        of if of.is_hashable() => {
            if !typed.is_proved() {
                rewrite.assume(Assumption::Annotated(node.text().into()));
            }
            return Some(());
        }
        Type::Instance(_) if class_of(context, node, 3).is_some_and(|class| !is_key_class(class)) => return None,
        _ => {}
    }
    rewrite.assume(Assumption::Hashable(format!("the values of `{}`", node.text())));
    Some(())
}

/// As [`assume_key`], for keys that stand for `==`: what is unequal to itself is found by a dict and not by `==`.
pub(crate) fn assume_equal_key<'a>(context: &Context<'a>, node: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    assume_key(context, node, rewrite)?;
    if !matches!(context.typed(node).of, Type::Int | Type::Str | Type::Bytes | Type::Bool | Type::None) {
        rewrite.assume(Assumption::Type(node.text().into(), "never NaN"));
    }
    Some(())
}

/// False for classes whose instances are unhashable, or equal in a way that their hash may not follow.
pub(crate) fn is_key_class(class: Node<'_>) -> bool {
    if methods(class).into_iter().any(|method| matches!(function_name(method), "__eq__" | "__hash__")) {
        return false;
    }
    let Some(holder) = class.parent().filter(|parent| parent.is(Kind::Decorated)) else { return true };
    let mut decorators = holder.children().filter(|child| child.is(Kind::Decorator));
    decorators.all(|decorator| {
        !decorator.text().contains("dataclass")
            || ["frozen=True", "unsafe_hash=True", "eq=False"].iter().any(|word| decorator.text().contains(word))
    })
}

/// True when the expression is evaluated twice at no cost and with the same result: names, attributes, items and
/// constants.
pub(crate) fn is_repeatable(node: Node<'_>) -> bool {
    match node.kind() {
        Kind::Identifier | Kind::Integer | Kind::Float | Kind::True | Kind::False | Kind::None => true,
        Kind::String => !node.has(Kind::Interpolation),
        Kind::Attribute => node.field(Field::Object).is_some_and(is_repeatable),
        Kind::Subscript | Kind::Tuple | Kind::Parenthesized => node.children().all(is_repeatable),
        _ => false,
    }
}
