//! Finds statements that are executed row by row with the same text.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{argument, clause, is_alone};
use crate::engine::rewrite::facts::{call_statement, is_chain, only_statement, used_only_in};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, ScopeKind, binding_value, has_comment, is_async, is_within_try, method, positional, string_value,
};

rule! {
    /// ## What it finds
    /// A loop that is nothing but `cursor.execute(SQL, (…))` with one INSERT, UPDATE or DELETE.
    /// ## Why it is slow
    /// Every row is a round trip; `executemany` prepares once and sends all.
    /// ## What must hold
    /// - The text is constant, the parameters are a tuple or list of the row's parts, and the loop does nothing else.
    /// - A failure half way may leave other rows than before: nobody looks at what was stored until then.
    /// ## Example
    /// ```python before needs-run
    /// def store(cursor, rows):
    ///     for row in rows:
    ///         cursor.execute("INSERT INTO t VALUES (?, ?)", (row.a, row.b))
    /// ```
    /// ```python after
    /// def store(cursor, rows):
    ///     cursor.executemany("INSERT INTO t VALUES (?, ?)", [(row.a, row.b) for row in rows])
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def load(cursor, keys, table):
    ///     for key in keys:
    ///         cursor.execute("SELECT * FROM t WHERE id = ?", (key,))
    ///     for key in keys:
    ///         cursor.execute("INSERT INTO " + table + " VALUES (?)", (key,))
    /// ```
    "execute-in-loop", Io, [Trigger::Kind(Kind::For)] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let call = call_statement(only_statement(node)?)?;
    let (receiver, "execute") = method(call)? else { return None };
    let [sql, parameters] = positional(call)?[..] else { return None };
    let text = constant_text(sql)?.trim_start().to_ascii_lowercase();
    let is_write = ["insert", "update", "delete", "replace"].iter().any(|word| text.starts_with(word))
        && !text.contains("returning");
    let is_row = matches!(parameters.kind(), Kind::Tuple | Kind::List)
        && parameters.children().all(|part| is_chain(part) || crate::engine::rewrite::facts::is_simple(part));
    let target = node.field(Field::Left)?;
    let plain =
        !is_async(node) && node.field(Field::Alternative).is_none() && !has_comment(node) && !is_within_try(node);
    if !is_write || !is_row || !plain || !is_alone(node) || !is_chain(receiver) || !used_only_in(target, node) {
        return None;
    }
    let root = crate::engine::rewrite::facts::root_name(receiver)?.variable();
    if root.is_some_and(|root| crate::engine::rewrite::facts::targets(target).contains(&root)) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, "every row is sent on its own".to_owned());
    rewrite.assume(Assumption::Deferred(
        "nobody looks at the rows stored before a failing one, at `lastrowid` or `rowcount`",
    ));
    let rows = format!("[{} for {} in {}]", argument(parameters), target.text(), clause(node.field(Field::Right)?));
    rewrite.edits.replace(node, format!("{}.executemany({}, {rows})", receiver.text(), sql.text()));
    Some(rewrite)
}

/// The text of a literal, or of a module-level name bound to one.
fn constant_text(sql: Node<'_>) -> Option<&str> {
    if let Some(text) = string_value(sql) {
        return Some(text);
    }
    let variable = sql.is(Kind::Identifier).then(|| sql.variable()).flatten()?;
    let is_module = variable.scope().kind() == ScopeKind::Module;
    let value = variable.only_binding().filter(|_| is_module).and_then(binding_value)?;
    string_value(value)
}
