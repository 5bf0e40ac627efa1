//! Finds copies of collections that are only read once.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::clause;
use crate::engine::rewrite::facts::{Change, calls_unknown, change, local_variable, root_name, suspends};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, Usage, arguments, has_comment, is_async, is_builtin, is_builtin_call, method, positional,
    usage,
};

rule! {
    /// ## What it finds
    /// `for x in list(items)`, `for x in items[:]`, `sum(items.copy())`, and `set(list(x))`, `sorted(list(set(x)))`.
    /// ## Why it is slow
    /// The copy takes the memory of the whole collection and is thrown away after one pass.
    /// ## What must hold
    /// - For a loop: its body neither changes the collection nor calls anything that might.
    /// - The copied value is a list, tuple, dict, set or view by construction: copying a generator also empties it.
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
    /// ## Left alone
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
    "needless-copy", Memory, [Trigger::Call("list"), Trigger::Call("tuple"), Trigger::Call("copy"), Trigger::Kind(Kind::Subscript)] => find
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
    let slice = node.is(Kind::Subscript).then(|| node.field(Field::Subscript)).flatten()?;
    let is_whole = slice.is(Kind::Slice) && slice.children().next().is_none() && slice.text() == ":";
    is_whole.then(|| node.field(Field::Value)).flatten()
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let inner = copied(node)?;
    if has_comment(node) {
        return None;
    }
    match usage(node) {
        Usage::Iterated(looping) if !is_async(looping) => in_loop(context, node, inner, looping),
        Usage::Builtin(_, call) => in_call(context, node, inner, call),
        _ => None,
    }
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
