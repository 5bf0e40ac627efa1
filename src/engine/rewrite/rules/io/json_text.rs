//! Finds JSON written and read by the standard library.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::argument;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, enclosing_function, has_comment, keywords, qualified, string_value, usage,
};

rule! {
    /// ## What it finds
    /// `json.dumps(x)` and `json.loads(x)` inside functions.
    /// ## Why it is slow
    /// orjson writes the same about ten times and reads about twice as fast.
    /// ## What must hold
    /// - No options but compact separators, `ensure_ascii=False`, and no `try` around that reacts to what `json` refuses.
    /// - Bytes are decoded as before: what is no UTF-8 raises the same error.
    /// - orjson's text has no blanks after `,` and `:` and does not escape what is not ASCII; integers beyond 64 bits,
    ///   NaN and keys that are no strings fail or change: that needs a run, and the package `orjson`.
    /// ## Example
    /// ```python before needs-run
    /// import json
    ///
    ///
    /// def send(message):
    ///     return json.dumps(message)
    /// ```
    /// ```python after
    /// import json
    /// import orjson
    ///
    ///
    /// def send(message):
    ///     return orjson.dumps(message).decode()
    /// ```
    /// ```python before needs-run
    /// import json
    ///
    ///
    /// def frame(message):
    ///     return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    ///
    ///
    /// def unpack(data: bytes):
    ///     return json.loads(data.decode("utf-8"))
    /// ```
    /// ```python after
    /// import json
    /// import orjson
    ///
    ///
    /// def frame(message):
    ///     return orjson.dumps(message)
    ///
    ///
    /// def unpack(data: bytes):
    ///     return orjson.loads(data.decode("utf-8"))
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import json
    ///
    ///
    /// def pretty(message):
    ///     return json.dumps(message, indent=4)
    ///
    ///
    /// def tagged(message):
    ///     try:
    ///         return json.dumps(message)
    ///     except TypeError:
    ///         return json.dumps(str(message), default=str)
    /// ```
    "json-text", Io, [Trigger::Call("dumps"), Trigger::Call("loads")] => find
}

/// The first orjson with wheels for all supported versions of Python.
const REQUIREMENT: &str = "orjson>=3.9";

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let path = qualified(node.field(Field::Function)?)?;
    let name = path.strip_prefix("json.").filter(|name| matches!(*name, "dumps" | "loads"))?;
    enclosing_function(node)?;
    let all = arguments(node);
    let value = *all
        .first()
        .filter(|first| !matches!(first.kind(), Kind::ListSplat | Kind::DictionarySplat | Kind::KeywordArgument))?;
    if has_comment(node) || all.len() != 1 + keywords(node).len() || name == "dumps" && is_guarded(node) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`json.{name}` is several times slower than orjson"));
    let module = context.import_module(&mut rewrite, "orjson")?;
    rewrite.requirements.push(REQUIREMENT.into());
    if name == "loads" {
        if !keywords(node).is_empty() {
            return None;
        }
        rewrite.edits.replace(node, format!("{module}.loads({})", argument(value)));
        rewrite.assume(Assumption::Library("the texts hold no NaN, no integers beyond 64 bits and no lone surrogates, and nobody reads the words of errors"));
        return Some(rewrite);
    }
    let is_compact = writes_compact(node)?;
    let text = if value.is(Kind::GeneratorExpression) { return None } else { argument(value) };
    match usage(node) {
        Usage::Method("encode", call) if is_utf8(call) => {
            rewrite.edits.replace(call, format!("{module}.dumps({text})"));
        }
        _ => rewrite.edits.replace(node, format!("{module}.dumps({text}).decode()")),
    }
    if !is_compact {
        rewrite.assume(Assumption::Library(
            "nobody compares the text: orjson writes no blanks and does not escape what is not ASCII",
        ));
    }
    rewrite.assume(Assumption::Library(
        "the values hold no NaN, no integers beyond 64 bits, no keys but strings, and nothing that `json` refuses but orjson writes; nobody reads the words of errors",
    ));
    Some(rewrite)
}

/// True when a handler may depend on what `json` refuses.
fn is_guarded(node: Node<'_>) -> bool {
    node.ancestors().take_while(|each| !each.is(Kind::Function)).any(|each| each.is(Kind::Try) || each.is(Kind::Except))
}

/// True when the options already ask for the text that orjson writes; `None` for options that it lacks.
fn writes_compact(call: Node<'_>) -> Option<bool> {
    let mut is_compact = false;
    let mut is_unescaped = false;
    for (name, value) in keywords(call) {
        match name {
            "separators" if value.text().replace([' ', '\''], "").replace('"', "") == "(,,:)" => is_compact = true,
            "ensure_ascii" if value.is(Kind::False) => is_unescaped = true,
            _ => return None,
        }
    }
    Some(is_compact && is_unescaped)
}

fn is_utf8(call: Node<'_>) -> bool {
    match arguments(call)[..] {
        [] => true,
        [only] => string_value(only).is_some_and(|name| matches!(name.to_ascii_lowercase().as_str(), "utf-8" | "utf8")),
        _ => false,
    }
}
