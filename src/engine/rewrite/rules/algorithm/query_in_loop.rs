//! Finds loops that query the database in every round, also through a function of the project.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::query::{Style, parse};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, callee_name, enclosing_function, enclosing_loop, is_builtin_call, method, positional,
    usage,
};

use super::{get_in_loop, n_plus_one, query_per_row};

rule! {
    /// ## What it finds
    /// A query of one model in a loop, written there or in a function of the project that the loop calls:
    /// `session.query(Species).filter_by(id=key).limit(1).one()`, `Buoy.objects.get(code=code)`, `beds_of(ward.id)`.
    /// ## Why it is slow
    /// Every round is a round trip to the database; one query for all keys would be one.
    /// ## What must hold
    /// - Shown only: what a missing row means, and in which order rows are needed, is for the author to say.
    /// - Nothing is reported that `n-plus-one` or `query-per-row` rewrites.
    /// ## Example
    /// ```python reported
    /// class Species(Base):
    ///     __tablename__ = "species"
    ///     id = Column(Integer, primary_key=True)
    ///
    ///
    /// Base = declarative_base()
    ///
    ///
    /// def names(session, keys):
    ///     return [session.query(Species).filter_by(id=key).limit(1).one().name for key in keys]
    /// ```
    /// ```python reported
    /// class Bed(models.Model):
    ///     ward = models.IntegerField()
    ///
    ///
    /// def beds_of(ward):
    ///     return Bed.objects.filter(ward=ward).distinct()
    ///
    ///
    /// def report(wards):
    ///     for ward in wards:
    ///         print(ward, beds_of(ward).count())
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Bed(models.Model):
    ///     ward = models.IntegerField()
    ///
    ///
    /// def report(wards):
    ///     for bed in Bed.objects.filter(ward__in=wards):
    ///         print(bed.ward)
    ///     table = {}
    ///     for ward in wards:
    ///         print(table.get(ward))
    /// ```
    "query-in-loop", Algorithm, [Trigger::Kind(Kind::Call)] => find
}

/// Steps that fetch when they are called.
const FETCHING: &[&str] = &[
    "all",
    "first",
    "one",
    "one_or_none",
    "scalar",
    "scalars",
    "count",
    "get",
    "exists",
    "get_or_none",
    "last",
    "scalar_one",
];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if !context.index.has_models() {
        return None;
    }
    let looping = enclosing_loop(node).filter(|looping| !is_by_chunks(*looping))?;
    // The whole chain reports once.
    if matches!(usage(node), Usage::Method(..)) && queried(context, node).is_none() {
        return None;
    }
    let is_inner = matches!(usage(node), Usage::Method(_, outer) if parse(context, outer).is_some());
    if is_inner {
        return None;
    }
    let model = fetched(context, node).or_else(|| queried(context, node))?;
    let header = if looping.is(Kind::For) {
        looping
    } else {
        looping.children().find(|child| child.is(Kind::ForIn)).unwrap_or(looping)
    };
    let is_rewritten =
        [n_plus_one::find, query_per_row::find, get_in_loop::find].iter().any(|find| find(context, header).is_some());
    if is_rewritten || is_loaded_before(looping) || query_per_row::is_fallback(node) {
        return None;
    }
    let mut rewrite =
        Rewrite::new(node, format!("one query of `{model}` in every round of the loop at line {}", looping.line()));
    rewrite.assume(Assumption::Judgement("one query for all keys before the loop takes its place"));
    Some(rewrite)
}

/// True when the rows that a look-up by key finds were loaded in chunks right before.
fn is_loaded_before(looping: Node<'_>) -> bool {
    crate::syntax::previous_statement(crate::syntax::statement_of(looping)).is_some_and(is_by_chunks)
}

/// True for `for start in range(0, len(keys), 500)`: what is asked there is asked for many keys.
fn is_by_chunks(looping: Node<'_>) -> bool {
    let iterable = looping.is(Kind::For).then(|| looping.field(Field::Right)).flatten();
    iterable.is_some_and(|iterable| is_builtin_call(iterable, "range") && crate::syntax::arguments(iterable).len() == 3)
}

/// The model that a call written here fetches.
fn fetched<'a>(context: &Context<'a>, node: Node<'a>) -> Option<&'a str> {
    if let Some((_, "get")) = method(node)
        && let Some([model, _]) = positional(node).as_deref()
    {
        return context.index.model(*model).map(|model| model.name.as_str());
    }
    let query = parse(context, node).filter(|query| query.is_here)?;
    let last = query.steps.last()?.name;
    let is_walked = query.style != Style::Select
        && matches!(usage(node), Usage::Iterated(_) | Usage::Builtin("list" | "len" | "sorted", _));
    (FETCHING.contains(&last) && (last != "all" || query.style != Style::Django) || is_walked)
        .then_some(query.model.name.as_str())
}

/// The model that a function of the project queries for its arguments.
fn queried<'a>(context: &Context<'a>, node: Node<'a>) -> Option<&'a str> {
    if crate::syntax::arguments(node).is_empty() {
        return None;
    }
    let function = context.callee(node).filter(|function| function.is(Kind::Function))?;
    if enclosing_function(node) == Some(function) || function.has(Kind::For) && function.has(Kind::Yield) {
        return None;
    }
    let body = function.field(Field::Body)?;
    let is_query = |call: &Node<'a>| {
        let is_step = callee_name(*call)
            .is_some_and(|name| FETCHING.contains(&name) || matches!(name, "filter" | "filter_by" | "where"));
        is_step && enclosing_loop(*call).is_none()
    };
    body.descendants()
        .filter(|each| each.is(Kind::Call))
        .filter(is_query)
        .find_map(|call| parse(context, call).filter(|query| query.is_here).map(|query| query.model.name.as_str()))
}
