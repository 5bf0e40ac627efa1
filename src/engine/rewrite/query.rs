//! ORM queries in the source: which model they read, step by step, whichever of the libraries' styles they use.

use crate::syntax::{Field, Kind, Node, Type, callee_name, is_builtin_call, keywords, method, positional, qualified};

use super::context::Context;
use super::facts::comparison;
use super::index::orm::{Library, Model};

/// How a query is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `session.query(User)…` or `User.query…`.
    Legacy,
    /// `session.scalars(select(User)…)`.
    Select,
    /// `User.objects…`.
    Django,
    /// `User.select()…`.
    Peewee,
}

/// One call of the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub(crate) name: &'a str,
    pub(crate) call: Node<'a>,
}

/// A query of one model's rows.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub(crate) model: &'a Model,
    /// How the model is written in the query.
    pub(crate) model_name: Node<'a>,
    pub(crate) style: Style,
    /// `User.query`, `session.query(User)`, `select(User)`, `User.objects`: what steps follow.
    pub(crate) root: Node<'a>,
    /// From the root outwards; of the statement first, then of its result.
    pub(crate) steps: Vec<Step<'a>>,
    /// True when the value is a list: `.all()`, `list(…)`.
    pub(crate) is_list: bool,
    /// True when the whole stands in this place and not in a helper or variable.
    pub(crate) is_here: bool,
}

impl Query<'_> {
    /// True when no step has a name outside these.
    pub(crate) fn has_only(&self, names: &[&str]) -> bool {
        self.steps.iter().all(|step| names.contains(&step.name))
    }

    /// True when a step has the name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.name == name)
    }
}

/// Longer chains are no queries that a rule rewrites.
const STEPS_MAX: usize = 20;

/// Reads an expression as a query; `await`, `list(…)`, local variables and helpers without arguments are looked
/// through.
pub(crate) fn parse<'a>(context: &Context<'a>, expression: Node<'a>) -> Option<Query<'a>> {
    let mut at = expression.unwrapped();
    let mut is_list = false;
    let mut steps: Vec<Step<'a>> = vec![];
    let mut is_here = true;
    for _ in 0..STEPS_MAX {
        if at.is(Kind::Await) {
            at = at.only_child()?.unwrapped();
            continue;
        }
        if is_builtin_call(at, "list") {
            at = positional(at)?.first()?.unwrapped();
            is_list = true;
            continue;
        }
        if let Some(query) = root_of(context, at) {
            steps.reverse();
            is_list |= steps.last().is_some_and(|step| step.name == "all" && !matches!(query.1, Style::Django));
            return Some(Query {
                model: query.0,
                model_name: query.2,
                style: query.1,
                root: at,
                steps,
                is_list,
                is_here,
            });
        }
        if let Some((receiver, name)) = method(at) {
            if matches!(name, "scalars" | "execute")
                && let Some(statement) = positional(at).and_then(|all| all.first().copied())
            {
                steps.push(Step { name, call: at });
                let inner = context.index.resolved(statement);
                is_here &= inner == statement.unwrapped();
                at = inner;
                continue;
            }
            if root_or_method(context, receiver) {
                steps.push(Step { name, call: at });
                at = receiver.unwrapped();
                continue;
            }
        }
        let resolved = context.index.resolved(at);
        if resolved == at {
            return None;
        }
        at = resolved;
        is_here = false;
    }
    None
}

/// True when a receiver may be a query: a root, a call, or a name for one.
fn root_or_method<'a>(context: &Context<'a>, receiver: Node<'a>) -> bool {
    let receiver = receiver.unwrapped();
    matches!(receiver.kind(), Kind::Call | Kind::Await | Kind::Identifier) || root_of(context, receiver).is_some()
}

/// The model, style and model name of what steps follow: `User.query`, `select(User)`, `User.objects`.
pub(crate) fn root_of<'a>(context: &Context<'a>, node: Node<'a>) -> Option<(&'a Model, Style, Node<'a>)> {
    match node.kind() {
        Kind::Attribute => {
            let owner = node.field(Field::Object)?;
            let style = match node.field(Field::Attribute)?.text() {
                "query" => Style::Legacy,
                "objects" => Style::Django,
                _ => return None,
            };
            let model = context.index.model(owner)?;
            let fits = (model.library == Library::Django) == (style == Style::Django);
            fits.then_some((model, style, owner))
        }
        Kind::Call => {
            let name = callee_name(node)?;
            if name == "query" || is_select(context, node) {
                let [only] = positional(node)?[..] else { return None };
                let model = context.index.model(only).filter(|model| model.library == Library::SqlAlchemy)?;
                return Some((model, if name == "query" { Style::Legacy } else { Style::Select }, only));
            }
            let (owner, "select") = method(node)? else { return None };
            let model = context.index.model(owner).filter(|model| model.library == Library::Peewee)?;
            crate::syntax::arguments(node).is_empty().then_some((model, Style::Peewee, owner))
        }
        _ => None,
    }
}

/// `select(User)` of `SQLAlchemy`, by whatever name it is imported, and `db.select(User)` of Flask-SQLAlchemy; not
/// `User.select()` of peewee.
pub(crate) fn is_select<'a>(context: &Context<'a>, call: Node<'a>) -> bool {
    if callee_name(call) != Some("select") {
        return false;
    }
    let owner = method(call).map(|(owner, _)| owner);
    if owner.is_some_and(|owner| context.index.model(owner).is_some()) {
        return false;
    }
    let is_db = owner.is_some_and(|owner| owner.is(Kind::Identifier) && owner.text() == "db");
    is_db || call.field(Field::Function).and_then(qualified).is_some_and(|path| path.ends_with(".select"))
}

/// The model of the rows that an iterable gives: by its query, or by the annotation of what makes it.
pub(crate) fn rows_of<'a>(context: &Context<'a>, iterable: Node<'a>) -> Option<&'a Model> {
    if let Some(query) = parse(context, iterable) {
        return Some(query.model);
    }
    let typed = context.typed(iterable);
    match typed.of.element() {
        Type::Instance(name) => context.index.model_named(&name),
        _ => None,
    }
}

/// One equality of a filter: a column of the model and what it must equal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Equality<'a> {
    pub(crate) column: &'a str,
    pub(crate) value: Node<'a>,
    /// The argument that says so.
    pub(crate) argument: Node<'a>,
    pub(crate) step: Node<'a>,
}

/// The equalities of a query's filters; `None` when a filter has anything else.
pub(crate) fn equalities<'a>(query: &Query<'a>) -> Vec<Equality<'a>> {
    let mut found = vec![];
    for step in query.steps.iter().filter(|step| matches!(step.name, "filter" | "filter_by" | "where")) {
        for (name, value) in keywords(step.call) {
            if let Some(argument) = value.parent() {
                found.push(Equality { column: name, value, argument, step: step.call });
            }
        }
        for argument in crate::syntax::arguments(step.call) {
            let Some((left, "==", right)) = comparison(argument) else { continue };
            for (column, value) in [(left, right), (right, left)] {
                if let Some(name) = column_of(query, column) {
                    found.push(Equality { column: name, value, argument, step: step.call });
                    break;
                }
            }
        }
    }
    found
}

/// `id` of `User.id` for a query of `User`.
fn column_of<'a>(query: &Query<'a>, node: Node<'a>) -> Option<&'a str> {
    let owner = node.is(Kind::Attribute).then(|| node.field(Field::Object)).flatten()?;
    (owner.text() == query.model_name.text()).then(|| node.field(Field::Attribute).map(Node::text)).flatten()
}

/// Methods after which what was read before may be stale, or that write.
const WRITERS: &[&str] = &[
    "commit",
    "rollback",
    "flush",
    "add",
    "add_all",
    "delete",
    "expire",
    "expire_all",
    "refresh",
    "merge",
    "save",
    "create",
    "update",
    "bulk_create",
    "bulk_update",
    "insert",
    "execute_sql",
    "executemany",
    "close",
    "begin",
    "begin_nested",
    "remove",
    "get_or_create",
    "update_or_create",
    "set",
    "clear",
    "expunge",
    "expunge_all",
    "truncate",
];

/// True when the region may write to the database or end the session's transaction. `seen.add(x)` of a set that the
/// code proves to be one is none of it.
pub(crate) fn may_write(region: Node<'_>) -> bool {
    region.descendants().filter(|node| node.is(Kind::Call)).any(|call| {
        method(call).is_some_and(|(receiver, name)| WRITERS.contains(&name) && super::facts::proved(receiver).is_none())
    })
}

/// As [`may_write`], but for writes that name another model: `Reading.create(…)` leaves the rows of `Buoy` as they are.
pub(crate) fn may_write_besides<'a>(context: &Context<'a>, region: Node<'a>, model: &Model) -> bool {
    region.descendants().filter(|node| node.is(Kind::Call)).any(|call| {
        let Some((receiver, name)) = method(call) else { return false };
        if !WRITERS.contains(&name) || super::facts::proved(receiver).is_some() {
            return false;
        }
        let owner = match receiver.kind() {
            Kind::Attribute => receiver.field(Field::Object).filter(|_| receiver.text().ends_with(".objects")),
            _ => Some(receiver),
        };
        owner.and_then(|owner| context.index.model(owner)).is_none_or(|other| std::ptr::eq(other, model))
    })
}

/// True when a foreign key refers to the model's table.
pub(crate) fn refers(foreign_key: Option<&str>, parent: &Model) -> bool {
    let Some(foreign_key) = foreign_key else { return false };
    if parent.library == Library::SqlAlchemy {
        let Some(primary) = parent.primary_key() else { return false };
        return foreign_key == format!("{}.{primary}", parent.table_name())
            || foreign_key == format!("{}.{primary}", parent.name);
    }
    foreign_key == parent.name
}
