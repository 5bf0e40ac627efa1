//! Finds transactions that are ended for every row.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{body, call_statement};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Kind, Node, arguments, is_async, is_within_try, method};

rule! {
    /// ## What it finds
    /// `db.commit()` as the last statement of a loop.
    /// ## Why it is slow
    /// Every commit waits for the disk; one after the loop waits once.
    /// ## What must hold
    /// - The loop has no other commit or rollback, no `continue`, `break`, `return`, `try` or `yield`.
    /// - Nobody needs the rows before the loop ends, and a failure may leave nothing instead of the first rows.
    /// ## Example
    /// ```python before needs-run
    /// def store(db, rows):
    ///     for row in rows:
    ///         db.execute("insert into t values (?)", (row,))
    ///         db.commit()
    /// ```
    /// ```python after
    /// def store(db, rows):
    ///     for row in rows:
    ///         db.execute("insert into t values (?)", (row,))
    ///     db.commit()
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def flush(db, rows, send):
    ///     for row in rows:
    ///         db.execute("update t set sent = 1 where id = ?", (row,))
    ///         db.commit()
    ///         send(row)
    /// ```
    /// ```python unchanged
    /// def store(db, rows):
    ///     for row in rows:
    ///         if not row:
    ///             continue
    ///         db.execute("insert into t values (?)", (row,))
    ///         db.commit()
    /// ```
    "commit-in-loop", Io, [Trigger::Kind(Kind::For)] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let statements = body(node);
    let last = *statements.last().filter(|_| statements.len() > 1)?;
    let call = call_statement(last)?;
    let (receiver, "commit") = method(call)? else { return None };
    let is_plain = arguments(call).is_empty() && matches!(receiver.kind(), Kind::Identifier | Kind::Attribute);
    let breaks = |each: Node<'a>| {
        matches!(
            each.kind(),
            Kind::Continue
                | Kind::Break
                | Kind::Return
                | Kind::Try
                | Kind::Yield
                | Kind::Await
                | Kind::Raise
                | Kind::With
        ) || each != call
            && method(each)
                .is_some_and(|(_, name)| matches!(name, "commit" | "rollback" | "begin" | "close" | "savepoint"))
    };
    let has_else = node.field(crate::syntax::Field::Alternative).is_some();
    if !is_plain
        || is_async(node)
        || has_else
        || is_within_try(node)
        || node.descendants().any(breaks)
        || !is_alone(last)
        || !is_alone(node)
    {
        return None;
    }
    let writes = statements[..statements.len() - 1].iter().any(|each| {
        each.descendants().any(|call| {
            method(call).is_some_and(|(_, name)| {
                matches!(name, "execute" | "add" | "merge" | "delete" | "executemany" | "insert")
            })
        })
    });
    // What runs besides the statements may look at the database through another connection.
    let is_quiet = statements[..statements.len() - 1].iter().all(|each| {
        each.descendants().filter(|call| call.is(Kind::Call)).all(|call| match method(call) {
            Some((_, name)) => matches!(
                name,
                "execute"
                    | "add"
                    | "merge"
                    | "delete"
                    | "executemany"
                    | "append"
                    | "strip"
                    | "get"
                    | "items"
                    | "format"
                    | "lower"
                    | "upper"
                    | "split"
            ),
            None => crate::syntax::callee_name(call).is_some_and(|name| {
                name.starts_with(char::is_uppercase) || matches!(name, "int" | "str" | "float" | "len" | "round")
            }),
        })
    });
    if !writes || !is_quiet {
        return None;
    }
    let mut rewrite = Rewrite::new(last, format!("`{}` waits for the disk in every round", call.text()));
    rewrite.assume(Assumption::Deferred(
        "nobody needs single rows before the loop ends, and a failure may leave none of them",
    ));
    let file = node.file();
    let text = format!("{}{}", file.indentation(node.start()), call.text());
    rewrite.edits.replace_range(file.line_start(last.start()), last.end(), text);
    Some(rewrite)
}
