//! Finds two or more calls that are awaited one after the other though none needs the other's result.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{assignment, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, has_comment, is_within_try, next_statement, previous_statement, statement_of};

use super::await_in_loop::overlapping;

rule! {
    /// ## What it finds
    /// `user = await load_user(key)` followed by `orders = await load_orders(key)`.
    /// ## Why it is slow
    /// The waits add up; started together they take as long as the longest.
    /// ## What must hold
    /// - Each is a plain name given the result of a call whose arguments do not mention the names before it.
    /// - Neither is a write, nor a call of a database session, connection or lock; nothing stands between them.
    /// - They may run at the same time, and the second is started although the first may fail.
    /// ## Example
    /// ```python before needs-run
    /// import asyncio
    ///
    ///
    /// async def page(api, key):
    ///     user = await api.load_user(key)
    ///     orders = await api.load_orders(key, 10)
    ///     return user, orders
    /// ```
    /// ```python after
    /// import asyncio
    ///
    ///
    /// async def page(api, key):
    ///     user, orders = await asyncio.gather(api.load_user(key), api.load_orders(key, 10))
    ///     return user, orders
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// async def page(api, key):
    ///     user = await api.load_user(key)
    ///     orders = await api.load_orders(user.number)
    ///     saved = await api.save(orders)
    ///     again = await api.load_user(key)
    ///     return saved, again
    ///
    ///
    /// async def rows(session, key):
    ///     first = await session.get(key)
    ///     second = await session.get(key + 1)
    ///     return first, second
    /// ```
    "independent-awaits", Io, [Trigger::Kind(Kind::Await)] => find
}

/// Name and call of `name = await call(…)`.
fn waits(statement: Node<'_>) -> Option<(Node<'_>, Node<'_>)> {
    let (name, value) = assignment(statement)?;
    let call = overlapping(value)?;
    let is_plain = name.is(Kind::Identifier)
        && local_variable(name).is_some()
        && name.parent()?.field(Field::Type).is_none()
        && is_alone(statement)
        && !has_comment(statement);
    is_plain.then_some((name, call))
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let first = statement_of(node);
    let head = waits(first)?;
    if is_within_try(node) || previous_statement(first).is_some_and(|before| waits(before).is_some()) {
        return None;
    }
    let mut all = vec![head];
    let mut last = first;
    while let Some(next) = next_statement(last) {
        let Some((name, call)) = waits(next) else { break };
        let is_free = all.iter().all(|(known, _)| {
            known.text() != name.text()
                && !call.descendants().any(|each| each.is(Kind::Identifier) && each.text() == known.text())
        });
        if !is_free {
            break;
        }
        all.push((name, call));
        last = next;
    }
    if all.len() < 2 || first.file().text[first.start()..last.end()].contains('#') {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("{} calls are awaited one after the other", all.len()));
    let asyncio = context.import_module(&mut rewrite, "asyncio")?;
    let names: Vec<&str> = all.iter().map(|(name, _)| name.text()).collect();
    let calls: Vec<&str> = all.iter().map(|(_, call)| call.text()).collect();
    let text = format!("{} = await {asyncio}.gather({})", names.join(", "), calls.join(", "));
    rewrite.edits.replace_range(first.start(), last.end(), text);
    for (_, call) in &all {
        rewrite.assume(Assumption::Concurrent(call.field(Field::Function)?.text().into()));
    }
    rewrite.until(last);
    Some(rewrite)
}
