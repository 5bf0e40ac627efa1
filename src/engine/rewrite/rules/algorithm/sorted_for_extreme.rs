//! Finds lists that are sorted to take the first or a few of them.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, arguments, has_comment, is_builtin_call, keywords};

rule! {
    /// ## What it finds
    /// `sorted(xs)[0]`, `sorted(xs)[-1]` and `sorted(xs, key=f)[:3]`.
    /// ## Why it is slow
    /// Sorting compares far more than looking for the smallest or for a few of the smallest.
    /// ## What must hold
    /// - `[-1]` has no key: the last of equal ones is not the first that `max` would give. No `reverse`.
    /// - An empty collection raises another error; items that have no total order (NaN) may differ.
    /// ## Example
    /// ```python before needs-run
    /// def cheapest(prices):
    ///     return sorted(prices)[0], sorted(prices, key=abs)[0], sorted(prices)[-1]
    /// ```
    /// ```python after
    /// def cheapest(prices):
    ///     return min(prices), min(prices, key=abs), max(prices)
    /// ```
    /// ```python before needs-run
    /// def podium(rows):
    ///     return sorted(rows, key=lambda row: row.time)[:3]
    /// ```
    /// ```python after
    /// import heapq
    ///
    /// def podium(rows):
    ///     return heapq.nsmallest(3, rows, key=lambda row: row.time)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def latest(rows):
    ///     return sorted(rows, key=lambda row: row.time)[-1], sorted(rows)[:-2], sorted(rows, reverse=True)[0], sorted(rows)[2]
    /// ```
    "sorted-for-extreme", Algorithm, [Trigger::Kind(Kind::Subscript)] => find
}

/// Beyond this a heap is no faster than sorting.
const SLICE_MAX: u32 = 100;

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let call = node.field(Field::Value).filter(|call| is_builtin_call(*call, "sorted"))?;
    let mut keys = node.all_children().filter(|child| child.role() == Field::Subscript);
    let (index, None) = (keys.next()?, keys.next()) else { return None };
    let all = arguments(call);
    let first = *all
        .first()
        .filter(|first| !matches!(first.kind(), Kind::KeywordArgument | Kind::ListSplat | Kind::DictionarySplat))?;
    let named = keywords(call);
    if all.len() != 1 + named.len()
        || !named.iter().all(|(name, _)| *name == "key")
        || has_comment(node)
        || is_store(node)
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is sorted to take a part of it", first.text()));
    let key = named.first().map(|(_, key)| format!(", key={}", key.text())).unwrap_or_default();
    let inside = if first.is(Kind::GeneratorExpression) && key.is_empty() {
        first.text().trim_matches(['(', ')'])
    } else {
        first.text()
    };
    let whole = if first.is(Kind::GeneratorExpression) && all.len() == 1 {
        format!("({inside})")
    } else {
        first.text().to_owned()
    };
    match index.text() {
        "0" => extreme(&mut rewrite, node, "min", &format!("{}{key}", bare(&whole, &key))),
        "-1" if key.is_empty() => extreme(&mut rewrite, node, "max", &bare(&whole, &key)),
        slice if index.is(Kind::Slice) => {
            let count: u32 = slice.strip_prefix(':')?.trim().parse().ok()?;
            if count == 0 || count > SLICE_MAX {
                return None;
            }
            let heapq = context.import_module(&mut rewrite, "heapq")?;
            rewrite.edits.replace(node, format!("{heapq}.nsmallest({count}, {whole}{key})"));
            rewrite.assume(Assumption::Arithmetic("the items have a total order (no NaN among them)"));
        }
        _ => return None,
    }
    Some(rewrite)
}

/// A bare generator may stand without its own parentheses.
fn bare(whole: &str, key: &str) -> String {
    if key.is_empty() && whole.starts_with('(') && whole.contains(" for ") {
        whole[1..whole.len() - 1].to_owned()
    } else {
        whole.to_owned()
    }
}

fn extreme<'a>(rewrite: &mut Rewrite<'a>, node: Node<'a>, name: &str, inside: &str) {
    rewrite.edits.replace(node, format!("{name}({inside})"));
    rewrite.assume(Assumption::ErrorChanges("the `IndexError` of an empty collection", "a `ValueError`"));
    rewrite.assume(Assumption::Arithmetic(
        "the items have a total order (no NaN among them), or the first and last of equal ones are alike",
    ));
}

fn is_store(node: Node<'_>) -> bool {
    matches!(crate::syntax::usage(node), crate::syntax::Usage::Augmented(_))
        || node
            .parent()
            .is_some_and(|parent| parent.is(Kind::Delete) || parent.is(Kind::Assignment) && node.role() == Field::Left)
}
