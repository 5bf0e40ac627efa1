//! Finds sorts of which only the first few items are taken.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::is_simple;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Type, Usage, arguments, has_comment, is_builtin_call, keywords, usage};

rule! {
    /// ## What it finds
    /// `sorted(items)[:10]`: a whole sort for a few items. Slices from the front with a small constant end.
    /// ## Why it is slow
    /// All items are put in order; a heap keeps only the few that are wanted. Ties come in the same order.
    /// ## What must hold
    /// - The end is a constant of at most 100; the items themselves are as many as they may be.
    /// - Proven when items are compared as whole numbers or text; floats may be NaN, which has no place in an order.
    /// ## Example
    /// ```python before proven
    /// def first_words(lines):
    ///     words = [str(line) for line in lines]
    ///     return sorted(words)[:3]
    /// ```
    /// ```python after
    /// from heapq import nsmallest
    ///
    /// def first_words(lines):
    ///     words = [str(line) for line in lines]
    ///     return nsmallest(3, words)
    /// ```
    /// ```python before needs-run
    /// def best(rows):
    ///     return sorted(rows, key=lambda row: row.score, reverse=True)[:5]
    /// ```
    /// ```python after
    /// from heapq import nlargest
    ///
    /// def best(rows):
    ///     return nlargest(5, rows, key=lambda row: row.score)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def ends(rows, n):
    ///     return sorted(rows)[-3:], sorted(rows)[:n], sorted(rows)[:-1], sorted(rows)[::2]
    /// ```
    "sorted-slice", Algorithm, [Trigger::Call("sorted")] => find
}

/// With more items than these a sort is as fast.
const ITEMS_MAX: u32 = 100;

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if !is_builtin_call(node, "sorted") || has_comment(node) {
        return None;
    }
    let Usage::Item(item) = usage(node) else { return None };
    let slice = item.field(Field::Subscript).filter(|key| key.is(Kind::Slice))?;
    let end = slice.text().strip_prefix(':')?.trim().parse::<u32>().ok().filter(|end| (1..=ITEMS_MAX).contains(end))?;
    let all = arguments(node);
    let first = *all.first().filter(|first| !matches!(first.kind(), Kind::KeywordArgument | Kind::ListSplat))?;
    let named = keywords(node);
    if named.len() + 1 != all.len() || first.is(Kind::GeneratorExpression) {
        return None;
    }
    let (mut function, mut key) = ("nsmallest", None);
    for (name, value) in named {
        match (name, value.text()) {
            ("key", _) => key = Some(value),
            ("reverse", "True") => function = "nlargest",
            ("reverse", "False") => {}
            _ => return None,
        }
    }
    let mut rewrite = Rewrite::new(item, "everything is sorted for a few items".to_owned());
    let typed = context.typed(first);
    let is_plain = key.is_none() && matches!(typed.of.element(), Type::Int | Type::Str | Type::Bytes);
    if !is_plain {
        let what = key.map_or(first.text(), Node::text);
        rewrite.assume(Assumption::Type(what.into(), "of a kind with one order for all, without NaN"));
    } else if !typed.is_proved() {
        rewrite.assume(Assumption::Annotated(first.text().into()));
    }
    if !is_plain && !is_simple(first) {
        rewrite.assume(Assumption::Pure(first.text().into()));
    }
    let callee = context.import(&mut rewrite, "heapq", function)?;
    let rest = key.map(|key| format!(", key={}", key.text())).unwrap_or_default();
    rewrite.edits.replace(item, format!("{callee}({end}, {}{rest})", first.text()));
    Some(rewrite)
}
