//! Finds copies of collections that are only read once.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::clause;
use crate::engine::rewrite::facts::{Change, calls_unknown, change, local_variable, root_name, suspends};
use crate::engine::rewrite::reading::is_suspended;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, Usage, arguments, has_comment, is_async, is_builtin, is_builtin_call, method, positional,
    usage,
};

rule! {
    /// ## What it finds
    /// `for x in list(items)`, `for x in items[:]`, `sum(items.copy())`, `[x for x in items]`, `set(list(x))`,
    /// `sorted(list(set(x)))`, `list(self.rows())` of a method that gives a new list anyway, and `rows = list(items)` of
    /// which is only read.
    /// ## Why it is slow
    /// The copy takes the memory of the whole collection and is thrown away after one pass.
    /// ## What must hold
    /// - For a loop: its body neither changes the collection nor calls anything that might.
    /// - The copied value is a list, tuple, dict, set or view by construction: copying a generator also empties it.
    /// - A copy with a name is only read, handed to no one and returned to no one; proven when what is copied is new.
    /// ## Example
    /// ```python before proven
    /// def shout(words):
    ///     loud = [str(word).upper() for word in words]
    ///     text = set()
    ///     for word in list(loud):
    ///         text.add(word)
    ///     return text, sorted(list(set(loud))), max(loud[:])
    /// ```
    /// ```python after
    /// def shout(words):
    ///     loud = [str(word).upper() for word in words]
    ///     text = set()
    ///     for word in loud:
    ///         text.add(word)
    ///     return text, sorted(set(loud)), max(loud)
    /// ```
    /// ```python before needs-run
    /// def show(table: dict):
    ///     for key in list(table.keys()):
    ///         send(key)
    /// ```
    /// ```python after
    /// def show(table: dict):
    ///     for key in table.keys():
    ///         send(key)
    /// ```
    /// ```python before proven
    /// class Series:
    ///     def __init__(self, readings):
    ///         self._readings = list(readings)
    ///
    ///     def values(self):
    ///         return self._readings[:]
    ///
    ///     def mean(self):
    ///         values = list(self.values())
    ///         return sum(values) / len(values)
    ///
    ///     def above(self, limit):
    ///         count = 0
    ///         for value in self.values().copy():
    ///             count += value > limit
    ///         return count
    /// ```
    /// ```python after
    /// class Series:
    ///     def __init__(self, readings):
    ///         self._readings = list(readings)
    ///
    ///     def values(self):
    ///         return self._readings[:]
    ///
    ///     def mean(self):
    ///         values = self.values()
    ///         return sum(values) / len(values)
    ///
    ///     def above(self, limit):
    ///         count = 0
    ///         for value in self.values():
    ///             count += value > limit
    ///         return count
    /// ```
    /// ```python before needs-run
    /// class Series:
    ///     def __init__(self):
    ///         self._readings = []
    ///
    ///     def run(self, limit):
    ///         readings = [r for r in self._readings]
    ///         best = 0
    ///         for value in readings:
    ///             best = max(best, value - limit)
    ///         return best
    /// ```
    /// ```python after
    /// class Series:
    ///     def __init__(self):
    ///         self._readings = []
    ///
    ///     def run(self, limit):
    ///         readings = self._readings
    ///         best = 0
    ///         for value in readings:
    ///             best = max(best, value - limit)
    ///         return best
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Shelf:
    ///     def __init__(self):
    ///         self.stock = {}
    ///         self.known = []
    ///
    ///     def remember(self):
    ///         self.known = list(self.stock)
    ///
    ///     def take(self, key):
    ///         before = list(self.stock)
    ///         del self.stock[key]
    ///         return len(before) - len(self.stock)
    ///
    ///     def names(self):
    ///         names = [name for name in self.known]
    ///         return names
    /// ```
    /// ```python unchanged
    /// def prune(table: dict, items):
    ///     for key in list(table):
    ///         if not table[key]:
    ///             del table[key]
    ///     for item in list(items.drain()):
    ///         print(item)
    ///     for item in items.waiting[:]:
    ///         item.cancel()
    /// ```
    "needless-copy", Memory, [Trigger::Call("list"), Trigger::Call("tuple"), Trigger::Call("copy"), Trigger::Kind(Kind::Subscript), Trigger::Kind(Kind::ListComprehension)] => find
}

/// Builtins that read all of their argument.
const READERS: &[&str] = &["set", "frozenset", "sorted", "list", "tuple", "sum", "min", "max", "any", "all", "dict"];

/// What is copied, when the node is a copy of something.
fn copied(node: Node<'_>) -> Option<Node<'_>> {
    if is_builtin_call(node, "list") || is_builtin_call(node, "tuple") {
        let [only] = positional(node)?[..] else { return None };
        return (!only.is(Kind::GeneratorExpression)).then_some(only);
    }
    if let Some((receiver, "copy")) = method(node) {
        return arguments(node).is_empty().then_some(receiver);
    }
    if node.is(Kind::ListComprehension) {
        return walked_alone(node);
    }
    let slice = node.is(Kind::Subscript).then(|| node.field(Field::Subscript)).flatten()?;
    let is_whole = slice.is(Kind::Slice) && slice.children().next().is_none() && slice.text() == ":";
    is_whole.then(|| node.field(Field::Value)).flatten()
}

/// `items` of `[x for x in items]`.
fn walked_alone(node: Node<'_>) -> Option<Node<'_>> {
    let parts = node.child_nodes();
    let [element, clause] = parts[..] else { return None };
    let target = clause.field(Field::Left)?;
    let is_same = element.is(Kind::Identifier) && target.is(Kind::Identifier) && element.text() == target.text();
    (is_same && !is_async(node)).then(|| clause.field(Field::Right)).flatten()
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let inner = copied(node)?;
    if has_comment(node) {
        return None;
    }
    if is_new_list(context, inner) && copies_list(node) {
        let mut rewrite = Rewrite::new(node, format!("`{}` is a new list already", inner.text()));
        rewrite.edits.replace(node, inner.text());
        return Some(rewrite);
    }
    match usage(node) {
        Usage::Assigned(assignment) => named(context, node, inner, assignment),
        Usage::Iterated(looping) if !is_async(looping) => in_loop(context, node, inner, looping),
        Usage::Builtin(_, call) => in_call(context, node, inner, call),
        _ => None,
    }
}

/// True for copies that are lists: `list(x)`, `x[:]`, `x.copy()`, `[y for y in x]`.
fn copies_list(node: Node<'_>) -> bool {
    !is_builtin_call(node, "tuple")
}

/// True for a call of a method or function of the project that gives a new list each time.
fn is_new_list<'a>(context: &Context<'a>, inner: Node<'a>) -> bool {
    let Some(function) = context.callee(inner).filter(|callee| callee.is(Kind::Function)) else { return false };
    if is_async(function)
        || function.has(Kind::Yield)
        || function.parent().is_some_and(|parent| parent.is(Kind::Decorated))
        || context.is_overridden(function)
    {
        return false;
    }
    let mut returns = function.descendants().filter(|each| each.is(Kind::Return)).peekable();
    let is_ended = function
        .field(Field::Body)
        .is_some_and(|body| body.children().last().is_some_and(|last| last.is(Kind::Return)));
    returns.peek().is_some()
        && is_ended
        && returns.all(|each| {
            each.only_child().is_some_and(|value| match value.kind() {
                Kind::List | Kind::ListComprehension => true,
                Kind::Call => is_builtin_call(value, "list") || is_builtin_call(value, "sorted"),
                Kind::Subscript => copied(value).is_some_and(|inner| held_list(context, inner)),
                _ => false,
            })
        })
}

/// True for `self.rows` that only this class sets, each time to a list it makes.
fn held_list<'a>(context: &Context<'a>, inner: Node<'a>) -> bool {
    if matches!(crate::engine::rewrite::facts::proved(inner), Some(Type::List(_))) {
        return true;
    }
    let Some(class) = inner.ancestor(Kind::Class).filter(|_| inner.is(Kind::Attribute)) else { return false };
    let Some(name) = inner.field(Field::Attribute).map(Node::text) else { return false };
    if inner.field(Field::Object).is_none_or(|object| object.text() != "self")
        || context.index.is_named_outside(name, class)
    {
        return false;
    }
    let places = class.descendants().filter(|each| {
        each.is(Kind::Attribute) && each.field(Field::Attribute).is_some_and(|field| field.text() == name)
    });
    let mut n_stores = 0;
    for place in places {
        let Some(parent) = place.parent() else { return false };
        match (parent.kind(), place.role()) {
            (Kind::Assignment, Field::Left) => {
                n_stores += 1;
                let is_list = parent
                    .field(Field::Right)
                    .and_then(crate::engine::rewrite::facts::proved)
                    .is_some_and(|of| matches!(of, Type::List(_)));
                if !is_list {
                    return false;
                }
            }
            (Kind::PatternList | Kind::TuplePattern | Kind::Delete | Kind::AsPatternTarget, _)
            | (Kind::For | Kind::AugmentedAssignment, Field::Left) => return false,
            _ => {}
        }
    }
    n_stores > 0
}

/// `rows = list(items)` of which is only read.
fn named<'a>(context: &Context<'a>, node: Node<'a>, inner: Node<'a>, assignment: Node<'a>) -> Option<Rewrite<'a>> {
    let name = assignment.field(Field::Left).filter(|_| assignment.is(Kind::Assignment))?;
    let variable = local_variable(name)?;
    variable.only_binding()?;
    let (is_collection, _) = collection(context, inner);
    let is_held = held_list(context, inner);
    let root =
        crate::engine::rewrite::facts::root_name(inner).filter(|_| crate::engine::rewrite::facts::is_chain(inner))?;
    // What an attribute holds is known only when this class alone sets it.
    let is_list =
        is_held || !inner.is(Kind::Attribute) && is_collection && matches!(context.typed(inner).of, Type::List(_));
    if !is_list
        || !copies_list(node)
        || is_suspended(node)
        || !variable.uses().all(is_looked_at)
        || crate::syntax::enclosing_loop(node).is_some()
        || variable.uses().count() == 0
        || is_touched(node, inner, root)
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is copied and only read", inner.text()));
    rewrite.edits.replace(node, inner.text());
    rewrite.assume(Assumption::Unchanged(inner.text().into()));
    Some(rewrite)
}

/// True when the value is walked, searched, counted or compared on the spot: its items may be handed out, for they are
/// the same objects in the copy.
fn is_looked_at(each: Node<'_>) -> bool {
    let is_look = match usage(each) {
        Usage::Builtin(name, _) => !matches!(name, "iter" | "enumerate" | "zip" | "map" | "filter" | "reversed" | "id"),
        Usage::Iterated(_)
        | Usage::Searched(_)
        | Usage::Truth
        | Usage::Item(_)
        | Usage::Compared(_)
        | Usage::Formatted => true,
        Usage::Method(name, _) => matches!(name, "index" | "count" | "copy"),
        _ => false,
    };
    is_look && !crate::engine::rewrite::facts::is_lazy(each)
}

/// True when the function does something else to what is copied, or binds the name it begins with anew.
fn is_touched<'a>(node: Node<'a>, inner: Node<'a>, root: Node<'a>) -> bool {
    let Some(body) = crate::syntax::enclosing_function(node).and_then(|function| function.field(Field::Body)) else {
        return true;
    };
    let Some(variable) = root.variable() else { return true };
    if variable.bindings().any(|each| body.contains(each) && each.start() > node.start()) {
        return true;
    }
    let mentions = body.descendants().filter(|each| each.kind() == inner.kind() && each.text() == inner.text());
    mentions.into_iter().any(|each| {
        each.start() > node.end()
            && !matches!(
                usage(each),
                Usage::Iterated(_)
                    | Usage::Searched(_)
                    | Usage::Truth
                    | Usage::Builtin(..)
                    | Usage::Item(_)
                    | Usage::Compared(_)
            )
    })
}

fn in_call<'a>(context: &Context<'a>, node: Node<'a>, inner: Node<'a>, call: Node<'a>) -> Option<Rewrite<'a>> {
    let callee = call.field(Field::Function)?;
    let name = READERS.iter().find(|name| is_builtin(callee, name))?;
    if arguments(call).first() != Some(&node)
        || *name == "min" && arguments(call).len() > 1 && !arguments(call)[1].is(Kind::KeywordArgument)
    {
        return None;
    }
    let is_cast = matches!(*name, "set" | "frozenset" | "sorted" | "list" | "tuple" | "dict");
    let (is_collection, is_proved) = collection(context, inner);
    let is_recast = is_cast && arguments(call).len() == 1 && runs_no_code(context, name, inner);
    if !is_collection && !is_recast {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is copied for `{name}`", inner.text()));
    if !is_proved {
        rewrite.assume(Assumption::Type(inner.text().into(), "a list, tuple, set, dict or view of one"));
    }
    // A key function, comparisons or hashes of the items could change what is being read.
    let element = context.typed(inner).of.element();
    if !element.is_hashable() || arguments(call).len() > 1 {
        rewrite.assume(Assumption::Unchanged(inner.text().into()));
    }
    rewrite.edits.replace(node, inner.text());
    Some(rewrite)
}

/// Copying into another collection reads all anyway.
fn runs_no_code<'a>(context: &Context<'a>, name: &str, inner: Node<'a>) -> bool {
    matches!(name, "list" | "tuple") && context.typed(inner).is_proved()
}

/// Whether a value is a collection, and whether that is proved.
fn collection<'a>(context: &Context<'a>, inner: Node<'a>) -> (bool, bool) {
    if let Some((receiver, "keys" | "values" | "items")) = method(inner)
        && arguments(inner).is_empty()
    {
        let typed = context.typed(receiver);
        return (matches!(typed.of, Type::Dict(..)), typed.is_proved());
    }
    let typed = context.typed(inner);
    let is_it = matches!(
        typed.of,
        Type::List(_)
            | Type::Tuple(_)
            | Type::Dict(..)
            | Type::Set(_)
            | Type::FrozenSet(_)
            | Type::Deque(_)
            | Type::Str
            | Type::Range
    );
    (is_it, typed.is_proved())
}

fn in_loop<'a>(context: &Context<'a>, node: Node<'a>, inner: Node<'a>, looping: Node<'a>) -> Option<Rewrite<'a>> {
    let (is_collection, is_proved) = collection(context, inner);
    let region = if looping.is(Kind::For) { looping } else { looping.parent()? };
    if !is_collection || region.is(Kind::GeneratorExpression) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is copied to be walked once", inner.text()));
    if !is_proved {
        rewrite.assume(Assumption::Type(inner.text().into(), "a list, tuple, set, dict or view of one"));
    }
    if let Some(root) = root_of(inner) {
        let variable = local_variable(root)?;
        let body = if looping.is(Kind::For) { looping.field(Field::Body)? } else { region };
        match change(body, variable) {
            Change::Surely => return None,
            Change::Perhaps => rewrite.assume(Assumption::Unchanged(root.text().into())),
            Change::Never => {}
        }
        if calls_unknown(body) || suspends(body) {
            rewrite.assume(Assumption::Unchanged(root.text().into()));
        }
        // Anything that the body changes may be the same object under another name.
        if changes_something(body) && !is_own(variable) {
            rewrite.assume(Assumption::Unchanged(root.text().into()));
        }
    }
    rewrite.edits.replace(node, clause(inner));
    Some(rewrite)
}

fn root_of(inner: Node<'_>) -> Option<Node<'_>> {
    match method(inner) {
        Some((receiver, _)) => root_name(receiver),
        None => root_name(inner),
    }
}

/// True when the variable holds a new object that nothing else got.
fn is_own(variable: crate::syntax::Variable<'_>) -> bool {
    let is_fresh =
        |binding: Node<'_>| crate::syntax::binding_value(binding).is_some_and(crate::engine::rewrite::facts::is_fresh);
    variable.bindings().all(is_fresh)
        && variable.uses().all(|each| !matches!(usage(each), Usage::Argument(_) | Usage::Assigned(_) | Usage::Other(_)))
}

fn changes_something(body: Node<'_>) -> bool {
    body.descendants().any(|each| {
        each.is(Kind::Delete)
            || each.is(Kind::Assignment) && each.field(Field::Left).is_some_and(|left| !left.is(Kind::Identifier))
            || each.is(Kind::Call) && method(each).is_some()
    })
}
