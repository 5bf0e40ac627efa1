//! Finds dataclasses whose instances each carry a dictionary.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::{body, unstated};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, function_name, qualified};

rule! {
    /// ## What it finds
    /// `@dataclass` classes without base classes, of plain fields, in code for Python 3.10 or later.
    /// ## Why it is slow
    /// Every instance has a `__dict__`; with slots it takes about a third less memory.
    /// ## What must hold
    /// - Nothing sets other attributes on instances, uses `vars()` or weak references, or subclasses it elsewhere.
    /// ## Example
    /// ```python before needs-run
    /// from dataclasses import dataclass
    ///
    ///
    /// @dataclass
    /// class Point:
    ///     x: int
    ///     y: int = 0
    ///
    ///
    /// def grid():
    ///     return [Point(x, 1) for x in range(1000)]
    /// ```
    /// ```python after
    /// from dataclasses import dataclass
    ///
    ///
    /// @dataclass(slots=True)
    /// class Point:
    ///     x: int
    ///     y: int = 0
    ///
    ///
    /// def grid():
    ///     return [Point(x, 1) for x in range(1000)]
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// from dataclasses import dataclass
    ///
    ///
    /// @dataclass
    /// class Settings:
    ///     path: str
    ///
    ///
    /// @dataclass
    /// class Node(Base):
    ///     x: int
    ///
    ///
    /// def make():
    ///     return Settings("a"), [Node(1) for _ in range(3)]
    /// ```
    "dataclass-without-slots", Memory, [Trigger::Kind(Kind::Decorator)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let decorator = node.only_child()?;
    let class = node.parent()?.field(Field::Definition).filter(|class| class.is(Kind::Class))?;
    let is_dataclass = qualified(decorator).as_deref() == Some("dataclasses.dataclass");
    let is_alone = node.parent()?.children().filter(|each| each.is(Kind::Decorator)).count() == 1;
    if context.options.python < (3, 10) || !is_dataclass || !is_alone || class.field(Field::Superclasses).is_some() {
        return None;
    }
    for member in body(class) {
        let member = unstated(member);
        let is_field = member.is(Kind::Assignment)
            && member.field(Field::Type).is_some_and(|kind| !kind.text().contains("ClassVar"));
        let is_method = member.is(Kind::Function) && !uses_super(member);
        let is_text = member.is(Kind::String);
        if !is_field && !is_method && !is_text {
            return None;
        }
    }
    let name = function_name(class);
    let file = class.file();
    let is_subclassed = |each: Node<'a>| {
        each.is(Kind::Class) && each.field(Field::Superclasses).is_some_and(|bases| bases.text().contains(name))
    };
    if file.root().descendants().any(is_subclassed) || !is_made_in_loops(class) {
        return None;
    }
    let mut rewrite = Rewrite::new(class, format!("every `{name}` has a dictionary of its own"));
    rewrite.edits.replace_range(decorator.end(), decorator.end(), "(slots=True)");
    rewrite.assume(Assumption::Deferred(
        "nothing sets other attributes on instances, asks for `__dict__` or subclasses the class",
    ));
    Some(rewrite)
}

fn uses_super(member: Node<'_>) -> bool {
    member.descendants().any(|each| {
        each.is(Kind::Identifier)
            && matches!(each.text(), "super" | "__dict__" | "vars" | "setattr" | "cached_property")
    })
}

/// True when the file makes instances in a loop: for a few instances slots bring nothing.
fn is_made_in_loops(class: Node<'_>) -> bool {
    let Some(variable) = class.field(Field::Name).and_then(Node::variable) else { return false };
    variable.uses().any(|each| matches!(crate::syntax::usage(each), crate::syntax::Usage::Call(call) if crate::syntax::enclosing_loop(call).is_some()))
}
