//! Finds calls that stop the whole event loop.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, enclosing_function, has_comment, is_async, positional, qualified, usage,
};

rule! {
    /// ## What it finds
    /// `time.sleep`, `requests.get` and `subprocess.run` directly in an `async def`.
    /// ## Why it is slow
    /// While it waits, no other task of the event loop runs.
    /// ## What must hold
    /// - `time.sleep(x)` as a statement becomes `await asyncio.sleep(x)`: other tasks may now run meanwhile.
    /// - The others are shown only: they need an asynchronous client or a thread.
    /// ## Example
    /// ```python before needs-run
    /// import asyncio
    /// import time
    ///
    ///
    /// async def poll(job):
    ///     while not job.done:
    ///         time.sleep(0.1)
    /// ```
    /// ```python after
    /// import asyncio
    /// import time
    ///
    ///
    /// async def poll(job):
    ///     while not job.done:
    ///         await asyncio.sleep(0.1)
    /// ```
    /// ```python reported
    /// import requests
    ///
    ///
    /// async def page(url):
    ///     return requests.get(url).text
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import time
    ///
    ///
    /// async def start(run):
    ///     def work():
    ///         time.sleep(1)
    ///     await run(work)
    /// ```
    "blocking-call-in-async", Io, [
        Trigger::Call("sleep"), Trigger::Call("get"), Trigger::Call("post"), Trigger::Call("put"), Trigger::Call("request"),
        Trigger::Call("run"), Trigger::Call("check_output"), Trigger::Call("urlopen"),
    ] => find
}

const BLOCKING: &[&str] = &[
    "time.sleep",
    "requests.get",
    "requests.post",
    "requests.put",
    "requests.request",
    "subprocess.run",
    "subprocess.check_output",
    "urllib.request.urlopen",
];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let path = qualified(node.field(Field::Function)?)?;
    let name = BLOCKING.iter().find(|name| **name == path)?;
    let function = enclosing_function(node).filter(|function| is_async(*function))?;
    if node.ancestors().take_while(|each| *each != function).any(|each| each.is(Kind::Lambda)) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{name}` stops the whole event loop"));
    if *name == "time.sleep" && usage(node) == Usage::Dropped && positional(node)?.len() == 1 && !has_comment(node) {
        let asyncio = context.import_module(&mut rewrite, "asyncio")?;
        let [delay] = positional(node)?[..] else { return None };
        rewrite.edits.replace(node, format!("await {asyncio}.sleep({})", delay.text()));
        rewrite.assume(Assumption::Concurrent("everything else in the event loop".into()));
        return Some(rewrite);
    }
    rewrite.assume(Assumption::Judgement("an asynchronous client, or `asyncio.to_thread`, takes its place"));
    Some(rewrite)
}
