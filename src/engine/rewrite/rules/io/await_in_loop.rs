//! Finds calls that are awaited one after the other though none needs the other's result.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{clause, is_alone};
use crate::engine::rewrite::facts::{
    Change, assignment, body, call_statement, change, is_empty_dict, is_empty_list, local_variable, only_statement,
    used_only_in,
};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, has_comment, is_async, is_within_try, method, positional, previous_statement};

rule! {
    /// ## What it finds
    /// `out.append(await fetch(x))` or `table[x] = await fetch(x)` as the whole body of a loop, a loop that begins with
    /// `page = await fetch(x)`, and `[await fetch(x) for x in xs]` or `{x: await fetch(x) for x in xs}`.
    /// ## Why it is slow
    /// The waits add up; started together they take as long as the longest.
    /// ## What must hold
    /// - The call depends on nothing but the item. No more than 100 run at a time.
    /// - Calls may overlap, and those after a failed one are started: never for writes that must stop at the first error.
    /// - The receiver is no database session or connection: these allow one statement at a time.
    /// - What follows in the loop neither awaits nor leaves it, and changes nothing that the calls are given.
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
    /// ```python before needs-run
    /// import asyncio
    ///
    ///
    /// class Planner:
    ///     async def free(self, rooms):
    ///         return {room: await self.api.nights(room) for room in rooms}
    ///
    ///     async def sizes(self, pages):
    ///         total = 0
    ///         for number, url in enumerate(pages):
    ///             page = await self.api.fetch(url)
    ///             if page:
    ///                 total += len(page) * number
    ///         return total
    /// ```
    /// ```python after
    /// import asyncio
    ///
    ///
    /// class Planner:
    ///     async def free(self, rooms):
    ///         limit = asyncio.Semaphore(100)
    ///
    ///         async def limited(room):
    ///             async with limit:
    ///                 return room, await self.api.nights(room)
    ///
    ///         return dict(await asyncio.gather(*[limited(room) for room in rooms]))
    ///
    ///     async def sizes(self, pages):
    ///         total = 0
    ///         limit = asyncio.Semaphore(100)
    ///
    ///         async def limited(number, url):
    ///             async with limit:
    ///                 return number, url, await self.api.fetch(url)
    ///
    ///         for number, url, page in await asyncio.gather(*[limited(number, url) for number, url in enumerate(pages)]):
    ///             if page:
    ///                 total += len(page) * number
    ///         return total
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// async def found(fetch, urls):
    ///     for url in urls:
    ///         page = await fetch(url)
    ///         if page:
    ///             return page
    ///     last = None
    ///     for url in urls:
    ///         last = await fetch(url, last)
    ///     return last
    ///
    ///
    /// async def rows(session, keys, hosts):
    ///     found = [await session.get(Row, key) for key in keys]
    ///     done = []
    ///     for host in hosts:
    ///         if await is_up(host):
    ///             done.append(await upgrade(host))
    ///     return found, done
    /// ```
    "await-in-loop", Io, [
        Trigger::Kind(Kind::For), Trigger::Kind(Kind::ListComprehension), Trigger::Kind(Kind::SetComprehension),
        Trigger::Kind(Kind::DictionaryComprehension),
    ] => find
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
    if node.is(Kind::For) {
        in_loop(context, node).or_else(|| before_body(context, node))
    } else {
        in_comprehension(context, node)
    }
}

/// The call behind `await`, when it may overlap with others of its kind.
pub(super) fn overlapping(awaited: Node<'_>) -> Option<Node<'_>> {
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

/// The one call that an expression awaits; the rest of the expression calls nothing but what gives a value.
fn awaited_in(expression: Node<'_>) -> Option<Node<'_>> {
    let mut awaits = expression.descendants().filter(|each| each.is(Kind::Await));
    let (only, more) = (awaits.next()?, awaits.next());
    let is_plain = more.is_none()
        && !expression.text().contains('\n')
        && !expression.descendants().any(|each| {
            matches!(each.kind(), Kind::Named | Kind::Yield | Kind::Lambda | Kind::ListSplat)
                || crate::syntax::is_loop(each) && each.contains(only)
        });
    overlapping(only).filter(|_| is_plain)
}

/// The names that a loop binds: `x`, or `i, x`.
fn names_of(target: Node<'_>) -> Option<Vec<&str>> {
    match target.kind() {
        Kind::Identifier => Some(vec![target.text()]),
        Kind::PatternList | Kind::TuplePattern => {
            target.children().map(|each| each.is(Kind::Identifier).then(|| each.text())).collect()
        }
        _ => None,
    }
}

fn in_comprehension<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let parts = node.child_nodes();
    let [element, clause, rest @ ..] = &parts[..] else { return None };
    let call = awaited_in(*element)?;
    let statement = crate::syntax::statement_of(node);
    let is_direct = node.ancestors().take_while(|each| *each != statement).all(|each| {
        !crate::syntax::is_loop(each)
            && !matches!(each.kind(), Kind::Lambda | Kind::BooleanOperator | Kind::Conditional)
    });
    if !rest.iter().all(|each| each.is(Kind::IfClause) && !each.has(Kind::Await))
        || !is_direct
        || !is_alone(statement)
        || statement.has(Kind::Block)
        || clause.has(Kind::Await)
    {
        return None;
    }
    let names = names_of(clause.field(Field::Left)?)?;
    let mut rewrite = Rewrite::new(node, format!("`{}` is awaited one item after the other", call.text()));
    let tail = &node.text()[clause.start() - node.start()..node.text().len() - 1];
    let result = match node.kind() {
        Kind::DictionaryComprehension => {
            format!("{}, {}", element.field(Field::Key)?.text(), element.field(Field::Value)?.text())
        }
        _ => element.text().to_owned(),
    };
    let kind = match node.kind() {
        Kind::DictionaryComprehension => "dict",
        Kind::SetComprehension => "set",
        _ => "list",
    };
    let gathered = gathered(context, &mut rewrite, statement, call, &names, &result, tail)?;
    rewrite.edits.replace(node, format!("{kind}({gathered})"));
    Some(rewrite)
}

/// `out.append(await f(x))` or `table[key] = await f(x)`.
fn in_loop<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let only = only_statement(node)?;
    let (out, result, kind) = if let Some((entry, value)) = assignment(only) {
        let out = entry.is(Kind::Subscript).then(|| entry.field(Field::Value)).flatten()?;
        (out, format!("{}, {}", entry.field(Field::Subscript)?.text(), value.text()), "dict")
    } else {
        let (out, "append") = method(call_statement(only)?)? else { return None };
        let [value] = positional(call_statement(only)?)?[..] else { return None };
        (out, value.text().to_owned(), "list")
    };
    let call = awaited_in(only)?;
    let target = node.field(Field::Left)?;
    let names = names_of(target)?;
    let iterable = node.field(Field::Right)?;
    let before = previous_statement(node)?;
    let (name, value) = assignment(before)?;
    let variable = local_variable(out)?;
    let is_empty = if kind == "dict" { is_empty_dict(value) } else { is_empty_list(value) };
    let is_start = name.variable() == Some(variable) && is_empty && is_alone(before) && is_alone(node);
    let n_mentions = variable.occurrences().filter(|each| node.contains(*each)).count();
    if !is_start
        || n_mentions != 1
        || node.field(Field::Alternative).is_some()
        || iterable.has(Kind::Await)
        || !used_only_in(target, node)
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is awaited one item after the other", call.text()));
    let tail = format!("for {} in {}", target.text(), clause(iterable));
    let gathered = gathered(context, &mut rewrite, before, call, &names, &result, &tail)?;
    rewrite.edits.replace(value, format!("{kind}({gathered})"));
    let file = node.file();
    rewrite.edits.replace_range(file.line_end(before.end() - 1), file.line_end(node.end() - 1), "");
    Some(rewrite)
}

/// A loop that begins with `page = await fetch(x)`: all are fetched first, then the rest runs as before.
fn before_body<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let statements = body(node);
    let [first, rest @ ..] = &statements[..] else { return None };
    let (name, value) = assignment(*first).filter(|(name, _)| name.is(Kind::Identifier))?;
    let call = awaited_in(value).filter(|call| value.is(Kind::Await) && value.only_child() == Some(*call))?;
    let target = node.field(Field::Left)?;
    let names = names_of(target)?;
    let iterable = node.field(Field::Right)?;
    let page = local_variable(name)?;
    let leaves = |each: Node<'a>| {
        matches!(
            each.kind(),
            Kind::Await
                | Kind::Yield
                | Kind::Return
                | Kind::Break
                | Kind::Raise
                | Kind::Try
                | Kind::With
                | Kind::Delete
        )
    };
    let given: Vec<_> =
        call.descendants().filter(|each| each.is(Kind::Identifier)).filter_map(Node::variable).collect();
    let is_touched = rest.iter().any(|each| {
        each.descendants().any(leaves) || given.iter().any(|variable| change(*each, *variable) != Change::Never)
    });
    let is_own = page.occurrences().all(|each| node.contains(each)) && !given.contains(&page);
    if rest.is_empty()
        || is_touched
        || !is_own
        || is_within_loop(node)
        || names.contains(&name.text())
        || node.field(Field::Alternative).is_some()
        || iterable.has(Kind::Await)
        || !used_only_in(target, node)
        || !is_alone(*first)
        || names.iter().any(|each| rest.iter().any(|part| binds(*part, each)))
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is awaited one item after the other", call.text()));
    let tail = format!("for {} in {}", target.text(), clause(iterable));
    let result = format!("{}, {}", names.join(", "), value.text());
    let gathered = gathered(context, &mut rewrite, node, call, &names, &result, &tail)?;
    rewrite.edits.replace_range(target.start(), target.end(), format!("{}, {}", names.join(", "), name.text()));
    rewrite.edits.replace_range(iterable.start(), iterable.end(), gathered);
    rewrite.edits.remove(*first);
    Some(rewrite)
}

/// A loop in a loop would gather in each round; that is left to who knows how many there are.
fn is_within_loop(node: Node<'_>) -> bool {
    crate::syntax::enclosing_loop(node).is_some()
}

fn binds(region: Node<'_>, name: &str) -> bool {
    region.descendants().any(|each| {
        each.is(Kind::Identifier)
            && each.text() == name
            && crate::syntax::occurrence(each) == crate::syntax::Occurrence::Bind
    })
}

/// Writes the limited call before the statement; returns the expression that gathers.
fn gathered<'a>(
    context: &Context<'a>,
    rewrite: &mut Rewrite<'a>,
    statement: Node<'a>,
    call: Node<'a>,
    names: &[&str],
    result: &str,
    tail: &str,
) -> Option<String> {
    let asyncio = context.import_module(rewrite, "asyncio")?;
    let unit = crate::engine::rewrite::edits::indentation_unit(statement.file());
    let (limit, limited) = (context.fresh_name("limit"), context.fresh_name("limited"));
    let name = names.join(", ");
    let file = statement.file();
    let indentation = file.indentation(statement.start());
    let start = file.line_start(statement.start());
    let text = format!(
        "{indentation}{limit} = {asyncio}.Semaphore(100)\n\n{indentation}async def {limited}({name}):\n{indentation}{unit}async with {limit}:\n{indentation}{unit}{unit}return {result}\n\n",
    );
    rewrite.edits.replace_range(start, start, text);
    rewrite.assume(Assumption::Concurrent(call.field(Field::Function)?.text().into()));
    Some(format!("await {asyncio}.gather(*[{limited}({name}) {tail}])"))
}
