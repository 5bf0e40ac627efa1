//! Finds calls in loops that give the same result in every round.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{Change, calls_unknown, change, is_chain, is_invariant, is_lazy, is_simple};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, enclosing_loop, is_builtin, keywords, repeats, statement_of, usage,
};

rule! {
    /// ## What it finds
    /// `sorted(items)`, `set(items)`, `max(items)`, `sum(items)` and the like in a loop that does not change `items`.
    /// ## Why it is slow
    /// The whole collection is worked through in every round for the same answer.
    /// ## What must hold
    /// - No name in the call is bound or changed in the loop, and the result is only read there.
    /// - With no round at all the call still runs once, and may raise or empty a generator: that needs a run.
    /// ## Example
    /// ```python before needs-run
    /// def ranks(rows, names):
    ///     found = []
    ///     for name in names:
    ///         found.append(sorted(rows).index(name))
    ///     return found
    /// ```
    /// ```python after
    /// def ranks(rows, names):
    ///     found = []
    ///     sorted_rows = sorted(rows)
    ///     for name in names:
    ///         found.append(sorted_rows.index(name))
    ///     return found
    /// ```
    /// ```python before needs-run
    /// def numbered(rows):
    ///     result = []
    ///     for row in rows:
    ///         sites = sorted({each["site"] for each in rows})
    ///         result.append(sites.index(row["site"]))
    ///     return result
    /// ```
    /// ```python after
    /// def numbered(rows):
    ///     result = []
    ///     sorted_sites = sorted({each["site"] for each in rows})
    ///     for row in rows:
    ///         sites = sorted_sites
    ///         result.append(sites.index(row["site"]))
    ///     return result
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def drain(rows, names):
    ///     for name in names:
    ///         rows.append(name)
    ///         print(sorted(rows))
    /// ```
    /// ```python unchanged
    /// def fresh(rows, names):
    ///     table = {}
    ///     for name in names:
    ///         table[name] = sorted(rows)
    ///     return table
    /// ```
    "invariant-call", Algorithm, [
        Trigger::Call("sorted"), Trigger::Call("set"), Trigger::Call("frozenset"), Trigger::Call("max"), Trigger::Call("min"),
        Trigger::Call("sum"),
    ] => find
}

const CALLS: &[&str] = &["sorted", "set", "frozenset", "max", "min", "sum"];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let callee = node.field(Field::Function)?;
    let name = CALLS.iter().find(|name| is_builtin(callee, name))?;
    let all = arguments(node);
    let first = *all.first()?;
    let looping = enclosing_loop(node)?;
    if all.len() != 1 + keywords(node).len()
        || first.is(Kind::GeneratorExpression)
        || is_lazy(node)
        || !is_readable(first)
    {
        return None;
    }
    let is_key_plain = keywords(node).iter().all(|(_, value)| is_simple(*value) || value.is(Kind::Lambda));
    if !is_key_plain || matches!(*name, "sorted" | "set") && !is_only_read(node) {
        return None;
    }
    let mut outer = None;
    let mut at = Some(looping);
    while let Some(each) = at.filter(|each| is_unchanged(node, *each)) {
        outer = Some(each);
        at = enclosing_loop(each);
    }
    let outer = outer?;
    let statement = statement_of(outer);
    if !is_alone(statement) || !repeats(outer, node) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is the same in every round", node.text()));
    rewrite.assume(Assumption::Pure(node.text().into()));
    if calls_unknown(outer) {
        rewrite.assume(Assumption::Unchanged(first.text().into()));
    }
    let stem = stem(node, first);
    let fresh = context.fresh_name(&format!("{}_{stem}", name.replace("frozenset", "set")));
    rewrite.edits.insert_before(statement, &[format!("{fresh} = {}", one_line(node)?)]);
    rewrite.edits.replace(node, fresh);
    Some(rewrite)
}

fn one_line(node: Node<'_>) -> Option<&str> {
    (!node.text().contains('\n')).then(|| node.text())
}

/// A short name for what is computed.
fn stem(node: Node<'_>, first: Node<'_>) -> String {
    let last = match usage(node) {
        Usage::Assigned(assignment) => assignment.field(Field::Left).filter(|left| left.is(Kind::Identifier)),
        _ => None,
    };
    let text = last.unwrap_or(first).text();
    let word = text.rsplit(|c: char| !c.is_alphanumeric() && c != '_').find(|word| !word.is_empty()).unwrap_or("items");
    word.trim_matches('_').to_lowercase()
}

/// Names, attributes, and comprehensions over them without calls.
fn is_readable(node: Node<'_>) -> bool {
    is_chain(node)
        || matches!(node.kind(), Kind::ListComprehension | Kind::SetComprehension)
            && !node
                .descendants()
                .any(|each| matches!(each.kind(), Kind::Call | Kind::Await | Kind::Yield | Kind::Named))
}

/// True when every name of the call keeps its value in the loop, as far as the loop itself shows.
fn is_unchanged(node: Node<'_>, looping: Node<'_>) -> bool {
    is_invariant(node, looping)
        && node.descendants().filter(|each| each.is(Kind::Identifier)).filter_map(Node::variable).all(|variable| {
            node.contains(variable.scope().node()) && variable.scope().node() != node.file().root()
                || change(looping, variable) == Change::Never
        })
}

/// True when the new collection is only read, and nobody keeps it.
fn is_only_read(node: Node<'_>) -> bool {
    let reads = |usage: Usage<'_>| {
        matches!(
            usage,
            Usage::Item(_)
                | Usage::Searched(_)
                | Usage::Iterated(_)
                | Usage::Truth
                | Usage::Method("index" | "count" | "issubset" | "issuperset" | "isdisjoint", _)
        ) || matches!(usage, Usage::Builtin("len" | "sum" | "min" | "max" | "any" | "all", _))
            || matches!(usage, Usage::Argument(call) if matches!(crate::syntax::callee_name(call), Some("bisect" | "bisect_left" | "bisect_right")))
    };
    match usage(node) {
        Usage::Assigned(assignment) => {
            let Some(variable) = assignment.field(Field::Left).and_then(crate::engine::rewrite::facts::local_variable)
            else {
                return false;
            };
            variable.only_binding().is_some() && variable.uses().all(|each| reads(usage(each)))
        }
        other => reads(other),
    }
}
