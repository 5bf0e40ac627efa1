//! Finds lists that are built only to be counted, added up or turned into something else.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, arguments, has_comment, infer, is_async, is_builtin, is_builtin_call, is_simple_name,
    keywords, method, qualified,
};

rule! {
    /// ## What it finds
    /// `sum([…])`, `len([x for …])`, `set([…])`, `dict([(k, v) for …])`, `any([…])`, `Counter([…])` and the like.
    /// ## Why it is slow
    /// The list stands in memory in full although one item at a time would do.
    /// ## What must hold
    /// - The list comprehension is the only positional argument, has no `await` and no comment.
    /// - Items of the wrong type would raise before all items are computed: proven when their type is.
    /// - `any` and `all` stop early, so later items are not computed at all.
    /// ## Example
    /// ```python before proven
    /// def figures(words):
    ///     n_long = len([word for word in words if len(word) > 3])
    ///     letters = sum([len(word) for word in words])
    ///     kinds = set([str(word).lower() for word in words])
    ///     return n_long, letters, kinds
    /// ```
    /// ```python after
    /// def figures(words):
    ///     n_long = sum(1 for word in words if len(word) > 3)
    ///     letters = sum(len(word) for word in words)
    ///     kinds = {str(word).lower() for word in words}
    ///     return n_long, letters, kinds
    /// ```
    /// ```python before needs-run
    /// from collections import Counter
    ///
    ///
    /// def summary(rows):
    ///     table = dict([(row.key, row.value) for row in rows])
    ///     best = max([row.value for row in rows], default=0)
    ///     return table, best, any([row.value > 3 for row in rows]), Counter([row.key for row in rows])
    /// ```
    /// ```python after
    /// from collections import Counter
    ///
    ///
    /// def summary(rows):
    ///     table = {row.key: row.value for row in rows}
    ///     best = max((row.value for row in rows), default=0)
    ///     return table, best, any(row.value > 3 for row in rows), Counter(row.key for row in rows)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def text(rows):
    ///     return ", ".join([str(row) for row in rows]), sorted([row.key for row in rows]), len([row.load() for row in rows])
    /// ```
    /// ```python unchanged
    /// def check(forms):
    ///     return all([form.is_valid() for form in forms])
    /// ```
    /// ```python unchanged
    /// async def total(rows):
    ///     return sum([await row.value() for row in rows])
    /// ```
    "list-as-argument", Memory, [
        Trigger::Call("sum"), Trigger::Call("len"), Trigger::Call("set"), Trigger::Call("frozenset"), Trigger::Call("dict"),
        Trigger::Call("min"), Trigger::Call("max"), Trigger::Call("any"), Trigger::Call("all"),
        Trigger::Call("Counter"), Trigger::Call("fsum"), Trigger::Call("update"),
    ] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let callee = node.field(Field::Function)?;
    let list = *arguments(node).first().filter(|first| first.is(Kind::ListComprehension))?;
    let named = keywords(node);
    if arguments(node).len() != 1 + named.len()
        || has_comment(node)
        || list.has(Kind::Await)
        || is_async(list)
        || list.has(Kind::Yield)
    {
        return None;
    }
    let name = name_of(callee)?;
    if !named
        .iter()
        .all(|(keyword, _)| matches!((name, *keyword), ("min" | "max", "default" | "key") | ("sum", "start")))
        || raises_stop(list)
    {
        return None;
    }
    let inside = &list.text()[1..list.text().len() - 1];
    let body = list.field(Field::Body)?;
    let element = infer(body);
    let mut rewrite = Rewrite::new(node, format!("`{name}` gets a list that nobody else needs"));
    let is_known = element.is_proved()
        && match name {
            "sum" => matches!(element.of, Type::Int | Type::Float | Type::Bool) && named.is_empty(),
            "min" | "max" => {
                element.of.is_hashable()
                    && element.of != Type::None
                    && !named.iter().any(|(keyword, _)| *keyword == "key")
            }
            "fsum" => matches!(element.of, Type::Int | Type::Float | Type::Bool),
            _ => element.of.is_hashable(),
        };
    match name {
        "len" => {
            // What is left out must have no effect of its own.
            if !is_simple_name(body) {
                return None;
            }
            let rest = list.text()[body.end() - list.start()..list.text().len() - 1].trim_start();
            rewrite.edits.replace(callee, "sum");
            rewrite.edits.replace(list, format!("1 {rest}"));
            return Some(rewrite);
        }
        // A call in it may be there for its effect on every item.
        "any" | "all" if body.has(Kind::Call) => return None,
        "any" | "all" => {
            rewrite.assume(Assumption::Pure(body.text().into()));
            rewrite.edits.replace(list, inside);
        }
        "set" => rewrite.edits.replace(node, format!("{{{inside}}}")),
        "dict" => {
            let parts = body.is(Kind::Tuple).then(|| body.child_nodes())?;
            let [key, value] = parts[..] else { return None };
            if key.is(Kind::ListSplat) || value.is(Kind::ListSplat) || body.has(Kind::Named) {
                return None;
            }
            let rest = &list.text()[body.end() - list.start()..list.text().len() - 1];
            let (key_text, value_text) = (key.text(), value.text());
            if !(infer(key).is_proved() && infer(key).of.is_hashable()) {
                rewrite.assume(Assumption::ErrorChanges(
                    "the error of an unhashable key after all items",
                    "one at its item",
                ));
            }
            rewrite.edits.replace(node, format!("{{{key_text}: {value_text}{rest}}}"));
            return Some(rewrite);
        }
        _ if named.is_empty() => rewrite.edits.replace(list, inside),
        _ => rewrite.edits.replace(list, format!("({inside})")),
    }
    if !is_known && !matches!(name, "any" | "all") {
        rewrite.assume(Assumption::ErrorChanges("the error of a wrong item after all items", "one at the item"));
    }
    // A trailing comma after the one generator would be a syntax error.
    if named.is_empty() && name != "set" {
        let after = node.file().text[list.end()..node.end()].trim_start();
        if after.starts_with(',') {
            rewrite.edits.replace_range(list.end(), node.end(), ")");
        }
    }
    Some(rewrite)
}

/// The builtin's name, or that of the two library functions that take any iterable.
fn name_of(callee: Node<'_>) -> Option<&'static str> {
    const BUILTINS: &[&str] = &["sum", "len", "set", "frozenset", "dict", "min", "max", "any", "all"];
    if let Some(name) = BUILTINS.iter().find(|name| is_builtin(callee, name)) {
        return Some(name);
    }
    if let Some((receiver, "update")) = callee.parent().and_then(method)
        && matches!(infer(receiver).of, Type::Set(_) | Type::Instance(_))
    {
        let is_collection = match infer(receiver).of {
            Type::Instance(name) => matches!(name.as_str(), "Counter" | "collections.Counter"),
            _ => true,
        };
        return is_collection.then_some("update");
    }
    match qualified(callee)?.as_str() {
        "collections.Counter" => Some("Counter"),
        "math.fsum" => Some("fsum"),
        _ => None,
    }
}

/// `next(it)` in the list ends the surrounding generator; in a generator expression it is an error.
fn raises_stop(list: Node<'_>) -> bool {
    list.descendants().any(|each| is_builtin_call(each, "next"))
}
