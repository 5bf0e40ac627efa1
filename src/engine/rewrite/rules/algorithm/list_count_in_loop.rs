//! Finds items that are counted or located one by one in a list.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{Change, calls_unknown, change, is_lazy, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, Usage, enclosing_loop, is_builtin_call, is_within_try, keywords, method, positional,
    statement_of, usage,
};

rule! {
    /// ## What it finds
    /// `items.count(x)` or `items.index(x)` in a loop, and `max(items, key=items.count)`.
    /// ## Why it is slow
    /// Each call walks the list; counting or numbering all items once gives every answer at once.
    /// ## What must hold
    /// - The list is not changed by the loop, and its items are hashable.
    /// - For `index`: a missing item raises `KeyError` in place of `ValueError`, and nothing around catches either.
    /// ## Example
    /// ```python before needs-run
    /// def shares(names: list):
    ///     return {name: names.count(name) / 2 for name in names}
    /// ```
    /// ```python after
    /// from collections import Counter
    ///
    /// def shares(names: list):
    ///     names_counts = Counter(names)
    ///     return {name: names_counts[name] / 2 for name in names}
    /// ```
    /// ```python before proven
    /// def favourite(votes):
    ///     names = [str(vote).strip() for vote in votes]
    ///     if not names:
    ///         return None
    ///     return max(names, key=names.count)
    /// ```
    /// ```python after
    /// from collections import Counter
    ///
    /// def favourite(votes):
    ///     names = [str(vote).strip() for vote in votes]
    ///     if not names:
    ///         return None
    ///     names_counts = Counter(names)
    ///     return max(names, key=names_counts.__getitem__)
    /// ```
    /// ```python before needs-run
    /// def places(order: list, tasks):
    ///     found = []
    ///     for task in tasks:
    ///         found.append(order.index(task.step))
    ///     return found
    /// ```
    /// ```python after
    /// def places(order: list, tasks):
    ///     found = []
    ///     order_places = {}
    ///     for place, each in enumerate(order):
    ///         order_places.setdefault(each, place)
    ///     for task in tasks:
    ///         found.append(order_places[task.step])
    ///     return found
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def once(names: list, name):
    ///     return names.count(name), names.index(name)
    /// ```
    /// ```python unchanged
    /// def letters(text: str):
    ///     return {letter: text.count(letter) for letter in text}
    /// ```
    /// ```python unchanged
    /// def shrinking(names: list, gone):
    ///     for name in gone:
    ///         names.pop(names.index(name))
    /// ```
    "list-count-in-loop", Algorithm, [Trigger::Call("count"), Trigger::Call("index"), Trigger::Call("max"), Trigger::Call("min"), Trigger::Call("sorted")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (list, outer, wanted, read) = if let Some((list, name @ ("count" | "index"))) = method(node) {
        let [wanted] = positional(node)?[..] else { return None };
        let variable = local_variable(list)?;
        let mut outer = enclosing_loop(node)?;
        while let Some(next) = enclosing_loop(outer).filter(|next| change(*next, variable) == Change::Never) {
            outer = next;
        }
        (list, outer, Some(wanted), name)
    } else {
        let name = ["max", "min", "sorted"].into_iter().find(|name| is_builtin_call(node, name))?;
        let key = keywords(node).into_iter().find(|(each, _)| *each == "key")?.1;
        let list = key.is(Kind::Attribute).then(|| key.field(Field::Object)).flatten()?;
        let is_count = key.field(Field::Attribute)?.text() == "count";
        let is_same = crate::syntax::arguments(node).first().is_some_and(|first| first.text() == list.text());
        return (is_count && is_same && !name.is_empty()).then(|| by_count(context, node, list, key)).flatten();
    };
    let wanted = wanted?;
    let variable = local_variable(list)?;
    let statement = statement_of(outer);
    if change(outer, variable) != Change::Never
        || is_lazy(node)
        || !is_alone(statement)
        || is_first_of_kind(outer, list, read)? != node
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is walked for every `{}`", list.text(), wanted.text()));
    assume(context, list, &mut rewrite)?;
    let is_same_item = enclosing_loop(node).is_some_and(|looping| walks(looping, list, wanted));
    let wanted_type = context.typed(wanted);
    let is_hashable = is_same_item || wanted_type.is_proved() && wanted_type.of.is_hashable();
    if !is_hashable {
        rewrite.assume(Assumption::Hashable(format!("the values of `{}`", wanted.text())));
    }
    let is_own = crate::engine::rewrite::inferred::is_new_list(context, list)
        && variable
            .uses()
            .all(|each| !matches!(usage(each), Usage::Argument(_) | Usage::Assigned(_) | Usage::Other(_)));
    if !is_own && calls_unknown(outer) {
        rewrite.assume(Assumption::Unchanged(list.text().into()));
    }
    let calls = calls_of(outer, list, read);
    if read == "count" {
        let counter = context.import(&mut rewrite, "collections", "Counter")?;
        let name = context.fresh_name(&format!("{}_counts", list.text()));
        rewrite.edits.insert_before(statement, &[format!("{name} = {counter}({})", list.text())]);
        for call in calls {
            let [item] = positional(call)?[..] else { return None };
            rewrite.edits.replace(call, format!("{name}[{}]", item.text()));
        }
        return Some(rewrite);
    }
    if is_within_try(node) {
        return None;
    }
    let unit = crate::engine::rewrite::edits::indentation_unit(node.file());
    let name = context.fresh_name(&format!("{}_places", list.text()));
    let (place, each) = (context.fresh_name("place"), context.fresh_name("each"));
    rewrite.assume(Assumption::ErrorChanges("the `ValueError` of a missing item", "a `KeyError`"));
    rewrite.edits.insert_before(
        statement,
        &[
            format!("{name} = {{}}"),
            format!("for {place}, {each} in enumerate({}):", list.text()),
            format!("{unit}{name}.setdefault({each}, {place})"),
        ],
    );
    for call in calls {
        let [item] = positional(call)?[..] else { return None };
        rewrite.edits.replace(call, format!("{name}[{}]", item.text()));
    }
    Some(rewrite)
}

fn calls_of<'a>(outer: Node<'a>, list: Node<'a>, read: &str) -> Vec<Node<'a>> {
    let is_it = |each: &Node<'a>| {
        method(*each).is_some_and(|(receiver, name)| {
            name == read && receiver.variable().is_some() && receiver.variable() == list.variable()
        }) && crate::syntax::repeats(outer, *each)
            && positional(*each).is_some_and(|all| all.len() == 1)
    };
    outer.descendants().filter(|each| each.is(Kind::Call)).filter(is_it).collect()
}

fn is_first_of_kind<'a>(outer: Node<'a>, list: Node<'a>, read: &str) -> Option<Node<'a>> {
    calls_of(outer, list, read).first().copied()
}

/// True when the loop runs over the list itself and the item is its variable: the items are hashed already.
fn walks(looping: Node<'_>, list: Node<'_>, wanted: Node<'_>) -> bool {
    let clause =
        if looping.is(Kind::For) { Some(looping) } else { looping.children().find(|child| child.is(Kind::ForIn)) };
    clause.is_some_and(|clause| {
        clause
            .field(Field::Right)
            .is_some_and(|right| right.variable().is_some() && right.variable() == list.variable())
            && clause
                .field(Field::Left)
                .is_some_and(|left| left.variable().is_some() && left.variable() == wanted.variable())
    })
}

/// States what is not proved about the list; `None` when it is surely none.
fn assume<'a>(context: &Context<'a>, list: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let typed = context.typed(list);
    let element = match &typed.of {
        Type::List(element) | Type::Tuple(element) => (**element).clone(),
        _ => return None,
    };
    if !typed.is_proved() && !crate::engine::rewrite::inferred::is_new_list(context, list) {
        rewrite.assume(Assumption::Type(list.text().into(), "a list or tuple, as annotated"));
    }
    if element.is_hashable() && !typed.is_proved() {
        rewrite.assume(Assumption::Annotated(format!("an item of {}", list.text())));
    } else if !element.is_hashable() {
        rewrite.assume(Assumption::Hashable(format!("the items of `{}`", list.text())));
    }
    Some(())
}

/// `max(names, key=names.count)`.
fn by_count<'a>(context: &Context<'a>, node: Node<'a>, list: Node<'a>, key: Node<'a>) -> Option<Rewrite<'a>> {
    local_variable(list)?;
    let statement = statement_of(node);
    let is_direct = matches!(usage(node), Usage::Returned | Usage::Assigned(_)) && !is_lazy(node);
    if !is_alone(statement) || !is_direct {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is walked for every one of its items", list.text()));
    assume(context, list, &mut rewrite)?;
    let counter = context.import(&mut rewrite, "collections", "Counter")?;
    let name = context.fresh_name(&format!("{}_counts", list.text()));
    rewrite.edits.insert_before(statement, &[format!("{name} = {counter}({})", list.text())]);
    rewrite.edits.replace(key, format!("{name}.__getitem__"));
    Some(rewrite)
}
