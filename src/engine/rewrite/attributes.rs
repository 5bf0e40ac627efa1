//! What a class keeps in an attribute: every place of the project that reads or writes `self.x`, and whether those in
//! the class are all there are.

use crate::syntax::{Field, Kind, Node, Usage, enclosing_function, function_name, usage};

use super::assumption::Assumption;
use super::context::Context;
use super::facts::{body, calls_unknown};
use super::rule::Rewrite;

/// An attribute that only the methods of one class reach, through `self`.
pub(crate) struct Held<'a> {
    /// The class.
    pub(crate) class: Node<'a>,
    /// The attribute's name.
    pub(crate) name: &'a str,
    /// Every `self.name` of the class, in the order of the text.
    pub(crate) places: Vec<Node<'a>>,
}

/// What is done at a place.
#[derive(Clone, Copy)]
pub(crate) enum Access<'a> {
    /// A statement that does nothing but give it this value.
    Stored(Node<'a>, Node<'a>),
    /// Its value is used.
    Used(Usage<'a>),
    /// It is deleted, or bound as one of several targets.
    Other,
}

/// Names that lay an object's attributes open: who uses them sees every attribute, a new one too.
const REFLECTION: &[&str] = &["__dict__", "vars(", "__slots__", "__getstate__", "__setattr__", "__getattribute__"];

/// The class of which a name is the instance: it is the first parameter of a method of that class.
pub(crate) fn class_of_self(name: Node<'_>) -> Option<Node<'_>> {
    let binding = name.is(Kind::Identifier).then(|| name.variable()).flatten()?.only_binding()?;
    let parameters = binding.parent().filter(|parent| parent.is(Kind::Parameters))?;
    if parameters.children().next() != Some(binding) {
        return None;
    }
    class_of_method(parameters.parent()?)
}

/// The class in whose body a function is a method with `self`.
pub(crate) fn class_of_method(function: Node<'_>) -> Option<Node<'_>> {
    let mut holder = function.parent()?;
    if holder.is(Kind::Decorated) {
        let is_static = |child: Node<'_>| {
            child.is(Kind::Decorator) && (child.text().contains("staticmethod") || child.text().contains("classmethod"))
        };
        if holder.children().any(is_static) {
            return None;
        }
        holder = holder.parent()?;
    }
    holder.parent().filter(|class| class.is(Kind::Class))
}

/// What is known of the attribute that `self.x` names; `None` when code outside the class mentions it, or when the
/// class shows its attributes by reflection.
pub(crate) fn held<'a>(context: &Context<'a>, attribute: Node<'a>) -> Option<Held<'a>> {
    if !attribute.is(Kind::Attribute) {
        return None;
    }
    let class = class_of_self(attribute.field(Field::Object)?)?;
    let name = attribute.field(Field::Attribute)?.text();
    if REFLECTION.iter().any(|word| class.text().contains(word)) || is_data_class(class) {
        return None;
    }
    let is_place = |node: &Node<'a>| {
        node.is(Kind::Attribute)
            && node.field(Field::Attribute).is_some_and(|field| field.text() == name)
            && node.field(Field::Object).and_then(class_of_self) == Some(class)
    };
    let places: Vec<Node<'a>> = class.descendants().filter(is_place).collect();
    let is_own = |mention: Node<'_>| mention.parent().is_some_and(|place| places.contains(&place));
    (!context.index.has_attribute(name, is_own)).then_some(Held { class, name, places })
}

/// True when the class is a dataclass, a named tuple or an enumeration: its attributes are its fields.
fn is_data_class(class: Node<'_>) -> bool {
    let decorators = class.parent().filter(|parent| parent.is(Kind::Decorated));
    let is_decorated = decorators
        .is_some_and(|holder| holder.children().any(|child| child.is(Kind::Decorator) && !child.text().is_empty()));
    is_decorated
        || class.field(Field::Superclasses).is_some_and(|bases| {
            ["NamedTuple", "TypedDict", "Enum", "BaseModel", "Struct"].iter().any(|name| bases.text().contains(name))
        })
}

/// What is done at a place of [`Held::places`].
pub(crate) fn access(place: Node<'_>) -> Access<'_> {
    let Some(parent) = place.parent() else { return Access::Other };
    match parent.kind() {
        Kind::Assignment if place.role() == Field::Left => match (parent.parent(), parent.field(Field::Right)) {
            (Some(statement), Some(value))
                if statement.is(Kind::ExpressionStatement) && !value.is(Kind::Assignment) =>
            {
                Access::Stored(statement, value)
            }
            _ => Access::Other,
        },
        Kind::For | Kind::ForIn if place.role() == Field::Left => Access::Other,
        Kind::Delete
        | Kind::PatternList
        | Kind::TuplePattern
        | Kind::ListPattern
        | Kind::ListSplatPattern
        | Kind::AsPatternTarget => Access::Other,
        Kind::ExpressionList | Kind::Tuple if parent.parent().is_some_and(|above| above.is(Kind::Delete)) => {
            Access::Other
        }
        _ => Access::Used(usage(place)),
    }
}

impl<'a> Held<'a> {
    /// The statements that give it a value, with the values.
    pub(crate) fn stores(&self) -> Vec<(Node<'a>, Node<'a>)> {
        let store = |place: &Node<'a>| match access(*place) {
            Access::Stored(statement, value) => Some((statement, value)),
            _ => None,
        };
        self.places.iter().filter_map(store).collect()
    }

    /// The statement of `__init__` that makes it, with the value.
    pub(crate) fn made(&self) -> Option<(Node<'a>, Node<'a>)> {
        self.stores().into_iter().find(|(statement, _)| {
            let holder = statement.parent().and_then(Node::parent);
            holder.is_some_and(|function| function.is(Kind::Function) && function_name(function) == "__init__")
                && enclosing_function(*statement).and_then(class_of_method) == Some(self.class)
        })
    }

    /// True for the place that reports for all of them.
    pub(crate) fn is_first(&self, node: Node<'a>, is_reporter: impl Fn(Node<'a>) -> bool) -> bool {
        self.places.iter().copied().find(|place| is_reporter(*place)) == Some(node)
    }

    /// States what the class alone does not show: public names may be used by code that was not seen, and so may any
    /// attribute by threads.
    pub(crate) fn assume_private(&self, context: &Context<'a>, rewrite: &mut Rewrite<'a>) {
        let is_public = !self.name.starts_with('_');
        if is_public || context.index.mentions_any(&["threading", "Thread", "__dict__", "vars("]) {
            rewrite.assume(Assumption::Unchanged(format!("self.{}", self.name)));
        }
    }
}

/// A name for a new attribute that no file of the project has.
pub(crate) fn fresh_attribute(context: &Context<'_>, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2;
    while context.index.mentions_any(&[&name]) {
        name = format!("{wanted}_{number}");
        number += 1;
    }
    name
}

/// The methods of a class, decorated ones too.
pub(crate) fn methods(class: Node<'_>) -> Vec<Node<'_>> {
    let members = class.field(Field::Body).map_or_else(Vec::new, Node::child_nodes);
    members.into_iter().map(undecorated).filter(|member| member.is(Kind::Function)).collect()
}

fn undecorated(member: Node<'_>) -> Node<'_> {
    member.field(Field::Definition).unwrap_or(member)
}

/// True when a statement before the node in its block, or the condition of the block, ends the function, loop or
/// round where `self.x` is empty, and nothing that may empty it stands between.
pub(crate) fn is_known_filled<'a>(place: Node<'a>, is_same: impl Fn(Node<'a>) -> bool) -> bool {
    let statement = crate::syntax::statement_of(place);
    let Some(block) = statement.parent() else { return false };
    let mut before: Vec<Node<'a>> = block.children().take_while(|each| *each != statement).collect();
    while let Some(last) = before.pop() {
        if last.is(Kind::If) && leaves(last) && empty_test(last).is_some_and(&is_same) {
            return true;
        }
        if calls_unknown(last) || last.descendants().any(&is_same) {
            return false;
        }
    }
    block.parent().is_some_and(|holder| {
        matches!(holder.kind(), Kind::While | Kind::If)
            && holder.field(Field::Condition).is_some_and(|condition| is_same(condition.unwrapped()))
            && (holder.is(Kind::While) || holder.field(Field::Consequence) == Some(block))
    })
}

/// What is tested for being empty by `if not x:`.
fn empty_test(test: Node<'_>) -> Option<Node<'_>> {
    let condition = test.field(Field::Condition)?.unwrapped();
    if condition.is(Kind::Not) {
        return condition.only_child().map(Node::unwrapped);
    }
    None
}

/// True when the body of an `if` without `else` never goes on to the next statement.
pub(crate) fn leaves(test: Node<'_>) -> bool {
    test.field(Field::Alternative).is_none()
        && body(test)
            .last()
            .is_some_and(|last| matches!(last.kind(), Kind::Return | Kind::Raise | Kind::Continue | Kind::Break))
}
