//! Finds lists whose places are looked up item by item in a loop or sort key, and builds a dict of the places.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{calls_unknown, changes_chain, is_chain, rebinds, root_name};
use crate::engine::rewrite::keys::{assume_key, is_repeatable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Type, arguments, enclosing_loop, is_builtin, method, positional, statement_of};

rule! {
    /// ## What it finds
    /// `self.order.index(x)` in a loop, and `order.index(x)` in the key of a sort.
    /// ## Why it is slow
    /// Each look-up walks the list; a dict of the first places is hashed once. What is not in it is looked up as before,
    /// so the same error is raised at the same place.
    /// ## What must hold
    /// - It is a list or tuple, and nothing changes it in the loop.
    /// - Items and what is looked for are hashable.
    /// ## Example
    /// ```python before needs-run
    /// def arranged(tasks, order: list):
    ///     return sorted(tasks, key=lambda task: (order.index(task.step), task.due))
    /// ```
    /// ```python after
    /// def arranged(tasks, order: list):
    ///     order_places = {}
    ///     for place, each in enumerate(order):
    ///         order_places.setdefault(each, place)
    ///     return sorted(tasks, key=lambda task: (order_places[task.step] if task.step in order_places else order.index(task.step), task.due))
    /// ```
    /// ```python before needs-run
    /// class Plan:
    ///     def __init__(self, steps):
    ///         self.steps = list(steps)
    ///
    ///     def load(self, tasks):
    ///         minutes = [0] * len(self.steps)
    ///         for task in tasks:
    ///             minutes[self.steps.index(task["step"])] += task["minutes"]
    ///         return minutes
    /// ```
    /// ```python after
    /// class Plan:
    ///     def __init__(self, steps):
    ///         self.steps = list(steps)
    ///
    ///     def load(self, tasks):
    ///         minutes = [0] * len(self.steps)
    ///         steps_places = {}
    ///         for place, each in enumerate(self.steps):
    ///             steps_places.setdefault(each, place)
    ///         for task in tasks:
    ///             minutes[steps_places[task["step"]] if task["step"] in steps_places else self.steps.index(task["step"])] += task["minutes"]
    ///         return minutes
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Plan:
    ///     def __init__(self, steps):
    ///         self.steps = list(steps)
    ///
    ///     def drop(self, names):
    ///         for name in names:
    ///             self.steps.pop(self.steps.index(name))
    /// ```
    /// ```python unchanged
    /// def places(text: str, letters):
    ///     return sorted(letters, key=lambda letter: text.index(letter))
    /// ```
    "list-index", Algorithm, [Trigger::Call("index")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let region = region_of(node)?;
    let (list, _) = method(node)?;
    let calls = look_ups(region, list);
    if *calls.first()? != node || !is_chain(list) || is_guarded(node) {
        return None;
    }
    let typed = context.typed(list);
    if !matches!(typed.of, Type::List(_) | Type::Tuple(_)) {
        return None;
    }
    let root = root_name(list)?.variable()?;
    let statement = statement_of(region);
    if changes_chain(region, list)
        || rebinds(region, root)
        || !is_alone(statement)
        || root.bindings().any(|each| statement.contains(each))
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is walked for every place that is looked up", list.text()));
    if !typed.is_proved() {
        rewrite.assume(Assumption::Type(list.text().into(), "a list or tuple"));
    }
    if !typed.of.element().is_hashable() {
        rewrite.assume(Assumption::Hashable(format!("the items of `{}`", list.text())));
    }
    if calls_unknown(region) {
        rewrite.assume(Assumption::Unchanged(list.text().into()));
    }
    let word = list.text().rsplit('.').next()?.trim_matches('_');
    let name = context.fresh_name(&format!("{word}_places"));
    let (place, each) = (context.fresh_name("place"), context.fresh_name("each"));
    let unit = indentation_unit(node.file());
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
        if !is_repeatable(item) || is_rewritten(call) {
            return None;
        }
        assume_key(context, item, &mut rewrite)?;
        let text = format!("{name}[{0}] if {0} in {name} else {1}", item.text(), call.text());
        rewrite.edits.replace(call, if is_enclosed(call) { text } else { format!("({text})") });
    }
    Some(rewrite)
}

/// The loop, or the sort whose key is called for every item. Plain variables in loops are another rule's.
fn region_of(node: Node<'_>) -> Option<Node<'_>> {
    let (list, _) = method(node)?;
    if positional(node)?.len() != 1 {
        return None;
    }
    if let Some(call) = keyed(node) {
        return Some(call);
    }
    let mut outer = enclosing_loop(node)?;
    if !list.is(Kind::Attribute) {
        return None;
    }
    while let Some(next) = enclosing_loop(outer) {
        outer = next;
    }
    Some(outer)
}

/// The call of `sorted`, `min`, `max`, `map` or `.sort` whose lambda a node stands in.
fn keyed(node: Node<'_>) -> Option<Node<'_>> {
    let lambda = node.ancestors().take_while(|each| !each.is(Kind::Block)).find(|each| each.is(Kind::Lambda))?;
    let argument = lambda.parent()?;
    let list = if argument.is(Kind::KeywordArgument) { argument.parent()? } else { argument };
    let call = list.parent().filter(|call| call.is(Kind::Call))?;
    let callee = call.field(Field::Function)?;
    let is_sort = ["sorted", "min", "max", "map", "filter"].iter().any(|name| is_builtin(callee, name))
        || method(call).is_some_and(|(_, name)| name == "sort");
    let is_lazy = is_builtin(callee, "map") || is_builtin(callee, "filter");
    (is_sort && !is_lazy && !arguments(call).is_empty()).then_some(call)
}

fn look_ups<'a>(region: Node<'a>, list: Node<'a>) -> Vec<Node<'a>> {
    let is_it = |each: &Node<'a>| {
        method(*each).is_some_and(|(receiver, name)| name == "index" && receiver.text() == list.text())
            && region_of(*each) == Some(region)
    };
    region.descendants().filter(|each| each.is(Kind::Call)).filter(is_it).collect()
}

/// True for the look-up of what the dict lacks.
fn is_guarded(call: Node<'_>) -> bool {
    is_rewritten(call)
}

fn is_rewritten(call: Node<'_>) -> bool {
    call.parent().is_some_and(|parent| {
        parent.is(Kind::Conditional) && parent.children().last() == Some(call) && parent.text().contains("_places")
    })
}

/// True when the place of an expression takes a conditional without parentheses.
fn is_enclosed(call: Node<'_>) -> bool {
    call.parent().is_some_and(|parent| match parent.kind() {
        Kind::Subscript => call.role() == Field::Subscript,
        kind => matches!(
            kind,
            Kind::ArgumentList | Kind::Tuple | Kind::List | Kind::Parenthesized | Kind::Assignment | Kind::Return
        ),
    })
}
