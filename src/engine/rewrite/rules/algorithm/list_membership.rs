//! Finds lists that are searched again and again and lets a set be searched in their place.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{
    Change, calls_unknown, change, comparison, depends_on, is_chain, is_empty_list, is_fresh, is_invariant, is_lazy,
    local_variable, mentions,
};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Occurrence, Provenance, Type, Usage, Variable, arguments, binding_value, enclosing_loop,
    is_builtin_call, is_within_try, occurrence, positional, repeats, statement_of, usage,
};

rule! {
    /// ## What it finds
    /// `x in items` inside a loop, where `items` is a list or tuple of the function.
    /// ## Why it is slow
    /// A list is searched item by item, so the loop takes rounds times items steps; a set is hashed once.
    /// ## What must hold
    /// - The list is made in this function or annotated as one, and the loop does not change it.
    /// - When the list serves nothing but the search, it becomes a set; else a set is made beside it.
    /// - Proven when the items and what is looked for are strings, numbers or tuples of these by construction.
    /// ## Example
    /// ```python before proven
    /// def known(lines, words):
    ///     names = [str(word).strip() for word in words]
    ///     return [line for line in lines if str(line) in names]
    /// ```
    /// ```python after
    /// def known(lines, words):
    ///     names = {str(word).strip() for word in words}
    ///     return [line for line in lines if str(line) in names]
    /// ```
    /// ```python before needs-run
    /// def common(left: list[int], right: list[int]):
    ///     shared = []
    ///     for number in left:
    ///         if number in right:
    ///             shared.append(number)
    ///     return shared
    /// ```
    /// ```python after
    /// def common(left: list[int], right: list[int]):
    ///     shared = []
    ///     right_set = set(right)
    ///     for number in left:
    ///         if number in right_set:
    ///             shared.append(number)
    ///     return shared
    /// ```
    /// ```python before proven
    /// def first_words(lines):
    ///     words = []
    ///     repeats = 0
    ///     for line in lines:
    ///         word = str(line)[:3]
    ///         if word in words:
    ///             repeats += 1
    ///         else:
    ///             words.append(word)
    ///     return words, repeats
    /// ```
    /// ```python after
    /// def first_words(lines):
    ///     words = []
    ///     words_seen = set()
    ///     repeats = 0
    ///     for line in lines:
    ///         word = str(line)[:3]
    ///         if word in words_seen:
    ///             repeats += 1
    ///         else:
    ///             words.append(word)
    ///             words_seen.add(word)
    ///     return words, repeats
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def shrinking(left, right: list[int]):
    ///     for number in left:
    ///         if number in right:
    ///             right.remove(number)
    /// ```
    /// ```python unchanged
    /// def part_of(names, text: str):
    ///     return [name for name in names if name in text]
    /// ```
    /// ```python unchanged
    /// def once(name, words):
    ///     names = [str(word) for word in words]
    ///     return str(name) in names
    /// ```
    /// ```python unchanged
    /// def unhashable(rows, wanted):
    ///     lists = [[row] for row in rows]
    ///     return [each for each in wanted if [each] in lists]
    /// ```
    "list-membership", Algorithm, [Trigger::Kind(Kind::Comparison)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (_, _, container) = comparison(node)?;
    let Usage::Searched(_) = usage(container) else { return None };
    let variable = local_variable(container)?;
    let looping = enclosing_loop(node)?;
    if is_lazy(node) || first_search(variable)? != node {
        return None;
    }
    let message = format!("`{}` is searched item by item in a loop", container.text());
    let mut rewrite = Rewrite::new(node, message);
    if let Some(value) = variable.only_binding().and_then(binding_value)
        && !looping.contains(value)
        && becomes_set(context, variable, value, &mut rewrite).is_some()
    {
        return Some(rewrite);
    }
    let mut rewrite = Rewrite::new(node, rewrite.message);
    if twin_set(context, variable, looping, &mut rewrite).is_some() {
        return Some(rewrite);
    }
    let mut rewrite = Rewrite::new(node, rewrite.message);
    set_beside(context, variable, looping, &mut rewrite)?;
    Some(rewrite)
}

/// The first search of the variable in a loop: the one place that reports for all.
fn first_search(variable: Variable<'_>) -> Option<Node<'_>> {
    variable.uses().find_map(|each| match usage(each) {
        Usage::Searched(search) if enclosing_loop(search).is_some() => Some(search),
        _ => None,
    })
}

fn searches(variable: Variable<'_>) -> Vec<Node<'_>> {
    variable
        .uses()
        .filter_map(|each| match usage(each) {
            Usage::Searched(search) => Some(search),
            _ => None,
        })
        .collect()
}

/// States what is not proved about the items and what is looked for; `None` when one is known to be unhashable.
fn assume_hashable<'a>(
    context: &Context<'a>,
    name: &str,
    element: &Type,
    by: Provenance,
    searches: &[Node<'a>],
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    if is_unhashable(element) {
        return None;
    }
    if !element.is_hashable() || by != Provenance::Proved {
        rewrite.assume(Assumption::Hashable(format!("the items of `{name}`")));
    }
    for search in searches {
        let (needle, _, _) = comparison(*search)?;
        let typed = context.typed(needle);
        if is_unhashable(&typed.of) {
            return None;
        }
        if !(typed.is_proved() && typed.of.is_hashable()) {
            rewrite.assume(Assumption::Hashable(format!("the values of `{}`", needle.text())));
        }
    }
    Some(())
}

fn is_unhashable(of: &Type) -> bool {
    matches!(of, Type::List(_) | Type::Dict(..) | Type::Set(_) | Type::Deque(_))
}

/// The list serves the search alone: its value becomes a set.
fn becomes_set<'a>(
    context: &Context<'a>,
    variable: Variable<'a>,
    value: Node<'a>,
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    let binding = variable.only_binding()?;
    if binding.parent()?.field(Field::Type).is_some() {
        return None;
    }
    let mut appends = vec![];
    for each in variable.uses() {
        match usage(each) {
            Usage::Searched(_) | Usage::Truth => {}
            Usage::Method("append", call) if usage(call) == Usage::Dropped && positional(call)?.len() == 1 => {
                appends.push(call);
            }
            _ => return None,
        }
    }
    let typed = context.typed(variable.uses().next()?);
    let element = match &typed.of {
        Type::List(element) | Type::Tuple(element) => (**element).clone(),
        _ => return None,
    };
    let text = as_set(value, rewrite)?;
    assume_hashable(context, binding.text(), &element, typed.by, &searches(variable), rewrite)?;
    rewrite.edits.replace(value, text);
    for call in appends {
        rewrite.edits.replace(call.field(Field::Function)?.field(Field::Attribute)?, "add");
    }
    Some(())
}

/// The source of a set with the items of an expression.
fn as_set<'a>(value: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<String> {
    let inside = |node: Node<'a>| node.text()[1..node.text().len() - 1].to_owned();
    match value.kind() {
        Kind::List if value.children().next().is_none() => Some("set()".into()),
        Kind::List | Kind::ListComprehension => Some(format!("{{{}}}", inside(value))),
        Kind::Call if is_builtin_call(value, "list") && arguments(value).is_empty() => Some("set()".into()),
        Kind::Call => {
            for name in ["list", "tuple", "sorted"] {
                if !is_builtin_call(value, name) {
                    continue;
                }
                let [only] = positional(value)?[..] else { return None };
                if name == "sorted" {
                    rewrite.assume(Assumption::ErrorChanges("the error of sorting what has no order", "no error"));
                }
                return Some(if only.is(Kind::GeneratorExpression) {
                    format!("set{}", value.field(Field::Arguments)?.text())
                } else {
                    format!("set({})", only.text())
                });
            }
            // A list that a function gives: it may be one that others keep, so it is copied, not replaced.
            Some(format!("set({})", value.text()))
        }
        _ => None,
    }
}

/// The list grows in the loop and is needed later too: a set grows beside it.
fn twin_set<'a>(
    context: &Context<'a>,
    variable: Variable<'a>,
    looping: Node<'a>,
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    let binding = variable.only_binding()?;
    let statement = statement_of(binding);
    if !is_empty_list(binding_value(binding)?) || looping.contains(binding) || !is_alone(statement) {
        return None;
    }
    let searches = searches(variable);
    let last_search = searches.last()?.end();
    let mut appends = vec![];
    for each in variable.uses() {
        match usage(each) {
            Usage::Searched(_) | Usage::Truth | Usage::Builtin("len", _) | Usage::Returned => {}
            Usage::Method("append", call) if usage(call) == Usage::Dropped && is_alone(statement_of(call)) => {
                appends.push(call);
            }
            _ if each.start() > last_search && !in_loop_of(&searches, each) => {}
            _ => return None,
        }
    }
    if appends.is_empty() || is_within_try(appends[0]) {
        return None;
    }
    let mut element: Option<(Type, Provenance)> = None;
    for call in &appends {
        let [item] = positional(*call)?[..] else { return None };
        if !is_chain(item) {
            return None;
        }
        let typed = context.typed(item);
        element = Some(match element {
            Some((of, by)) if of == typed.of => (of, by.min(typed.by)),
            Some(_) => (Type::Unknown, Provenance::Proved),
            None => (typed.of, typed.by),
        });
        if item.is(Kind::Attribute) || item.is(Kind::Subscript) {
            rewrite.assume(Assumption::Pure(item.text().into()));
        }
    }
    let (element, by) = element?;
    let name = context.fresh_name(&format!("{}_seen", binding.text()));
    assume_hashable(context, binding.text(), &element, by, &searches, rewrite)?;
    rewrite.edits.insert_after(statement, &[format!("{name} = set()")]);
    for search in searches {
        rewrite.edits.replace(comparison(search)?.2, name.clone());
    }
    for call in appends {
        let [item] = positional(call)?[..] else { return None };
        rewrite.edits.insert_after(statement_of(call), &[format!("{name}.add({})", item.text())]);
    }
    Some(())
}

/// True when a loop of one of the searches repeats the node too.
fn in_loop_of(searches: &[Node<'_>], node: Node<'_>) -> bool {
    searches.iter().any(|search| {
        let mut looping = enclosing_loop(*search);
        while let Some(each) = looping {
            if each.contains(node) {
                return true;
            }
            looping = enclosing_loop(each);
        }
        false
    })
}

/// The list stays as it is: a set of its items is made before the outermost loop that leaves it alone.
fn set_beside<'a>(
    context: &Context<'a>,
    variable: Variable<'a>,
    looping: Node<'a>,
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    let mut outer = looping;
    while let Some(next) = enclosing_loop(outer).filter(|next| change(*next, variable) == Change::Never) {
        outer = next;
    }
    if change(outer, variable) != Change::Never || variable.bindings().any(|each| outer.contains(each)) {
        return None;
    }
    let statement = statement_of(outer);
    if !is_alone(statement)
        || change(statement, variable) != Change::Never
        || depends_on(statement, variable) && !mentions(outer, variable)
    {
        return None;
    }
    let name = variable.uses().next()?;
    let typed = context.typed(name);
    let element = match &typed.of {
        Type::List(element) | Type::Tuple(element) => (**element).clone(),
        _ => return None,
    };
    if typed.by != Provenance::Proved {
        rewrite.assume(Assumption::Type(name.text().into(), "a list or tuple, as annotated"));
    }
    let is_own = variable.bindings().all(|binding| binding_value(binding).is_some_and(is_fresh));
    let is_unshared = is_own
        && variable
            .uses()
            .all(|each| !matches!(usage(each), Usage::Argument(_) | Usage::Assigned(_) | Usage::Other(_)));
    if !is_unshared && calls_unknown(outer) {
        rewrite.assume(Assumption::Unchanged(name.text().into()));
    }
    let inside: Vec<Node<'a>> = searches(variable).into_iter().filter(|search| repeats(outer, *search)).collect();
    if inside.is_empty()
        || !is_invariant(name, outer)
        || variable.occurrences().any(|each| occurrence(each) == Occurrence::Other)
    {
        return None;
    }
    assume_hashable(context, name.text(), &element, typed.by, &inside, rewrite)?;
    let set = context.fresh_name(&format!("{}_set", name.text()));
    rewrite.edits.insert_before(statement, &[format!("{set} = set({})", name.text())]);
    for search in inside {
        rewrite.edits.replace(comparison(search)?.2, set.clone());
    }
    Some(())
}
