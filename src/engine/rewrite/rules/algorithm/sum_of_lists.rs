//! Finds lists that are joined by `sum`.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::is_empty_list;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Kind, Node, Type, has_comment, infer, is_builtin_call, positional};

rule! {
    /// ## What it finds
    /// `sum(lists, [])`.
    /// ## Why it is slow
    /// Every addition copies all that was joined before.
    /// ## What must hold
    /// - The start is an empty list. That the items are lists is proven by construction, or needs a run: `sum` refuses
    ///   tuples, which `chain` takes.
    /// ## Example
    /// ```python before needs-run
    /// def flat(lists):
    ///     return sum(lists, [])
    /// ```
    /// ```python after
    /// from itertools import chain
    ///
    /// def flat(lists):
    ///     return list(chain.from_iterable(lists))
    /// ```
    /// ```python before proven
    /// def words(lines):
    ///     return sum([str(line).split() for line in lines], [])
    /// ```
    /// ```python after
    /// from itertools import chain
    ///
    /// def words(lines):
    ///     return list(chain.from_iterable([str(line).split() for line in lines]))
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def total(rows, start):
    ///     return sum(rows), sum(rows, start), sum(rows, [1])
    /// ```
    "sum-of-lists", Algorithm, [Trigger::Call("sum")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if !is_builtin_call(node, "sum") || has_comment(node) {
        return None;
    }
    let [lists, start] = positional(node)?[..] else { return None };
    if !is_empty_list(start)
        || lists.is(Kind::GeneratorExpression) && lists.has(Kind::Await)
        || node.scope().lookup("list").is_some()
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, "every addition copies all lists before".to_owned());
    let typed = infer(lists);
    if !(typed.is_proved() && matches!(typed.of.element(), Type::List(_)) && !lists.is(Kind::GeneratorExpression)) {
        rewrite.assume(Assumption::Type(lists.text().into(), "a collection of lists"));
    }
    let chain = context.import(&mut rewrite, "itertools", "chain")?;
    rewrite.edits.replace(node, format!("list({chain}.from_iterable({}))", lists.text()));
    Some(rewrite)
}
