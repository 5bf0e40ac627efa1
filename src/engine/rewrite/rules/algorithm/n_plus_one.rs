//! Finds loops over rows that query the rows that belong to each.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{is_invariant, is_lazy, local_variable, targets};
use crate::engine::rewrite::index::orm::{Library, Model};
use crate::engine::rewrite::query::{Equality, Query, Style, equalities, may_write, parse, refers, rows_of};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Usage, is_async, is_builtin_call, repeats, statement_of, usage};

rule! {
    /// ## What it finds
    /// `for user in users: posts = Post.query.filter_by(user_id=user.id).all()`: one query per row.
    /// SQLAlchemy in both styles, Flask-SQLAlchemy, Django and peewee.
    /// ## Why it is slow
    /// A thousand users cost a thousand round trips; eager loading needs two, whatever their number.
    /// ## What must hold
    /// - The filtered column is the one foreign key from the inner to the outer model, and the value its primary key.
    /// - Nothing else in the inner query depends on the row; no limit, offset or lock.
    /// - The loop writes nothing to the database and ends no transaction.
    /// - With a plain relationship and a plain inner query the rows come with `selectinload`; else with one query of
    ///   all rows, in chunks of 500, grouped in a dict, which needs no relationship.
    /// ## Example
    /// ```python before needs-run
    /// class User(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     posts = db.relationship("Post")
    ///
    ///
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.ForeignKey("user.id"))
    ///
    ///
    /// def report():
    ///     users = User.query.all()
    ///     result = []
    ///     for user in users:
    ///         posts = Post.query.filter_by(user_id=user.id).all()
    ///         result.append({"user": user, "posts": posts})
    ///     return result
    /// ```
    /// ```python after
    /// from sqlalchemy.orm import selectinload
    ///
    /// class User(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     posts = db.relationship("Post")
    ///
    ///
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.ForeignKey("user.id"))
    ///
    ///
    /// def report():
    ///     users = User.query.options(selectinload(User.posts)).all()
    ///     result = []
    ///     for user in users:
    ///         posts = list(user.posts)
    ///         result.append({"user": user, "posts": posts})
    ///     return result
    /// ```
    /// ```python before needs-run
    /// from sqlalchemy import select
    ///
    ///
    /// class Ward(DeclarativeBase):
    ///     __tablename__ = "ward"
    ///     id: Mapped[int] = mapped_column(primary_key=True)
    ///
    ///
    /// class Bed(DeclarativeBase):
    ///     __tablename__ = "bed"
    ///     id: Mapped[int] = mapped_column(primary_key=True)
    ///     ward_id: Mapped[int] = mapped_column(ForeignKey("ward.id"))
    ///     label: Mapped[str]
    ///
    ///
    /// async def labels(session):
    ///     lines = {}
    ///     for ward in await session.scalars(select(Ward)):
    ///         beds = await session.scalars(select(Bed).where(Bed.ward_id == ward.id, Bed.label != "").order_by(Bed.label))
    ///         lines[ward.id] = [bed.label for bed in beds]
    ///     return lines
    /// ```
    /// ```python after
    /// from sqlalchemy import select
    ///
    ///
    /// class Ward(DeclarativeBase):
    ///     __tablename__ = "ward"
    ///     id: Mapped[int] = mapped_column(primary_key=True)
    ///
    ///
    /// class Bed(DeclarativeBase):
    ///     __tablename__ = "bed"
    ///     id: Mapped[int] = mapped_column(primary_key=True)
    ///     ward_id: Mapped[int] = mapped_column(ForeignKey("ward.id"))
    ///     label: Mapped[str]
    ///
    ///
    /// async def labels(session):
    ///     lines = {}
    ///     ward_rows = list(await session.scalars(select(Ward)))
    ///     ward_keys = [ward.id for ward in ward_rows]
    ///     beds_by_ward_id = {}
    ///     for start in range(0, len(ward_keys), 500):
    ///         for each in await session.scalars(select(Bed).where(Bed.ward_id.in_(ward_keys[start:start + 500]), Bed.label != "").order_by(Bed.label)):
    ///             beds_by_ward_id.setdefault(each.ward_id, []).append(each)
    ///     for ward in ward_rows:
    ///         beds = beds_by_ward_id.get(ward.id, [])
    ///         lines[ward.id] = [bed.label for bed in beds]
    ///     return lines
    /// ```
    /// ```python before needs-run
    /// class Author(models.Model):
    ///     name = models.CharField(max_length=30)
    ///
    ///
    /// class Book(models.Model):
    ///     author = models.ForeignKey(Author, on_delete=models.CASCADE)
    ///     title = models.CharField(max_length=30)
    ///
    ///
    /// def shelf():
    ///     for author in Author.objects.order_by("name"):
    ///         for book in Book.objects.filter(author=author).order_by("title"):
    ///             print(author.name, book.title)
    /// ```
    /// ```python after
    /// class Author(models.Model):
    ///     name = models.CharField(max_length=30)
    ///
    ///
    /// class Book(models.Model):
    ///     author = models.ForeignKey(Author, on_delete=models.CASCADE)
    ///     title = models.CharField(max_length=30)
    ///
    ///
    /// def shelf():
    ///     author_rows = list(Author.objects.order_by("name"))
    ///     author_keys = [author.pk for author in author_rows]
    ///     books_by_author = {}
    ///     for start in range(0, len(author_keys), 500):
    ///         for each in Book.objects.filter(author__in=author_keys[start:start + 500]).order_by("title"):
    ///             books_by_author.setdefault(each.author_id, []).append(each)
    ///     for author in author_rows:
    ///         for book in books_by_author.get(author.pk, []):
    ///             print(author.name, book.title)
    /// ```
    /// ```python before needs-run
    /// class User(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     posts = db.relationship("Post", order_by="Post.id")
    ///
    ///
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.ForeignKey("user.id"))
    ///
    ///
    /// def sizes(session):
    ///     users = session.query(User).all()
    ///     return {user.id: len(session.query(Post).filter(Post.user_id == user.id).all()) for user in users}
    /// ```
    /// ```python after
    /// class User(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     posts = db.relationship("Post", order_by="Post.id")
    ///
    ///
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.ForeignKey("user.id"))
    ///
    ///
    /// def sizes(session):
    ///     users = session.query(User).all()
    ///     user_keys = [user.id for user in users]
    ///     posts_by_user_id = {}
    ///     for start in range(0, len(user_keys), 500):
    ///         for each in session.query(Post).filter(Post.user_id.in_(user_keys[start:start + 500])).all():
    ///             posts_by_user_id.setdefault(each.user_id, []).append(each)
    ///     return {user.id: len(posts_by_user_id.get(user.id, [])) for user in users}
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class User(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///
    ///
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.ForeignKey("user.id"))
    ///
    ///
    /// def clean():
    ///     for user in User.query.all():
    ///         for post in Post.query.filter_by(user_id=user.id).all():
    ///             db.session.delete(post)
    ///         db.session.commit()
    /// ```
    /// ```python unchanged
    /// class User(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///
    ///
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.ForeignKey("user.id"))
    ///
    ///
    /// def newest():
    ///     return [Post.query.filter_by(user_id=user.id).limit(3).all() for user in User.query.all()]
    /// ```
    "n-plus-one", Algorithm, [Trigger::Kind(Kind::For), Trigger::Kind(Kind::ForIn)] => find
}

/// Steps of the inner query that keep their meaning when all rows are read at once.
const INNER_STEPS: &[&str] = &["filter", "filter_by", "where", "order_by", "all", "scalars", "execute", "unique"];

struct Pair<'a> {
    looping: Node<'a>,
    target: Node<'a>,
    iterable: Node<'a>,
    /// The whole inner expression, `await` and `list(…)` included.
    inner: Node<'a>,
    query: Query<'a>,
    equality: Equality<'a>,
    parent: &'a Model,
}

pub(super) fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let looping = if node.is(Kind::For) { node } else { first_clause_of(node)? };
    let target = node.field(Field::Left).filter(|target| target.is(Kind::Identifier))?;
    let iterable = node.field(Field::Right)?;
    let body = if node.is(Kind::For) { node.field(Field::Body)? } else { looping };
    let is_filter = |name: &str| matches!(name, "filter_by" | "filter" | "where");
    let may_query = body.descendants().any(|each| crate::syntax::callee_name(each).is_some_and(is_filter));
    if !may_query || !is_alone(statement_of(looping)) || is_lazy(target) || may_write(body) || is_async(node) {
        return None;
    }
    let parent = rows_of(context, iterable)?;
    let (inner, query, equality) = inner_query(context, looping, body, target, parent)?;
    let pair = Pair { looping, target, iterable, inner, query, equality, parent };
    let message = format!("N+1: one query of `{}` for every row of `{}`", pair.query.model.name, parent.name);
    eager(context, &pair, &message).or_else(|| grouped(context, &pair, &message))
}

/// The comprehension whose first clause this is.
fn first_clause_of(clause: Node<'_>) -> Option<Node<'_>> {
    let comprehension = clause.parent()?;
    (comprehension.children().find(|child| child.is(Kind::ForIn)) == Some(clause)).then_some(comprehension)
}

/// The one query of the loop body that is filtered by the row's key.
fn inner_query<'a>(
    context: &Context<'a>,
    looping: Node<'a>,
    body: Node<'a>,
    target: Node<'a>,
    parent: &'a Model,
) -> Option<(Node<'a>, Query<'a>, Equality<'a>)> {
    for call in body.descendants().filter(|each| each.is(Kind::Call)) {
        let is_whole = !matches!(usage(call), Usage::Method(..)) && !is_argument_of_query(call);
        if !is_whole || is_builtin_call(call, "list") {
            continue;
        }
        let Some(query) = parse(context, call).filter(|query| query.is_here && query.has_only(INNER_STEPS)) else {
            continue;
        };
        let Some(equality) = equalities(&query).into_iter().find(|each| links(query.model, parent, each, target))
        else {
            continue;
        };
        // A query that runs when it is walked runs where it is walked.
        let is_read =
            query.is_list || query.has("scalars") || matches!(usage(call), Usage::Iterated(_)) || is_listed(call);
        if !is_read || query.has("execute") && !query.has("scalars") || is_lazy(call) {
            continue;
        }
        let mut whole = call;
        while let Some(above) = whole.parent() {
            let is_wrapping = above.is(Kind::Await)
                || above.is(Kind::Parenthesized)
                || above.is(Kind::ArgumentList) && above.parent().is_some_and(|call| is_builtin_call(call, "list"));
            if is_wrapping || is_builtin_call(above, "list") {
                whole = above;
            } else {
                break;
            }
        }
        return depends_only_by(&query, &equality, looping, target).then_some((whole, query, equality));
    }
    None
}

fn is_listed(call: Node<'_>) -> bool {
    matches!(usage(call), Usage::Builtin("list" | "sorted" | "tuple", _))
}

/// `select(…)` inside `session.scalars(…)` is read with the call around it.
fn is_argument_of_query(call: Node<'_>) -> bool {
    matches!(usage(call), Usage::Argument(outer) if crate::syntax::callee_name(outer).is_some_and(|name| matches!(name, "scalars" | "execute" | "scalar")))
}

/// True when the equality compares the child's one foreign key to the parent's key of the row.
fn links(child: &Model, parent: &Model, equality: &Equality<'_>, target: Node<'_>) -> bool {
    let keys: Vec<_> = child.columns.iter().filter(|column| refers(column.foreign_key.as_deref(), parent)).collect();
    let [key] = keys[..] else { return false };
    let Some(primary) = parent.primary_key() else { return false };
    let column = equality.column;
    let is_row = equality.value.is(Kind::Identifier) && equality.value.text() == target.text();
    let is_key_of_row = equality.value.is(Kind::Attribute)
        && equality.value.field(Field::Object).is_some_and(|object| object.text() == target.text())
        && equality.value.field(Field::Attribute).is_some_and(|name| name.text() == primary || name.text() == "pk");
    match child.library {
        Library::SqlAlchemy => column == key.name && is_key_of_row,
        _ => (column == key.name || column == format!("{}_id", key.name)) && (is_row || is_key_of_row),
    }
}

/// True when nothing but the equality depends on what the loop binds.
fn depends_only_by<'a>(query: &Query<'a>, equality: &Equality<'a>, looping: Node<'a>, target: Node<'a>) -> bool {
    let bound: Vec<_> = targets(target);
    let outside = |node: &Node<'a>| !equality.argument.contains(*node);
    query.steps.iter().flat_map(|step| crate::syntax::arguments(step.call)).all(|argument| {
        argument.descendants().filter(|each| each.is(Kind::Identifier) && outside(each)).all(|name| {
            name.variable().is_none_or(|variable| !bound.contains(&variable) && is_invariant(name, looping))
        })
    }) && is_invariant(query.root, looping)
}

/// The rows come with their parents: the relationship is plain and both queries stand here.
fn eager<'a>(context: &Context<'a>, pair: &Pair<'a>, message: &str) -> Option<Rewrite<'a>> {
    let outer = parse(context, pair.iterable)?;
    let mut relations = pair.parent.relations.iter().filter(|relation| relation.target == pair.query.model.name);
    let relation = relations.next().filter(|_| relations.next().is_none())?;
    let is_plain = relation.is_plain && !pair.parent.has_custom_query && !pair.query.model.has_custom_query;
    let n_filters = pair.query.steps.iter().map(|step| crate::syntax::arguments(step.call).len()).sum::<usize>();
    let scalars = usize::from(pair.query.has("scalars"));
    let in_this_function =
        crate::syntax::enclosing_function(outer.root) == crate::syntax::enclosing_function(pair.looping);
    let style = matches!(outer.style, Style::Legacy | Style::Select) && outer.style == pair.query.style;
    if !is_plain
        || !in_this_function
        || !style
        || outer.has("yield_per")
        || n_filters - scalars != 1
        || pair.query.has("order_by")
    {
        return None;
    }
    let is_closed = outer.has("values")
        || outer.has("with_entities")
        || outer.has("options")
        || outer.has("limit") && outer.style == Style::Legacy;
    if is_closed || !pair.query.is_list && !matches!(usage(pair.inner), Usage::Iterated(_)) {
        return None;
    }
    let mut rewrite = Rewrite::new(pair.inner, message);
    let load = context.import(&mut rewrite, "sqlalchemy.orm", "selectinload")?;
    let model = outer.model_name.text();
    let option = format!(".options({load}({model}.{}))", relation.name);
    rewrite.edits.replace_range(outer.root.end(), outer.root.end(), option);
    rewrite.edits.replace(pair.inner, format!("list({}.{})", pair.target.text(), relation.name));
    rewrite.assume(Assumption::ReadAtOnce(format!("the rows of `{}`", pair.query.model.name)));
    rewrite.assume(Assumption::OrderUnspecified(format!("the rows of `{}`", pair.query.model.name)));
    Some(rewrite)
}

/// All rows are read before the loop and grouped by their parent's key.
fn grouped<'a>(context: &Context<'a>, pair: &Pair<'a>, message: &str) -> Option<Rewrite<'a>> {
    if !repeats(pair.looping, pair.inner) || pair.looping.ancestors().any(|each| each.is(Kind::Lambda)) {
        return None;
    }
    let statement = statement_of(pair.looping);
    let mut rewrite = Rewrite::new(pair.inner, message);
    let row = pair.target.text();
    let rows = if pair.iterable.is(Kind::Identifier)
        && local_variable(pair.iterable).is_some()
        && is_surely_list(context, pair.iterable)
    {
        pair.iterable.text().to_owned()
    } else {
        let rows = context.fresh_name(&format!("{row}_rows"));
        rewrite.edits.insert_before(statement, &[format!("{rows} = list({})", pair.iterable.text())]);
        rewrite.edits.replace(pair.iterable, rows.clone());
        rows
    };
    let foreign = pair.equality.column;
    let child = &pair.query.model.name;
    let (key, attribute, condition) = if pair.query.style == Style::Django {
        let base =
            foreign.strip_suffix("_id").filter(|base| pair.query.model.column(base).is_some()).unwrap_or(foreign);
        ("pk".to_owned(), format!("{base}_id"), format!("{base}__in="))
    } else if pair.query.style == Style::Peewee {
        (
            pair.parent.primary_key()?.to_owned(),
            format!("{foreign}_id"),
            format!("{}.{foreign}.in_(", pair.query.model_name.text()),
        )
    } else {
        (
            pair.parent.primary_key()?.to_owned(),
            foreign.to_owned(),
            format!("{}.{foreign}.in_(", pair.query.model_name.text()),
        )
    };
    let keys = context.fresh_name(&format!("{row}_keys"));
    let groups = context.fresh_name(&format!("{}s_by_{}", child.to_lowercase(), foreign.trim_end_matches('_')));
    let (start, each) = (context.fresh_name("start"), context.fresh_name("each"));
    let chunk = format!("{keys}[{start}:{start} + 500]");
    let condition =
        if pair.query.style == Style::Django { format!("{condition}{chunk}") } else { format!("{condition}{chunk})") };
    let source = filtered(pair, &condition)?;
    let unit = indentation_unit(pair.looping.file());
    rewrite.edits.insert_before(
        statement,
        &[
            format!("{keys} = [{row}.{key} for {row} in {rows}]"),
            format!("{groups} = {{}}"),
            format!("for {start} in range(0, len({keys}), 500):"),
            format!("{unit}for {each} in {source}:"),
            format!("{unit}{unit}{groups}.setdefault({each}.{attribute}, []).append({each})"),
        ],
    );
    rewrite.edits.replace(pair.inner, format!("{groups}.get({row}.{key}, [])"));
    rewrite.assume(Assumption::ReadAtOnce(format!("the rows of `{child}`")));
    if !pair.query.has("order_by") {
        rewrite.assume(Assumption::OrderUnspecified(format!("the rows of `{child}`")));
    }
    Some(rewrite)
}

fn is_surely_list<'a>(context: &Context<'a>, name: Node<'a>) -> bool {
    parse(context, name).is_some_and(|query| query.is_list)
}

/// The source of the inner query with its equality replaced by a condition over many keys.
fn filtered(pair: &Pair<'_>, condition: &str) -> Option<String> {
    let inner = if is_builtin_call(pair.inner, "list") {
        crate::syntax::arguments(pair.inner).first().copied()?
    } else {
        pair.inner
    };
    let file = inner.file();
    let argument = pair.equality.argument;
    let step = pair.equality.step;
    let others = crate::syntax::arguments(step).len() > 1;
    let name = step.field(Field::Function)?.field(Field::Attribute)?;
    if inner.text().contains('\n') && inner.has(Kind::Comment) {
        return None;
    }
    let is_filter_by = name.text() == "filter_by";
    let text = |from: usize, to: usize| &file.text[from..to];
    if !is_filter_by {
        let source =
            format!("{}{condition}{}", text(inner.start(), argument.start()), text(argument.end(), inner.end()));
        return Some(flat(&source));
    }
    // `filter_by` takes no expressions: the equality moves to a `filter` before it.
    let list = step.field(Field::Arguments)?;
    let method = if pair.query.style == Style::Select { "where" } else { "filter" };
    let rest = if others {
        let kept: Vec<&str> =
            crate::syntax::arguments(step).into_iter().filter(|each| *each != argument).map(Node::text).collect();
        format!(".filter_by({})", kept.join(", "))
    } else {
        String::new()
    };
    let source =
        format!("{}{method}({condition}){rest}{}", text(inner.start(), name.start()), text(list.end(), inner.end()));
    Some(flat(&source))
}

/// A query over several lines on one.
fn flat(source: &str) -> String {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.join(" ").replace("( ", "(").replace(" )", ")").replace(" .", ".")
}
