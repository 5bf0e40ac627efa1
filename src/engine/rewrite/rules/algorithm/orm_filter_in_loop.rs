//! Finds loops over all rows of a table in which only rows with a certain value matter.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{
    comparison, depends_on, is_chain, is_simple, local_variable, only_statement, used_only_in,
};
use crate::engine::rewrite::index::orm::Model;
use crate::engine::rewrite::query::{Style, root_of};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::engine::rewrite::view::{Place, View};
use crate::syntax::{
    Field, Kind, Node, Variable, arguments, binding_value, is_async, is_builtin_call, method, positional, statement_of,
};

use super::orm_linear_search;

rule! {
    /// ## What it finds
    /// A loop, comprehension or `next(…)` over all rows of a model that does something only where `row.column == value`,
    /// perhaps with further conditions.
    /// ## Why it is slow
    /// Every row is fetched and made an object to be passed over; the database finds the few by itself.
    /// ## What must hold
    /// - The rows are all of a model's with plain filters and an order: no limit, no slice.
    /// - The column is the model's own, and the value does not depend on the row.
    /// - The condition stays in the loop, so rows that the database finds in addition are passed over as before; those
    ///   that Python finds equal the database must find too.
    /// ## Example
    /// ```python before needs-run
    /// class Instrument(Base):
    ///     __tablename__ = "instruments"
    ///     id = Column(Integer, primary_key=True)
    ///     serial = Column(String(30), index=True)
    ///     retired = Column(Boolean)
    ///
    ///
    /// Base = declarative_base()
    ///
    ///
    /// def in_use(session, serial):
    ///     instruments = session.query(Instrument).order_by(Instrument.id).all()
    ///     return next((i for i in instruments if i.serial == serial and not i.retired), None)
    /// ```
    /// ```python after
    /// class Instrument(Base):
    ///     __tablename__ = "instruments"
    ///     id = Column(Integer, primary_key=True)
    ///     serial = Column(String(30), index=True)
    ///     retired = Column(Boolean)
    ///
    ///
    /// Base = declarative_base()
    ///
    ///
    /// def in_use(session, serial):
    ///     instruments = session.query(Instrument).order_by(Instrument.id).filter_by(serial=serial).all()
    ///     return next((i for i in instruments if i.serial == serial and not i.retired), None)
    /// ```
    /// ```python before needs-run
    /// class Entry(models.Model):
    ///     key = models.CharField(max_length=30)
    ///     value = models.TextField()
    ///
    ///
    /// def values(key):
    ///     found = []
    ///     for entry in Entry.objects.order_by("pk"):
    ///         if entry.key == key:
    ///             found.append(entry.value)
    ///     return found
    /// ```
    /// ```python after
    /// class Entry(models.Model):
    ///     key = models.CharField(max_length=30)
    ///     value = models.TextField()
    ///
    ///
    /// def values(key):
    ///     found = []
    ///     for entry in Entry.objects.order_by("pk").filter(key=key):
    ///         if entry.key == key:
    ///             found.append(entry.value)
    ///     return found
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Entry(models.Model):
    ///     key = models.CharField(max_length=30)
    ///
    ///
    /// def split(key):
    ///     mine, others = [], []
    ///     for entry in Entry.objects.order_by("pk"):
    ///         if entry.key == key:
    ///             mine.append(entry)
    ///         else:
    ///             others.append(entry)
    ///     return mine, others
    ///
    ///
    /// def among_ten(key):
    ///     return [entry for entry in Entry.objects.order_by("pk")[:10] if entry.key == key]
    ///
    ///
    /// def first_or_last(key):
    ///     for entry in Entry.objects.order_by("pk"):
    ///         if entry.key == key:
    ///             break
    ///     return entry
    /// ```
    "orm-filter-in-loop", Algorithm, [Trigger::Kind(Kind::For), Trigger::Kind(Kind::ForIn)] => find
}

/// Helpers and names that stand for each other are followed this far.
const HELPERS_MAX: usize = 8;

/// Steps before which a further filter means the same.
const STEPS: &[&str] = &["filter", "filter_by", "where", "order_by", "exclude", "all", "options", "select_related"];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if !context.index.has_models() {
        return None;
    }
    let target = node.field(Field::Left).filter(|target| target.is(Kind::Identifier))?;
    let condition = condition_of(node)?;
    let region = if node.is(Kind::For) { node } else { node.parent()? };
    if is_async(node) || !used_only_in(target, region) || condition.has(Kind::Call) || condition.has(Kind::Named) {
        return None;
    }
    let rows = iterable(node.field(Field::Right)?, region)?;
    let statement = statement_of(rows);
    let place = Place { statement, looping: region, own: vec![] };
    let mut rewrite = Rewrite::new(node, "");
    let query = Narrowed::of(context, rows)?;
    let mut equal = vec![];
    conjuncts(condition, &mut equal);
    let variable = target.variable()?;
    let mut filters: Vec<(&str, Node<'a>)> =
        equal.into_iter().filter_map(|each| column_and_value(query.model, variable, each)).collect();
    filters.retain(|(column, value)| is_known_at(*value, statement, region) && !query.is_filtered_by(column));
    if filters.is_empty() || is_searched(context, node, region) {
        return None;
    }
    let text = query.filter(context, &mut rewrite, &place, &filters)?;
    query.write(context, &mut rewrite, &place, rows, &text)?;
    let columns: Vec<&str> = filters.iter().map(|(column, _)| *column).collect();
    rewrite.message =
        format!("all rows of `{}` are fetched, those with one `{}` matter", query.model.name, columns.join("`, `"));
    for column in columns {
        rewrite.assume(Assumption::ColumnComparesLikePython(format!("{}.{column}", query.model.name)));
    }
    if !query.is_ordered() {
        rewrite.assume(Assumption::OrderUnspecified(format!("the rows of `{}`", query.model.name)));
    }
    Some(rewrite)
}

/// The condition without which a round does nothing.
fn condition_of(node: Node<'_>) -> Option<Node<'_>> {
    if node.is(Kind::For) {
        let test = only_statement(node).filter(|only| only.is(Kind::If) && only.field(Field::Alternative).is_none())?;
        return (node.field(Field::Alternative).is_none()).then(|| test.field(Field::Condition)).flatten();
    }
    let clauses: Vec<Node<'_>> =
        node.parent()?.children().filter(|child| matches!(child.kind(), Kind::ForIn | Kind::IfClause)).collect();
    match clauses[..] {
        [only, test] if only == node && test.is(Kind::IfClause) => test.only_child(),
        _ => None,
    }
}

/// What makes the rows: the iterable, or the value of a name that feeds this loop alone and stands right before it.
fn iterable<'a>(iterable: Node<'a>, region: Node<'a>) -> Option<Node<'a>> {
    let at = iterable.unwrapped();
    if !at.is(Kind::Identifier) {
        return Some(at);
    }
    let variable = local_variable(at)?;
    let binding = variable.only_binding()?;
    let statement = statement_of(binding);
    let is_near = statement.parent() == statement_of(region).parent() && is_alone(statement);
    (is_near && variable.uses().count() == 1).then(|| binding_value(binding)).flatten()
}

fn conjuncts<'a>(condition: Node<'a>, found: &mut Vec<Node<'a>>) {
    let condition = condition.unwrapped();
    let is_and = condition.is(Kind::BooleanOperator)
        && condition.field(Field::Operator).is_some_and(|operator| operator.text() == "and");
    if !is_and {
        found.push(condition);
        return;
    }
    for side in [Field::Left, Field::Right] {
        if let Some(side) = condition.field(side) {
            conjuncts(side, found);
        }
    }
}

fn column_and_value<'a>(model: &Model, row: Variable<'a>, condition: Node<'a>) -> Option<(&'a str, Node<'a>)> {
    let (left, "==", right) = comparison(condition)? else { return None };
    let (column, value) = if depends_on(left, row) { (left, right) } else { (right, left) };
    let is_row = column.is(Kind::Attribute) && column.field(Field::Object)?.variable() == Some(row);
    let name = column.field(Field::Attribute).filter(|_| is_row)?.text();
    let is_value = !depends_on(value, row) && (is_chain(value) || is_simple(value)) && !value.is(Kind::None);
    model.column(name).filter(|column| is_value && column.foreign_key.is_none())?;
    Some((name, value))
}

/// True when the value is the same where the query is written as in the loop.
fn is_known_at(value: Node<'_>, statement: Node<'_>, region: Node<'_>) -> bool {
    value.descendants().filter(|node| node.is(Kind::Identifier)).filter_map(Node::variable).all(|variable| {
        let is_bound_before = |binding: Node<'_>| binding.start() < statement.start() && !region.contains(binding);
        variable.bindings().all(is_bound_before) || variable.scope() != statement.scope()
    })
}

/// True where the whole search becomes one query.
fn is_searched<'a>(context: &Context<'a>, node: Node<'a>, region: Node<'a>) -> bool {
    let call = region.ancestors().take(2).find(|each| is_builtin_call(*each, "next"));
    orm_linear_search::find(context, call.unwrap_or(node)).is_some()
}

/// A query of all rows of a model.
struct Narrowed<'a> {
    model: &'a Model,
    model_name: View<'a>,
    style: Style,
    /// The query, to whose end a filter is added.
    open: View<'a>,
    /// `.all()`, or nothing.
    closing: &'static str,
    session: Option<View<'a>>,
    /// The steps of the query.
    steps: Vec<Node<'a>>,
}

impl<'a> Narrowed<'a> {
    fn of(context: &Context<'a>, rows: Node<'a>) -> Option<Self> {
        let mut at = View::here(rows);
        if is_builtin_call(at.node, "list") {
            at = at.of(*positional(at.node)?.first()?);
        }
        for _ in 0..HELPERS_MAX {
            let Some(next) = at.step(context) else { break };
            at = next;
        }
        let (mut closing, mut session) = ("", None);
        match method(at.node) {
            Some((receiver, "all")) if !arguments(at.node).is_empty() || receiver.is(Kind::Identifier) => return None,
            Some((receiver, "all")) => (at, closing) = (at.of(receiver), ".all()"),
            _ => {}
        }
        if let Some((receiver, "scalars")) = method(at.node) {
            session = Some(at.of(receiver));
            at = at.of(*positional(at.node)?.first()?);
            if at.node.is(Kind::Identifier) {
                at = at.step(context)?;
            }
        }
        let mut inner = at.node;
        let mut steps = vec![];
        while root_of(context, inner).is_none() {
            let (receiver, name) = method(inner)?;
            STEPS.contains(&name).then_some(())?;
            steps.push(inner);
            inner = receiver;
        }
        let (model, style, name) = root_of(context, inner)?;
        let fits = match style {
            Style::Legacy => session.is_none() && !closing.is_empty(),
            Style::Django => session.is_none(),
            Style::Select => session.is_some(),
            Style::Peewee => false,
        };
        // Django's `objects.all()` is where filters begin.
        let (open, closing) = if style == Style::Django && inner == at.node && !closing.is_empty() {
            (at.of(at.node), "")
        } else {
            (at, closing)
        };
        let model_name = open.of(name);
        fits.then_some(Self { model, model_name, style, open, closing, session, steps })
    }

    fn is_ordered(&self) -> bool {
        self.model.has_ordering
            || self.steps.iter().any(|step| method(*step).is_some_and(|(_, name)| name == "order_by"))
    }

    /// True when the query asks for one value of the column already.
    fn is_filtered_by(&self, column: &str) -> bool {
        self.steps.iter().filter(|step| method(**step).is_some_and(|(_, name)| name != "order_by")).any(|step| {
            arguments(*step).iter().any(|argument| {
                let text = argument.text();
                text.starts_with(&format!("{column}=")) || text.contains(&format!(".{column} == "))
            })
        })
    }

    fn filter(
        &self,
        context: &Context<'a>,
        rewrite: &mut Rewrite<'a>,
        place: &Place<'a>,
        filters: &[(&str, Node<'a>)],
    ) -> Option<String> {
        if self.style == Style::Select {
            let model = self.model_name.text(context, rewrite, place)?;
            let list: Vec<String> =
                filters.iter().map(|(column, value)| format!("{model}.{column} == {}", value.text())).collect();
            return Some(format!(".where({})", list.join(", ")));
        }
        let name = if self.style == Style::Django { "filter" } else { "filter_by" };
        let list: Vec<String> = filters.iter().map(|(column, value)| format!("{column}={}", value.text())).collect();
        Some(format!(".{name}({})", list.join(", ")))
    }

    fn write(
        &self,
        context: &Context<'a>,
        rewrite: &mut Rewrite<'a>,
        place: &Place<'a>,
        rows: Node<'a>,
        filter: &str,
    ) -> Option<()> {
        if self.open.is_here() && rows.contains(self.open.node) {
            rewrite.edits.replace_range(self.open.node.end(), self.open.node.end(), filter);
            return Some(());
        }
        let open = self.open.text(context, rewrite, place)?;
        let text = match &self.session {
            Some(session) => {
                format!("{}.scalars({open}{filter}){}", session.text(context, rewrite, place)?, self.closing)
            }
            None => format!("{open}{filter}{}", self.closing),
        };
        rewrite.edits.replace(rows, text);
        Some(())
    }
}
