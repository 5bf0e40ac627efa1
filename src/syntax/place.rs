//! Where a node stands: its statement, block, loop and function.

use super::kind::{Field, Kind};
use super::node::Node;

/// True for statements and expressions that repeat a part of themselves.
pub fn is_loop(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        Kind::For
            | Kind::While
            | Kind::ListComprehension
            | Kind::SetComprehension
            | Kind::DictionaryComprehension
            | Kind::GeneratorExpression
    )
}

/// True when `node` is evaluated once per round of the loop `looping`, not just once before it.
pub fn repeats(looping: Node<'_>, node: Node<'_>) -> bool {
    if !looping.contains(node) || looping == node {
        return false;
    }
    match looping.kind() {
        Kind::For => looping.field(Field::Body).is_some_and(|body| body.contains(node)),
        Kind::While => !looping.field(Field::Alternative).is_some_and(|other| other.contains(node)),
        _ => {
            let first = looping.children().find(|child| child.is(Kind::ForIn));
            !first.and_then(|clause| clause.field(Field::Right)).is_some_and(|iterable| iterable.contains(node))
        }
    }
}

/// The nearest loop of the same function that evaluates `node` once per round.
pub fn enclosing_loop(node: Node<'_>) -> Option<Node<'_>> {
    for ancestor in node.ancestors() {
        if matches!(ancestor.kind(), Kind::Function | Kind::Lambda | Kind::Class) {
            return None;
        }
        if is_loop(ancestor) && repeats(ancestor, node) {
            return Some(ancestor);
        }
    }
    None
}

/// The `def` whose body a node stands in: defaults, annotations and decorators belong to what is around it.
pub fn enclosing_function(node: Node<'_>) -> Option<Node<'_>> {
    let mut at = node;
    loop {
        let function = at.ancestor(Kind::Function)?;
        if function.field(Field::Body).is_some_and(|body| body.contains(node)) {
            return Some(function);
        }
        at = function;
    }
}

/// The statement that a node belongs to: the child of a block or of the module.
pub fn statement_of(node: Node<'_>) -> Node<'_> {
    let mut at = node;
    while let Some(parent) = at.parent() {
        if matches!(parent.kind(), Kind::Block | Kind::Module) {
            break;
        }
        at = parent;
    }
    at
}

/// The statements of a block.
pub fn statements(block: Node<'_>) -> Vec<Node<'_>> {
    block.children().collect()
}

/// Position of a statement among those of its block.
pub fn block_index(statement: Node<'_>) -> Option<usize> {
    statement.parent()?.children().position(|each| each == statement)
}

/// The statement before this one in its block.
pub fn previous_statement(statement: Node<'_>) -> Option<Node<'_>> {
    let siblings = statement.parent()?.child_nodes();
    let at = siblings.iter().position(|each| *each == statement)?;
    at.checked_sub(1).map(|before| siblings[before])
}

/// The statement after this one in its block.
pub fn next_statement(statement: Node<'_>) -> Option<Node<'_>> {
    let siblings = statement.parent()?.child_nodes();
    let at = siblings.iter().position(|each| *each == statement)?;
    siblings.get(at + 1).copied()
}

/// The expression whose value a binding identifier gets as a whole: the right side of a plain assignment, the
/// context manager of `with … as`, the value of `:=`.
pub fn binding_value(binding: Node<'_>) -> Option<Node<'_>> {
    let parent = binding.parent()?;
    match (parent.kind(), binding.role()) {
        (Kind::Assignment, Field::Left) => {
            let right = parent.field(Field::Right)?;
            let mut value = right;
            while value.is(Kind::Assignment) {
                value = value.field(Field::Right)?;
            }
            Some(value)
        }
        (Kind::Named, Field::Name) => parent.field(Field::Value),
        _ => None,
    }
}

/// True when a `try` with handlers, or a `with`, stands between the node and its function: an error half way may be
/// caught there.
pub fn is_within_try(node: Node<'_>) -> bool {
    node.ancestors()
        .take_while(|ancestor| !matches!(ancestor.kind(), Kind::Function | Kind::Class))
        .any(|ancestor| matches!(ancestor.kind(), Kind::Try | Kind::With))
}

/// True when a comment stands between two bytes of the file.
pub fn has_comment(node: Node<'_>) -> bool {
    node.descendants().any(|each| each.is(Kind::Comment))
}

/// True for `async def`, `async for`, `async with`, and comprehensions with `async for`.
pub fn is_async(node: Node<'_>) -> bool {
    let starts =
        |node: Node<'_>| node.text().strip_prefix("async").is_some_and(|rest| rest.starts_with([' ', '\t', '\\']));
    match node.kind() {
        Kind::For | Kind::With | Kind::Function | Kind::ForIn => starts(node),
        _ => node.children().any(|child| child.is(Kind::ForIn) && starts(child)),
    }
}

/// True for a name alone.
pub fn is_simple_name(node: Node<'_>) -> bool {
    node.is(Kind::Identifier)
}

/// The name of a function or class.
pub fn function_name(definition: Node<'_>) -> &str {
    definition.field(Field::Name).map_or("", Node::text)
}

/// `Reader.load` for the function around a node, `<module>` outside all.
pub fn qualified_name(node: Node<'_>) -> String {
    let mut names: Vec<&str> = node
        .ancestors()
        .filter(|ancestor| matches!(ancestor.kind(), Kind::Function | Kind::Class))
        .map(function_name)
        .collect();
    names.reverse();
    if enclosing_function(node).is_none() { "<module>".into() } else { names.join(".") }
}
