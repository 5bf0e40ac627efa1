//! Finds helpers that append an item to a list unless it is there, called in a loop, and asks a set instead.

use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{
    assignment, body, call_statement, comparison, is_empty_list, local_variable, only_statement, suspends,
};
use crate::engine::rewrite::index::is_docstring;
use crate::engine::rewrite::keys::{assume_key, is_repeatable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, enclosing_loop, has_comment, is_async, is_within_try, method, positional,
    statement_of, usage,
};

rule! {
    /// ## What it finds
    /// `push_unique(items, x)` in a loop, where `push_unique` is a function of the project that searches the list and
    /// appends what is not there.
    /// ## Why it is slow
    /// Each call walks the list, which grows by each; a set of the items is asked once.
    /// ## What must hold
    /// - The list begins empty in this function and gets items by this helper alone.
    /// - Items are hashable, and equal ones have equal hashes.
    /// ## Example
    /// ```python before proven
    /// def push_unique(seq, item):
    ///     if item in seq:
    ///         return False
    ///     seq.append(item)
    ///     return True
    ///
    /// def distinct(lines):
    ///     words = []
    ///     repeats = 0
    ///     for line in lines:
    ///         if not push_unique(words, str(line).lower()):
    ///             repeats += 1
    ///     return words, repeats
    /// ```
    /// ```python after
    /// def push_unique(seq, item):
    ///     if item in seq:
    ///         return False
    ///     seq.append(item)
    ///     return True
    ///
    /// def distinct(lines):
    ///     words = []
    ///     words_seen = set()
    ///     repeats = 0
    ///     for line in lines:
    ///         word = str(line).lower()
    ///         is_new = word not in words_seen
    ///         if is_new:
    ///             words_seen.add(word)
    ///             words.append(word)
    ///         if not is_new:
    ///             repeats += 1
    ///     return words, repeats
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def push_unique(seq, item):
    ///     if item in seq:
    ///         return False
    ///     seq.append(item)
    ///     return True
    ///
    /// def lists(lines):
    ///     found = []
    ///     for line in lines:
    ///         push_unique(found, [line])
    ///     return found
    /// ```
    /// ```python unchanged
    /// def push_unique(seq, item):
    ///     if item in seq:
    ///         return False
    ///     seq.append(item)
    ///     return True
    ///
    /// def filled(lines, found):
    ///     for line in lines:
    ///         push_unique(found, str(line))
    /// ```
    "append-if-absent", Algorithm, [Trigger::Kind(Kind::Call)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let looping = enclosing_loop(node)?;
    let [list, item] = positional(node).filter(|all| all.len() == 2)?[..] else { return None };
    let variable = local_variable(list)?;
    let function = context.callee(node).filter(|function| function.is(Kind::Function))?;
    let answers = appends_if_absent(function)?;
    let start = variable.only_binding()?;
    let start_statement = statement_of(start);
    let (_, value) = assignment(start_statement)?;
    let statement = statement_of(node);
    let is_only = variable.uses().all(|each| {
        matches!(usage(each), Usage::Argument(call) if call == node)
            || enclosing_loop(each).is_none()
            || matches!(usage(each), Usage::Truth | Usage::Builtin("len", _))
    });
    if !is_empty_list(value)
        || looping.contains(start)
        || !is_alone(start_statement)
        || !is_only
        || has_comment(node)
        || suspends(looping)
        || is_within_try(node)
        || node.text().contains('\n')
    {
        return None;
    }
    let is_dropped = usage(node) == Usage::Dropped;
    if !(is_dropped || answers && is_first_evaluated(node, statement)) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is searched for every item it gets", list.text()));
    assume_key(context, item, &mut rewrite)?;
    let file = node.file();
    let (indentation, unit) = (file.indentation(statement.start()).to_owned(), indentation_unit(file));
    let seen = context.fresh_name(&format!("{}_seen", list.text()));
    rewrite.edits.insert_after(start_statement, &[format!("{seen} = set()")]);
    let mut lines = vec![];
    let name = if is_repeatable(item) {
        item.text().to_owned()
    } else {
        let one = list.text().strip_suffix('s').filter(|one| one.len() > 1).unwrap_or("item");
        let name = context.fresh_name(one);
        lines.push(format!("{name} = {}", item.text()));
        name
    };
    let is_new = context.fresh_name("is_new");
    if is_dropped {
        lines.push(format!("if {name} not in {seen}:"));
    } else {
        lines.push(format!("{is_new} = {name} not in {seen}"));
        lines.push(format!("if {is_new}:"));
    }
    lines.push(format!("{unit}{seen}.add({name})"));
    lines.push(format!("{unit}{}.append({name})", list.text()));
    if is_dropped {
        if !is_alone(statement) {
            return None;
        }
        rewrite.edits.replace(statement, lines.join(&format!("\n{indentation}")));
    } else {
        rewrite.edits.insert_before(statement, &lines);
        rewrite.edits.replace(node, is_new);
    }
    Some(rewrite)
}

/// True when nothing of the statement is evaluated before the call: `if [not] f():`, `x = f()`.
fn is_first_evaluated<'a>(call: Node<'a>, statement: Node<'a>) -> bool {
    let mut at = call;
    while let Some(parent) = at.parent().filter(|parent| matches!(parent.kind(), Kind::Not | Kind::Parenthesized)) {
        at = parent;
    }
    match at.parent() {
        Some(test) if test.is(Kind::If) => at.role() == Field::Condition && test == statement,
        Some(assigned) if assigned.is(Kind::Assignment) => {
            assigned.field(Field::Left).is_some_and(|left| left.is(Kind::Identifier))
                && assigned.parent() == Some(statement)
                && is_alone(statement)
        }
        _ => false,
    }
}

/// Whether a helper says by `True` and `False` that the item was new; `None` when it is no such helper.
fn appends_if_absent(function: Node<'_>) -> Option<bool> {
    let [list, item] = function.field(Field::Parameters)?.child_nodes()[..] else { return None };
    let name = |parameter: Node<'_>| match parameter.kind() {
        Kind::Identifier => Some(parameter.text().to_owned()),
        Kind::TypedParameter => parameter.children().next().map(|child| child.text().to_owned()),
        _ => None,
    };
    let (list, item) = (name(list)?, name(item)?);
    if is_async(function) || function.parent()?.is(Kind::Decorated) {
        return None;
    }
    let is_append = |statement: Node<'_>| {
        call_statement(statement).is_some_and(|call| {
            method(call).is_some_and(|(receiver, name)| name == "append" && receiver.text() == list)
                && arguments(call).first().is_some_and(|first| first.text() == item)
        })
    };
    let mut statements = body(function);
    statements.retain(|statement| !is_docstring(*statement));
    let test = statements.first().filter(|first| first.is(Kind::If) && first.field(Field::Alternative).is_none())?;
    let (needle, operator, container) = comparison(test.field(Field::Condition)?.unwrapped())?;
    if needle.text() != item || container.text() != list {
        return None;
    }
    let given = |statement: Node<'_>| {
        statement.is(Kind::Return).then(|| statement.only_child().map_or("", Node::text).to_owned())
    };
    match (operator, &statements[1..]) {
        ("in", rest) => {
            let known = given(only_statement(*test)?)?;
            let (append, rest) = rest.split_first()?;
            let new = match rest {
                [] => String::new(),
                [answer] => given(*answer)?,
                _ => return None,
            };
            (is_append(*append)).then_some(known == "False" && new == "True")
        }
        ("not in", rest) => {
            let inner = body(*test);
            let (append, inner) = inner.split_first()?;
            let new = inner.first().map_or(Some(String::new()), |answer| given(*answer))?;
            let known = rest.first().map_or(Some(String::new()), |answer| given(*answer))?;
            (is_append(*append) && inner.len() <= 1 && rest.len() <= 1).then_some(known == "False" && new == "True")
        }
        _ => None,
    }
}
