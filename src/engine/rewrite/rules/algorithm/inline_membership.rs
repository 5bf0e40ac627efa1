//! Finds lists that are made anew in every round just to search them.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{
    calls_unknown, changes_chain, comparison, is_chain, is_invariant, is_lazy, root_name,
};
use crate::engine::rewrite::keys::assume_key;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Type, enclosing_loop, has_comment, repeats, statement_of};

rule! {
    /// ## What it finds
    /// `x in [row.id for row in rows]` in a loop, and `x in self.ids` in a loop where `ids` is a list.
    /// ## Why it is slow
    /// The list is made, or searched item by item, in every round; a set made before the loop is asked instead.
    /// ## What must hold
    /// - Nothing in the loop changes what the list is made of.
    /// - Items and what is looked for are hashable, and making the list does nothing else and does not raise.
    /// ## Example
    /// ```python before needs-run
    /// def missing(wanted, rows):
    ///     return [each for each in wanted if each not in [row.id for row in rows]]
    /// ```
    /// ```python after
    /// def missing(wanted, rows):
    ///     rows_set = {row.id for row in rows}
    ///     return [each for each in wanted if each not in rows_set]
    /// ```
    /// ```python before needs-run
    /// class Shop:
    ///     known: list[str]
    ///
    ///     def strangers(self, names):
    ///         found = []
    ///         for name in names:
    ///             if name not in self.known:
    ///                 found.append(name)
    ///         return found
    /// ```
    /// ```python after
    /// class Shop:
    ///     known: list[str]
    ///
    ///     def strangers(self, names):
    ///         found = []
    ///         known_set = set(self.known)
    ///         for name in names:
    ///             if name not in known_set:
    ///                 found.append(name)
    ///         return found
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def growing(wanted, rows):
    ///     for each in wanted:
    ///         if each not in [row.id for row in rows]:
    ///             rows.append(each)
    /// ```
    /// ```python unchanged
    /// class Shop:
    ///     known: str
    ///
    ///     def strangers(self, names):
    ///         return [name for name in names if name not in self.known]
    /// ```
    /// ```python unchanged
    /// def listed(wanted, rows):
    ///     return [each for each in wanted if each in [[row] for row in rows]]
    /// ```
    "inline-membership", Algorithm, [Trigger::Kind(Kind::Comparison)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (_, operator, container) = comparison(node)?;
    if !(operator == "in" || operator.starts_with("not")) || has_comment(container) || is_lazy(node) {
        return None;
    }
    let container = container.unwrapped();
    let made = container.is(Kind::ListComprehension);
    let is_listed = made || container.is(Kind::Attribute) && is_chain(container);
    if !is_listed || container.text().contains('\n') {
        return None;
    }
    let mut outer = None;
    let mut at = enclosing_loop(node);
    while let Some(looping) = at.filter(|looping| is_same_in(*looping, container)) {
        outer = Some(looping);
        at = enclosing_loop(looping);
    }
    let outer = outer?;
    let statement = statement_of(outer);
    if !is_alone(statement) || !repeats(outer, node) || !is_same_in(statement, container) {
        return None;
    }
    let is_twin = |each: &Node<'a>| {
        comparison(*each).is_some_and(|(_, operator, other)| {
            (operator == "in" || operator.starts_with("not")) && other.unwrapped().text() == container.text()
        }) && repeats(outer, *each)
    };
    let searches: Vec<Node<'a>> = outer.descendants().filter(is_twin).collect();
    if *searches.first()? != node {
        return None;
    }
    let typed = context.typed(container);
    let Type::List(element) = &typed.of else { return None };
    if matches!(**element, Type::List(_) | Type::Dict(..) | Type::Set(_)) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is searched item by item in every round", container.text()));
    if !made {
        rewrite.assume(Assumption::Type(container.text().into(), "a list"));
    }
    if !element.is_hashable() {
        rewrite.assume(Assumption::Hashable(format!("the items of `{}`", container.text())));
    }
    rewrite.assume(Assumption::Pure(container.text().into()));
    if calls_unknown(outer) {
        rewrite.assume(Assumption::Unchanged(container.text().into()));
    }
    let name = context.fresh_name(&format!("{}_set", word(container)?));
    let inside = &container.text()[1..container.text().len() - 1];
    let set = if made { format!("{{{inside}}}") } else { format!("set({})", container.text()) };
    rewrite.edits.insert_before(statement, &[format!("{name} = {set}")]);
    for search in searches {
        let (needle, _, other) = comparison(search)?;
        assume_key(context, needle, &mut rewrite)?;
        rewrite.edits.replace(other, name.clone());
    }
    Some(rewrite)
}

/// True when the loop leaves alone all that a list is made of.
fn is_same_in<'a>(looping: Node<'a>, container: Node<'a>) -> bool {
    let is_quiet = !container
        .descendants()
        .any(|each| matches!(each.kind(), Kind::Call | Kind::Await | Kind::Yield | Kind::Named | Kind::Lambda));
    let source = if container.is(Kind::Attribute) {
        Some(container)
    } else {
        container.children().find(|child| child.is(Kind::ForIn)).and_then(|clause| clause.field(Field::Right))
    };
    let Some(source) = source.filter(|source| is_chain(*source) && root_name(*source).is_some()) else { return false };
    is_quiet && is_invariant(container, looping) && !changes_chain(looping, source)
}

/// The last word of what the list is made of.
fn word(container: Node<'_>) -> Option<String> {
    let source = if container.is(Kind::Attribute) {
        container
    } else {
        container.children().find(|child| child.is(Kind::ForIn))?.field(Field::Right)?
    };
    let text = source.text().trim_end_matches(['"', '\'', ']']);
    let word = text.rsplit(|c: char| !c.is_alphanumeric() && c != '_').find(|word| !word.is_empty())?;
    Some(word.trim_matches('_').to_lowercase())
}
