//! Finds rows that are loaded with large columns nobody reads.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::index::orm::Library;
use crate::engine::rewrite::query::{Style, parse};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Usage, enclosing_function, is_async, usage};

rule! {
    /// ## What it finds
    /// A loop over rows whose model has text, JSON or binary columns that the loop does not read.
    /// ## Why it is slow
    /// Every row carries its largest columns over the network and into memory for nothing.
    /// ## What must hold
    /// - The row is used for some of its other columns only and handed to no one: reading a column left out costs a
    ///   query per row.
    /// ## Example
    /// ```python before needs-run
    /// class Document(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     title = db.Column(db.String(80))
    ///     body = db.Column(db.Text)
    ///
    ///
    /// def titles():
    ///     return [document.title for document in Document.query.order_by(Document.title)]
    /// ```
    /// ```python after
    /// from sqlalchemy.orm import defer
    ///
    /// class Document(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     title = db.Column(db.String(80))
    ///     body = db.Column(db.Text)
    ///
    ///
    /// def titles():
    ///     return [document.title for document in Document.query.options(defer(Document.body)).order_by(Document.title)]
    /// ```
    /// ```python before needs-run
    /// class Document(models.Model):
    ///     title = models.CharField(max_length=80)
    ///     body = models.TextField()
    ///
    ///
    /// def titles():
    ///     for document in Document.objects.filter(public=True):
    ///         print(document.title)
    /// ```
    /// ```python after
    /// class Document(models.Model):
    ///     title = models.CharField(max_length=80)
    ///     body = models.TextField()
    ///
    ///
    /// def titles():
    ///     for document in Document.objects.filter(public=True).defer("body"):
    ///         print(document.title)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Document(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     title = db.Column(db.String(80))
    ///     body = db.Column(db.Text)
    ///
    ///
    /// def texts(render):
    ///     for document in Document.query.all():
    ///         print(document.title, render(document))
    /// ```
    "large-fields", Memory, [Trigger::Kind(Kind::For), Trigger::Kind(Kind::ForIn)] => find
}

const STEPS: &[&str] = &["all", "filter", "filter_by", "where", "order_by", "limit", "scalars", "exclude"];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let target = node.field(Field::Left).filter(|target| target.is(Kind::Identifier))?;
    let region = if node.is(Kind::For) { node.field(Field::Body)? } else { node.parent()? };
    let variable = target.variable()?;
    let mut reads = vec![];
    for each in variable.uses() {
        match usage(each) {
            Usage::Attribute(name) if region.contains(each) => reads.push(name),
            _ => return None,
        }
    }
    let query = parse(context, node.field(Field::Right)?).filter(|query| query.has_only(STEPS))?;
    let is_column = |name: &&str| query.model.column(name).is_some() || **name == *"id" || **name == *"pk";
    if reads.is_empty()
        || is_async(node)
        || !reads.iter().all(is_column)
        || enclosing_function(query.root) != enclosing_function(node)
        || query.root.file().path != node.file().path
    {
        return None;
    }
    // Rows that live on in a variable may be read elsewhere.
    if !query.is_here {
        return None;
    }
    let large: Vec<&str> = query
        .model
        .columns
        .iter()
        .filter(|column| column.is_large() && !reads.contains(&column.name.as_str()))
        .map(|column| column.name.as_str())
        .collect();
    if large.is_empty() {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is loaded and not read", large.join("`, `")));
    match (query.model.library, query.style) {
        (Library::Django, _) => {
            let last = query.steps.last().map_or(query.root, |step| step.call);
            let names: Vec<String> = large.iter().map(|name| format!("\"{name}\"")).collect();
            rewrite.edits.replace_range(last.end(), last.end(), format!(".defer({})", names.join(", ")));
        }
        (Library::SqlAlchemy, Style::Legacy | Style::Select) => {
            let defer = context.import(&mut rewrite, "sqlalchemy.orm", "defer")?;
            let model = query.model_name.text();
            let options: Vec<String> = large.iter().map(|name| format!("{defer}({model}.{name})")).collect();
            rewrite.edits.replace_range(
                query.root.end(),
                query.root.end(),
                format!(".options({})", options.join(", ")),
            );
        }
        _ => return None,
    }
    rewrite.assume(Assumption::ReadAtOnce("the rows".into()));
    rewrite.assume(Assumption::Deferred("no other code reads the columns left out from these rows"));
    Some(rewrite)
}
