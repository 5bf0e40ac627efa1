//! Finds strings that grow piece by piece in a loop.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{argument, is_alone};
use crate::engine::rewrite::facts::{assignment, augmented, is_chain, is_simple, local_variable, root_name};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, Variable, enclosing_loop, is_within_try, previous_statement, statement_of,
};

rule! {
    /// ## What it finds
    /// `text += piece` in a loop, where `text` begins as a string literal or is an attribute.
    /// ## Why it is slow
    /// A string cannot grow in place when anything else refers to it: every piece copies all that came before.
    /// ## What must hold
    /// - In the loop the string is only added to, never read; nothing between its start and the loop uses it.
    /// - An attribute's text may be seen half-built when the loop raises: that needs a run.
    /// - Proven when every piece is a string by construction and no `try` or `with` is around the loop.
    /// ## Example
    /// ```python before proven
    /// def render(rows):
    ///     text = ""
    ///     for row in rows:
    ///         text += f"{row}\n"
    ///         text += "-"
    ///     return text
    /// ```
    /// ```python after
    /// def render(rows):
    ///     text_parts = []
    ///     for row in rows:
    ///         text_parts.append(f"{row}\n")
    ///         text_parts.append("-")
    ///     text = "".join(text_parts)
    ///     return text
    /// ```
    /// ```python before needs-run
    /// class Page:
    ///     def add(self, rows):
    ///         for row in rows:
    ///             self.text += str(row)
    /// ```
    /// ```python after
    /// class Page:
    ///     def add(self, rows):
    ///         text_parts = []
    ///         for row in rows:
    ///             text_parts.append(str(row))
    ///         self.text += "".join(text_parts)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def lines(rows):
    ///     text = ""
    ///     for row in rows:
    ///         if text:
    ///             text += ", "
    ///         text += str(row)
    ///     return text
    /// ```
    /// ```python unchanged
    /// def total(rows):
    ///     count = 0
    ///     for row in rows:
    ///         count += row
    ///     return count
    /// ```
    "string-concatenation", Algorithm, [Trigger::Kind(Kind::For), Trigger::Kind(Kind::While)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if !is_alone(node) {
        return None;
    }
    for each in node.descendants().filter(|each| each.is(Kind::AugmentedAssignment)) {
        let Some((target, "+=", _)) = augmented(each) else { continue };
        let found = match target.kind() {
            Kind::Identifier => local(context, node, target),
            Kind::Attribute => attribute(context, node, target),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The pieces that a loop adds to a target; `None` when the target is mentioned otherwise.
fn pieces<'a>(looping: Node<'a>, is_target: impl Fn(Node<'a>) -> bool) -> Option<Vec<(Node<'a>, Node<'a>)>> {
    let mut pieces = vec![];
    for each in looping.descendants().filter(|each| is_target(*each)) {
        let statement = each.parent()?;
        let (left, "+=", piece) = augmented(statement)? else { return None };
        let is_statement = statement.parent()?.is(Kind::ExpressionStatement);
        let inner = enclosing_loop(statement)?;
        if left != each || !is_statement || !looping.contains(inner) {
            return None;
        }
        pieces.push((statement, piece));
    }
    (!pieces.is_empty()).then_some(pieces)
}

fn assume_strings<'a>(context: &Context<'a>, pieces: &[(Node<'a>, Node<'a>)], rewrite: &mut Rewrite<'a>) -> Option<()> {
    for (_, piece) in pieces {
        let typed = context.typed(*piece);
        match typed.of {
            Type::Str if typed.is_proved() => {}
            Type::Str | Type::Unknown => rewrite.assume(Assumption::Type(piece.text().into(), "a string")),
            _ => return None,
        }
    }
    Some(())
}

fn local<'a>(context: &Context<'a>, looping: Node<'a>, target: Node<'a>) -> Option<Rewrite<'a>> {
    let variable = local_variable(target)?;
    let (start, value) = start_of(looping, variable)?;
    let pieces = pieces(looping, |each| each.is(Kind::Identifier) && each.variable() == Some(variable))?;
    let mut rewrite = Rewrite::new(pieces[0].0, format!("`{}` is copied for every piece it gets", target.text()));
    assume_strings(context, &pieces, &mut rewrite)?;
    if is_within_try(looping) {
        rewrite.assume(Assumption::NoPartialResult(target.text().into()));
    }
    let parts = context.fresh_name(&format!("{}_parts", target.text()));
    let is_empty = matches!(value.text(), "\"\"" | "''");
    let binding = start.field(Field::Left)?;
    let begin = if is_empty { "[]".to_owned() } else { format!("[{}]", value.text()) };
    rewrite.edits.replace_range(binding.start(), value.end(), format!("{parts} = {begin}"));
    for (statement, piece) in &pieces {
        rewrite.edits.replace(*statement, format!("{parts}.append({})", argument(*piece)));
    }
    rewrite.edits.insert_after(looping, &[format!("{} = \"\".join({parts})", target.text())]);
    Some(rewrite)
}

/// The assignment of a string literal before the loop, in its block, with nothing between that uses the variable.
fn start_of<'a>(looping: Node<'a>, variable: Variable<'a>) -> Option<(Node<'a>, Node<'a>)> {
    let mut statement = previous_statement(looping)?;
    loop {
        if let Some((left, value)) = assignment(statement)
            && left.variable() == Some(variable)
        {
            let is_literal =
                value.is(Kind::String) && is_simple(value) && !value.text().starts_with(['b', 'B', 'r', 'R', 'f', 'F']);
            return (is_literal && is_alone(statement)).then_some((statement.only_child()?, value));
        }
        if variable.occurrences().any(|each| statement.contains(each)) {
            return None;
        }
        statement = previous_statement(statement)?;
    }
}

fn attribute<'a>(context: &Context<'a>, looping: Node<'a>, target: Node<'a>) -> Option<Rewrite<'a>> {
    if !is_chain(target) || crate::syntax::enclosing_function(looping).is_none() || enclosing_loop(looping).is_some() {
        return None;
    }
    let root = root_name(target)?.variable()?;
    if root.bindings().any(|each| looping.contains(each)) {
        return None;
    }
    let name = target.field(Field::Attribute)?.text();
    let pieces = pieces(looping, |each| {
        each.is(Kind::Attribute) && each.field(Field::Attribute).is_some_and(|attribute| attribute.text() == name)
    })?;
    let is_same = pieces
        .iter()
        .all(|(statement, _)| statement.field(Field::Left).is_some_and(|left| left.text() == target.text()));
    // Without a piece that is a string for sure this may be a number.
    let has_string = pieces.iter().any(|(_, piece)| context.typed(*piece) == crate::syntax::Typed::proved(Type::Str));
    if !is_same || !has_string || crate::engine::rewrite::facts::suspends(looping) || looping.has(Kind::Return) {
        return None;
    }
    let mut rewrite = Rewrite::new(pieces[0].0, format!("`{}` is copied for every piece it gets", target.text()));
    assume_strings(context, &pieces, &mut rewrite)?;
    rewrite.assume(Assumption::NoPartialResult(target.text().into()));
    rewrite.assume(Assumption::Unchanged(target.text().into()));
    let parts = context.fresh_name(&format!("{}_parts", name.trim_start_matches('_')));
    rewrite.edits.insert_before(statement_of(looping), &[format!("{parts} = []")]);
    for (statement, piece) in &pieces {
        rewrite.edits.replace(*statement, format!("{parts}.append({})", argument(*piece)));
    }
    rewrite.edits.insert_after(looping, &[format!("{} += \"\".join({parts})", target.text())]);
    Some(rewrite)
}
