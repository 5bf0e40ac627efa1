//! Finds rows that are fetched into a list, by a helper too, to be walked once.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::{local_variable, passed_on};
use crate::engine::rewrite::query::may_write;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, Variable, arguments, binding_value, callee_name, enclosing_function, enclosing_loop,
    function_name, has_comment, is_async, is_builtin_call, method, positional, string_value, usage,
};

use super::list_to_generator::retype;

rule! {
    /// ## What it finds
    /// `rows = db.execute(…).fetchall()` or `rows = list(db.execute(…))` walked once, and a helper that returns
    /// `cursor.fetchall()` of a cursor of its own, when every caller of the project walks the result once.
    /// ## Why it is slow
    /// All rows stand in memory at once; a cursor gives them one by one.
    /// ## What must hold
    /// - Every mention of the helper's name is a call whose result is walked once, on the spot, or handed on by a function
    ///   that does nothing else; the loops execute nothing.
    /// - The helper closes neither cursor nor connection. Nobody changes the table while the rows are walked.
    /// ## Example
    /// ```python before needs-run
    /// class Repo:
    ///     def __init__(self, connection):
    ///         self.connection = connection
    ///
    ///     def _select(self, sql, *args):
    ///         cursor = self.connection.cursor()
    ///         cursor.execute(sql, args)
    ///         rows = cursor.fetchall()
    ///         return rows
    ///
    ///     def of(self, account):
    ///         return self._select("select day from posting where account = ?", account)
    ///
    ///     def per_day(self):
    ///         totals = {}
    ///         rows = list(self.connection.execute("select day, cents from posting"))
    ///         for day, cents in rows:
    ///             totals[day] = totals.get(day, 0) + cents
    ///         return totals
    ///
    ///
    /// def days(repo):
    ///     return [row[0] for row in repo.of("main")]
    /// ```
    /// ```python after
    /// class Repo:
    ///     def __init__(self, connection):
    ///         self.connection = connection
    ///
    ///     def _select(self, sql, *args):
    ///         cursor = self.connection.cursor()
    ///         cursor.execute(sql, args)
    ///         rows = cursor
    ///         return rows
    ///
    ///     def of(self, account):
    ///         return self._select("select day from posting where account = ?", account)
    ///
    ///     def per_day(self):
    ///         totals = {}
    ///         rows = self.connection.execute("select day, cents from posting")
    ///         for day, cents in rows:
    ///             totals[day] = totals.get(day, 0) + cents
    ///         return totals
    ///
    ///
    /// def days(repo):
    ///     return [row[0] for row in repo.of("main")]
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import sqlite3
    ///
    ///
    /// def select(path, sql):
    ///     with sqlite3.connect(path) as db:
    ///         cursor = db.cursor()
    ///         cursor.execute(sql)
    ///         return cursor.fetchall()
    ///
    ///
    /// def count(db):
    ///     rows = db.execute("select * from t").fetchall()
    ///     return len(rows)
    ///
    ///
    /// def clean(db):
    ///     rows = db.execute("select id from t").fetchall()
    ///     for row in rows:
    ///         db.execute("delete from t where id = ?", row)
    ///
    ///
    /// def show(path):
    ///     for row in select(path, "select 1"):
    ///         print(row)
    /// ```
    "cursor-as-list", Memory, [Trigger::Call("fetchall"), Trigger::Call("list")] => find
}

/// Functions that hand a result on are followed this far.
const PASSED_ON_MAX: u32 = 3;

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let cursor = cursor_of(node)?;
    let function = enclosing_function(node)?;
    let ends_early = |each: Node<'a>| {
        matches!(each.kind(), Kind::With | Kind::Try | Kind::Yield | Kind::Await)
            || each.is(Kind::Call) && matches!(callee_name(each), Some("close" | "commit" | "rollback" | "closing"))
    };
    if has_comment(node)
        || is_async(function)
        || function.descendants().any(ends_early)
        || enclosing_loop(node).is_some()
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, "all rows are fetched to be walked once".to_owned());
    match usage(node) {
        Usage::Returned => helper(context, function, &mut rewrite)?,
        Usage::Assigned(assignment) => {
            let variable = assignment.field(Field::Left).and_then(local_variable)?;
            variable.only_binding()?;
            let uses: Vec<Node<'a>> = variable.uses().collect();
            let [only] = uses[..] else { return None };
            match usage(only) {
                Usage::Returned => helper(context, function, &mut rewrite)?,
                _ => is_walked_at(only).then_some(())?,
            }
        }
        _ => return None,
    }
    rewrite.edits.replace(node, cursor.text());
    rewrite.assume(Assumption::Deferred("nobody changes the table, or uses this cursor, while the rows are walked"));
    Some(rewrite)
}

/// What gives the rows one by one: the cursor, or the call that executes.
fn cursor_of(node: Node<'_>) -> Option<Node<'_>> {
    let inner = if is_builtin_call(node, "list") {
        let [only] = positional(node)?[..] else { return None };
        only
    } else {
        let (receiver, "fetchall") = method(node)? else { return None };
        arguments(node).is_empty().then_some(receiver)?
    };
    let is_executed = method(inner).is_some_and(|(receiver, name)| name == "execute" && is_connection(receiver));
    (is_executed || is_own_cursor(inner)).then_some(inner)
}

/// A connection of the database API by its name; the sessions of ORMs give results of another kind.
fn is_connection(receiver: Node<'_>) -> bool {
    let last = receiver.text().rsplit('.').next().unwrap_or_default().to_lowercase();
    matches!(
        last.trim_start_matches('_'),
        "connection" | "conn" | "con" | "db" | "database" | "cursor" | "cur" | "c" | "connection()"
    )
}

/// `cursor` of `cursor = connection.cursor()` in this function.
fn is_own_cursor(name: Node<'_>) -> bool {
    let Some(variable) = local_variable(name) else { return false };
    let made = variable.only_binding().and_then(binding_value).and_then(method);
    let is_kept =
        variable.uses().all(|each| matches!(usage(each), Usage::Method("execute" | "fetchall", _)) || each == name);
    made.is_some_and(|(_, made)| made == "cursor") && is_kept
}

/// The function gives its rows to its callers: all of them walk them once.
fn helper<'a>(context: &Context<'a>, function: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let n_returns = function.descendants().filter(|each| each.is(Kind::Return)).count();
    if n_returns != 1
        || function.parent()?.is(Kind::Decorated)
        || is_walked_by_all(context, function, PASSED_ON_MAX)? == 0
    {
        return None;
    }
    retype(context, function, rewrite)?;
    rewrite.assume(Assumption::CallersKnown(function_name(function).into()));
    Some(())
}

/// How many calls there are of anything with the function's name, all of which walk the result once; `None` when one
/// does not.
fn is_walked_by_all<'a>(context: &Context<'a>, function: Node<'a>, depth: u32) -> Option<u32> {
    let depth = depth.checked_sub(1)?;
    let name = function_name(function);
    let mut n_calls = 0;
    for file in context.index.files().filter(|file| file.text.contains(name)) {
        for mention in file.root().descendants() {
            match mention.kind() {
                Kind::Identifier if mention.text() == name => {}
                Kind::String if string_value(mention) == Some(name) => return None,
                _ => continue,
            }
            let parent = mention.parent()?;
            let is_import =
                mention.ancestors().take(3).any(|each| matches!(each.kind(), Kind::ImportFrom | Kind::Import));
            if is_import || parent.is(Kind::Function) && mention.role() == Field::Name {
                continue;
            }
            let callee = if mention.role() == Field::Attribute { parent } else { mention };
            let Usage::Call(call) = usage(callee) else { return None };
            n_calls += 1;
            let is_fine = match usage(call) {
                Usage::Dropped => true,
                Usage::Returned => {
                    let holder = enclosing_function(call)?;
                    passed_on(holder) == Some(call) && is_walked_by_all(context, holder, depth)? > 0
                }
                Usage::Assigned(assignment) => {
                    let variable = assignment.field(Field::Left).and_then(local_variable)?;
                    is_walked_once(variable)
                }
                _ => is_walked_at(call),
            };
            is_fine.then_some(())?;
        }
    }
    Some(n_calls)
}

fn is_walked_once(variable: Variable<'_>) -> bool {
    let uses: Vec<Node<'_>> = variable.uses().collect();
    matches!(uses[..], [only] if variable.only_binding().is_some_and(|binding| enclosing_loop(binding) == enclosing_loop(only)) && is_walked_at(only))
}

/// True when a loop runs over the value that executes nothing meanwhile, or a builtin reads it all.
fn is_walked_at(value: Node<'_>) -> bool {
    match usage(value) {
        Usage::Iterated(looping) => {
            let Some(region) = (if looping.is(Kind::For) { looping.field(Field::Body) } else { looping.parent() })
            else {
                return false;
            };
            let executes = region.descendants().any(|each| {
                each.is(Kind::Call)
                    && !value.contains(each)
                    && callee_name(each).is_some_and(|name| name.starts_with("execute") || name.starts_with("fetch"))
            });
            let is_lazy = looping.field(Field::Left).is_none_or(crate::engine::rewrite::facts::is_lazy);
            let is_suspended = region.has(Kind::Yield) || region.has(Kind::Await);
            !is_async(looping)
                && !executes
                && !may_write(region)
                && !is_suspended
                && (looping.is(Kind::For) || !is_lazy)
        }
        Usage::Builtin(name, call) => {
            matches!(
                name,
                "sum"
                    | "dict"
                    | "set"
                    | "frozenset"
                    | "max"
                    | "min"
                    | "any"
                    | "all"
                    | "Counter"
                    | "fsum"
                    | "sorted"
                    | "list"
                    | "tuple"
            ) && arguments(call).len() == 1
        }
        _ => false,
    }
}
