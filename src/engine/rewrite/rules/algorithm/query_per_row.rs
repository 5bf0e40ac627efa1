//! Finds loops that look something up in the database for every row, also through helpers and repositories.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{comparison, is_assigned, is_lazy, local_variable, targets};
use crate::engine::rewrite::fetch::{Equal, Fetch, Gives, fetch};
use crate::engine::rewrite::query::{Style, may_write_besides, rows_of};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::engine::rewrite::view::{Place, View};
use crate::syntax::{
    Field, Kind, Node, Occurrence, Type, Usage, Variable, is_async, is_builtin_call, occurrence, repeats, statement_of,
    usage,
};

use super::n_plus_one;

rule! {
    /// ## What it finds
    /// A loop with a query for each of its rows or keys, written there, in a helper that is called with a part of the
    /// row, or in a method of a repository: the rows that belong to it, the first or only one, how many, whether any,
    /// the largest.
    /// ## Why it is slow
    /// A thousand rows cost a thousand round trips; one query a chunk of 500 keys answers all of them.
    /// ## What must hold
    /// - One equality of the query has the row's part as its value; nothing else in it depends on the row.
    /// - No limit, offset or lock; only one row is asked for where the column is unique or the order says which.
    /// - The loop writes nothing to that table and ends no transaction.
    /// - Where a missing row raises, it still does: that query runs as before.
    /// ## Example
    /// ```python before needs-run
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.ForeignKey("user.id"))
    ///
    ///
    /// def load_posts(user_id):
    ///     return Post.query.filter_by(user_id=user_id).order_by(Post.id).all()
    ///
    ///
    /// def report(users):
    ///     for user in users:
    ///         posts = load_posts(user.id)
    ///         print(user.name, len(posts))
    /// ```
    /// ```python after
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.ForeignKey("user.id"))
    ///
    ///
    /// def load_posts(user_id):
    ///     return Post.query.filter_by(user_id=user_id).order_by(Post.id).all()
    ///
    ///
    /// def report(users):
    ///     user_rows = list(users)
    ///     user_keys = list({user.id for user in user_rows})
    ///     posts_by_user_id = {}
    ///     for start in range(0, len(user_keys), 500):
    ///         for each in Post.query.filter(Post.user_id.in_(user_keys[start:start + 500])).order_by(Post.id).all():
    ///             posts_by_user_id.setdefault(each.user_id, []).append(each)
    ///     for user in user_rows:
    ///         posts = list(posts_by_user_id.get(user.id, ()))
    ///         print(user.name, len(posts))
    /// ```
    /// ```python before needs-run
    /// class Buoy(peewee.Model):
    ///     code = CharField(unique=True)
    ///
    ///
    /// def offsets(codes):
    ///     found = {}
    ///     for code in codes:
    ///         buoy = Buoy.get_or_none(Buoy.code == code)
    ///         if buoy is not None:
    ///             found[code] = buoy.offset
    ///     return found
    /// ```
    /// ```python after
    /// class Buoy(peewee.Model):
    ///     code = CharField(unique=True)
    ///
    ///
    /// def offsets(codes):
    ///     found = {}
    ///     code_rows = list(codes)
    ///     code_keys = list({code for code in code_rows})
    ///     buoy_by_code = {}
    ///     for start in range(0, len(code_keys), 500):
    ///         for each in Buoy.select().where(Buoy.code.in_(code_keys[start:start + 500])):
    ///             buoy_by_code.setdefault(each.code, each)
    ///     for code in code_rows:
    ///         buoy = buoy_by_code.get(code)
    ///         if buoy is not None:
    ///             found[code] = buoy.offset
    ///     return found
    /// ```
    /// ```python before needs-run
    /// from sqlalchemy import func, select
    ///
    ///
    /// class Pass(DeclarativeBase):
    ///     __tablename__ = "pass"
    ///     id: Mapped[int] = mapped_column(primary_key=True)
    ///     satellite_id: Mapped[int] = mapped_column(ForeignKey("satellite.id"))
    ///
    ///
    /// def highest(session, satellites):
    ///     rows = []
    ///     for satellite in satellites:
    ///         best = session.scalar(select(func.max(Pass.elevation)).where(Pass.satellite_id == satellite.id))
    ///         rows.append((satellite.name, best))
    ///     return rows
    /// ```
    /// ```python after
    /// from sqlalchemy import func, select
    ///
    ///
    /// class Pass(DeclarativeBase):
    ///     __tablename__ = "pass"
    ///     id: Mapped[int] = mapped_column(primary_key=True)
    ///     satellite_id: Mapped[int] = mapped_column(ForeignKey("satellite.id"))
    ///
    ///
    /// def highest(session, satellites):
    ///     rows = []
    ///     satellite_rows = list(satellites)
    ///     satellite_keys = list({satellite.id for satellite in satellite_rows})
    ///     pass_by_satellite_id = {}
    ///     for start in range(0, len(satellite_keys), 500):
    ///         for key, value in session.execute(select(Pass.satellite_id, func.max(Pass.elevation)).where(Pass.satellite_id.in_(satellite_keys[start:start + 500])).group_by(Pass.satellite_id)):
    ///             pass_by_satellite_id[key] = value
    ///     for satellite in satellite_rows:
    ///         best = pass_by_satellite_id.get(satellite.id)
    ///         rows.append((satellite.name, best))
    ///     return rows
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.Integer)
    ///
    ///
    /// def load_posts(user_id):
    ///     return Post.query.filter_by(user_id=user_id).limit(3).all()
    ///
    ///
    /// def report(users):
    ///     for user in users:
    ///         print(load_posts(user.id))
    /// ```
    /// ```python unchanged
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.Integer)
    ///
    ///
    /// def copy_all(users):
    ///     for user in users:
    ///         for post in Post.query.filter_by(user_id=user.old_id).all():
    ///             db.session.add(Post(user_id=user.id))
    ///         db.session.commit()
    /// ```
    /// ```python unchanged
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     title = db.Column(db.String(30))
    ///
    ///
    /// def any_of(titles):
    ///     return [Post.query.filter_by(title=title).first() for title in titles]
    /// ```
    "query-per-row", Algorithm, [Trigger::Kind(Kind::For), Trigger::Kind(Kind::ForIn)] => find
}

/// A query in a loop, and the loop.
struct PerRow<'a> {
    looping: Node<'a>,
    target: Node<'a>,
    iterable: Node<'a>,
    /// The whole inner expression, `await` and `list(…)` included.
    inner: Node<'a>,
    fetch: Fetch<'a>,
    equal: Equal<'a>,
    /// What is looked for, as the loop writes it.
    key: String,
}

pub(super) fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if !context.index.has_models() {
        return None;
    }
    let looping = if node.is(Kind::For) { node } else { first_clause_of(node)? };
    let target = node.field(Field::Left)?;
    let iterable = node.field(Field::Right)?;
    let body = if node.is(Kind::For) { node.field(Field::Body)? } else { looping };
    let statement = statement_of(looping);
    let is_placed = statement == looping || matches!(statement.kind(), Kind::ExpressionStatement | Kind::Return);
    if !is_placed || !is_alone(statement) || is_async(node) || is_lazy(target) {
        return None;
    }
    let mut calls = body.descendants().filter(|each| each.is(Kind::Call) && repeats(looping, *each));
    let mut rewrite = Rewrite::new(looping, "");
    let found = calls.find_map(|call| per_row(context, &mut rewrite, (looping, target, iterable), call))?;
    if n_plus_one::find(context, node).is_some() || may_write_besides(context, body, found.fetch.model) {
        return None;
    }
    rewritten(context, &found)
}

/// The comprehension whose first clause this is.
fn first_clause_of(clause: Node<'_>) -> Option<Node<'_>> {
    let comprehension = clause.parent()?;
    (comprehension.children().find(|child| child.is(Kind::ForIn)) == Some(clause)).then_some(comprehension)
}

/// The query that a call in the loop is, when one equality of it is all that depends on the row.
fn per_row<'a>(
    context: &Context<'a>,
    rewrite: &mut Rewrite<'a>,
    (looping, target, iterable): (Node<'a>, Node<'a>, Node<'a>),
    call: Node<'a>,
) -> Option<PerRow<'a>> {
    let inner = whole(call);
    if matches!(usage(inner), Usage::Method(..) | Usage::Attribute(_)) && fetch(context, &View::here(call)).is_none()
        || is_lazy(call)
        || in_nested_function(looping, call)
        || is_fallback(inner)
    {
        return None;
    }
    let view = View::here(inner);
    let fetch = fetch(context, &view)?;
    let is_part = matches!(usage(inner), Usage::Method(..));
    if is_part && fetch.gives == Gives::Rows {
        return None;
    }
    let own = targets(target);
    let mut of_row: Vec<Equal<'a>> =
        fetch.equalities().into_iter().filter(|equal| equal.value.reads(&own, looping)).collect();
    let equal = of_row.pop().filter(|_| of_row.is_empty())?;
    if fetch.parts(&equal).iter().any(|part| part.reads(&own, looping)) {
        return None;
    }
    let place = Place { statement: statement_of(looping), looping, own };
    let key = key(context, rewrite, &place, &fetch, &equal, target, iterable)?;
    if is_stored(looping, &key) || !fits(&fetch, &equal, inner) {
        return None;
    }
    Some(PerRow { looping, target, iterable, inner, fetch, equal, key })
}

/// The call with the `await`, the parentheses and the `list(…)` around it.
fn whole(call: Node<'_>) -> Node<'_> {
    let mut whole = call;
    while let Some(above) = whole.parent() {
        let is_list = |node: Node<'_>| is_builtin_call(node, "list");
        let is_wrapping = above.is(Kind::Await)
            || above.is(Kind::Parenthesized)
            || above.is(Kind::ArgumentList) && above.parent().is_some_and(is_list) && above.only_child() == Some(whole);
        if !is_wrapping && !is_list(above) {
            break;
        }
        whole = above;
    }
    whole
}

/// True for what is asked where the answers of many keys lack one: `found[key] if key in found else ask(key)`.
pub(super) fn is_fallback(asked: Node<'_>) -> bool {
    asked.ancestors().take_while(|each| !each.is(Kind::Block)).filter(|each| each.is(Kind::Conditional)).any(|each| {
        let [_, condition, other] = each.child_nodes()[..] else { return false };
        other.contains(asked) && comparison(condition).is_some_and(|(_, operator, _)| operator == "in")
    })
}

fn in_nested_function(looping: Node<'_>, node: Node<'_>) -> bool {
    node.ancestors()
        .take_while(|each| *each != looping)
        .any(|each| matches!(each.kind(), Kind::Function | Kind::Lambda | Kind::Class))
}

/// True when the loop assigns to the very expression that is looked for.
fn is_stored(looping: Node<'_>, key: &str) -> bool {
    looping
        .descendants()
        .any(|node| matches!(node.kind(), Kind::Attribute | Kind::Subscript) && is_assigned(node) && node.text() == key)
}

/// What is looked for, as the loop writes it: a name, attributes of a name, items with constant keys.
fn key<'a>(
    context: &Context<'a>,
    rewrite: &mut Rewrite<'a>,
    place: &Place<'a>,
    fetch: &Fetch<'a>,
    equal: &Equal<'a>,
    target: Node<'a>,
    iterable: Node<'a>,
) -> Option<String> {
    let text = equal.value.text(context, rewrite, place)?;
    let is_chain =
        text.chars().all(|c| c.is_alphanumeric() || "_.[]\"'".contains(c)) && !text.starts_with(['"', '\'', '[']);
    if !is_chain {
        return None;
    }
    let column = fetch.model.column(equal.column);
    let names_row = column.is_some_and(|column| column.foreign_key.is_some())
        && fetch.style != Style::Legacy
        && fetch.style != Style::Select;
    if names_row && text == target.text() {
        let parent = rows_of(context, iterable)?;
        let refers = column?.foreign_key.as_deref() == Some(parent.name.as_str());
        return refers.then(|| format!("{text}.{}", if fetch.style == Style::Django { "pk" } else { "id" }));
    }
    Some(text)
}

/// True when the answer for one key can be told from the rows of many.
fn fits<'a>(fetch: &Fetch<'a>, equal: &Equal<'a>, inner: Node<'a>) -> bool {
    let bare = equal.column.strip_suffix("_id").unwrap_or(equal.column);
    let primary = fetch.model.primary_key();
    let is_primary = primary == Some(equal.column) || equal.column == "pk";
    let column = fetch.model.column(equal.column).or_else(|| fetch.model.column(bare));
    if column.is_none() && !is_primary || equal.column == "pk" && fetch.style != Style::Django {
        return false;
    }
    let is_unique = is_primary || column.is_some_and(|column| column.is_unique || column.is_primary);
    let is_read = match usage(inner) {
        Usage::Iterated(_) | Usage::Builtin("list" | "sorted" | "tuple" | "set" | "len" | "sum" | "max" | "min", _) => {
            true
        }
        Usage::Assigned(assignment) => assigned(assignment).is_some_and(is_only_walked),
        _ => false,
    };
    let changes = matches!(fetch.style, Style::Django | Style::Peewee)
        && matches!(usage(inner), Usage::Assigned(assignment) if assigned(assignment).is_none_or(is_changed));
    match fetch.gives {
        Gives::List | Gives::Number => true,
        Gives::Rows => is_read,
        Gives::First => (is_unique || fetch.has("order_by") || fetch.model.has_ordering) && !changes,
        Gives::One => is_unique && !changes,
        Gives::Count => matches!(fetch.style, Style::Legacy | Style::Django),
        Gives::Exists => fetch.style == Style::Django,
    }
}

fn assigned(assignment: Node<'_>) -> Option<Variable<'_>> {
    let left = assignment.field(Field::Left).or_else(|| assignment.field(Field::Name))?;
    local_variable(left)
}

/// True when a variable's rows are walked or counted, once each time it is bound.
fn is_only_walked(variable: Variable<'_>) -> bool {
    let mut uses = variable.uses();
    let is_walk = |each: Node<'_>| {
        matches!(usage(each), Usage::Iterated(_) | Usage::Builtin("list" | "sorted" | "tuple" | "set", _))
    };
    let is_first_walked = uses.next().is_some_and(is_walk);
    is_first_walked && uses.next().is_none()
}

/// True when the row is changed through the variable: another look-up of the same key must not see that.
fn is_changed(variable: Variable<'_>) -> bool {
    variable.occurrences().any(|each| {
        let stored = each.role() == Field::Object && each.parent().is_some_and(is_assigned);
        let saved = matches!(usage(each), Usage::Method("save" | "delete" | "refresh_from_db" | "delete_instance", _));
        occurrence(each) == Occurrence::Load && (stored || saved)
    })
}

fn rewritten<'a>(context: &Context<'a>, found: &PerRow<'a>) -> Option<Rewrite<'a>> {
    let statement = statement_of(found.looping);
    let place = Place { statement, looping: found.looping, own: targets(found.target) };
    let model = &found.fetch.model.name;
    let message = format!("one query of `{model}` for every row of the loop");
    let mut rewrite = Rewrite::new(found.inner, message);
    let base = found.target.descendants().find(|node| node.is(Kind::Identifier))?.text().to_owned();
    let mut lines = vec![];
    let rows = rows(context, &mut rewrite, found, &base, &mut lines);
    let keys = context.fresh_name(&format!("{base}_keys"));
    let column = found.equal.column.trim_end_matches('_');
    let groups = context.fresh_name(&format!("{}_by_{column}", noun(model, found.fetch.gives)));
    lines.push(format!("{keys} = list({{{} for {} in {rows}}})", found.key, found.target.text()));
    let start = context.fresh_name("start");
    let chunk = format!("{keys}[{start}:{start} + 500]");
    let source = found.fetch.of_many(context, &mut rewrite, &place, &found.equal, &chunk)?;
    let unit = indentation_unit(found.looping.file());
    let is_set = found.fetch.gives == Gives::Exists;
    lines.push(format!("{groups} = {}", if is_set { "set()" } else { "{}" }));
    lines.push(format!("for {start} in range(0, len({keys}), 500):"));
    lines.extend(
        filling(context, found, &groups, &source)
            .into_iter()
            .map(|line| format!("{unit}{line}"))
            .map(|line| line.replace('\t', &unit)),
    );
    rewrite.edits.insert_before(statement, &lines);
    rewrite.edits.replace(found.inner, answer(found, &groups));
    assume(&mut rewrite, found);
    Some(rewrite)
}

/// `beds` for lists of `Bed`, `bed` for single ones.
fn noun(model: &str, gives: Gives) -> String {
    let name = model.to_lowercase();
    match gives {
        Gives::List | Gives::Rows if name.ends_with(['s', 'x', 'h']) => format!("{name}es"),
        Gives::List | Gives::Rows => format!("{name}s"),
        Gives::Count => format!("n_{name}"),
        _ => name,
    }
}

/// The name of the rows as a list, made before the loop when they are none.
fn rows<'a>(
    context: &Context<'a>,
    rewrite: &mut Rewrite<'a>,
    found: &PerRow<'a>,
    base: &str,
    lines: &mut Vec<String>,
) -> String {
    let iterable = found.iterable;
    let is_list = |of: &Type| matches!(of, Type::List(_) | Type::Tuple(_) | Type::Dict(..) | Type::Range);
    if local_variable(iterable).is_some() && is_list(&crate::syntax::infer(iterable).of) {
        return iterable.text().to_owned();
    }
    let rows = context.fresh_name(&format!("{base}_rows"));
    lines.push(format!("{rows} = list({})", iterable.text()));
    rewrite.edits.replace(iterable, rows.clone());
    rewrite.assume(Assumption::Deferred("all that the loop runs over may be read before its first round"));
    rows
}

/// The lines that keep what a chunk gives; a tab stands for one step of indentation.
fn filling<'a>(context: &Context<'a>, found: &PerRow<'a>, groups: &str, source: &str) -> Vec<String> {
    let (each, key, value) = (context.fresh_name("each"), context.fresh_name("key"), context.fresh_name("value"));
    let column = found.equal.column;
    let is_bare = found.fetch.model.column(column).is_some_and(|column| column.foreign_key.is_some());
    let attribute = match found.fetch.style {
        Style::Django | Style::Peewee if is_bare => format!("{column}_id"),
        _ => column.to_owned(),
    };
    match found.fetch.gives {
        Gives::List | Gives::Rows => {
            vec![
                format!("for {each} in {source}:"),
                format!("\t{groups}.setdefault({each}.{attribute}, []).append({each})"),
            ]
        }
        Gives::First | Gives::One => {
            vec![format!("for {each} in {source}:"), format!("\t{groups}.setdefault({each}.{attribute}, {each})")]
        }
        Gives::Count | Gives::Number => {
            vec![format!("for {key}, {value} in {source}:"), format!("\t{groups}[{key}] = {value}")]
        }
        Gives::Exists => vec![format!("{groups}.update({source})")],
    }
}

/// What takes the place of the query in the loop.
fn answer(found: &PerRow<'_>, groups: &str) -> String {
    let key = &found.key;
    let is_count = found.fetch.gives == Gives::Number && found.fetch.counts();
    match found.fetch.gives {
        Gives::List => format!("list({groups}.get({key}, ()))"),
        Gives::Rows => format!("{groups}.get({key}, [])"),
        Gives::First => format!("{groups}.get({key})"),
        Gives::Number if !is_count => format!("{groups}.get({key})"),
        Gives::Count | Gives::Number => format!("{groups}.get({key}, 0)"),
        Gives::Exists => format!("({key} in {groups})"),
        Gives::One => format!("({groups}[{key}] if {key} in {groups} else {})", found.inner.text()),
    }
}

fn assume(rewrite: &mut Rewrite<'_>, found: &PerRow<'_>) {
    let model = &found.fetch.model.name;
    let rows = format!("the rows of `{model}`");
    rewrite.assume(Assumption::ReadAtOnce(rows.clone()));
    let is_ordered = found.fetch.has("order_by") || found.fetch.model.has_ordering;
    if matches!(found.fetch.gives, Gives::List | Gives::Rows) && !is_ordered {
        rewrite.assume(Assumption::OrderUnspecified(rows));
    }
    let column = found.fetch.model.column(found.equal.column);
    let is_number =
        column.is_none_or(|column| column.foreign_key.is_some() || column.is_primary || column.kind.starts_with("Int"));
    if !is_number {
        rewrite.assume(Assumption::ColumnComparesLikePython(format!("{model}.{}", found.equal.column)));
    }
    if column.is_some_and(|column| column.is_nullable && !column.is_primary)
        && found.key.rsplit('.').next() != Some("id")
    {
        rewrite.assume(Assumption::NeverNone(found.key.clone()));
    }
}
