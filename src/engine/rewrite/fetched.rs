//! Queries of one row's related rows, written as what Python tells from rows that are fetched already.

use crate::syntax::{Field, Kind, Node, Usage, arguments, keywords, method, string_value, usage};

use super::assumption::Assumption;
use super::context::Context;
use super::index::orm::{Column, Model};
use super::relatives::Read;
use super::rule::Rewrite;
use super::view::{Place, View};

/// Methods of a Django queryset that Python can stand in for.
const STEPS: &[&str] = &["filter", "order_by", "first", "count", "exists", "all"];

struct Chain<'a> {
    row: View<'a>,
    conditions: Vec<(&'a str, View<'a>)>,
    order: Vec<&'a str>,
    last: &'a str,
}

/// What takes the place of a query that a row filters, when the rows it reads are fetched: the expression it stands
/// for, and its new text. `None` when Python cannot tell, or nothing has to change.
pub(crate) fn in_memory<'a>(
    context: &Context<'a>,
    rewrite: &mut Rewrite<'a>,
    read: &Read<'a>,
) -> Option<(Node<'a>, String)> {
    let relation = read.path.last()?;
    let whole = outermost(read);
    let chain = chain(&View::here(whole), context, &relation.name, read)?;
    let is_plain = chain.conditions.is_empty() && chain.order.is_empty() && chain.last != "first";
    if is_plain && read.node.is(Kind::Attribute) || !std::ptr::eq(whole.file(), context.file) {
        return None;
    }
    let place = Place { statement: crate::syntax::statement_of(whole), looping: whole, own: vec![] };
    let row = chain.row.text(context, rewrite, &place)?;
    let each = name_of_each(context, rewrite, &place, &chain, &relation.target.name.to_lowercase())?;
    let rows = format!("{row}.{}.all()", relation.name);
    let mut tests = vec![];
    for (name, value) in &chain.conditions {
        tests.push(test(context, rewrite, &place, relation.target, &each, name, value)?);
    }
    let wanted = tests.join(" and ");
    let given = if wanted.is_empty() { String::new() } else { format!(" if {wanted}") };
    let text = match chain.last {
        "count" => format!("len([{each} for {each} in {rows}{given}])"),
        "exists" if wanted.is_empty() => format!("bool({rows})"),
        "exists" => format!("any({wanted} for {each} in {rows})"),
        "first" => first(rewrite, &chain, relation.target, &each, &rows, &given)?,
        _ if chain.order.is_empty() && is_walked(whole) => format!("[{each} for {each} in {rows}{given}]"),
        _ => return None,
    };
    Some((whole, text))
}

/// A name for one related row that nothing in the expression has: it is a scope of its own.
fn name_of_each<'a>(
    context: &Context<'a>,
    rewrite: &mut Rewrite<'a>,
    place: &Place<'a>,
    chain: &Chain<'a>,
    wanted: &str,
) -> Option<String> {
    let mut texts = vec![chain.row.text(context, rewrite, place)?];
    for (_, value) in &chain.conditions {
        texts.push(value.text(context, rewrite, place)?);
    }
    let is_free = |name: &str| {
        texts.iter().all(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_').all(|word| word != name))
    };
    let is_good = wanted.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && is_free(wanted);
    Some(if is_good { wanted.to_owned() } else { context.fresh_name("each") })
}

/// The whole chain of queryset methods, also where a helper hands the queryset on.
fn outermost<'a>(read: &Read<'a>) -> Node<'a> {
    let mut calls = read.calls.clone();
    let mut at = read.node;
    loop {
        match usage(at) {
            Usage::Method(name, call) if STEPS.contains(&name) => at = call,
            Usage::Returned if !is_closed(at) => match calls.pop() {
                Some(call) => at = call,
                None => return at,
            },
            _ => return at,
        }
    }
}

/// True when the chain ends in a value that is no query.
fn is_closed(at: Node<'_>) -> bool {
    method(at).is_some_and(|(_, name)| matches!(name, "count" | "exists" | "first"))
}

fn is_walked(whole: Node<'_>) -> bool {
    matches!(usage(whole), Usage::Iterated(_) | Usage::Builtin("len" | "list" | "sorted" | "sum" | "any" | "all", _))
}

fn chain<'a>(whole: &View<'a>, context: &Context<'a>, relation: &str, read: &Read<'a>) -> Option<Chain<'a>> {
    let mut at = whole.clone();
    let mut chain = Chain { row: whole.clone(), conditions: vec![], order: vec![], last: "" };
    for _ in 0..12 {
        at = at.unwrapped();
        if at.node.is(Kind::Attribute) {
            let is_it = at.node.field(Field::Attribute)?.text() == relation;
            chain.row = at.of(at.node.field(Field::Object)?);
            return is_it.then_some(chain);
        }
        if at.node.is(Kind::Call)
            && let Some(next) = at.step(context)
        {
            at = next;
            continue;
        }
        let (receiver, name) = method(at.node)?;
        match name {
            "filter" => {
                let all = keywords(at.node);
                if all.len() != arguments(at.node).len() {
                    return None;
                }
                let is_root = receiver.text().ends_with(".objects");
                let mut row = None;
                for (name, value) in all {
                    if is_root && row.is_none() && refers(read, name) {
                        row = Some(at.of(value));
                    } else {
                        chain.conditions.push((name, at.of(value)));
                    }
                }
                if is_root {
                    chain.row = owner(row?);
                    return Some(chain);
                }
            }
            "order_by" if chain.order.is_empty() => {
                chain.order = arguments(at.node).into_iter().map(string_value).collect::<Option<_>>()?;
            }
            "count" | "exists" | "first" if chain.last.is_empty() && arguments(at.node).is_empty() => chain.last = name,
            "all" if arguments(at.node).is_empty() => {}
            _ => return None,
        }
        at = at.of(receiver);
    }
    None
}

/// True when a keyword is the foreign key from the related model to the row's.
fn refers(read: &Read<'_>, name: &str) -> bool {
    let Some(target) = read.path.last().map(|relation| relation.target) else { return false };
    let column = target.column(name).or_else(|| target.column(name.strip_suffix("_id")?));
    column.is_some_and(|column| column.foreign_key.as_deref() == Some(read.owner.name.as_str()))
}

/// The row of `route`, `route.pk` or `route.id`.
fn owner(value: View<'_>) -> View<'_> {
    let is_key = value.node.is(Kind::Attribute)
        && value.node.field(Field::Attribute).is_some_and(|name| matches!(name.text(), "pk" | "id"));
    match value.node.field(Field::Object).filter(|_| is_key) {
        Some(row) => value.of(row),
        None => value,
    }
}

/// A condition of the query as Python tells it of one row.
fn test<'a>(
    context: &Context<'a>,
    rewrite: &mut Rewrite<'a>,
    place: &Place<'a>,
    model: &Model,
    each: &str,
    name: &str,
    value: &View<'a>,
) -> Option<String> {
    let (name, lookup) = name.split_once("__").unwrap_or((name, "exact"));
    let column = model.column(name).filter(|column| column.foreign_key.is_none())?;
    let text = value.text(context, rewrite, place)?;
    let is_safe = value.node.is(Kind::Integer) && is_number(column) && !column.is_nullable
        || column.kind == "BooleanField" && matches!(value.node.kind(), Kind::True | Kind::False)
        || value.node.is(Kind::None);
    if !is_safe {
        rewrite.assume(Assumption::ColumnComparesLikePython(format!("{}.{name}", model.name)));
    }
    let operand = match value.node.kind() {
        Kind::Conditional | Kind::Lambda | Kind::Named | Kind::BooleanOperator | Kind::Comparison => {
            format!("({text})")
        }
        _ => text,
    };
    let operator = match lookup {
        "exact" if value.node.is(Kind::None) => return Some(format!("{each}.{name} is None")),
        "exact" if column.kind == "BooleanField" && !column.is_nullable && value.node.is(Kind::True) => {
            return Some(format!("{each}.{name}"));
        }
        "exact" if column.kind == "BooleanField" && !column.is_nullable && value.node.is(Kind::False) => {
            return Some(format!("not {each}.{name}"));
        }
        "exact" => "==",
        "in" if !column.is_nullable => "in",
        "gt" if !column.is_nullable => ">",
        "gte" if !column.is_nullable => ">=",
        "lt" if !column.is_nullable => "<",
        "lte" if !column.is_nullable => "<=",
        _ => return None,
    };
    Some(format!("{each}.{name} {operator} {operand}"))
}

fn is_number(column: &Column) -> bool {
    ["IntegerField", "AutoField"].iter().any(|kind| column.kind.ends_with(kind))
}

/// The first row by an order that ends with the key.
fn first<'a>(
    rewrite: &mut Rewrite<'a>,
    chain: &Chain<'a>,
    model: &Model,
    each: &str,
    rows: &str,
    given: &str,
) -> Option<String> {
    if chain.order.is_empty() {
        return model.has_ordering.then(|| format!("next(({each} for {each} in {rows}{given}), None)"));
    }
    let is_last = chain.order.iter().all(|name| name.starts_with('-'));
    let is_mixed = !is_last && chain.order.iter().any(|name| name.starts_with('-'));
    let names: Vec<&str> = chain.order.iter().map(|name| name.trim_start_matches('-')).collect();
    let is_key = |name: &str| matches!(name, "id" | "pk");
    if is_mixed || !names.last().is_some_and(|last| is_key(last)) {
        return None;
    }
    for name in names.iter().filter(|name| !is_key(name)) {
        let column = model.column(name).filter(|column| !column.is_nullable && column.foreign_key.is_none())?;
        let is_plain = is_number(column) || column.kind.starts_with("Date") || column.kind == "BooleanField";
        if !is_plain {
            rewrite.assume(Assumption::ColumnComparesLikePython(format!("{}.{name}", model.name)));
        }
    }
    let parts: Vec<String> = names.iter().map(|name| format!("{each}.{name}")).collect();
    let key = if parts.len() == 1 { parts[0].clone() } else { format!("({})", parts.join(", ")) };
    let pick = if is_last { "max" } else { "min" };
    let source = if given.is_empty() { rows.to_owned() } else { format!("({each} for {each} in {rows}{given})") };
    Some(format!("{pick}({source}, key=lambda {each}: {key}, default=None)"))
}
