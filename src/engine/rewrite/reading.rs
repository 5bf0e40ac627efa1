//! Whether a value is only read: through names, loops and the project's own helpers, down to the items in it.

use std::cell::RefCell;

use crate::syntax::{Field, Kind, Node, Usage, arguments, enclosing_function, is_async, is_builtin, usage};

use super::context::Context;
use super::facts::{local_variable, targets};

/// What becomes of a value and of the items in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reading {
    /// It is looked at, no more.
    Read,
    /// The function around hands it or an item of it out: returns or yields it.
    Handed,
    /// It may be changed or kept.
    Unknown,
}

/// Longer ways of a value are followed no further.
const DEPTH_MAX: u32 = 24;

/// Methods that only look at a collection; what they give may be an item of it.
const LOOKS: &[&str] = &["get", "keys", "values", "items", "copy", "index", "count", "most_common", "__getitem__"];

/// Methods of texts, numbers and the like that give something new.
const TEXTS: &[&str] = &[
    "startswith",
    "endswith",
    "strip",
    "lstrip",
    "rstrip",
    "lower",
    "upper",
    "title",
    "casefold",
    "split",
    "rsplit",
    "splitlines",
    "partition",
    "rpartition",
    "replace",
    "format",
    "encode",
    "decode",
    "join",
    "isdigit",
    "find",
    "rfind",
    "zfill",
    "ljust",
    "rjust",
    "center",
    "isoformat",
    "strftime",
    "issubset",
    "isdisjoint",
    "union",
    "intersection",
    "difference",
    "hex",
    "as_posix",
    "total_seconds",
    "date",
    "timestamp",
];

/// Builtins that give something new, without the items.
const SUMMARIES: &[&str] = &[
    "len",
    "any",
    "all",
    "bool",
    "repr",
    "str",
    "isinstance",
    "print",
    "join",
    "fsum",
    "Counter",
    "hash",
    "type",
    "sum",
];

/// Builtins that give the items on.
const PASSERS: &[&str] = &[
    "list",
    "tuple",
    "set",
    "frozenset",
    "dict",
    "sorted",
    "enumerate",
    "iter",
    "reversed",
    "zip",
    "map",
    "filter",
    "next",
    "min",
    "max",
    "chain",
];

/// Calls of libraries that only read their arguments, whatever module they are of.
const CALLS: &[&str] =
    &["deepcopy", "dumps", "debug", "info", "warning", "error", "isclose", "mean", "median", "stdev"];

/// What becomes of an expression's value.
pub(crate) fn reading<'a>(context: &Context<'a>, value: Node<'a>) -> Reading {
    let reader = Reader { context, followed: RefCell::default() };
    reader.value(value, DEPTH_MAX)
}

struct Reader<'c, 'a> {
    context: &'c Context<'a>,
    /// Names that are being followed: recursion says nothing new of them.
    followed: RefCell<Vec<Node<'a>>>,
}

impl<'a> Reader<'_, 'a> {
    fn value(&self, value: Node<'a>, depth: u32) -> Reading {
        let Some(depth) = depth.checked_sub(1) else { return Reading::Unknown };
        match usage(value) {
            Usage::Truth | Usage::Searched(_) | Usage::Compared(_) | Usage::Formatted | Usage::Dropped => Reading::Read,
            Usage::Item(item) => self.value(item, depth),
            Usage::Attribute(_) => match value.wrapped().parent() {
                Some(attribute) if attribute.role() != Field::Left => self.value(attribute, depth),
                _ => Reading::Unknown,
            },
            Usage::Method(name, call) if LOOKS.contains(&name) => self.value(call, depth),
            Usage::Method(name, _) if TEXTS.contains(&name) => Reading::Read,
            // With a start value `sum` joins lists, which hold the same items.
            Usage::Builtin("sum", call) if arguments(call).len() > 1 => self.value(call, depth),
            Usage::Builtin(name, _) if SUMMARIES.contains(&name) => Reading::Read,
            Usage::Builtin(name, call) if PASSERS.contains(&name) => self.value(call, depth),
            Usage::Iterated(looping) => {
                looping.field(Field::Left).map_or(Reading::Unknown, |target| self.targets(target, depth))
            }
            Usage::Assigned(assignment) => self.assigned(assignment, depth),
            Usage::Returned => Reading::Handed,
            Usage::Argument(call) => self.argument(value.wrapped(), call, depth),
            Usage::Other(parent) => self.inside(value.wrapped(), parent, depth),
            _ => Reading::Unknown,
        }
    }

    /// A value that is part of an expression.
    fn inside(&self, value: Node<'a>, parent: Node<'a>, depth: u32) -> Reading {
        match parent.kind() {
            // A generator expression that is the one argument stands without a list of arguments.
            Kind::Call if value.role() == Field::Arguments => {
                let Some(callee) = parent.field(Field::Function) else { return Reading::Unknown };
                let is_one = |names: &[&str]| names.iter().any(|name| is_builtin(callee, name));
                let is_join = callee.field(Field::Attribute).is_some_and(|name| name.text() == "join");
                if is_join || is_one(SUMMARIES) {
                    Reading::Read
                } else if is_one(PASSERS) {
                    self.value(parent, depth)
                } else {
                    Reading::Unknown
                }
            }
            Kind::Yield => Reading::Handed,
            Kind::BinaryOperator
            | Kind::BooleanOperator
            | Kind::Conditional
            | Kind::Tuple
            | Kind::List
            | Kind::ListSplat
            | Kind::ExpressionList
            | Kind::Pair => self.value(parent, depth),
            Kind::Unary => Reading::Read,
            Kind::Subscript if value.role() == Field::Subscript => Reading::Read,
            Kind::ListComprehension
            | Kind::SetComprehension
            | Kind::GeneratorExpression
            | Kind::DictionaryComprehension
                if value.role() == Field::Body =>
            {
                self.value(parent, depth)
            }
            _ => Reading::Unknown,
        }
    }

    fn assigned(&self, assignment: Node<'a>, depth: u32) -> Reading {
        let Some(target) = assignment.field(Field::Left).or_else(|| assignment.field(Field::Name)) else {
            return Reading::Unknown;
        };
        let above = match assignment.parent() {
            Some(parent) if parent.is(Kind::ExpressionStatement) => Reading::Read,
            _ => self.value(assignment, depth),
        };
        above.max(self.targets(target, depth))
    }

    /// Every use of the names that a target binds.
    fn targets(&self, target: Node<'a>, depth: u32) -> Reading {
        if target.descendants().any(|each| matches!(each.kind(), Kind::Attribute | Kind::Subscript)) {
            return Reading::Unknown;
        }
        let mut worst = Reading::Read;
        for variable in targets(target) {
            let Some(binding) = variable.bindings().next() else { return Reading::Unknown };
            let is_comprehension = variable.scope().kind() == crate::syntax::ScopeKind::Comprehension;
            if local_variable(binding).is_none() && !is_comprehension {
                return Reading::Unknown;
            }
            worst = worst.max(self.uses(binding, depth));
        }
        worst
    }

    fn uses(&self, binding: Node<'a>, depth: u32) -> Reading {
        if self.followed.borrow().contains(&binding) {
            return Reading::Read;
        }
        self.followed.borrow_mut().push(binding);
        let Some(variable) = binding.variable() else { return Reading::Unknown };
        variable.uses().map(|each| self.value(each, depth)).max().unwrap_or(Reading::Read)
    }

    /// An argument of a function of the project: what that does with its parameter, and what becomes of its result
    /// when that may hold the argument.
    fn argument(&self, value: Node<'a>, call: Node<'a>, depth: u32) -> Reading {
        if crate::syntax::callee_name(call).is_some_and(|name| CALLS.contains(&name)) {
            return Reading::Read;
        }
        let Some(function) = self.context.callee(call).filter(|callee| callee.is(Kind::Function) && !is_async(*callee))
        else {
            return Reading::Unknown;
        };
        let Some(parameter) = parameter(function, call, value) else { return Reading::Unknown };
        match self.uses(parameter, depth) {
            Reading::Read if !function.has(Kind::Yield) => Reading::Read,
            Reading::Read | Reading::Handed => self.value(call, depth),
            Reading::Unknown => Reading::Unknown,
        }
    }
}

/// The name of the parameter that an argument of a call becomes.
fn parameter<'a>(function: Node<'a>, call: Node<'a>, argument: Node<'a>) -> Option<Node<'a>> {
    if function.parent()?.is(Kind::Decorated) {
        return None;
    }
    let parameters: Vec<Node<'a>> = function.field(Field::Parameters)?.children().filter_map(name_of).collect();
    let given = arguments(call);
    let is_method = function.parent()?.parent().is_some_and(|class| class.is(Kind::Class));
    if given.iter().any(|each| matches!(each.kind(), Kind::ListSplat | Kind::DictionarySplat | Kind::KeywordArgument)) {
        return None;
    }
    let at = given.iter().position(|each| *each == argument)?;
    parameters.get(at + usize::from(is_method)).copied()
}

/// The identifier of a plain parameter.
fn name_of(parameter: Node<'_>) -> Option<Node<'_>> {
    match parameter.kind() {
        Kind::Identifier => Some(parameter),
        Kind::TypedParameter => parameter.children().next().filter(|name| name.is(Kind::Identifier)),
        Kind::DefaultParameter | Kind::TypedDefaultParameter => parameter.field(Field::Name),
        _ => None,
    }
}

/// True when the function around a value may be left and entered again while it is used.
pub(crate) fn is_suspended(value: Node<'_>) -> bool {
    enclosing_function(value).is_none_or(|function| function.has(Kind::Yield) || function.has(Kind::Await))
}
