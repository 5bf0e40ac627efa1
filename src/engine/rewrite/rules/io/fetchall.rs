//! Finds result sets that are fetched in full to be walked once.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::query::may_write;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Usage, arguments, callee_name, has_comment, is_async, method, usage};

rule! {
    /// ## What it finds
    /// `for row in db.execute(…).fetchall()`.
    /// ## Why it is slow
    /// All rows stand in memory at once; a cursor gives them one by one.
    /// ## What must hold
    /// - The loop executes nothing and ends no transaction: that would disturb the open cursor.
    /// ## Example
    /// ```python before needs-run
    /// def names(db):
    ///     return [row[0] for row in db.execute("select name from t").fetchall()]
    /// ```
    /// ```python after
    /// def names(db):
    ///     return [row[0] for row in db.execute("select name from t")]
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def clean(db):
    ///     for row in db.execute("select id from t").fetchall():
    ///         db.execute("delete from t where id = ?", row)
    /// ```
    "fetchall", Io, [Trigger::Call("fetchall")] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (cursor, _) = method(node)?;
    let is_query = cursor.is(Kind::Call) && callee_name(cursor) == Some("execute");
    let Usage::Iterated(looping) = usage(node) else { return None };
    let region = if looping.is(Kind::For) { looping.field(Field::Body)? } else { looping.parent()? };
    let executes = region.descendants().any(|each| {
        !node.contains(each)
            && each.is(Kind::Call)
            && callee_name(each).is_some_and(|name| name.starts_with("execute") || name == "fetchone")
    });
    let runs_unknown = region.descendants().any(|each| each.is(Kind::Yield) || each.is(Kind::Await));
    if !is_query
        || is_async(looping)
        || !arguments(node).is_empty()
        || executes
        || may_write(region)
        || runs_unknown
        || has_comment(node)
    {
        return None;
    }
    if region.is(Kind::GeneratorExpression) && crate::engine::rewrite::facts::is_lazy(looping.field(Field::Left)?) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, "all rows are fetched to be walked once".to_owned());
    rewrite.assume(Assumption::Deferred("nothing the loop calls uses this cursor or changes the rows"));
    rewrite.edits.replace_range(cursor.end(), node.end(), "");
    Some(rewrite)
}
