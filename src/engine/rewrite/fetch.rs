//! Queries as views: read through helpers with arguments and methods of repositories, and written out again with a
//! condition over many keys in the place of one.

use crate::syntax::{Field, Kind, Node, arguments, callee_name, is_builtin_call, keywords, method, positional};

use super::context::Context;
use super::facts::comparison;
use super::index::orm::{Library, Model};
use super::query::{Style, is_select};
use super::rule::Rewrite;
use super::view::{Place, View};

/// What a query gives where it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    /// A list of rows.
    List,
    /// Rows that are read when they are walked.
    Rows,
    /// The first row, or `None`.
    First,
    /// The one row; an error when there is none.
    One,
    /// How many rows there are.
    Count,
    /// Whether there are any.
    Exists,
    /// What an aggregate function gives.
    Number,
}

/// One call of the chain.
#[derive(Clone)]
pub(crate) struct Link<'a> {
    pub(crate) name: &'a str,
    pub(crate) call: View<'a>,
}

/// A query of one model.
pub(crate) struct Fetch<'a> {
    pub(crate) model: &'a Model,
    pub(crate) model_name: View<'a>,
    pub(crate) style: Style,
    pub(crate) gives: Gives,
    pub(crate) links: Vec<Link<'a>>,
    pub(crate) is_async: bool,
    root: View<'a>,
    /// What executes a `select(…)`.
    pub(crate) session: Option<View<'a>>,
    /// `func.max(Bed.floor)` of `select(func.max(Bed.floor))`.
    aggregate: Option<View<'a>>,
}

/// A column of the model and what it must equal.
pub(crate) struct Equal<'a> {
    pub(crate) column: &'a str,
    pub(crate) value: View<'a>,
    argument: Node<'a>,
}

/// Longer chains are no queries that a rule rewrites.
const STEPS_MAX: usize = 24;

/// Steps that keep their meaning when the rows of many keys are read at once.
const LINKS: &[&str] = &[
    "filter",
    "filter_by",
    "where",
    "order_by",
    "exclude",
    "options",
    "select_related",
    "prefetch_related",
    "all",
    "only",
    "defer",
    "get",
    "get_or_none",
    "select_from",
];

struct Root<'a> {
    style: Style,
    model: Option<(&'a Model, Node<'a>)>,
    aggregate: Option<Node<'a>>,
}

/// Reads an expression as a query.
pub(crate) fn fetch<'a>(context: &Context<'a>, expression: &View<'a>) -> Option<Fetch<'a>> {
    let mut at = expression.clone();
    let (mut links, mut result): (Vec<Link<'a>>, Vec<Link<'a>>) = (vec![], vec![]);
    let (mut session, mut is_async, mut is_list) = (None, false, false);
    for _ in 0..STEPS_MAX {
        at = at.unwrapped();
        if is_builtin_call(at.node, "list") && session.is_none() && links.is_empty() {
            at = at.of(*positional(at.node)?.first()?);
            is_list = true;
            continue;
        }
        if let Some(root) = root(context, at.node) {
            links.reverse();
            result.reverse();
            return finished(context, at, &root, links, &result, session, (is_async, is_list));
        }
        if let Some(next) = at.step(context) {
            at = next;
            continue;
        }
        if at.node.is(Kind::Await) {
            at = at.of(at.node.only_child()?);
            is_async = true;
            continue;
        }
        let (receiver, name) = method(at.node)?;
        links.push(Link { name, call: at.clone() });
        let statement = positional(at.node).and_then(|all| all.first().copied());
        if matches!(name, "scalars" | "execute" | "scalar")
            && session.is_none()
            && let Some(statement) = statement
        {
            session = Some(at.of(receiver));
            result = std::mem::take(&mut links);
            at = at.of(statement);
            continue;
        }
        at = at.of(receiver);
    }
    None
}

fn root<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Root<'a>> {
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
            fits.then_some(Root { style, model: Some((model, owner)), aggregate: None })
        }
        Kind::Call => {
            let name = callee_name(node)?;
            let is_select = is_select(context, node);
            if name == "query" || is_select {
                let style = if is_select { Style::Select } else { Style::Legacy };
                let [only] = positional(node)?[..] else { return None };
                if is_aggregate(only) {
                    return Some(Root { style, model: None, aggregate: Some(only) });
                }
                let model = context.index.model(only).filter(|model| model.library == Library::SqlAlchemy)?;
                return Some(Root { style, model: Some((model, only)), aggregate: None });
            }
            let (owner, name) = method(node)?;
            let model = context.index.model(owner).filter(|model| model.library == Library::Peewee)?;
            let is_root = name == "select" && arguments(node).is_empty() || matches!(name, "get_or_none" | "get");
            is_root.then_some(Root { style: Style::Peewee, model: Some((model, owner)), aggregate: None })
        }
        _ => None,
    }
}

/// `func.count()`, `func.max(Bed.floor)`, `sa.func.sum(…)`.
fn is_aggregate(node: Node<'_>) -> bool {
    method(node).is_some_and(|(owner, name)| {
        owner.text().rsplit('.').next() == Some("func") && matches!(name, "count" | "max" | "min" | "sum" | "avg")
    })
}

fn finished<'a>(
    context: &Context<'a>,
    at: View<'a>,
    root: &Root<'a>,
    mut links: Vec<Link<'a>>,
    result: &[Link<'a>],
    session: Option<View<'a>>,
    (is_async, is_list): (bool, bool),
) -> Option<Fetch<'a>> {
    if (root.style == Style::Select) != session.is_some() {
        return None;
    }
    let names: Vec<&str> = result.iter().map(|link| link.name).filter(|name| *name != "unique").collect();
    let is_number = root.aggregate.is_some();
    let mut gives = match (&names[..], root.style) {
        (["scalars"] | ["execute", "scalars"], Style::Select) => Gives::Rows,
        (["scalars", "all"] | ["execute", "scalars", "all"], Style::Select) => Gives::List,
        (["scalar"] | ["execute", "scalar" | "scalar_one_or_none"], Style::Select) if !is_number => Gives::First,
        (["execute", "scalar_one"], Style::Select) if !is_number => Gives::One,
        (["scalar"] | ["execute", "scalar" | "scalar_one" | "scalar_one_or_none"], Style::Select) => Gives::Number,
        (["scalars", "first" | "one_or_none"] | ["execute", "scalars", "first" | "one_or_none"], Style::Select) => {
            Gives::First
        }
        (["scalars", "one"] | ["execute", "scalars", "one"], Style::Select) => Gives::One,
        (_, Style::Select) => return None,
        _ => Gives::Rows,
    };
    if root.style == Style::Peewee
        && let Some(name) = callee_name(at.node).filter(|name| matches!(*name, "get" | "get_or_none"))
    {
        links.insert(0, Link { name, call: at.clone() });
    }
    let last = links.last().map_or("", |link| link.name);
    if root.style != Style::Select {
        let (closing, is_filter) = match last {
            "all" if root.style == Style::Legacy => (Gives::List, false),
            "first" | "one_or_none" => (Gives::First, false),
            "one" => (Gives::One, false),
            "count" => (Gives::Count, false),
            "exists" if root.style != Style::Legacy => (Gives::Exists, false),
            "scalar" if is_number => (Gives::Number, false),
            "get" if root.style != Style::Legacy => (Gives::One, true),
            "get_or_none" if root.style == Style::Peewee => (Gives::First, true),
            _ => (gives, true),
        };
        gives = closing;
        if !is_filter {
            let popped = links.pop()?;
            if !arguments(popped.call.node).is_empty() {
                return None;
            }
        }
    }
    if is_list && gives == Gives::Rows {
        gives = Gives::List;
    }
    if is_number != (gives == Gives::Number) || !links.iter().all(|link| LINKS.contains(&link.name)) {
        return None;
    }
    let (model, model_name) = match root.model {
        Some((model, name)) => (model, at.of(name)),
        None => model_of_links(context, &links)?,
    };
    let aggregate = root.aggregate.map(|node| at.of(node));
    Some(Fetch { model, model_name, style: root.style, gives, links, is_async, root: at, session, aggregate })
}

/// The model whose columns the filters of an aggregate compare.
fn model_of_links<'a>(context: &Context<'a>, links: &[Link<'a>]) -> Option<(&'a Model, View<'a>)> {
    let filters = links.iter().filter(|link| matches!(link.name, "filter" | "where"));
    let mut comparisons =
        filters.flat_map(|link| arguments(link.call.node).into_iter().map(move |argument| (link, argument)));
    comparisons.find_map(|(link, argument)| {
        let (left, "==", right) = comparison(argument)? else { return None };
        [left, right].into_iter().find_map(|side| {
            let owner = side.is(Kind::Attribute).then(|| side.field(Field::Object)).flatten()?;
            context.index.model(owner).map(|model| (model, link.call.of(owner)))
        })
    })
}

impl<'a> Fetch<'a> {
    /// True when a step has the name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.links.iter().any(|link| link.name == name)
    }

    /// True when it asks for a number of rows by `func.count`.
    pub(crate) fn counts(&self) -> bool {
        self.aggregate.as_ref().is_some_and(|call| callee_name(call.node) == Some("count"))
    }

    /// The equalities of the filters.
    pub(crate) fn equalities(&self) -> Vec<Equal<'a>> {
        let mut found = vec![];
        for link in self.links.iter().filter(|link| is_filter(link.name)) {
            for (name, value) in keywords(link.call.node) {
                if let Some(argument) = value.parent() {
                    found.push(Equal { column: name, value: link.call.of(value), argument });
                }
            }
            for argument in arguments(link.call.node) {
                let Some((left, "==", right)) = comparison(argument) else { continue };
                for (column, value) in [(left, right), (right, left)] {
                    let owner = column.is(Kind::Attribute).then(|| column.field(Field::Object)).flatten();
                    let is_own = owner.is_some_and(|owner| owner.text() == self.model_name.node.text());
                    if let (true, Some(name)) = (is_own, column.field(Field::Attribute)) {
                        found.push(Equal { column: name.text(), value: link.call.of(value), argument });
                        break;
                    }
                }
            }
        }
        found
    }

    /// Everything of the query but the equality's argument.
    pub(crate) fn parts(&self, except: &Equal<'a>) -> Vec<View<'a>> {
        let mut parts: Vec<View<'a>> = self.session.iter().chain(&self.aggregate).cloned().collect();
        if self.style != Style::Peewee {
            parts.push(self.root.clone());
        }
        for link in &self.links {
            let others = arguments(link.call.node).into_iter().filter(|argument| *argument != except.argument);
            parts.extend(others.map(|argument| link.call.of(argument)));
        }
        parts
    }

    /// An expression that gives the rows of many keys, `chunk`, or what `shape` makes of them.
    pub(crate) fn of_many(
        &self,
        context: &Context<'a>,
        rewrite: &mut Rewrite<'a>,
        place: &Place<'a>,
        equal: &Equal<'a>,
        chunk: &str,
    ) -> Option<String> {
        let model = self.model_name.text(context, rewrite, place)?;
        let column = equal.column;
        let condition = match self.style {
            Style::Django => format!("{column}__in={chunk}"),
            _ => format!("{model}.{column}.in_({chunk})"),
        };
        let mut source = match (self.style, self.gives, &self.aggregate) {
            (Style::Peewee, ..) => format!("{model}.select()"),
            (_, _, Some(aggregate)) => {
                let call = self.root.of(self.root.node.field(Field::Function)?).text(context, rewrite, place)?;
                format!("{call}({model}.{column}, {})", aggregate.text(context, rewrite, place)?)
            }
            _ => self.root.text(context, rewrite, place)?,
        };
        for link in &self.links {
            source.push_str(&self.link(context, rewrite, place, link, equal, &condition)?);
        }
        source.push_str(&self.shape(context, rewrite, &format!("{model}.{column}"), column)?);
        let Some(session) = &self.session else { return Some(source) };
        let executor = if self.gives == Gives::Number { "execute" } else { "scalars" };
        let session = session.text(context, rewrite, place)?;
        Some(format!("{}{session}.{executor}({source})", if self.is_async { "await " } else { "" }))
    }

    /// What is asked of the rows instead of the rows themselves.
    fn shape(&self, context: &Context<'a>, rewrite: &mut Rewrite<'a>, owned: &str, column: &str) -> Option<String> {
        let bare = column.strip_suffix("_id").filter(|bare| self.model.column(bare).is_some()).unwrap_or(column);
        Some(match (self.gives, self.style) {
            (Gives::Number, _) => format!(".group_by({owned})"),
            (Gives::Count, Style::Django) => {
                let count = context.import(rewrite, "django.db.models", "Count")?;
                format!(".order_by().values_list(\"{bare}\").annotate({count}(\"pk\"))")
            }
            (Gives::Exists, Style::Django) => format!(".order_by().values_list(\"{bare}\", flat=True)"),
            (Gives::Count, Style::Legacy) => {
                let func = context.import(rewrite, "sqlalchemy", "func")?;
                format!(".with_entities({owned}, {func}.count()).group_by({owned})")
            }
            (Gives::Count | Gives::Exists, _) => return None,
            (Gives::First, Style::Django) if !self.has("order_by") && !self.model.has_ordering => {
                ".order_by(\"pk\")".to_owned()
            }
            (_, Style::Legacy) if self.gives == Gives::List => ".all()".to_owned(),
            _ => String::new(),
        })
    }

    fn link(
        &self,
        context: &Context<'a>,
        rewrite: &mut Rewrite<'a>,
        place: &Place<'a>,
        link: &Link<'a>,
        equal: &Equal<'a>,
        condition: &str,
    ) -> Option<String> {
        let is_dropped = link.name == "order_by" && matches!(self.gives, Gives::Count | Gives::Exists | Gives::Number);
        if is_dropped {
            return Some(String::new());
        }
        let name = match (link.name, self.style) {
            ("get", Style::Django) => "filter",
            ("get" | "get_or_none", Style::Peewee) => "where",
            (name, _) => name,
        };
        let mut texts = vec![];
        let mut has_condition = false;
        for argument in arguments(link.call.node) {
            if argument == equal.argument {
                has_condition = true;
                if name != "filter_by" {
                    texts.push(condition.to_owned());
                }
                continue;
            }
            texts.push(link.call.of(argument).text(context, rewrite, place)?);
        }
        // `filter_by` takes no expressions: the equality moves to a filter of its own before it.
        let filter = if self.style == Style::Select { "where" } else { "filter" };
        let moved =
            if name == "filter_by" && has_condition { format!(".{filter}({condition})") } else { String::new() };
        if !moved.is_empty() && texts.is_empty() {
            return Some(moved);
        }
        Some(format!("{moved}.{name}({})", texts.join(", ")))
    }
}

fn is_filter(name: &str) -> bool {
    matches!(name, "filter" | "filter_by" | "where" | "get" | "get_or_none")
}
