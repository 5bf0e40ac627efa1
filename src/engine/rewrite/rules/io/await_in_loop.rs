//! Finds calls that are awaited one after the other though none needs the other's result.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{clause, is_alone};
use crate::engine::rewrite::facts::{
    assignment, call_statement, is_empty_list, local_variable, only_statement, used_only_in,
};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, has_comment, is_async, is_within_try, method, positional, previous_statement};

rule! {
    /// ## What it finds
    /// `out.append(await fetch(x))` as the whole body of a loop, and `[await fetch(x) for x in xs]`.
    /// ## Why it is slow
    /// The waits add up; started together they take as long as the longest.
    /// ## What must hold
    /// - The call depends on nothing but the item. No more than 100 run at a time.
    /// - Calls may overlap, and those after a failed one are started: never for writes that must stop at the first error.
    /// - The receiver is no database session or connection: these allow one statement at a time.
    /// ## Example
    /// ```python before needs-run
    /// import asyncio
    ///
    ///
    /// async def pages(client, urls):
    ///     return [await client.fetch(url) for url in urls]
    /// ```
    /// ```python after
    /// import asyncio
    ///
    ///
    /// async def pages(client, urls):
    ///     limit = asyncio.Semaphore(100)
    ///
    ///     async def limited(url):
    ///         async with limit:
    ///             return await client.fetch(url)
    ///
    ///     return list(await asyncio.gather(*[limited(url) for url in urls]))
    /// ```
    /// ```python before needs-run
    /// import asyncio
    ///
    ///
    /// async def pages(fetch, urls):
    ///     found = []
    ///     for url in urls:
    ///         found.append(await fetch(url, 3))
    ///     return found
    /// ```
    /// ```python after
    /// import asyncio
    ///
    ///
    /// async def pages(fetch, urls):
    ///     limit = asyncio.Semaphore(100)
    ///
    ///     async def limited(url):
    ///         async with limit:
    ///             return await fetch(url, 3)
    ///
    ///     found = list(await asyncio.gather(*[limited(url) for url in urls]))
    ///     return found
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// async def rows(session, keys, hosts):
    ///     found = [await session.get(Row, key) for key in keys]
    ///     done = []
    ///     for host in hosts:
    ///         if await is_up(host):
    ///             done.append(await upgrade(host))
    ///     return found, done
    /// ```
    "await-in-loop", Io, [Trigger::Kind(Kind::For), Trigger::Kind(Kind::ListComprehension)] => find
}

/// Receivers and callees whose names tell of a database, a transaction or a lock.
const SERIAL: &[&str] = &["session", "conn", "cursor", "cur", "db", "transaction", "lock", "pool", "engine", "tx"];

/// Names of calls that change something elsewhere.
const WRITES: &[&str] = &[
    "upgrade", "update", "write", "save", "delete", "remove", "insert", "create", "send", "post", "put", "patch",
    "commit", "deploy", "restart", "stop", "start", "execute", "set", "add", "push", "publish", "lock", "acquire",
    "release", "sleep", "migrate", "apply",
];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if is_async(node) || has_comment(node) || is_within_try(node) {
        return None;
    }
    if node.is(Kind::For) { in_loop(context, node) } else { in_comprehension(context, node) }
}

/// The call behind `await`, when it may overlap with others of its kind.
fn overlapping(awaited: Node<'_>) -> Option<Node<'_>> {
    let call = awaited.is(Kind::Await).then(|| awaited.only_child()).flatten().filter(|call| call.is(Kind::Call))?;
    let callee = call.field(Field::Function)?;
    let words: Vec<String> = callee.text().split(['.', '_']).map(str::to_lowercase).collect();
    let is_serial = words.iter().any(|word| SERIAL.contains(&word.as_str()) || WRITES.contains(&word.as_str()));
    let has_more =
        call.descendants().skip(1).any(|each| matches!(each.kind(), Kind::Await | Kind::Yield | Kind::Named));
    (!is_serial
        && !has_more
        && matches!(callee.kind(), Kind::Identifier | Kind::Attribute)
        && !call.text().contains('\n'))
    .then_some(call)
}

fn in_comprehension<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let parts = node.child_nodes();
    let [awaited, clause, rest @ ..] = &parts[..] else { return None };
    let call = overlapping(*awaited)?;
    let statement = crate::syntax::statement_of(node);
    let is_whole = node.wrapped().parent().is_some_and(|parent| {
        matches!(parent.kind(), Kind::Return) || parent.is(Kind::Assignment) && parent.parent() == Some(statement)
    });
    if !rest.iter().all(|each| each.is(Kind::IfClause) && !each.has(Kind::Await))
        || !is_whole
        || !is_alone(statement)
        || clause.has(Kind::Await)
    {
        return None;
    }
    let target = clause.field(Field::Left).filter(|target| target.is(Kind::Identifier))?;
    let mut rewrite = Rewrite::new(node, format!("`{}` is awaited one item after the other", call.text()));
    let tail = &node.text()[clause.start() - node.start()..node.text().len() - 1];
    let gathered = gathered(context, &mut rewrite, statement, call, target, tail)?;
    rewrite.edits.replace(node, gathered);
    Some(rewrite)
}

fn in_loop<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let append = call_statement(only_statement(node)?)?;
    let (out, "append") = method(append)? else { return None };
    let [awaited] = positional(append)?[..] else { return None };
    let call = overlapping(awaited)?;
    let target = node.field(Field::Left).filter(|target| target.is(Kind::Identifier))?;
    let iterable = node.field(Field::Right)?;
    let before = previous_statement(node)?;
    let (name, value) = assignment(before)?;
    let variable = local_variable(out)?;
    let is_start = name.variable() == Some(variable) && is_empty_list(value) && is_alone(before) && is_alone(node);
    let is_mentioned = [iterable, call].iter().any(|part| variable.occurrences().any(|each| part.contains(each)));
    if !is_start
        || is_mentioned
        || node.field(Field::Alternative).is_some()
        || iterable.has(Kind::Await)
        || !used_only_in(target, node)
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is awaited one item after the other", call.text()));
    let tail = format!("for {} in {}", target.text(), clause(iterable));
    let gathered = gathered(context, &mut rewrite, before, call, target, &tail)?;
    rewrite.edits.replace(value, gathered);
    let file = node.file();
    rewrite.edits.replace_range(file.line_end(before.end() - 1), file.line_end(node.end() - 1), "");
    Some(rewrite)
}

/// Writes the limited call before the statement; returns the expression that gathers.
fn gathered<'a>(
    context: &Context<'a>,
    rewrite: &mut Rewrite<'a>,
    statement: Node<'a>,
    call: Node<'a>,
    target: Node<'a>,
    tail: &str,
) -> Option<String> {
    let asyncio = context.import_module(rewrite, "asyncio")?;
    let unit = crate::engine::rewrite::edits::indentation_unit(statement.file());
    let (limit, limited) = (context.fresh_name("limit"), context.fresh_name("limited"));
    let name = target.text();
    let file = statement.file();
    let indentation = file.indentation(statement.start());
    let start = file.line_start(statement.start());
    let text = format!(
        "{indentation}{limit} = {asyncio}.Semaphore(100)\n\n{indentation}async def {limited}({name}):\n{indentation}{unit}async with {limit}:\n{indentation}{unit}{unit}return await {}\n\n",
        call.text()
    );
    rewrite.edits.replace_range(start, start, text);
    rewrite.assume(Assumption::Concurrent(call.field(Field::Function)?.text().into()));
    Some(format!("list(await {asyncio}.gather(*[{limited}({name}) {tail}]))"))
}
