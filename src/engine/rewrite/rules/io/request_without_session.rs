//! Finds requests in a loop that each open a connection of their own.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, enclosing_function, enclosing_loop, has_keyword, is_async, qualified};

rule! {
    /// ## What it finds
    /// `requests.get(url)` and the like in a `for` loop.
    /// ## Why it is slow
    /// Every request opens a connection: two to four round trips, and for TLS the handshake. A session keeps it open.
    /// ## What must hold
    /// - The loop stands in a function, runs in one thread and hands `requests` to no one.
    /// - Cookies that one answer sets are sent with the next request: nobody minds.
    /// ## Example
    /// ```python before needs-run
    /// import requests
    ///
    ///
    /// def pages(urls):
    ///     found = []
    ///     for url in urls:
    ///         answer = requests.get(url, timeout=5)
    ///         found.append(answer.text)
    ///     return found
    /// ```
    /// ```python after
    /// import requests
    ///
    ///
    /// def pages(urls):
    ///     found = []
    ///     with requests.Session() as session:
    ///         for url in urls:
    ///             answer = session.get(url, timeout=5)
    ///             found.append(answer.text)
    ///     return found
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import requests
    ///
    ///
    /// def page(url):
    ///     return requests.get(url).text
    ///
    ///
    /// def streams(urls):
    ///     for url in urls:
    ///         yield requests.get(url, stream=True)
    ///
    ///
    /// def submitted(pool, urls):
    ///     for url in urls:
    ///         pool.submit(lambda url=url: requests.get(url))
    /// ```
    "request-without-session", Io, [
        Trigger::Call("get"), Trigger::Call("post"), Trigger::Call("put"), Trigger::Call("head"), Trigger::Call("patch"),
        Trigger::Call("delete"), Trigger::Call("request"),
    ] => find
}

const METHODS: &[&str] = &["get", "post", "put", "head", "patch", "delete", "options", "request"];

fn is_request(call: Node<'_>) -> bool {
    let Some(callee) = call.field(Field::Function).filter(|callee| callee.is(Kind::Attribute)) else { return false };
    qualified(callee).is_some_and(|path| path.strip_prefix("requests.").is_some_and(|name| METHODS.contains(&name)))
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if !is_request(node) {
        return None;
    }
    let function = enclosing_function(node)?;
    let mut looping = enclosing_loop(node)?;
    while let Some(outer) = enclosing_loop(looping) {
        looping = outer;
    }
    let requests: Vec<Node<'a>> =
        looping.descendants().filter(|each| each.is(Kind::Call) && is_request(*each)).collect();
    let is_first = requests.first() == Some(&node);
    let is_odd = |each: Node<'a>| {
        matches!(each.kind(), Kind::Yield | Kind::Await | Kind::Lambda | Kind::Function | Kind::Class)
            || each.is(Kind::String) && each.text().contains('\n')
            || each.is(Kind::Identifier) && matches!(each.text(), "Thread" | "submit" | "Session")
    };
    let file = node.file();
    if !is_first
        || !looping.is(Kind::For)
        || is_async(looping)
        || is_async(function)
        || looping.descendants().any(is_odd)
        || requests.iter().any(|each| has_keyword(*each, "stream") || has_keyword(*each, "cookies"))
        || !is_alone(looping)
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, "every request opens a connection of its own".to_owned());
    let session = context.fresh_name_between(looping, looping, "session");
    let module = node.field(Field::Function)?.field(Field::Object)?.text();
    let (indentation, unit) = (file.indentation(looping.start()), indentation_unit(file));
    let start = file.line_start(looping.start());
    rewrite.edits.replace_range(start, start, format!("{indentation}with {module}.Session() as {session}:\n"));
    let mut at = start;
    let stop = file.line_end(looping.end() - 1);
    while at < stop {
        if !file.text[at..file.line_end(at)].trim().is_empty() {
            rewrite.edits.replace_range(at, at, unit.clone());
        }
        at = file.line_end(at);
    }
    for each in requests {
        rewrite.edits.replace(each.field(Field::Function)?.field(Field::Object)?, session.clone());
    }
    rewrite.assume(Assumption::Deferred("cookies that one answer sets may be sent with the next request"));
    rewrite.until(looping);
    Some(rewrite)
}
