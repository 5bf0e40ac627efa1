//! What an expression's value is used for, told by where the expression stands.

use super::kind::{Field, Kind};
use super::names::{is_builtin, qualified};
use super::node::Node;

/// What is done with a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Usage<'a> {
    /// A method is called on it: name and call.
    Method(&'a str, Node<'a>),
    /// An attribute is read, written or deleted, no call: name.
    Attribute(&'a str),
    /// An item or slice is read.
    Item(Node<'a>),
    /// An item or slice is assigned or deleted.
    ItemStore(Node<'a>),
    /// It is called.
    Call(Node<'a>),
    /// A `for` or comprehension runs over it: the loop or clause.
    Iterated(Node<'a>),
    /// Something is looked for in it: the comparison.
    Searched(Node<'a>),
    /// Only its truth matters.
    Truth,
    /// It is the one argument of the builtin named: the call.
    Builtin(&'a str, Node<'a>),
    /// It is an argument of another call.
    Argument(Node<'a>),
    /// It is the right side of a comparison other than `in`, or its left side.
    Compared(Node<'a>),
    /// It is returned.
    Returned,
    /// The whole statement: the value is dropped.
    Dropped,
    /// It is put together in a string.
    Formatted,
    /// The target of `+=` and the like.
    Augmented(Node<'a>),
    /// It is assigned to something: the assignment.
    Assigned(Node<'a>),
    /// It is awaited.
    Awaited(Node<'a>),
    /// Anything else.
    Other(Node<'a>),
}

/// Builtins that only read their one argument.
const READERS: &[&str] = &[
    "len",
    "sorted",
    "sum",
    "min",
    "max",
    "any",
    "all",
    "list",
    "tuple",
    "set",
    "frozenset",
    "dict",
    "enumerate",
    "iter",
    "reversed",
    "bool",
    "repr",
    "str",
    "isinstance",
    "zip",
    "map",
    "filter",
    "next",
    "type",
    "id",
    "hash",
    "print",
];

/// Classifies the use of an expression's value.
pub fn usage(expression: Node<'_>) -> Usage<'_> {
    let node = expression.wrapped();
    let Some(parent) = node.parent() else { return Usage::Other(node) };
    match (parent.kind(), node.role()) {
        (Kind::Attribute, Field::Object) => attribute_usage(parent),
        (Kind::Subscript, Field::Value) => {
            if is_store(parent) {
                Usage::ItemStore(parent)
            } else {
                Usage::Item(parent)
            }
        }
        (Kind::Call, Field::Function) => Usage::Call(parent),
        (Kind::For | Kind::ForIn, Field::Right) => Usage::Iterated(parent),
        (Kind::Comparison, _) => comparison_usage(parent, node),
        (Kind::If | Kind::Elif | Kind::While, Field::Condition) | (Kind::Not | Kind::IfClause | Kind::Assert, _) => {
            Usage::Truth
        }
        (Kind::Conditional, _) if parent.child_nodes().get(1) == Some(&node) => Usage::Truth,
        (Kind::BooleanOperator, _) if is_condition(parent) => Usage::Truth,
        (Kind::ArgumentList, _) => argument_usage(parent, node),
        (Kind::Return, _) => Usage::Returned,
        (Kind::ExpressionStatement, _) => Usage::Dropped,
        (Kind::Interpolation, Field::Expression) => Usage::Formatted,
        (Kind::AugmentedAssignment, Field::Left) => Usage::Augmented(parent),
        (Kind::Assignment | Kind::Named, Field::Right | Field::Value) => Usage::Assigned(parent),
        (Kind::Await, _) => Usage::Awaited(parent),
        _ => Usage::Other(parent),
    }
}

/// True when only the truth of a chain of `and` and `or` matters. A loop: such chains may be long.
fn is_condition(boolean: Node<'_>) -> bool {
    let mut at = boolean;
    while let Some(parent) = at.parent() {
        match (parent.kind(), at.role()) {
            (Kind::BooleanOperator | Kind::Parenthesized, _) => at = parent,
            (Kind::If | Kind::Elif | Kind::While, Field::Condition) | (Kind::Not | Kind::IfClause, _) => return true,
            _ => return false,
        }
    }
    false
}

fn attribute_usage(attribute: Node<'_>) -> Usage<'_> {
    let name = attribute.field(Field::Attribute).map_or("", Node::text);
    let Some(parent) = attribute.wrapped().parent() else { return Usage::Attribute(name) };
    if parent.is(Kind::Call) && attribute.wrapped().role() == Field::Function {
        return Usage::Method(name, parent);
    }
    Usage::Attribute(name)
}

fn is_store(subscript: Node<'_>) -> bool {
    let Some(parent) = subscript.parent() else { return false };
    match parent.kind() {
        Kind::Assignment | Kind::AugmentedAssignment | Kind::For | Kind::ForIn => subscript.role() == Field::Left,
        Kind::PatternList
        | Kind::TuplePattern
        | Kind::ListPattern
        | Kind::AsPatternTarget
        | Kind::Delete
        | Kind::ListSplatPattern => true,
        Kind::ExpressionList | Kind::Tuple => parent.parent().is_some_and(|above| above.is(Kind::Delete)),
        _ => false,
    }
}

fn comparison_usage<'a>(comparison: Node<'a>, node: Node<'a>) -> Usage<'a> {
    let operands = comparison.child_nodes();
    let operators: Vec<Node<'a>> = comparison.all_children().filter(|child| child.role() == Field::Operators).collect();
    if operands.len() == 2 && operators.len() == 1 && operands[1] == node {
        let operator = operators[0].text();
        if operator == "in" || operator.starts_with("not") {
            return Usage::Searched(comparison);
        }
    }
    Usage::Compared(comparison)
}

fn argument_usage<'a>(list: Node<'a>, node: Node<'a>) -> Usage<'a> {
    let Some(call) = list.parent().filter(|call| call.is(Kind::Call)) else { return Usage::Other(list) };
    let Some(callee) = call.field(Field::Function) else { return Usage::Argument(call) };
    for name in READERS {
        if is_builtin(callee, name) {
            return Usage::Builtin(name, call);
        }
    }
    // `"".join(parts)` reads its argument once.
    if callee.is(Kind::Attribute)
        && callee.field(Field::Attribute).is_some_and(|name| name.text() == "join")
        && callee.field(Field::Object).is_some_and(|object| object.is(Kind::String))
        && list.only_child() == Some(node)
    {
        return Usage::Builtin("join", call);
    }
    match qualified(callee).as_deref() {
        Some("collections.Counter") => Usage::Builtin("Counter", call),
        Some("math.fsum") => Usage::Builtin("fsum", call),
        Some("itertools.chain.from_iterable") => Usage::Builtin("chain", call),
        _ => Usage::Argument(call),
    }
}
