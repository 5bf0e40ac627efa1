//! Finds one text tested for several beginnings or ends, each by a call of its own.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::keys::is_repeatable;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Type, has_comment, method, positional};

rule! {
    /// ## What it finds
    /// `s.startswith("a") or s.startswith("b")`, and the same of `endswith`.
    /// ## Why it is slow
    /// Each test looks up the method and calls it; one call with a tuple does all of them.
    /// ## What must hold
    /// - The tests stand side by side, are of the same name or attribute, and have one string literal each.
    /// - Proven when the value is a string by construction or annotation: other classes may have methods of that name.
    /// ## Example
    /// ```python before proven
    /// def is_code(path):
    ///     name = str(path)
    ///     return name.endswith(".py") or name.endswith(".pyi") or name.endswith(".pyx")
    /// ```
    /// ```python after
    /// def is_code(path):
    ///     name = str(path)
    ///     return name.endswith((".py", ".pyi", ".pyx"))
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def mixed(name, other, mark):
    ///     return name.endswith(".py") or other.endswith(".pyi") or name.startswith(mark) or name.startswith("x")
    /// ```
    /// ```python unchanged
    /// def both(name):
    ///     return name.startswith("a") and name.startswith("ab")
    /// ```
    "prefix-chain", Algorithm, [Trigger::Kind(Kind::BooleanOperator)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let is_or = |each: Node<'a>| {
        each.is(Kind::BooleanOperator) && each.field(Field::Operator).is_some_and(|operator| operator.text() == "or")
    };
    if !is_or(node) || node.parent().is_some_and(is_or) || has_comment(node) {
        return None;
    }
    let mut tests = vec![];
    let mut at = node;
    while is_or(at) {
        tests.push(at.field(Field::Right)?);
        at = at.field(Field::Left)?;
    }
    tests.push(at);
    tests.reverse();
    let (text, name, _) = test(tests[0])?;
    let mut ends = vec![];
    for each in &tests {
        let (other, other_name, end) = test(*each)?;
        if other.text() != text.text() || other_name != name {
            return None;
        }
        ends.push(end.text());
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is tested by {} calls", text.text(), ends.len()));
    let typed = context.typed(text);
    match typed.of {
        Type::Str if typed.is_proved() => {}
        Type::Str => rewrite.assume(Assumption::Annotated(text.text().into())),
        Type::Unknown => rewrite.assume(Assumption::Type(text.text().into(), "a string")),
        _ => return None,
    }
    rewrite.edits.replace(node, format!("{}.{name}(({}))", text.text(), ends.join(", ")));
    Some(rewrite)
}

/// Text, method and literal of one test.
fn test(node: Node<'_>) -> Option<(Node<'_>, &str, Node<'_>)> {
    let (text, name) = method(node)?;
    let [end] = positional(node)?[..] else { return None };
    let is_literal = end.is(Kind::String) && !end.has(Kind::Interpolation) && !end.text().starts_with(['b', 'B']);
    (matches!(name, "startswith" | "endswith") && is_repeatable(text) && is_literal).then_some((text, name, end))
}
