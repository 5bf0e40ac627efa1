//! Finds loops over rows that load a related row for each by reading an attribute.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::index::orm::Library;
use crate::engine::rewrite::query::{Style, may_write, parse};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, enclosing_function, is_async};

rule! {
    /// ## What it finds
    /// `for order in Order.objects.all(): order.customer.name`, and the same with a SQLAlchemy relationship.
    /// ## Why it is slow
    /// Reading the attribute queries the database once per row; told beforehand, it is one query more or none.
    /// ## What must hold
    /// - The attribute is a foreign key of the Django model or a plain relationship of the SQLAlchemy model.
    /// - The query stands in this function, has no eager loading yet, and the loop writes nothing.
    /// ## Example
    /// ```python before needs-run
    /// class Customer(models.Model):
    ///     name = models.CharField(max_length=30)
    ///
    ///
    /// class Order(models.Model):
    ///     customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    ///
    ///
    /// def names():
    ///     return [order.customer.name for order in Order.objects.filter(open=True)]
    /// ```
    /// ```python after
    /// class Customer(models.Model):
    ///     name = models.CharField(max_length=30)
    ///
    ///
    /// class Order(models.Model):
    ///     customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    ///
    ///
    /// def names():
    ///     return [order.customer.name for order in Order.objects.filter(open=True).select_related("customer")]
    /// ```
    /// ```python before needs-run
    /// from sqlalchemy import select
    ///
    ///
    /// class Gallery(Base):
    ///     __tablename__ = "gallery"
    ///     id = Column(Integer, primary_key=True)
    ///     works = relationship("Work", back_populates="gallery")
    ///
    ///
    /// Base = declarative_base()
    ///
    ///
    /// def sizes(session):
    ///     for gallery in session.scalars(select(Gallery).order_by(Gallery.id)):
    ///         print(len(gallery.works))
    /// ```
    /// ```python after
    /// from sqlalchemy import select
    /// from sqlalchemy.orm import selectinload
    ///
    ///
    /// class Gallery(Base):
    ///     __tablename__ = "gallery"
    ///     id = Column(Integer, primary_key=True)
    ///     works = relationship("Work", back_populates="gallery")
    ///
    ///
    /// Base = declarative_base()
    ///
    ///
    /// def sizes(session):
    ///     for gallery in session.scalars(select(Gallery).options(selectinload(Gallery.works)).order_by(Gallery.id)):
    ///         print(len(gallery.works))
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Order(models.Model):
    ///     customer = models.ForeignKey("Customer", on_delete=models.CASCADE)
    ///
    ///
    /// def ids():
    ///     return [order.customer_id for order in Order.objects.all()]
    /// ```
    /// ```python unchanged
    /// class Order(models.Model):
    ///     customer = models.ForeignKey("Customer", on_delete=models.CASCADE)
    ///
    ///
    /// def names():
    ///     return [order.customer.name for order in Order.objects.select_related("customer")]
    /// ```
    "lazy-relation", Algorithm, [Trigger::Kind(Kind::For), Trigger::Kind(Kind::ForIn)] => find
}

/// Steps after which rows are no model instances, or that load related rows already.
const CLOSING: &[&str] = &[
    "values",
    "values_list",
    "only",
    "defer",
    "select_related",
    "prefetch_related",
    "iterator",
    "options",
    "with_entities",
    "yield_per",
    "union",
    "aggregate",
    "dates",
    "distinct",
    "first",
    "get",
    "count",
    "exists",
    "raw",
];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let target = node.field(Field::Left).filter(|target| target.is(Kind::Identifier))?;
    let region = if node.is(Kind::For) { node.field(Field::Body)? } else { node.parent()? };
    let variable = target.variable()?;
    let reads: Vec<&str> = variable
        .uses()
        .filter(|each| region.contains(*each))
        .filter_map(|each| each.parent().filter(|parent| parent.is(Kind::Attribute) && each.role() == Field::Object))
        .filter_map(|attribute| attribute.field(Field::Attribute).map(Node::text))
        .collect();
    if reads.is_empty() || may_write(region) || is_async(node) {
        return None;
    }
    let query = parse(context, node.field(Field::Right)?)?;
    let is_open = !query.steps.iter().any(|step| CLOSING.contains(&step.name));
    if !is_open
        || enclosing_function(query.root) != enclosing_function(node)
        || query.root.file().path != node.file().path
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("one query for every row of `{}`", query.model.name));
    match query.model.library {
        Library::Django => {
            let mut names: Vec<&str> = query
                .model
                .columns
                .iter()
                .filter(|column| {
                    column.foreign_key.is_some() && reads_through(&variable_uses(variable, region), &column.name)
                })
                .map(|column| column.name.as_str())
                .collect();
            names.dedup();
            if names.is_empty() || query.has("all") && query.steps.last().is_some_and(|step| step.name != "all") {
                return None;
            }
            let last = query.steps.last().map_or(query.root, |step| step.call);
            let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
            rewrite.edits.replace_range(last.end(), last.end(), format!(".select_related({})", quoted.join(", ")));
            rewrite.message = format!("`{}` loads `{}` row by row", target.text(), names.join("`, `"));
        }
        Library::SqlAlchemy if matches!(query.style, Style::Legacy | Style::Select) => {
            let relation = query
                .model
                .relations
                .iter()
                .find(|relation| relation.is_plain && reads.contains(&relation.name.as_str()))?;
            let load = context.import(&mut rewrite, "sqlalchemy.orm", "selectinload")?;
            let option = format!(".options({load}({}.{}))", query.model_name.text(), relation.name);
            rewrite.edits.replace_range(query.root.end(), query.root.end(), option);
            rewrite.message = format!("`{}.{}` is loaded row by row", target.text(), relation.name);
        }
        _ => return None,
    }
    rewrite.assume(Assumption::ReadAtOnce("the related rows".into()));
    Some(rewrite)
}

fn variable_uses<'a>(variable: crate::syntax::Variable<'a>, region: Node<'a>) -> Vec<Node<'a>> {
    variable.uses().filter(|each| region.contains(*each)).collect()
}

/// True when something of the related row itself is read: `order.customer.name`, not `order.customer_id`.
fn reads_through(uses: &[Node<'_>], name: &str) -> bool {
    uses.iter().any(|each| {
        let attribute = each.parent().filter(|parent| parent.is(Kind::Attribute));
        attribute.is_some_and(|attribute| {
            attribute.field(Field::Attribute).is_some_and(|field| field.text() == name)
                && attribute.parent().is_some_and(|above| above.is(Kind::Attribute))
        })
    })
}
