//! Finds caches that keep the objects alive whose methods they remember.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, function_name, qualified};

rule! {
    /// ## What it finds
    /// `@lru_cache` or `@cache` on a method.
    /// ## Why it is slow
    /// The cache belongs to the class and holds every `self` it has seen: objects are never freed.
    /// ## What must hold
    /// - Shown only: a cache per object, or `cached_property`, is a matter of design.
    /// ## Example
    /// ```python reported
    /// from functools import lru_cache
    ///
    ///
    /// class Report:
    ///     @lru_cache(maxsize=128)
    ///     def total(self, year):
    ///         return sum(self.rows[year])
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// from functools import lru_cache
    ///
    ///
    /// class Report:
    ///     @staticmethod
    ///     @lru_cache(maxsize=128)
    ///     def total(year):
    ///         return year + 1
    /// ```
    "lru-cache-on-method", Memory, [Trigger::Kind(Kind::Decorator)] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let decorator = node.only_child()?;
    let callee = if decorator.is(Kind::Call) { decorator.field(Field::Function)? } else { decorator };
    let path = qualified(callee)?;
    let decorated = node.parent()?;
    let function = decorated.field(Field::Definition).filter(|function| function.is(Kind::Function))?;
    let is_method = decorated.parent()?.parent().is_some_and(|class| class.is(Kind::Class));
    let takes_self = function.field(Field::Parameters)?.children().next().is_some_and(|first| first.text() == "self");
    if !matches!(path.as_str(), "functools.lru_cache" | "functools.cache") || !is_method || !takes_self {
        return None;
    }
    let mut rewrite =
        Rewrite::new(node, format!("the cache of `{}` keeps every object alive", function_name(function)));
    rewrite.assume(Assumption::Judgement(
        "a cache per object, or `cached_property`, frees what it remembers with the object",
    ));
    Some(rewrite)
}
