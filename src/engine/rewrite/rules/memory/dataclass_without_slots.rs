//! Finds dataclasses whose instances each carry a dictionary.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::{body, unstated};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, callee_name, enclosing_loop, function_name, keyword, qualified};

rule! {
    /// ## What it finds
    /// `@dataclass` classes of plain fields whose bases are such dataclasses of the same file, made in loops, in projects
    /// for Python 3.10 or later.
    /// ## Why it is slow
    /// Every instance has a `__dict__`; with slots it takes about a third less memory.
    /// ## What must hold
    /// - The methods set no attributes but the fields; nothing in the file asks for `__dict__` or `vars()`, and no default
    ///   is read from the class itself.
    /// - Nothing else sets other attributes on instances, needs weak references or inherits from several such classes.
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
    /// ```python before needs-run
    /// from dataclasses import dataclass, field
    ///
    ///
    /// @dataclass(frozen=True)
    /// class Stamped:
    ///     second: int
    ///
    ///
    /// @dataclass(frozen=True)
    /// class Fix(Stamped):
    ///     lat: int
    ///     tags: list = field(default_factory=list)
    ///
    ///     @property
    ///     def place(self):
    ///         return self.lat
    ///
    ///
    /// def fixes(rows):
    ///     return [Fix(*row) for row in rows]
    /// ```
    /// ```python after
    /// from dataclasses import dataclass, field
    ///
    ///
    /// @dataclass(frozen=True, slots=True)
    /// class Stamped:
    ///     second: int
    ///
    ///
    /// @dataclass(frozen=True, slots=True)
    /// class Fix(Stamped):
    ///     lat: int
    ///     tags: list = field(default_factory=list)
    ///
    ///     @property
    ///     def place(self):
    ///         return self.lat
    ///
    ///
    /// def fixes(rows):
    ///     return [Fix(*row) for row in rows]
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
    /// ```python unchanged
    /// from dataclasses import dataclass
    ///
    ///
    /// @dataclass
    /// class Order:
    ///     lines: list
    ///     rate: int = 3
    ///
    ///     def __post_init__(self):
    ///         self.total = sum(self.lines)
    ///
    ///
    /// @dataclass
    /// class Rate:
    ///     value: int = 3
    ///
    ///
    /// def orders(rows):
    ///     return [Order(row) for row in rows], [Rate(Rate.value) for row in rows]
    /// ```
    "dataclass-without-slots", Memory, [Trigger::Kind(Kind::Decorator)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let class = node.parent()?.field(Field::Definition).filter(|class| class.is(Kind::Class))?;
    if context.options.python < (3, 10) || decorator_of(class) != Some(node) {
        return None;
    }
    let family = family(context, class)?;
    let fields: Vec<&str> = family.iter().flat_map(|each| fields(*each)).collect();
    let name = function_name(class);
    let is_plain = family.iter().all(|each| has_only_plain_members(*each, &fields));
    if !is_plain
        || is_laid_open(class, &family)
        || is_subclassed_oddly(context, &family)
        || !is_made_in_loops(context, class)
    {
        return None;
    }
    let mut rewrite = Rewrite::new(class, format!("every `{name}` has a dictionary of its own"));
    for each in family {
        slotted(each, &mut rewrite)?;
    }
    rewrite.assume(Assumption::Deferred(
        "nothing sets other attributes on instances, asks for `__dict__`, makes weak references or reads old pickles of them",
    ));
    Some(rewrite)
}

/// The one decorator of a class, when that is `dataclass`.
fn decorator_of(class: Node<'_>) -> Option<Node<'_>> {
    let decorated = class.parent().filter(|parent| parent.is(Kind::Decorated))?;
    let mut all = decorated.children().filter(|each| each.is(Kind::Decorator));
    let (only, more) = (all.next()?, all.next());
    let inner = only.only_child()?;
    let callee = if inner.is(Kind::Call) { inner.field(Field::Function)? } else { inner };
    (more.is_none() && qualified(callee).as_deref() == Some("dataclasses.dataclass")).then_some(only)
}

/// The class and the dataclasses of this file that it inherits from, none of which has slots yet.
fn family<'a>(context: &Context<'a>, class: Node<'a>) -> Option<Vec<Node<'a>>> {
    let mut family = vec![];
    let mut at = Some(class);
    while let Some(each) = at {
        let decorator = decorator_of(each)?.only_child()?;
        if family.contains(&each) || decorator.is(Kind::Call) && keyword(decorator, "slots").is_some() {
            return None;
        }
        family.push(each);
        at = match each.field(Field::Superclasses).map_or_else(Vec::new, Node::child_nodes)[..] {
            [] => None,
            [only] => {
                let base = context.index.definition(only).filter(|base| base.is(Kind::Class))?;
                std::ptr::eq(base.file(), class.file()).then_some(Some(base))?
            }
            _ => return None,
        };
    }
    Some(family)
}

fn fields(class: Node<'_>) -> Vec<&str> {
    let members = body(class).into_iter().map(unstated).filter(|member| member.is(Kind::Assignment));
    members.filter_map(|member| member.field(Field::Left)).map(Node::text).collect()
}

/// Fields, methods that set nothing but fields, properties and texts.
fn has_only_plain_members(class: Node<'_>, fields: &[&str]) -> bool {
    body(class).into_iter().map(unstated).all(|member| match member.kind() {
        Kind::Assignment => member.field(Field::Type).is_some_and(|kind| {
            !kind.text().contains("ClassVar") && !kind.text().contains("InitVar") && !kind.text().contains("KW_ONLY")
        }),
        Kind::Function => is_plain_method(member, fields),
        Kind::Decorated => {
            let names = member.children().filter(|each| each.is(Kind::Decorator));
            let is_known = |each: Node<'_>| {
                let text = each.text().trim_start_matches('@');
                matches!(text, "property" | "staticmethod" | "classmethod") || text.ends_with(".setter")
            };
            names.into_iter().all(is_known)
                && member.field(Field::Definition).is_some_and(|method| is_plain_method(method, fields))
        }
        Kind::String | Kind::Pass => true,
        _ => false,
    })
}

/// True for a method that neither asks for `super()` or `__dict__` nor sets an attribute that is no field.
fn is_plain_method(method: Node<'_>, fields: &[&str]) -> bool {
    const WORDS: &[&str] =
        &["super", "__class__", "__dict__", "vars", "setattr", "__setattr__", "cached_property", "weakref"];
    method.descendants().all(|each| match each.kind() {
        Kind::Identifier => !WORDS.contains(&each.text()),
        Kind::Attribute if each.role() == Field::Left || is_deep_target(each) => {
            each.field(Field::Object).is_none_or(|object| object.text() != "self")
                || each.field(Field::Attribute).is_some_and(|name| fields.contains(&name.text()))
        }
        _ => true,
    })
}

fn is_deep_target(attribute: Node<'_>) -> bool {
    attribute
        .parent()
        .is_some_and(|parent| matches!(parent.kind(), Kind::PatternList | Kind::TuplePattern | Kind::AsPatternTarget))
}

/// True when the file reads a default from the class, or lays instances open.
fn is_laid_open(class: Node<'_>, family: &[Node<'_>]) -> bool {
    let names: Vec<&str> = family.iter().map(|each| function_name(*each)).collect();
    class.file().root().descendants().any(|each| match each.kind() {
        Kind::Attribute => {
            let name = each.field(Field::Attribute).map_or("", Node::text);
            name == "__dict__"
                || each.field(Field::Object).is_some_and(|object| names.contains(&object.text()))
                    && family.iter().any(|each| fields(*each).contains(&name))
        }
        Kind::Identifier => matches!(each.text(), "vars" | "weakref" | "cached_property"),
        _ => false,
    })
}

/// True when some class inherits from the family and another class at once: two bases with slots do not go together.
fn is_subclassed_oddly(context: &Context<'_>, family: &[Node<'_>]) -> bool {
    let names: Vec<&str> = family.iter().map(|each| function_name(*each)).collect();
    let is_odd = |class: Node<'_>| {
        let Some(bases) = class.field(Field::Superclasses) else { return false };
        let is_of_family = |base: Node<'_>| names.iter().any(|name| base.text().rsplit('.').next() == Some(name));
        bases.children().count() > 1 && bases.children().any(is_of_family)
    };
    let files = context.index.files().filter(|file| names.iter().any(|name| file.text.contains(name)));
    files.into_iter().any(|file| file.root().descendants().any(|each| each.is(Kind::Class) && is_odd(each)))
}

/// True when the project makes instances in a loop: for a few instances slots bring nothing.
fn is_made_in_loops<'a>(context: &Context<'a>, class: Node<'a>) -> bool {
    let name = function_name(class);
    let is_made =
        |call: Node<'_>| call.is(Kind::Call) && callee_name(call) == Some(name) && enclosing_loop(call).is_some();
    context.index.files().filter(|file| file.text.contains(name)).any(|file| file.root().descendants().any(is_made))
}

/// `@dataclass` becomes `@dataclass(slots=True)`, other options stay.
fn slotted<'a>(class: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let decorator = decorator_of(class)?.only_child()?;
    if !decorator.is(Kind::Call) {
        rewrite.edits.replace_range(decorator.end(), decorator.end(), "(slots=True)");
        return Some(());
    }
    let last = decorator.field(Field::Arguments)?.children().last();
    let (at, text) = match last {
        Some(last) => (last.end(), ", slots=True"),
        None => (decorator.end() - 1, "slots=True"),
    };
    rewrite.edits.replace_range(at, at, text);
    Some(())
}
