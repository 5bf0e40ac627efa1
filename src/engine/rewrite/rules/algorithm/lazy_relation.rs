//! Finds loops over rows that load related rows for each by reading an attribute, also in methods and helpers.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::fetched::in_memory;
use crate::engine::rewrite::index::orm::{Library, Model};
use crate::engine::rewrite::query::{Style, may_write};
use crate::engine::rewrite::relatives::{Read, Reads, Relative, fetched_names, reads};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::engine::rewrite::source::{Source, source};
use crate::syntax::{Field, Kind, Node, is_async};

rule! {
    /// ## What it finds
    /// `for order in Order.objects.all(): order.customer.name`, and the same with a SQLAlchemy relationship; also where
    /// the related rows are read by a method or property of the model, by a helper that gets the row, or by an object that
    /// is made around it. For Django also counts, `exists()`, `first()` and plain filters of the rows that refer to each.
    /// ## Why it is slow
    /// Reading the attribute queries the database once per row; told beforehand, it is one query more or none.
    /// ## What must hold
    /// - The attribute is a foreign key, the other side of one, or a relationship that is loaded when it is read.
    /// - The query is open where the loop runs over it, and does not ask for these rows already.
    /// - The loop writes nothing. It is proven when all that runs is known and nothing depends on an order not asked for.
    /// - Filters of fetched rows are told by Python: plain comparisons of columns, an order that ends with the key.
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
    /// ```python before proven
    /// from sqlalchemy import select
    ///
    ///
    /// class Gallery(Base):
    ///     __tablename__ = "gallery"
    ///     id = Column(Integer, primary_key=True)
    ///     works = relationship("Work", back_populates="gallery")
    ///
    ///
    /// class Work(Base):
    ///     __tablename__ = "work"
    ///     id = Column(Integer, primary_key=True)
    ///     gallery_id = Column(ForeignKey("gallery.id"))
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
    /// class Work(Base):
    ///     __tablename__ = "work"
    ///     id = Column(Integer, primary_key=True)
    ///     gallery_id = Column(ForeignKey("gallery.id"))
    ///
    ///
    /// Base = declarative_base()
    ///
    ///
    /// def sizes(session):
    ///     for gallery in session.scalars(select(Gallery).order_by(Gallery.id).options(selectinload(Gallery.works))):
    ///         print(len(gallery.works))
    /// ```
    /// ```python before proven
    /// class Hall(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     name = db.Column(db.String(30))
    ///
    ///
    /// class Screening(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     hall_id = db.Column(db.ForeignKey("hall.id"))
    ///     hall = db.relationship("Hall")
    ///
    ///     @property
    ///     def place(self):
    ///         return self.hall.name if self.hall else "to be announced"
    ///
    ///     def to_dict(self):
    ///         return {"id": self.id, "place": self.place}
    ///
    ///
    /// def programme(limit=None):
    ///     query = Screening.query.order_by(Screening.id)
    ///     if limit is not None:
    ///         query = query.limit(limit)
    ///     return [screening.to_dict() for screening in query]
    /// ```
    /// ```python after
    /// from sqlalchemy.orm import selectinload
    ///
    /// class Hall(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     name = db.Column(db.String(30))
    ///
    ///
    /// class Screening(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     hall_id = db.Column(db.ForeignKey("hall.id"))
    ///     hall = db.relationship("Hall")
    ///
    ///     @property
    ///     def place(self):
    ///         return self.hall.name if self.hall else "to be announced"
    ///
    ///     def to_dict(self):
    ///         return {"id": self.id, "place": self.place}
    ///
    ///
    /// def programme(limit=None):
    ///     query = Screening.query.order_by(Screening.id)
    ///     if limit is not None:
    ///         query = query.limit(limit)
    ///     return [screening.to_dict() for screening in query.options(selectinload(Screening.hall))]
    /// ```
    /// ```python before needs-run
    /// class Route(models.Model):
    ///     name = models.CharField(max_length=50)
    ///
    ///
    /// class Ascent(models.Model):
    ///     route = models.ForeignKey(Route, related_name="ascents", on_delete=models.CASCADE)
    ///     grade = models.CharField(max_length=5)
    ///
    ///
    /// def is_hard(route):
    ///     return route.ascents.filter(grade="8a").exists()
    ///
    ///
    /// def board():
    ///     return [(route.name, route.ascents.count(), is_hard(route)) for route in Route.objects.order_by("pk")]
    /// ```
    /// ```python after
    /// class Route(models.Model):
    ///     name = models.CharField(max_length=50)
    ///
    ///
    /// class Ascent(models.Model):
    ///     route = models.ForeignKey(Route, related_name="ascents", on_delete=models.CASCADE)
    ///     grade = models.CharField(max_length=5)
    ///
    ///
    /// def is_hard(route):
    ///     return any(ascent.grade == "8a" for ascent in route.ascents.all())
    ///
    ///
    /// def board():
    ///     return [(route.name, route.ascents.count(), is_hard(route)) for route in Route.objects.order_by("pk").prefetch_related("ascents")]
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Customer(models.Model):
    ///     name = models.CharField(max_length=30)
    ///
    ///
    /// class Order(models.Model):
    ///     customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    ///
    ///
    /// def ids():
    ///     return [order.customer_id for order in Order.objects.all()]
    /// ```
    /// ```python unchanged
    /// class Customer(models.Model):
    ///     name = models.CharField(max_length=30)
    ///
    ///
    /// class Order(models.Model):
    ///     customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    ///
    ///
    /// def names():
    ///     return [order.customer.name for order in Order.objects.select_related("customer")]
    ///
    ///
    /// def paid():
    ///     for order in Order.objects.all():
    ///         order.customer.n_paid += 1
    ///         order.customer.save()
    /// ```
    /// ```python unchanged
    /// class User(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     posts = db.relationship("Post", lazy="dynamic")
    ///
    ///
    /// class Post(db.Model):
    ///     id = db.Column(db.Integer, primary_key=True)
    ///     user_id = db.Column(db.ForeignKey("user.id"))
    ///
    ///
    /// def counts():
    ///     return [user.posts.count() for user in User.query.all()]
    /// ```
    "lazy-relation", Algorithm, [Trigger::Kind(Kind::For), Trigger::Kind(Kind::ForIn)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if !context.index.has_models() {
        return None;
    }
    let target = node.field(Field::Left).filter(|target| target.is(Kind::Identifier))?;
    let region = if node.is(Kind::For) { node.field(Field::Body)? } else { node.parent()? };
    let variable = target.variable()?;
    let is_looked_at = variable.uses().any(|each| region.contains(each));
    let iterable = node.field(Field::Right)?;
    if !is_looked_at || is_async(node) || may_write(region) {
        return None;
    }
    let source = source(context, iterable)?;
    let found = reads(context, region, variable, source.model);
    if found.all.is_empty() {
        return None;
    }
    let rewrite = Rewrite::new(node, format!("one query for every row of `{}`", source.model.name));
    match source.model.library {
        Library::Django => django(context, rewrite, target, &source, &found),
        Library::SqlAlchemy => sqlalchemy(context, rewrite, target, &source, &found),
        Library::Peewee => None,
    }
}

/// The paths of what is read, each once, the longest where one begins another.
fn paths<'a>(found: &[&Read<'a>]) -> Vec<Vec<Relative<'a>>> {
    let mut paths: Vec<Vec<Relative<'a>>> = vec![];
    let names = |path: &[Relative<'a>]| path.iter().map(|step| step.name.clone()).collect::<Vec<_>>();
    for read in found {
        let own = names(&read.path);
        if paths.iter().any(|path| names(path).starts_with(&own)) {
            continue;
        }
        paths.retain(|path| !own.starts_with(&names(path)));
        paths.push(read.path.clone());
    }
    paths
}

fn sqlalchemy<'a>(
    context: &Context<'a>,
    mut rewrite: Rewrite<'a>,
    target: Node<'a>,
    source: &Source<'a>,
    found: &Reads<'a>,
) -> Option<Rewrite<'a>> {
    let wanted: Vec<&Read<'a>> = found.all.iter().collect();
    let mut paths = paths(&wanted);
    let is_asked = |name: &str| source.loading.iter().any(|call| call.text().contains(&format!(".{name})")));
    paths.retain(|path| !is_asked(&path[0].name));
    if paths.is_empty() || !matches!(source.style, Style::Legacy | Style::Select) {
        return None;
    }
    let load = context.import(&mut rewrite, "sqlalchemy.orm", "selectinload")?;
    let mut options = vec![];
    for path in &paths {
        let mut option = String::new();
        let mut owner = source.model;
        for step in path {
            let class = context.index.class_of_model(owner)?;
            let name = context.name_of(&mut rewrite, class)?;
            let (dot, load) = if option.is_empty() { ("", load.as_str()) } else { (".", "selectinload") };
            option = format!("{option}{dot}{load}({name}.{})", step.name);
            owner = step.target;
        }
        options.push(option);
    }
    rewrite.edits.replace_range(source.end, source.end, format!(".options({})", options.join(", ")));
    rewrite.message = format!("{} loaded row by row", listed(target, &paths));
    assume(&mut rewrite, source.model, found);
    Some(rewrite)
}

/// `"`row.film`, `row.hall` are"`.
fn listed(target: Node<'_>, paths: &[Vec<Relative<'_>>]) -> String {
    let name = |path: &Vec<Relative<'_>>| {
        let names: Vec<&str> = path.iter().map(|step| step.name.as_str()).collect();
        format!("`{}.{}`", target.text(), names.join("."))
    };
    let all: Vec<String> = paths.iter().map(name).collect();
    format!("{} {}", all.join(", "), if all.len() == 1 { "is" } else { "are" })
}

/// What a rewrite rests on whose rows are read at once.
fn assume(rewrite: &mut Rewrite<'_>, model: &Model, found: &Reads<'_>) {
    if found.runs_unknown || model.has_custom_query {
        rewrite.assume(Assumption::ReadAtOnce("the related rows".into()));
    }
    for read in found.all.iter().filter(|read| !read.is_unordered) {
        if let Some(target) = read.path.last().map(|step| step.target) {
            rewrite.assume(Assumption::OrderUnspecified(format!("the related rows of `{}`", target.name)));
        }
    }
}

fn django<'a>(
    context: &Context<'a>,
    mut rewrite: Rewrite<'a>,
    target: Node<'a>,
    source: &Source<'a>,
    found: &Reads<'a>,
) -> Option<Rewrite<'a>> {
    let there = fetched_names(&source.loading);
    let name = |path: &[Relative<'a>]| path.iter().map(|step| step.name.as_str()).collect::<Vec<_>>().join("__");
    let is_there = |path: &[Relative<'a>]| {
        let name = name(path);
        there.iter().any(|each| *each == name || each.starts_with(&format!("{name}__")))
    };
    let wanted: Vec<&Read<'a>> = found.all.iter().filter(|read| is_useful(context, read)).collect();
    let mut missing = paths(&wanted);
    missing.retain(|path| !is_there(path));
    if missing.is_empty() {
        return elsewhere(context, source, found, &is_there);
    }
    let (many, single): (Vec<_>, Vec<_>) = missing.iter().partition(|path| path.iter().any(|step| step.is_many));
    let quoted = |paths: &[&Vec<Relative<'a>>]| {
        paths.iter().map(|path| format!("\"{}\"", name(path))).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::new();
    if !single.is_empty() {
        text = format!(".select_related({})", quoted(&single));
    }
    if !many.is_empty() {
        text = format!("{text}.prefetch_related({})", quoted(&many));
    }
    rewrite.edits.replace_range(source.end, source.end, text);
    for read in found.all.iter().filter(|read| std::ptr::eq(read.node.file(), context.file)) {
        if let Some((whole, text)) = in_memory(context, &mut rewrite, read) {
            rewrite.edits.replace(whole, text);
            // Rows that another place fetched earlier would now be told of as they were then.
            if context.index.mention_of_text("prefetch_related") {
                rewrite.assume(Assumption::ReadAtOnce("the related rows".into()));
            }
        }
    }
    rewrite.message = format!("{} loaded row by row", listed(target, &missing));
    assume(&mut rewrite, source.model, found);
    if !single.is_empty() {
        rewrite.assume(Assumption::ReadAtOnce("the related rows".into()));
    }
    Some(rewrite)
}

/// True when a relation is worth fetching: it is read as it is, or Python can tell what is asked of it.
fn is_useful<'a>(context: &Context<'a>, read: &Read<'a>) -> bool {
    let here = Context { file: read.node.file(), index: context.index, options: context.options };
    let mut scratch = Rewrite::new(read.node, "");
    let is_plain = read.node.is(Kind::Attribute)
        && match crate::syntax::usage(read.node) {
            crate::syntax::Usage::Method(name, call) => {
                matches!(name, "all" | "count" | "exists")
                    && !matches!(crate::syntax::usage(call), crate::syntax::Usage::Method(..))
            }
            _ => true,
        };
    is_plain || in_memory(&here, &mut scratch, read).is_some() || {
        // A helper that hands the queryset on is looked at where it is called.
        let outer = read.calls.last().map(|call| Context { file: call.file(), ..here });
        outer.is_some_and(|outer| in_memory(&outer, &mut scratch, read).is_some())
    }
}

/// What is asked of fetched rows in another file, one file at a time: as a query it would be sent all the same.
fn elsewhere<'a>(
    context: &Context<'a>,
    source: &Source<'a>,
    found: &Reads<'a>,
    is_there: &dyn Fn(&[Relative<'a>]) -> bool,
) -> Option<Rewrite<'a>> {
    let fetched: Vec<&Read<'a>> = found.all.iter().filter(|read| is_there(&read.path)).collect();
    let mut result: Option<Rewrite<'a>> = None;
    for read in fetched {
        let there = Context { file: read.node.file(), index: context.index, options: context.options };
        if result.as_ref().is_some_and(|rewrite| !std::ptr::eq(rewrite.at.file(), there.file)) {
            continue;
        }
        let message = format!("a filter queries again what was fetched with the rows of `{}`", source.model.name);
        let mut rewrite = result.take().unwrap_or_else(|| Rewrite::new(read.node, message));
        let is_new = rewrite.edits.is_empty();
        match in_memory(&there, &mut rewrite, read) {
            Some((whole, text)) => {
                rewrite.edits.replace(whole, text);
                rewrite.until(whole);
                result = Some(rewrite);
            }
            None => result = (!is_new).then_some(rewrite),
        }
    }
    let mut rewrite = result?;
    rewrite.assume(Assumption::ReadAtOnce("the related rows".into()));
    assume(&mut rewrite, source.model, found);
    Some(rewrite)
}
