//! Finds recursive functions that compute the same values again and again.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, ScopeKind, callee_name, function_name, is_async, is_builtin};

rule! {
    /// ## What it finds
    /// A module-level function of plain arguments that calls itself twice or more in one expression or branch.
    /// ## Why it is slow
    /// The calls branch, so their number grows exponentially; remembered results make it one per argument.
    /// ## What must hold
    /// - The function computes from its arguments and constants alone: no attributes, no globals that change, no I/O.
    /// - Its result is a number or text, not a list that callers could change; arguments are hashable.
    /// ## Example
    /// ```python before needs-run
    /// def ways(n):
    ///     if n < 2:
    ///         return 1
    ///     return ways(n - 1) + ways(n - 2)
    /// ```
    /// ```python after
    /// from functools import lru_cache
    ///
    /// @lru_cache(maxsize=None)
    /// def ways(n):
    ///     if n < 2:
    ///         return 1
    ///     return ways(n - 1) + ways(n - 2)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def walk(node):
    ///     return walk(node.left) + walk(node.right) if node else 0
    ///
    ///
    /// def halves(items):
    ///     return items if len(items) < 2 else halves(items[:1]) + halves(items[1:])
    /// ```
    "recursion-without-memory", Algorithm, [Trigger::Kind(Kind::Function)] => find
}

const PLAIN: &[&str] = &["min", "max", "abs", "int", "range", "sum", "len", "divmod", "pow", "round", "bool"];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let name = function_name(node);
    let parameters = node.field(Field::Parameters)?;
    let body = node.field(Field::Body)?;
    let is_plain = node.parent()?.is(Kind::Module) && !is_async(node) && !node.has(Kind::Yield) && is_alone_line(node);
    let are_names = parameters.children().all(|each| matches!(each.kind(), Kind::Identifier | Kind::TypedParameter))
        && parameters.children().next().is_some();
    let n_calls = body.descendants().filter(|each| each.is(Kind::Call) && callee_name(*each) == Some(name)).count();
    if !is_plain || !are_names || n_calls < 2 {
        return None;
    }
    for each in body.descendants() {
        match each.kind() {
            Kind::Attribute
            | Kind::Global
            | Kind::Nonlocal
            | Kind::Subscript
            | Kind::List
            | Kind::Dictionary
            | Kind::Set
            | Kind::Lambda
            | Kind::ListComprehension
            | Kind::DictionaryComprehension
            | Kind::SetComprehension
            | Kind::With
            | Kind::Function
            | Kind::Class
            | Kind::Delete => return None,
            Kind::Call => {
                let callee = each.field(Field::Function)?;
                let is_own = callee.is(Kind::Identifier) && callee.text() == name;
                if !is_own && !PLAIN.iter().any(|plain| is_builtin(callee, plain)) {
                    return None;
                }
            }
            Kind::Identifier => {
                let is_local = each.variable().is_none_or(|variable| {
                    variable.scope().kind() != ScopeKind::Module
                        || crate::engine::rewrite::facts::is_constant(variable) && is_fixed(variable)
                });
                if !is_local {
                    return None;
                }
            }
            _ => {}
        }
    }
    let mut rewrite = Rewrite::new(node, format!("`{name}` computes the same values again and again"));
    let lru_cache = context.import(&mut rewrite, "functools", "lru_cache")?;
    rewrite.edits.insert_before(node, &[format!("@{lru_cache}(maxsize=None)")]);
    rewrite.assume(Assumption::Hashable(format!("the arguments of `{name}`")));
    rewrite.assume(Assumption::Repeatable(name.into()));
    Some(rewrite)
}

/// True for a function or a number or text bound once.
fn is_fixed(variable: crate::syntax::Variable<'_>) -> bool {
    variable.only_binding().is_some_and(|binding| {
        binding.parent().is_some_and(|parent| parent.is(Kind::Function))
            || crate::syntax::binding_value(binding).is_some_and(crate::engine::rewrite::facts::is_simple)
    })
}

fn is_alone_line(node: Node<'_>) -> bool {
    let file = node.file();
    file.text[file.line_start(node.start())..node.start()].trim().is_empty()
}
