//! Finds loops that get one row after the other by its key.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{is_lazy, local_variable, targets};
use crate::engine::rewrite::index::orm::{Library, Model};
use crate::engine::rewrite::query::may_write;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::engine::rewrite::view::{Place, View};
use crate::syntax::{Field, Kind, Node, Type, is_async, method, positional, repeats, statement_of};

rule! {
    /// ## What it finds
    /// `session.get(Model, key)` or `Model.query.get(key)` in a loop, written there or in a helper.
    /// ## Why it is slow
    /// Every key that the session does not hold yet is a round trip; one query loads 500.
    /// ## What must hold
    /// - The keys are known before the loop, and the loop writes nothing.
    /// - The look-ups stay: the session finds the rows it holds by itself, and asks for a missing one as before.
    /// ## Example
    /// ```python before needs-run
    /// from sqlalchemy import select
    ///
    ///
    /// class Species(Base):
    ///     __tablename__ = "species"
    ///     id = Column(Integer, primary_key=True)
    ///     latin = Column(String(80))
    ///
    ///
    /// Base = declarative_base()
    ///
    ///
    /// def names(session, keys):
    ///     return [session.get(Species, key).latin for key in keys]
    /// ```
    /// ```python after
    /// from sqlalchemy import select
    ///
    ///
    /// class Species(Base):
    ///     __tablename__ = "species"
    ///     id = Column(Integer, primary_key=True)
    ///     latin = Column(String(80))
    ///
    ///
    /// Base = declarative_base()
    ///
    ///
    /// def names(session, keys):
    ///     key_rows = list(keys)
    ///     key_keys = list({key for key in key_rows})
    ///     loaded = []  # held, so that the session finds them
    ///     for start in range(0, len(key_keys), 500):
    ///         loaded.extend(session.scalars(select(Species).where(Species.id.in_(key_keys[start:start + 500]))))
    ///     return [session.get(Species, key).latin for key in key_rows]
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Species(Base):
    ///     __tablename__ = "species"
    ///     id = Column(Integer, primary_key=True)
    ///
    ///
    /// Base = declarative_base()
    ///
    ///
    /// def rename(session, names):
    ///     for key, name in names.items():
    ///         session.get(Species, key).latin = name
    ///         session.commit()
    ///
    ///
    /// def locked(session, keys):
    ///     return [session.get(Species, key, with_for_update=True) for key in keys]
    /// ```
    "get-in-loop", Algorithm, [Trigger::Kind(Kind::For), Trigger::Kind(Kind::ForIn)] => find
}

/// A look-up by key.
struct Get<'a> {
    model: &'a Model,
    model_name: View<'a>,
    key: View<'a>,
    /// What loads: the session, or `Model.query` with its filter.
    owner: View<'a>,
    is_session: bool,
    is_awaited: bool,
}

pub(super) fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if !context.index.has_models() {
        return None;
    }
    let looping = if node.is(Kind::For) { node } else { first_clause_of(node)? };
    let (target, iterable) = (node.field(Field::Left)?, node.field(Field::Right)?);
    let body = if node.is(Kind::For) { node.field(Field::Body)? } else { looping };
    let statement = statement_of(looping);
    let is_placed = statement == looping || matches!(statement.kind(), Kind::ExpressionStatement | Kind::Return);
    if !is_placed || !is_alone(statement) || is_async(node) || is_lazy(target) || may_write(body) {
        return None;
    }
    let own = targets(target);
    let mut calls = body.descendants().filter(|each| each.is(Kind::Call) && repeats(looping, *each));
    let (call, get) = calls.find_map(|call| {
        let get = get_of(context, call)?;
        let depends = get.key.reads(&own, looping) && !get.owner.reads(&own, looping);
        (depends && !is_lazy(call)).then_some((call, get))
    })?;
    let mut rewrite = Rewrite::new(call, format!("one query of `{}` for every key of the loop", get.model.name));
    let place = Place { statement, looping, own };
    let key = get.key.text(context, &mut rewrite, &place)?;
    if !key.chars().all(|c| c.is_alphanumeric() || "_.[]\"'".contains(c)) {
        return None;
    }
    let base = target.descendants().find(|node| node.is(Kind::Identifier))?.text();
    let mut lines = vec![];
    let is_list = matches!(crate::syntax::infer(iterable).of, Type::List(_) | Type::Tuple(_) | Type::Range);
    let rows = if local_variable(iterable).is_some() && is_list {
        iterable.text().to_owned()
    } else {
        let rows = context.fresh_name(&format!("{base}_rows"));
        lines.push(format!("{rows} = list({})", iterable.text()));
        rewrite.edits.replace(iterable, rows.clone());
        rewrite.assume(Assumption::Deferred("all that the loop runs over may be read before its first round"));
        rows
    };
    let keys = context.fresh_name(&format!("{base}_keys"));
    // A second rewrite of the same loop would find the rows loaded already.
    if body.file().text.contains("# held, so that the session finds them")
        && crate::syntax::previous_statement(statement).is_some_and(|before| before.text().contains(".extend("))
    {
        return None;
    }
    let (loaded, start) = (context.fresh_name("loaded"), context.fresh_name("start"));
    let source = get.of_many(context, &mut rewrite, &place, &format!("{keys}[{start}:{start} + 500]"))?;
    let unit = indentation_unit(looping.file());
    lines.push(format!("{keys} = list({{{key} for {} in {rows}}})", target.text()));
    lines.push(format!("{loaded} = []  # held, so that the session finds them"));
    lines.push(format!("for {start} in range(0, len({keys}), 500):"));
    lines.push(format!("{unit}{loaded}.extend({source})"));
    rewrite.edits.insert_before(statement, &lines);
    rewrite.assume(Assumption::ReadAtOnce(format!("the rows of `{}`", get.model.name)));
    Some(rewrite)
}

fn first_clause_of(clause: Node<'_>) -> Option<Node<'_>> {
    let comprehension = clause.parent()?;
    (comprehension.children().find(|child| child.is(Kind::ForIn)) == Some(clause)).then_some(comprehension)
}

fn get_of<'a>(context: &Context<'a>, call: Node<'a>) -> Option<Get<'a>> {
    let mut at = View::here(call);
    let mut is_awaited = call.parent().is_some_and(|parent| parent.is(Kind::Await));
    for _ in 0..4 {
        if let Some((owner, "get")) = method(at.node) {
            let given = positional(at.node)?;
            let (model_name, key, is_session) = match given[..] {
                [model, key] => (at.of(model), key, true),
                [key] => (model_of_query(&at.of(owner))?, key, false),
                _ => return None,
            };
            let model = context.index.model(model_name.node).filter(|model| model.library == Library::SqlAlchemy)?;
            return Some(Get { model, model_name, key: at.of(key), owner: at.of(owner), is_session, is_awaited });
        }
        at = at.step(context).or_else(|| View::here(at.node.parent()?).step(context))?;
        if at.node.is(Kind::Await) {
            is_awaited = true;
            at = at.of(at.node.only_child()?);
        }
    }
    None
}

/// `User` of `User.query` or `session.query(User)`.
fn model_of_query<'a>(owner: &View<'a>) -> Option<View<'a>> {
    if owner.node.is(Kind::Attribute) {
        let is_query = owner.node.field(Field::Attribute)?.text() == "query";
        return is_query.then(|| owner.node.field(Field::Object).map(|model| owner.of(model))).flatten();
    }
    let (_, "query") = method(owner.node)? else { return None };
    match positional(owner.node)?[..] {
        [model] => Some(owner.of(model)),
        _ => None,
    }
}

impl<'a> Get<'a> {
    fn of_many(
        &self,
        context: &Context<'a>,
        rewrite: &mut Rewrite<'a>,
        place: &Place<'a>,
        chunk: &str,
    ) -> Option<String> {
        let owner = self.owner.text(context, rewrite, place)?;
        let model = self.model_name.text(context, rewrite, place)?;
        let condition = format!("{model}.{}.in_({chunk})", self.model.primary_key()?);
        if !self.is_session {
            return (!self.is_awaited).then(|| format!("{owner}.filter({condition})"));
        }
        let select = context.import(rewrite, "sqlalchemy", "select")?;
        let wait = if self.is_awaited { "await " } else { "" };
        Some(format!("{wait}{owner}.scalars({select}({model}).where({condition}))"))
    }
}
