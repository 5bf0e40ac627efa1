//! Finds rows that are fetched to be counted.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::comparison;
use crate::engine::rewrite::query::{Style, parse};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Node, Usage, has_comment, is_builtin_call, method, positional, usage};

rule! {
    /// ## What it finds
    /// `len(Post.query.filter_by(…).all())`, `len(Post.objects.filter(…))`, and `len(…) > 0` of a Django query.
    /// ## Why it is slow
    /// Every row is fetched and made an object; the database counts without sending any.
    /// ## What must hold
    /// - The rows are used for nothing else, and the query has no join, limit, group or eager loading.
    /// ## Example
    /// ```python before needs-run
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.Integer)
    ///
    ///
    /// def n_posts(user_id):
    ///     return len(Post.query.filter_by(user_id=user_id).all())
    /// ```
    /// ```python after
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.Integer)
    ///
    ///
    /// def n_posts(user_id):
    ///     return Post.query.filter_by(user_id=user_id).count()
    /// ```
    /// ```python before needs-run
    /// class Post(models.Model):
    ///     user = models.IntegerField()
    ///
    ///
    /// def has_posts(user):
    ///     return len(Post.objects.filter(user=user)) > 0
    /// ```
    /// ```python after
    /// class Post(models.Model):
    ///     user = models.IntegerField()
    ///
    ///
    /// def has_posts(user):
    ///     return Post.objects.filter(user=user).exists()
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Post(models.Model):
    ///     user = models.IntegerField()
    ///
    ///
    /// def show(user):
    ///     posts = Post.objects.filter(user=user)
    ///     print(len(posts))
    ///     for post in posts:
    ///         print(post)
    /// ```
    "orm-len-all", Algorithm, [Trigger::Call("len")] => find
}

const STEPS: &[&str] = &["all", "filter", "filter_by", "order_by", "exclude"];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if !is_builtin_call(node, "len") || has_comment(node) {
        return None;
    }
    let [rows] = positional(node)?[..] else { return None };
    let query = parse(context, rows).filter(|query| query.is_here && query.has_only(STEPS))?;
    let is_read = match query.style {
        Style::Legacy => query.is_list,
        Style::Django => true,
        _ => false,
    };
    if !is_read || is_builtin_call(rows, "list") {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("all rows of `{}` are fetched to be counted", query.model.name));
    rewrite.assume(Assumption::ReadAtOnce(format!("the rows of `{}`", query.model.name)));
    let kept = match method(rows) {
        Some((receiver, "all")) => receiver.text(),
        _ => rows.text(),
    };
    if query.style == Style::Django
        && let Usage::Compared(comparing) = usage(node)
        && let Some((left, ">", right)) = comparison(comparing)
        && left == node
        && right.text() == "0"
    {
        rewrite.edits.replace(comparing, format!("{kept}.exists()"));
        return Some(rewrite);
    }
    rewrite.edits.replace(node, format!("{kept}.count()"));
    Some(rewrite)
}
