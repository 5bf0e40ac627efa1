//! Finds `lru_cache` without a limit.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::is_constant;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, function_name, keyword, qualified};

rule! {
    /// ## What it finds
    /// `@lru_cache(maxsize=None)` and `@cache` on functions with parameters that do not call themselves.
    /// ## Why it is slow
    /// It grows with every new argument for as long as the program runs.
    /// ## What must hold
    /// - The function does not recurse (a table of partial results needs all of them) and computing again is harmless.
    /// ## Example
    /// ```python before needs-run
    /// from functools import lru_cache
    ///
    ///
    /// @lru_cache(maxsize=None)
    /// def initials(text):
    ///     return "".join(word[0] for word in text.split())
    /// ```
    /// ```python after
    /// from functools import lru_cache
    ///
    ///
    /// @lru_cache(maxsize=1024)
    /// def initials(text):
    ///     return "".join(word[0] for word in text.split())
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// from functools import lru_cache
    ///
    ///
    /// @lru_cache(maxsize=None)
    /// def fibonacci(n):
    ///     return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
    ///
    ///
    /// @lru_cache(maxsize=None)
    /// def settings():
    ///     return load()
    /// ```
    "unbounded-lru-cache", Memory, [Trigger::Call("lru_cache")] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if qualified(node.field(Field::Function)?).as_deref() != Some("functools.lru_cache")
        || !node.parent()?.is(Kind::Decorator)
    {
        return None;
    }
    let limit = keyword(node, "maxsize")
        .or_else(|| crate::syntax::arguments(node).first().copied())
        .filter(|limit| limit.is(Kind::None))?;
    let function =
        node.parent()?.parent()?.field(Field::Definition).filter(|definition| definition.is(Kind::Function))?;
    let name = function_name(function);
    let recurses =
        function.field(Field::Body)?.descendants().any(|each| each.is(Kind::Identifier) && each.text() == name);
    let has_parameters = function
        .field(Field::Parameters)?
        .children()
        .any(|parameter| parameter.text() != "self" && parameter.text() != "cls");
    let is_plain = function.field(Field::Name)?.variable().is_none_or(is_constant);
    if recurses || !has_parameters || !is_plain {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("the cache of `{name}` never forgets"));
    rewrite.assume(Assumption::Repeatable(name.into()));
    rewrite.edits.replace(limit, "1024");
    Some(rewrite)
}
