//! Finds searches in Python through all rows of a table.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{comparison, depends_on, is_chain, is_simple, only_statement};
use crate::engine::rewrite::query::{Query, Style, parse};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::engine::rewrite::view::{Place, View};
use crate::syntax::{Field, Kind, Node, arguments, is_async, is_builtin_call, next_statement};

rule! {
    /// ## What it finds
    /// A loop, `next(…)` or list comprehension over all rows of a model that picks those with `row.column == value`.
    /// ## Why it is slow
    /// Every row is fetched and made an object to be thrown away; the database finds the row, by an index in no time.
    /// ## What must hold
    /// - The rows are all of a model's (also through a helper that does nothing but return them) with plain filters.
    /// - The columns are the model's own and the values do not depend on the row.
    /// - The database compares as Python does, and the first row by no order may be another one: that needs a run.
    /// ## Example
    /// ```python before needs-run
    /// class User(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     email = db.Column(db.String(100), unique=True)
    ///
    ///
    /// def get_all_users():
    ///     return User.query.all()
    ///
    ///
    /// def find_user(email):
    ///     for user in get_all_users():
    ///         if user.email == email:
    ///             return user
    ///     return None
    /// ```
    /// ```python after
    /// class User(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     email = db.Column(db.String(100), unique=True)
    ///
    ///
    /// def get_all_users():
    ///     return User.query.all()
    ///
    ///
    /// def find_user(email):
    ///     return User.query.filter_by(email=email).first()
    /// ```
    /// ```python before needs-run
    /// class Item(Base):
    ///     __tablename__ = "item"
    ///     id = Column(Integer, primary_key=True)
    ///     serial = Column(String(30), index=True)
    ///
    ///
    /// Base = declarative_base()
    ///
    ///
    /// def find_item(session, serial):
    ///     items = session.query(Item).order_by(Item.id).all()
    ///     return next((item for item in items if item.serial == serial), None)
    /// ```
    /// ```python after
    /// class Item(Base):
    ///     __tablename__ = "item"
    ///     id = Column(Integer, primary_key=True)
    ///     serial = Column(String(30), index=True)
    ///
    ///
    /// Base = declarative_base()
    ///
    ///
    /// def find_item(session, serial):
    ///     return session.query(Item).order_by(Item.id).filter_by(serial=serial).first()
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class User(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///
    ///     @property
    ///     def email(self):
    ///         return decrypt(self.secret)
    ///
    ///
    /// def find_user(email):
    ///     for user in User.query.all():
    ///         if user.email == email:
    ///             return user
    ///     return None
    /// ```
    /// ```python unchanged
    /// class User(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     email = db.Column(db.String(100))
    ///
    ///
    /// def last(email):
    ///     found = None
    ///     for user in User.query.all():
    ///         if user.email == email:
    ///             found = user
    ///     return found
    /// ```
    "orm-linear-search", Algorithm, [Trigger::Kind(Kind::For), Trigger::Call("next")] => find
}

const STEPS: &[&str] = &["all", "filter", "filter_by", "where", "order_by", "scalars"];

pub(super) fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if node.is(Kind::For) { in_loop(context, node) } else { in_next(context, node) }
}

fn in_loop<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let target = node.field(Field::Left).filter(|target| target.is(Kind::Identifier))?;
    let test = only_statement(node).filter(|only| only.is(Kind::If) && only.field(Field::Alternative).is_none())?;
    let answer = only_statement(test).filter(|only| only.is(Kind::Return))?;
    if is_async(node)
        || answer.only_child()?.variable()? != target.variable()?
        || node.field(Field::Alternative).is_some()
        || !is_alone(node)
    {
        return None;
    }
    let next = next_statement(node);
    let is_last = next.is_none() && node.parent()?.parent()?.is(Kind::Function);
    let is_none =
        next.is_some_and(|next| next.is(Kind::Return) && next.only_child().is_none_or(|value| value.is(Kind::None)));
    if !is_last && !is_none || node.has(Kind::Comment) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, String::new());
    let found = first(context, node, node.field(Field::Right)?, target, test.field(Field::Condition)?, &mut rewrite)?;
    let end = next.unwrap_or(node);
    rewrite.edits.replace_range(node.start(), end.end(), format!("return {found}"));
    rewrite.until(end);
    Some(rewrite)
}

fn in_next<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if !is_builtin_call(node, "next") {
        return None;
    }
    let [generator, default] = arguments(node)[..] else { return None };
    let parts = generator.child_nodes();
    let [body, clause, test] = parts[..] else { return None };
    let target = clause.is(Kind::ForIn).then(|| clause.field(Field::Left)).flatten()?;
    if !default.is(Kind::None)
        || !target.is(Kind::Identifier)
        || body.text() != target.text()
        || !test.is(Kind::IfClause)
        || is_async(clause)
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, String::new());
    let found = first(context, node, clause.field(Field::Right)?, target, test.only_child()?, &mut rewrite)?;
    rewrite.edits.replace(node, found);
    Some(rewrite)
}

/// The source of a query of the first row that fits.
fn first<'a>(
    context: &Context<'a>,
    node: Node<'a>,
    iterable: Node<'a>,
    target: Node<'a>,
    condition: Node<'a>,
    rewrite: &mut Rewrite<'a>,
) -> Option<String> {
    let query = parse(context, iterable)?;
    let is_whole = query.has_only(STEPS) && (query.is_list || query.style == Style::Django || query.has("scalars"));
    if !is_whole || query.model.is_partial && query.model.columns.is_empty() || query.style == Style::Peewee {
        return None;
    }
    let mut filters = vec![];
    conditions(&query, target, condition, &mut filters)?;
    remove_variable(iterable, rewrite)?;
    let source = source_of(context, &query, node, rewrite)?;
    let text = if query.style == Style::Select {
        let model = query.model_name.text();
        let list: Vec<String> =
            filters.iter().map(|(column, value)| format!("{model}.{column} == {}", value.text())).collect();
        let session = query.steps.iter().find(|step| step.name == "scalars")?.call.field(Field::Function)?;
        format!("{}({source}.where({})).first()", session.text(), list.join(", "))
    } else {
        let method = if query.style == Style::Django { "filter" } else { "filter_by" };
        let list: Vec<String> = filters.iter().map(|(column, value)| format!("{column}={}", value.text())).collect();
        format!("{source}.{method}({}).first()", list.join(", "))
    };
    let table = &query.model.name;
    let columns: Vec<&str> = filters.iter().map(|(column, _)| *column).collect();
    let index = if columns
        .iter()
        .any(|column| query.model.column(column).is_some_and(crate::engine::rewrite::index::orm::Column::has_index))
    {
        "found"
    } else {
        "missing"
    };
    rewrite.message =
        format!("all rows of `{table}` are fetched to find one; index on `{}`: {index}", columns.join("`, `"));
    for column in &columns {
        rewrite.assume(Assumption::ColumnComparesLikePython(format!("{table}.{column}")));
    }
    let is_unique = columns
        .iter()
        .any(|column| query.model.column(column).is_some_and(|column| column.is_unique || column.is_primary));
    if !is_unique && !query.has("order_by") {
        rewrite.assume(Assumption::OrderUnspecified(format!("the rows of `{table}`")));
    }
    Some(text)
}

/// A variable that only feeds this search goes with it.
fn remove_variable<'a>(iterable: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    if !iterable.is(Kind::Identifier) {
        return Some(());
    }
    let variable = crate::engine::rewrite::facts::local_variable(iterable)?;
    let binding = variable.only_binding()?;
    let statement = crate::syntax::statement_of(binding);
    if variable.uses().count() == 1 && is_alone(statement) {
        rewrite.edits.remove(statement);
        return Some(());
    }
    None
}

/// `row.column == value` joined by `and`, each value independent of the row and cheap to evaluate once.
fn conditions<'a>(
    query: &Query<'a>,
    target: Node<'a>,
    condition: Node<'a>,
    found: &mut Vec<(&'a str, Node<'a>)>,
) -> Option<()> {
    let condition = condition.unwrapped();
    if condition.is(Kind::BooleanOperator) && condition.field(Field::Operator)?.text() == "and" {
        conditions(query, target, condition.field(Field::Left)?, found)?;
        return conditions(query, target, condition.field(Field::Right)?, found);
    }
    let (left, "==", right) = comparison(condition)? else { return None };
    let variable = target.variable()?;
    let (column, value) = if depends_on(left, variable) { (left, right) } else { (right, left) };
    let is_row = column.is(Kind::Attribute) && column.field(Field::Object)?.variable() == Some(variable);
    if !is_row || depends_on(value, variable) || !(is_chain(value) || is_simple(value)) || value.is(Kind::None) {
        return None;
    }
    let name = column.field(Field::Attribute)?.text();
    query.model.column(name).filter(|column| column.foreign_key.is_none() || !name.is_empty())?;
    found.push((name, value));
    Some(())
}

/// The query up to its last step but `.all()`; names from a helper's file are imported.
fn source_of<'a>(
    context: &Context<'a>,
    query: &Query<'a>,
    node: Node<'a>,
    rewrite: &mut Rewrite<'a>,
) -> Option<String> {
    let kept: Vec<_> = query.steps.iter().filter(|step| !matches!(step.name, "all" | "scalars")).collect();
    let last = kept.last().map_or(query.root, |step| step.call);
    let is_same_function = crate::syntax::enclosing_function(query.root) == crate::syntax::enclosing_function(node);
    if is_same_function && query.root.file().path == node.file().path {
        return (!last.text().contains('\n')).then(|| last.text().to_owned());
    }
    let place = Place { statement: crate::syntax::statement_of(node), looping: node, own: vec![] };
    View::elsewhere(last).text(context, rewrite, &place)
}
