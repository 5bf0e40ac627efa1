//! Finds lists that are sorted again after every item they get, and puts each item in its place.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::attributes::{Access, access, class_of_self, held};
use crate::engine::rewrite::context::{Context, constant_place};
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{calls_unknown, is_empty_list, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, Usage, arguments, enclosing_loop, has_comment, is_builtin_call, keywords, method,
    positional, statement_of, usage,
};

rule! {
    /// ## What it finds
    /// `items.sort()` in a loop, where items are added one by one, on a list of the function or of `self`.
    /// ## Why it is slow
    /// Every sort walks the whole list and calls the key for each item; `insort` finds the place of one by halving.
    /// ## What must hold
    /// - All sorts have the same key, and nobody sees the list between an addition and the next sort.
    /// - Nothing in the project changes the key of an item after it was added.
    /// - Proven when keys are declared as whole numbers or text: floats may be NaN, which has no place in an order.
    /// - Before Python 3.10 `insort` knows no key: a function of a few lines is written above instead.
    /// ## Example
    /// ```python before proven
    /// class Event:
    ///     at: int
    ///
    ///     def __init__(self, at: int, name):
    ///         self.at = at
    ///         self.name = name
    ///
    /// class Simulator:
    ///     def __init__(self):
    ///         self._pending = []
    ///
    ///     def schedule(self, at: int, name):
    ///         self._pending.append(Event(at, name))
    ///
    ///     def run(self):
    ///         history = []
    ///         while self._pending:
    ///             self._pending.sort(key=lambda e: e.at)
    ///             event = self._pending.pop(0)
    ///             history.append((event.at, event.name))
    ///         return history
    /// ```
    /// ```python after
    /// from bisect import insort
    ///
    /// class Event:
    ///     at: int
    ///
    ///     def __init__(self, at: int, name):
    ///         self.at = at
    ///         self.name = name
    ///
    /// class Simulator:
    ///     def __init__(self):
    ///         self._pending = []
    ///
    ///     def schedule(self, at: int, name):
    ///         insort(self._pending, Event(at, name), key=lambda e: e.at)
    ///
    ///     def run(self):
    ///         history = []
    ///         while self._pending:
    ///             event = self._pending.pop(0)
    ///             history.append((event.at, event.name))
    ///         return history
    /// ```
    /// ```python before needs-run
    /// def merged(start, costs):
    ///     heap = []
    ///     heap.append(start)
    ///     total = 0
    ///     while heap:
    ///         heap.sort()
    ///         first = heap.pop(0)
    ///         total += first
    ///         for cost in costs.get(first, ()):
    ///             heap.append(cost)
    ///     return total
    /// ```
    /// ```python after
    /// from bisect import insort
    ///
    /// def merged(start, costs):
    ///     heap = []
    ///     insort(heap, start)
    ///     total = 0
    ///     while heap:
    ///         first = heap.pop(0)
    ///         total += first
    ///         for cost in costs.get(first, ()):
    ///             insort(heap, cost)
    ///     return total
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def tops(rows):
    ///     best = []
    ///     for row in rows:
    ///         best.append(row)
    ///         print(best[-1])
    ///         best.sort()
    ///     return best
    /// ```
    /// ```python unchanged
    /// def once(rows):
    ///     out = []
    ///     for row in rows:
    ///         out.append(row)
    ///     out.sort()
    ///     return out
    /// ```
    "sort-in-loop", Algorithm, [Trigger::Call("sort")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (list, _) = method(node)?;
    let places = places_of(context, list)?;
    let sorts: Vec<Node<'a>> = places.iter().filter_map(|place| called(*place, "sort")).collect();
    if *sorts.first()? != node || !sorts.iter().any(|sort| enclosing_loop(*sort).is_some()) {
        return None;
    }
    let order = arguments(node);
    let key = match order[..] {
        [] => None,
        [_] => Some(keywords(node).into_iter().find(|(name, _)| *name == "key")?.1),
        _ => return None,
    };
    let is_same =
        |sort: &Node<'a>| arguments(*sort).iter().map(|each| each.text()).eq(order.iter().map(|each| each.text()));
    if !sorts.iter().all(is_same) || has_comment(node) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is sorted again for every item it gets", list.text()));
    let insort = if key.is_some() && context.options.python < (3, 10) {
        own_insort(context, node, &mut rewrite)?
    } else {
        context.import(&mut rewrite, "bisect", "insort")?
    };
    let rest = order.first().map_or_else(String::new, |order| format!(", {}", order.text()));
    let mut added = vec![];
    for place in &places {
        match access(*place) {
            Access::Stored(_, value) if is_empty_list(value) || is_filtered(value, list) => {}
            Access::Used(Usage::Method("sort", call)) => {
                let statement = statement_of(call);
                let block = statement.parent()?;
                if usage(call) != Usage::Dropped || !is_alone(statement) || block.children().count() < 2 {
                    return None;
                }
                rewrite.edits.remove(statement);
            }
            Access::Used(Usage::Method("append", call)) => {
                let [item] = positional(call)?[..] else { return None };
                if usage(call) != Usage::Dropped || has_comment(call) {
                    return None;
                }
                rewrite.edits.replace_range(call.start(), item.start(), format!("{insort}({}, ", place.text()));
                rewrite.edits.replace_range(item.end(), item.end(), rest.clone());
                added.push(item);
            }
            Access::Used(Usage::Method("clear", _) | Usage::Truth | Usage::Builtin("len" | "bool", _)) => {}
            Access::Used(Usage::Iterated(clause)) if is_within_own_filter(clause, list) => {}
            Access::Used(Usage::Method("pop", _) | Usage::Item(_) | Usage::Iterated(_))
                if is_sorted_at(*place, &sorts) => {}
            _ => return None,
        }
    }
    if added.is_empty() {
        return None;
    }
    for item in added {
        assume_order(context, item, key, &mut rewrite)?;
    }
    if let Some(held) = held(context, list) {
        held.assume_private(context, &mut rewrite);
    }
    Some(rewrite)
}

/// Writes a function that puts an item in its place by key, and gives its name.
fn own_insort<'a>(context: &Context<'a>, node: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<String> {
    let place = constant_place(node)?;
    let name = context.fresh_name("_insort_by");
    let unit = indentation_unit(node.file());
    let lines = [
        (0, format!("def {name}(items, item, key):")),
        (1, "low, high, own = 0, len(items), key(item)".to_owned()),
        (1, "while low < high:".to_owned()),
        (2, "middle = (low + high) // 2".to_owned()),
        (2, "if own < key(items[middle]):".to_owned()),
        (3, "high = middle".to_owned()),
        (2, "else:".to_owned()),
        (3, "low = middle + 1".to_owned()),
        (1, "items.insert(low, item)".to_owned()),
    ];
    let text = lines.iter().fold(String::new(), |text, (depth, line)| text + &unit.repeat(*depth) + line + "\n");
    rewrite.edits.replace_range(place, place, text + "\n\n");
    Some(name)
}

/// All places of a list of the function, or of one that a class keeps.
fn places_of<'a>(context: &Context<'a>, list: Node<'a>) -> Option<Vec<Node<'a>>> {
    if list.is(Kind::Attribute) && list.field(Field::Object).and_then(class_of_self).is_some() {
        let held = held(context, list)?;
        held.made()?;
        return Some(held.places);
    }
    let variable = local_variable(list)?;
    Some(variable.occurrences().collect())
}

/// The call of a method at a place.
fn called<'a>(place: Node<'a>, name: &str) -> Option<Node<'a>> {
    match access(place) {
        Access::Used(Usage::Method(each, call)) if each == name => Some(call),
        _ => None,
    }
}

/// True for `[x for x in items if …]`, which keeps the order of `items`.
fn is_filtered(value: Node<'_>, list: Node<'_>) -> bool {
    let parts = value.child_nodes();
    value.is(Kind::ListComprehension)
        && parts.len() == 3
        && parts[1].field(Field::Left).is_some_and(|left| left.text() == parts[0].text())
        && parts[1].field(Field::Right).is_some_and(|right| right.text() == list.text())
        && parts[2].is(Kind::IfClause)
}

fn is_within_own_filter(clause: Node<'_>, list: Node<'_>) -> bool {
    clause.parent().is_some_and(|comprehension| {
        is_filtered(comprehension, list)
            && matches!(usage(comprehension), Usage::Assigned(assignment)
                if assignment.field(Field::Left).is_some_and(|left| left.text() == list.text()))
    })
}

/// True when a sort stands above in the same block or one around, and nothing between runs code that may add items.
fn is_sorted_at(place: Node<'_>, sorts: &[Node<'_>]) -> bool {
    sorts.iter().any(|sort| {
        let statement = statement_of(*sort);
        let Some(block) = statement.parent().filter(|block| block.contains(place)) else { return false };
        if place.start() < sort.start() {
            return false;
        }
        block.children().filter(|each| each.start() > statement.start() && each.start() <= place.start()).all(|each| {
            let calls_before =
                |call: Node<'_>| call.is(Kind::Call) && call.end() <= place.start() && calls_unknown(call);
            each.contains(place) && each.end() <= place.end()
                || !each.descendants().any(|call| {
                    calls_before(call)
                        && !method(call).is_some_and(|(list, name)| {
                            name == "pop" && method(*sort).is_some_and(|(own, _)| own.text() == list.text())
                        })
                })
        })
    })
}

/// States what must hold for the keys to have one order at all times.
fn assume_order<'a>(
    context: &Context<'a>,
    item: Node<'a>,
    key: Option<Node<'a>>,
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    const ONE_ORDER: &str = "of a kind with one order for all, without NaN";
    let Some(key) = key else {
        let typed = context.typed(item);
        match typed.of {
            Type::Int | Type::Str | Type::Bytes if typed.is_proved() => {}
            Type::Int | Type::Str | Type::Bytes => rewrite.assume(Assumption::Annotated(item.text().into())),
            _ => {
                rewrite.assume(Assumption::Type(item.text().into(), ONE_ORDER));
                rewrite.assume(Assumption::Unchanged(item.text().into()));
            }
        }
        return Some(());
    };
    let field = key_field(key)?;
    let class = crate::engine::rewrite::inferred::class_of(context, item, 4);
    let declared = class.and_then(|class| crate::engine::rewrite::inferred::declared_field(class, &field));
    let is_plain = declared.is_some_and(|declared| matches!(declared.text(), "int" | "str"));
    if is_plain {
        rewrite.assume(Assumption::Annotated(format!("{}.{field}", item.text())));
    } else {
        rewrite.assume(Assumption::Type(key.text().into(), ONE_ORDER));
    }
    if class.is_none() || context.index.stores_attribute(&field) {
        rewrite.assume(Assumption::Unchanged(format!("{field} of an item")));
    }
    Some(())
}

/// The attribute or item by which is sorted.
fn key_field(key: Node<'_>) -> Option<String> {
    let body = match key.kind() {
        Kind::Lambda => key.field(Field::Body)?,
        Kind::Call => {
            let path = crate::syntax::qualified(key.field(Field::Function)?)?;
            let [only] = positional(key)?[..] else { return None };
            return match path.as_str() {
                "operator.attrgetter" => Some(crate::syntax::string_value(only)?.to_owned()),
                "operator.itemgetter" => Some(only.text().to_owned()),
                _ => None,
            };
        }
        _ => return None,
    };
    if is_builtin_call(body, "len") || body.text().contains('\n') {
        return None;
    }
    match body.kind() {
        Kind::Attribute if body.field(Field::Object)?.is(Kind::Identifier) => {
            Some(body.field(Field::Attribute)?.text().to_owned())
        }
        Kind::Subscript if body.field(Field::Value)?.is(Kind::Identifier) => {
            let part = body.field(Field::Subscript)?;
            matches!(part.kind(), Kind::String | Kind::Integer).then(|| part.text().to_owned())
        }
        _ => None,
    }
}
