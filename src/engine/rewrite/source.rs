//! The query that the rows of a loop come from, and where it can be asked for more: through names that are bound step
//! by step, helpers that hand a query on, slices and what executes it.

use crate::syntax::{Field, Kind, Node, binding_value, is_builtin_call, method, occurrence, positional};

use super::context::Context;
use super::index::orm::Model;
use super::query::{Style, root_of};
use super::view::View;

/// An open query of a model's rows.
pub(crate) struct Source<'a> {
    pub(crate) model: &'a Model,
    pub(crate) style: Style,
    /// Where another step of the chain can be written.
    pub(crate) end: usize,
    /// What eager loading it asks for already, in every place it is built.
    pub(crate) loading: Vec<Node<'a>>,
}

/// Longer chains are no queries that a rule rewrites.
const STEPS_MAX: u32 = 24;

/// Steps after which rows are no model instances, or no more can be asked for.
const CLOSING: &[&str] = &[
    "values",
    "values_list",
    "only",
    "defer",
    "iterator",
    "with_entities",
    "yield_per",
    "union",
    "aggregate",
    "dates",
    "first",
    "get",
    "one",
    "count",
    "exists",
    "raw",
    "none",
    "annotate",
    "stream",
    "with_for_update",
    "select_for_update",
    "fetchall",
    "mappings",
    "tuples",
    "partitions",
    "add_columns",
    "add_entity",
    "load_only",
    "group_by",
];

/// The query that an iterable reads.
pub(crate) fn source<'a>(context: &Context<'a>, iterable: Node<'a>) -> Option<Source<'a>> {
    let mut at = iterable.unwrapped();
    loop {
        if at.is(Kind::Await) {
            at = at.only_child()?.unwrapped();
        } else if is_builtin_call(at, "list") {
            at = positional(at)?.first()?.unwrapped();
        } else if at.is(Kind::Subscript) {
            let is_slice =
                at.field(Field::Subscript).is_some_and(|key| !key.is(Kind::Integer) && !key.is(Kind::String));
            at = at.field(Field::Value).filter(|_| is_slice)?.unwrapped();
            return open(context, at).filter(|found| found.style == Style::Django);
        } else {
            break;
        }
    }
    match method(at) {
        Some((receiver, "all" | "unique"))
            if open(context, receiver).is_none_or(|found| found.style != Style::Django) =>
        {
            return match open(context, receiver) {
                Some(found) => (found.style == Style::Legacy).then_some(found),
                None => source(context, receiver),
            };
        }
        Some((receiver, "scalars")) if positional(at)?.is_empty() => return source(context, receiver),
        Some((_, "scalars" | "execute")) => {
            let found = open(context, *positional(at)?.first()?)?;
            return (found.style == Style::Select).then_some(found);
        }
        _ => {}
    }
    open(context, at).filter(|found| matches!(found.style, Style::Legacy | Style::Django))
}

fn open<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Source<'a>> {
    let mut loading = vec![];
    let (model, style) = query_of(context, &View::here(node), STEPS_MAX, &mut loading)?;
    Some(Source { model, style, end: node.end(), loading })
}

/// The model and style of an open query.
fn query_of<'a>(
    context: &Context<'a>,
    view: &View<'a>,
    depth: u32,
    loading: &mut Vec<Node<'a>>,
) -> Option<(&'a Model, Style)> {
    let depth = depth.checked_sub(1)?;
    let view = view.unwrapped();
    let node = view.node;
    if let Some((model, style, _)) = root_of(context, node) {
        return (style != Style::Peewee).then_some((model, style));
    }
    match node.kind() {
        Kind::Call => {
            if let Some((receiver, name)) = method(node)
                && !CLOSING.contains(&name)
                && !(name == "all" && !node.text().contains("objects") && is_legacy(context, &view.of(receiver), depth))
                && let Some(found) = query_of(context, &view.of(receiver), depth, loading)
            {
                loading.extend(is_loading(node).then_some(node));
                return Some(found);
            }
            query_of(context, &view.step(context)?, depth, loading)
        }
        Kind::Identifier => {
            if let Some(next) = view.step(context) {
                return query_of(context, &next, depth, loading);
            }
            bound(context, &view, depth, loading)
        }
        Kind::Conditional => {
            let parts = node.child_nodes();
            let (first, last) = (
                query_of(context, &view.of(*parts.first()?), depth, loading)?,
                query_of(context, &view.of(*parts.last()?), depth, loading)?,
            );
            (std::ptr::eq(first.0, last.0) && first.1 == last.1).then_some(first)
        }
        _ => None,
    }
}

/// True for a step that asks for related rows.
fn is_loading(node: Node<'_>) -> bool {
    method(node).is_some_and(|(_, name)| matches!(name, "options" | "select_related" | "prefetch_related"))
}

fn is_legacy<'a>(context: &Context<'a>, receiver: &View<'a>, depth: u32) -> bool {
    query_of(context, receiver, depth, &mut vec![]).is_none_or(|(_, style)| style != Style::Django)
}

/// A name that is bound several times, each time to a query of the same model or to itself with another step.
fn bound<'a>(
    context: &Context<'a>,
    view: &View<'a>,
    depth: u32,
    loading: &mut Vec<Node<'a>>,
) -> Option<(&'a Model, Style)> {
    let variable = super::facts::local_variable(view.node)?;
    let mut found: Option<(&'a Model, Style)> = None;
    for binding in variable.bindings() {
        let value = binding_value(binding)?;
        if is_own_step(value, variable) {
            loading.extend(value.descendants().filter(|node| is_loading(*node)));
            continue;
        }
        let (model, style) = query_of(context, &view.of(value), depth, loading)?;
        if found.is_some_and(|before| !std::ptr::eq(before.0, model) || before.1 != style) {
            return None;
        }
        found = Some((model, style));
    }
    found
}

/// `query = query.filter(…)`.
fn is_own_step<'a>(value: Node<'a>, variable: crate::syntax::Variable<'a>) -> bool {
    let mut at = value;
    let mut n_steps = 0;
    while let Some((receiver, name)) = method(at) {
        if CLOSING.contains(&name) || name == "all" {
            return false;
        }
        at = receiver;
        n_steps += 1;
    }
    n_steps > 0
        && at.is(Kind::Identifier)
        && at.variable() == Some(variable)
        && occurrence(at) == crate::syntax::Occurrence::Load
}
