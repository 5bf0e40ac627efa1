//! Small types of expressions, each with how it is known. Flow-insensitive: a variable has a type when all its
//! bindings agree.

use super::kind::{Field, Kind};
use super::names::{is_builtin, is_builtin_call, method, positional, qualified};
use super::node::Node;
use super::place::binding_value;
use super::scope::{Occurrence, occurrence};

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Nothing is known.
    Unknown,
    /// `None`.
    None,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `float`.
    Float,
    /// `str`.
    Str,
    /// `bytes`.
    Bytes,
    /// `list` of elements.
    List(Box<Type>),
    /// `tuple` of elements, when all are alike.
    Tuple(Box<Type>),
    /// `dict` of keys and values.
    Dict(Box<Type>, Box<Type>),
    /// `set` of elements.
    Set(Box<Type>),
    /// `frozenset` of elements.
    FrozenSet(Box<Type>),
    /// `collections.deque` of elements.
    Deque(Box<Type>),
    /// `range`.
    Range,
    /// Something that can be iterated, perhaps once, with elements.
    Iterable(Box<Type>),
    /// A file object of the builtin `open`.
    File,
    /// An instance of the class with this path.
    Instance(String),
}

/// How a type is known; the order is from least to most sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provenance {
    /// By the habits of names (`df`, `np`).
    Conventional,
    /// By an annotation, which Python does not enforce.
    Annotated,
    /// By the expressions that make it.
    Proved,
}

/// A type and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// What it is.
    pub of: Type,
    /// How it is known.
    pub by: Provenance,
}

impl Type {
    /// True for types whose values are hashable and equal exactly when their hashes agree.
    pub fn is_hashable(&self) -> bool {
        match self {
            Self::None | Self::Bool | Self::Int | Self::Float | Self::Str | Self::Bytes | Self::Range => true,
            Self::Tuple(element) | Self::FrozenSet(element) => element.is_hashable(),
            _ => false,
        }
    }

    /// The type of what iterating gives.
    #[must_use]
    pub fn element(&self) -> Type {
        match self {
            Self::List(element)
            | Self::Tuple(element)
            | Self::Set(element)
            | Self::FrozenSet(element)
            | Self::Deque(element)
            | Self::Iterable(element)
            | Self::Dict(element, _) => (**element).clone(),
            Self::Str => Self::Str,
            Self::Bytes | Self::Range => Self::Int,
            _ => Self::Unknown,
        }
    }

    fn joined(self, other: &Self) -> Self {
        if self == *other { self } else { Self::Unknown }
    }
}

impl Typed {
    /// A type known from the code itself.
    pub fn proved(of: Type) -> Self {
        Self { of, by: Provenance::Proved }
    }

    /// Nothing known.
    pub fn unknown() -> Self {
        Self::proved(Type::Unknown)
    }

    /// True when it is known from the code itself.
    pub fn is_proved(&self) -> bool {
        self.by == Provenance::Proved && self.of != Type::Unknown
    }

    fn element(&self) -> Self {
        Self { of: self.of.element(), by: self.by }
    }

    fn joined(self, other: &Self) -> Self {
        Self { by: self.by.min(other.by), of: self.of.joined(&other.of) }
    }
}

/// Types of longer chains of names are not worth their time.
const DEPTH_MAX: u32 = 12;

/// The type of an expression.
pub fn infer(node: Node<'_>) -> Typed {
    infer_within(node, DEPTH_MAX)
}

fn infer_within(node: Node<'_>, depth: u32) -> Typed {
    let Some(depth) = depth.checked_sub(1) else { return Typed::unknown() };
    let proved = Typed::proved;
    let list_of = |element: Typed| Typed { by: element.by, of: Type::List(element.of.into()) };
    match node.kind() {
        Kind::String => proved(string_type(node)),
        Kind::ConcatenatedString => {
            node.children().next().map_or_else(Typed::unknown, |first| infer_within(first, depth))
        }
        Kind::Integer | Kind::Float if node.text().ends_with(['j', 'J']) => Typed::unknown(),
        Kind::Integer => proved(Type::Int),
        Kind::Float => proved(Type::Float),
        Kind::True | Kind::False | Kind::Not => proved(Type::Bool),
        Kind::None => proved(Type::None),
        Kind::Parenthesized => node.only_child().map_or_else(Typed::unknown, |inner| infer_within(inner, depth)),
        Kind::Named => node.field(Field::Value).map_or_else(Typed::unknown, |value| infer_within(value, depth)),
        Kind::Conditional => {
            let parts = node.child_nodes();
            let [yes, _, no] = parts[..] else { return Typed::unknown() };
            infer_within(yes, depth).joined(&infer_within(no, depth))
        }
        Kind::BooleanOperator => {
            let (Some(left), Some(right)) = (node.field(Field::Left), node.field(Field::Right)) else {
                return Typed::unknown();
            };
            infer_within(left, depth).joined(&infer_within(right, depth))
        }
        Kind::List => list_of(joined_elements(node, depth)),
        Kind::Set => {
            let element = joined_elements(node, depth);
            Typed { by: element.by, of: Type::Set(element.of.into()) }
        }
        Kind::Tuple | Kind::ExpressionList => {
            let element = joined_hashable(node, depth);
            Typed { by: element.by, of: Type::Tuple(element.of.into()) }
        }
        Kind::Dictionary => dictionary_type(node, depth),
        Kind::ListComprehension => list_of(body_type(node, depth)),
        Kind::SetComprehension => {
            let element = body_type(node, depth);
            Typed { by: element.by, of: Type::Set(element.of.into()) }
        }
        Kind::GeneratorExpression => {
            let element = body_type(node, depth);
            Typed { by: element.by, of: Type::Iterable(element.of.into()) }
        }
        Kind::DictionaryComprehension => {
            let Some(pair) = node.field(Field::Body) else { return Typed::unknown() };
            let part = |field| pair.field(field).map_or_else(Typed::unknown, |part| infer_within(part, depth));
            let (key, value) = (part(Field::Key), part(Field::Value));
            Typed { by: key.by.min(value.by), of: Type::Dict(key.of.into(), value.of.into()) }
        }
        Kind::BinaryOperator => binary_type(node, depth),
        Kind::Comparison => comparison_type(node, depth),
        Kind::Unary => {
            let inner = node.field(Field::Argument).map_or_else(Typed::unknown, |inner| infer_within(inner, depth));
            match inner.of {
                Type::Int | Type::Float => inner,
                Type::Bool => Typed { of: Type::Int, by: inner.by },
                _ => Typed::unknown(),
            }
        }
        Kind::Call => call_type(node, depth),
        Kind::Subscript => subscript_type(node, depth),
        Kind::Identifier => variable_type(node, depth),
        _ => Typed::unknown(),
    }
}

fn string_type(node: Node<'_>) -> Type {
    let prefix: String = node.text().chars().take_while(char::is_ascii_alphabetic).collect();
    if prefix.to_ascii_lowercase().contains('b') { Type::Bytes } else { Type::Str }
}

/// Elements of an empty display are unknown, which never harms: nothing can be said of none.
fn joined_elements(node: Node<'_>, depth: u32) -> Typed {
    let mut elements = node.children().map(|child| match child.kind() {
        Kind::ListSplat => Typed::unknown(),
        _ => infer_within(child, depth),
    });
    let Some(first) = elements.next() else { return Typed::unknown() };
    elements.fold(first, |of, each| of.joined(&each))
}

/// As [`joined_elements`], but a tuple of different hashable things stays known as hashable.
fn joined_hashable(node: Node<'_>, depth: u32) -> Typed {
    let elements: Vec<Typed> = node.children().map(|child| infer_within(child, depth)).collect();
    let by = elements.iter().map(|each| each.by).min().unwrap_or(Provenance::Proved);
    if !elements.is_empty() && elements.iter().all(|each| each.of.is_hashable()) {
        let is_same = elements.iter().all(|each| each.of == elements[0].of);
        return Typed { of: if is_same { elements[0].of.clone() } else { Type::Tuple(Type::None.into()) }, by };
    }
    Typed::unknown()
}

fn dictionary_type(node: Node<'_>, depth: u32) -> Typed {
    let mut of: Option<(Typed, Typed)> = None;
    for child in node.children() {
        let part = |field| child.field(field).map_or_else(Typed::unknown, |part| infer_within(part, depth));
        let (key, value) = (part(Field::Key), part(Field::Value));
        of = Some(match of {
            None => (key, value),
            Some((keys, values)) => (keys.joined(&key), values.joined(&value)),
        });
    }
    let (key, value) = of.unwrap_or((Typed::unknown(), Typed::unknown()));
    Typed { by: key.by.min(value.by), of: Type::Dict(key.of.into(), value.of.into()) }
}

fn body_type(node: Node<'_>, depth: u32) -> Typed {
    node.field(Field::Body).map_or_else(Typed::unknown, |body| infer_within(body, depth))
}

fn binary_type(node: Node<'_>, depth: u32) -> Typed {
    let (Some(left), Some(right), Some(operator)) =
        (node.field(Field::Left), node.field(Field::Right), node.field(Field::Operator))
    else {
        return Typed::unknown();
    };
    let left = infer_within(left, depth);
    if operator.text() == "%" && matches!(left.of, Type::Str | Type::Bytes) {
        return left;
    }
    let right = infer_within(right, depth);
    let by = left.by.min(right.by);
    let is_number = |of: &Type| matches!(of, Type::Int | Type::Float | Type::Bool);
    let of = match (operator.text(), left.of, right.of) {
        ("+", left, right) if left == right && !is_number(&left) => left,
        ("*", text @ (Type::Str | Type::Bytes | Type::List(_) | Type::Tuple(_)), Type::Int) => text,
        ("/", left, right) if is_number(&left) && is_number(&right) => Type::Float,
        ("+" | "-" | "*" | "//" | "%", left, right) if is_number(&left) && is_number(&right) => {
            if left == Type::Float || right == Type::Float { Type::Float } else { Type::Int }
        }
        _ => Type::Unknown,
    };
    Typed { of, by }
}

fn comparison_type(node: Node<'_>, depth: u32) -> Typed {
    let is_truth = node.all_children().filter(|child| child.role() == Field::Operators).all(|operator| {
        operator.text().starts_with("is") || operator.text() == "in" || operator.text().starts_with("not")
    });
    let is_scalar = || node.children().all(|operand| infer_within(operand, depth).of.is_hashable());
    if is_truth || is_scalar() { Typed::proved(Type::Bool) } else { Typed::unknown() }
}

fn call_type(call: Node<'_>, depth: u32) -> Typed {
    let Some(callee) = call.field(Field::Function) else { return Typed::unknown() };
    if callee.is(Kind::Identifier) && callee.variable().is_none() {
        return builtin_type(call, callee, depth);
    }
    if let Some((receiver, name)) = method(call) {
        let of = method_type(&infer_within(receiver, depth), name);
        if of.of != Type::Unknown {
            return of;
        }
    }
    match qualified(callee).as_deref() {
        Some("collections.deque") => {
            let element =
                first_argument(call).map_or_else(Typed::unknown, |first| infer_within(first, depth).element());
            Typed { by: element.by, of: Type::Deque(element.of.into()) }
        }
        Some("copy.copy" | "copy.deepcopy") => {
            first_argument(call).map_or_else(Typed::unknown, |first| infer_within(first, depth))
        }
        Some("os.listdir") => Typed::proved(Type::List(Type::Unknown.into())),
        Some("os.path.join" | "os.path.basename" | "os.path.dirname") => Typed::unknown(),
        Some("logging.getLogger") => Typed::proved(Type::Instance("logging.Logger".into())),
        Some(
            "pandas.DataFrame"
            | "pandas.read_csv"
            | "pandas.read_excel"
            | "pandas.read_sql"
            | "pandas.read_parquet"
            | "pandas.concat"
            | "pandas.read_json",
        ) => Typed::proved(Type::Instance("pandas.DataFrame".into())),
        Some(path) if path.starts_with("numpy.") && NUMPY_ARRAYS.contains(&&path[6..]) => {
            Typed::proved(Type::Instance("numpy.ndarray".into()))
        }
        Some(path) if path.rsplit('.').next().is_some_and(|name| name.starts_with(char::is_uppercase)) => {
            Typed::proved(Type::Instance(path.to_owned()))
        }
        _ => Typed::unknown(),
    }
}

const NUMPY_ARRAYS: &[&str] = &[
    "array",
    "zeros",
    "ones",
    "empty",
    "arange",
    "linspace",
    "full",
    "asarray",
    "append",
    "concatenate",
    "vstack",
    "hstack",
];

fn first_argument(call: Node<'_>) -> Option<Node<'_>> {
    positional(call)?.first().copied()
}

fn builtin_type(call: Node<'_>, callee: Node<'_>, depth: u32) -> Typed {
    if !is_builtin(callee, callee.text()) {
        return Typed::unknown();
    }
    let first = || super::names::arguments(call).first().copied();
    let element = || first().map_or_else(Typed::unknown, |first| infer_within(first, depth).element());
    let of = match callee.text() {
        "str" | "repr" | "ascii" | "chr" | "hex" | "bin" | "oct" | "format" | "input" => Type::Str,
        "bytes" => Type::Bytes,
        "len" | "ord" | "id" | "hash" | "int" => Type::Int,
        "float" => Type::Float,
        "bool" | "isinstance" | "issubclass" | "callable" | "hasattr" | "any" | "all" => Type::Bool,
        "range" => Type::Range,
        "open" => Type::File,
        "list" | "sorted" => {
            let element = element();
            return Typed { by: element.by, of: Type::List(element.of.into()) };
        }
        "tuple" => {
            let element = element();
            return Typed { by: element.by, of: Type::Tuple(element.of.into()) };
        }
        "set" => {
            let element = element();
            return Typed { by: element.by, of: Type::Set(element.of.into()) };
        }
        "frozenset" => {
            let element = element();
            return Typed { by: element.by, of: Type::FrozenSet(element.of.into()) };
        }
        "dict" => {
            let unknown = || Box::new(Type::Unknown);
            return match first().map(|first| infer_within(first, depth)) {
                Some(typed) if matches!(typed.of, Type::Dict(..)) => typed,
                _ => Typed::proved(Type::Dict(unknown(), unknown())),
            };
        }
        "iter" | "reversed" | "filter" => {
            let element = element();
            return Typed { by: element.by, of: Type::Iterable(element.of.into()) };
        }
        "map" => Type::Iterable(Box::new(match first() {
            Some(mapped) if ["str", "repr"].iter().any(|name| is_builtin(mapped, name)) => Type::Str,
            Some(mapped) if ["int", "len", "ord"].iter().any(|name| is_builtin(mapped, name)) => Type::Int,
            Some(mapped) if is_builtin(mapped, "float") => Type::Float,
            _ => Type::Unknown,
        })),
        "enumerate" | "zip" => Type::Iterable(Type::Unknown.into()),
        _ => Type::Unknown,
    };
    Typed::proved(of)
}

/// What a method of a builtin type gives.
pub fn method_type(receiver: &Typed, name: &str) -> Typed {
    let list = |of: Type| Type::List(of.into());
    let of = match (&receiver.of, name) {
        (
            Type::Str,
            "join" | "strip" | "lstrip" | "rstrip" | "lower" | "upper" | "title" | "replace" | "format" | "casefold"
            | "capitalize" | "swapcase" | "center" | "ljust" | "rjust" | "zfill" | "expandtabs" | "translate"
            | "format_map" | "removeprefix" | "removesuffix",
        )
        | (Type::Bytes, "decode" | "hex") => Type::Str,
        (Type::Bytes, "join" | "strip" | "lstrip" | "rstrip" | "lower" | "upper" | "replace")
        | (Type::Str, "encode") => Type::Bytes,
        (Type::Str, "split" | "rsplit" | "splitlines") => list(Type::Str),
        (Type::Str, "partition" | "rpartition") => Type::Tuple(Type::Str.into()),
        (Type::Bytes, "split" | "rsplit" | "splitlines") => list(Type::Bytes),
        (
            Type::Str | Type::Bytes,
            "startswith" | "endswith" | "isdigit" | "isalpha" | "isalnum" | "isspace" | "isupper" | "islower"
            | "isnumeric" | "isdecimal" | "isidentifier",
        ) => Type::Bool,
        (Type::Str | Type::Bytes, "find" | "rfind" | "count" | "index" | "rindex")
        | (Type::List(_) | Type::Tuple(_), "index" | "count") => Type::Int,
        (Type::List(_) | Type::Dict(..) | Type::Set(_) | Type::Deque(_), "copy")
        | (Type::Set(_), "union" | "difference" | "intersection") => receiver.of.clone(),
        (Type::Dict(key, _), "keys") => Type::Iterable(key.clone()),
        (Type::Dict(_, value), "values") => Type::Iterable(value.clone()),
        (Type::Dict(..), "items") => Type::Iterable(Type::Unknown.into()),
        (Type::File, "readlines") => list(Type::Unknown),
        _ => Type::Unknown,
    };
    Typed { of, by: receiver.by }
}

fn subscript_type(node: Node<'_>, depth: u32) -> Typed {
    let Some(value) = node.field(Field::Value) else { return Typed::unknown() };
    let Some(index) = node.field(Field::Subscript) else { return Typed::unknown() };
    let value = infer_within(value, depth);
    match (&value.of, index.kind()) {
        (Type::Str | Type::Bytes | Type::List(_) | Type::Tuple(_), Kind::Slice) | (Type::Str, Kind::Integer) => value,
        _ => Typed::unknown(),
    }
}

fn variable_type(node: Node<'_>, depth: u32) -> Typed {
    let Some(variable) = node.variable() else { return Typed::unknown() };
    if variable.scope().is_opaque() && !matches!(variable.scope().kind(), super::ScopeKind::Module) {
        return Typed::unknown();
    }
    let mut of: Option<Typed> = None;
    for each in variable.occurrences() {
        match occurrence(each) {
            Occurrence::Load => {}
            Occurrence::Bind => {
                let bound = bound_type(each, depth);
                of = Some(of.map_or_else(|| bound.clone(), |of| of.joined(&bound)));
                if of.as_ref().is_some_and(|of| of.of == Type::Unknown) {
                    return Typed::unknown();
                }
            }
            _ => return Typed::unknown(),
        }
    }
    let mut of = of.unwrap_or_else(Typed::unknown);
    if matches!(variable.scope().kind(), super::ScopeKind::Module | super::ScopeKind::Class) {
        // Other files may bind or change what a module or class holds.
        of.by = of.by.min(Provenance::Annotated);
    }
    // The elements of a list that grows are not those it began with.
    match (&of.of, grown_element(variable, depth)) {
        (_, Growth::None) => of,
        (Type::List(element), Growth::By(added)) if is_empty_binding(variable) || **element == added.of => {
            Typed { by: of.by.min(added.by), of: Type::List(added.of.into()) }
        }
        (Type::List(_), _) => Typed { of: Type::List(Type::Unknown.into()), by: of.by },
        (Type::Set(_), _) => Typed { of: Type::Set(Type::Unknown.into()), by: of.by },
        (Type::Deque(_), _) => Typed { of: Type::Deque(Type::Unknown.into()), by: of.by },
        (Type::Dict(..), _) => Typed { of: Type::Dict(Type::Unknown.into(), Type::Unknown.into()), by: of.by },
        _ => of,
    }
}

fn is_empty_binding(variable: super::Variable<'_>) -> bool {
    let is_empty = |value: Node<'_>| {
        (value.is(Kind::List) && value.children().next().is_none())
            || (is_builtin_call(value, "list") && super::names::arguments(value).is_empty())
    };
    variable.bindings().all(|binding| binding_value(binding).is_some_and(is_empty))
}

enum Growth {
    None,
    By(Typed),
    Unknown,
}

/// What is put into a container through its variable; anything that lets it out of sight counts as unknown.
fn grown_element(variable: super::Variable<'_>, depth: u32) -> Growth {
    use super::usage::{Usage, usage};
    let mut growth = Growth::None;
    for each in variable.uses() {
        let added = match usage(each) {
            Usage::Method("append" | "add" | "appendleft", call) => match positional(call).as_deref() {
                Some([item]) => infer_within(*item, depth),
                _ => return Growth::Unknown,
            },
            Usage::Method(
                "pop" | "remove" | "clear" | "sort" | "reverse" | "index" | "count" | "copy" | "popleft" | "get"
                | "keys" | "values" | "items" | "discard" | "join" | "split" | "strip" | "startswith" | "endswith"
                | "lower" | "upper" | "read" | "readlines" | "close" | "format" | "encode" | "decode",
                _,
            )
            | Usage::Attribute("count" | "index" | "get" | "__getitem__" | "__contains__")
            | Usage::Item(_)
            | Usage::Iterated(_)
            | Usage::Searched(_)
            | Usage::Truth
            | Usage::Builtin(..)
            | Usage::Compared(_)
            | Usage::Formatted
            | Usage::Returned
            | Usage::Dropped => continue,
            _ => return Growth::Unknown,
        };
        growth = match growth {
            Growth::None => Growth::By(added),
            Growth::By(before) => Growth::By(before.joined(&added)),
            Growth::Unknown => Growth::Unknown,
        };
    }
    growth
}

fn bound_type(binding: Node<'_>, depth: u32) -> Typed {
    if let Some(value) = binding_value(binding) {
        let of = infer_within(value, depth);
        if of.of == Type::Unknown
            && let Some(annotated) = binding.parent().and_then(|parent| parent.field(Field::Type))
        {
            return annotation(annotated);
        }
        return of;
    }
    let Some(parent) = binding.parent() else { return Typed::unknown() };
    match parent.kind() {
        Kind::For | Kind::ForIn if binding.role() == Field::Left => {
            parent.field(Field::Right).map_or_else(Typed::unknown, |iterable| infer_within(iterable, depth).element())
        }
        Kind::AugmentedAssignment => {
            let right = parent.field(Field::Right).map_or_else(Typed::unknown, |right| infer_within(right, depth));
            match right.of {
                Type::Str | Type::Bytes | Type::Int | Type::Float | Type::List(_) => right,
                _ => Typed::unknown(),
            }
        }
        Kind::TypedParameter | Kind::TypedDefaultParameter => {
            parent.field(Field::Type).map_or_else(Typed::unknown, annotation)
        }
        Kind::Assignment => parent.field(Field::Type).map_or_else(Typed::unknown, annotation),
        Kind::AsPatternTarget => {
            let value = parent.parent().and_then(|pattern| pattern.children().next());
            match value.map(|value| infer_within(value, depth)) {
                Some(typed) if typed.of == Type::File => typed,
                _ => Typed::unknown(),
            }
        }
        Kind::PatternList | Kind::TuplePattern => unpacked_type(parent, binding, depth),
        _ => Typed::unknown(),
    }
}

/// `for i, x in enumerate(xs)`, `a, b = x, y` and the like.
fn unpacked_type(pattern: Node<'_>, binding: Node<'_>, depth: u32) -> Typed {
    if let Some(assignment) = pattern.parent().filter(|parent| parent.is(Kind::Assignment)) {
        return parallel_type(assignment, pattern, binding, depth);
    }
    let Some(looping) = pattern.parent().filter(|parent| matches!(parent.kind(), Kind::For | Kind::ForIn)) else {
        return Typed::unknown();
    };
    let Some(iterable) = looping.field(Field::Right) else { return Typed::unknown() };
    let position = pattern.children().position(|child| child == binding);
    if is_builtin_call(iterable, "enumerate") {
        return match (position, first_argument(iterable)) {
            (Some(0), Some(_)) => Typed::proved(Type::Int),
            (Some(1), Some(inner)) => infer_within(inner, depth).element(),
            _ => Typed::unknown(),
        };
    }
    if let Some((receiver, "items")) = method(iterable)
        && let Typed { of: Type::Dict(key, value), by } = infer_within(receiver, depth)
    {
        return match position {
            Some(0) => Typed { of: *key, by },
            Some(1) => Typed { of: *value, by },
            _ => Typed::unknown(),
        };
    }
    Typed::unknown()
}

/// The part of `x, y` that a name of `a, b = x, y` gets.
fn parallel_type(assignment: Node<'_>, pattern: Node<'_>, binding: Node<'_>, depth: u32) -> Typed {
    let is_plain = |part: Node<'_>| !matches!(part.kind(), Kind::ListSplat | Kind::ListSplatPattern);
    let (Some(right), Some(at)) =
        (assignment.field(Field::Right), pattern.children().position(|child| child == binding))
    else {
        return Typed::unknown();
    };
    let parts: Vec<Node<'_>> = right.children().collect();
    let is_parallel = matches!(right.kind(), Kind::ExpressionList | Kind::Tuple)
        && parts.len() == pattern.children().count()
        && parts.iter().copied().all(is_plain)
        && pattern.children().all(is_plain);
    if is_parallel { infer_within(parts[at], depth) } else { Typed::unknown() }
}

/// The type that an annotation promises.
pub fn annotation(node: Node<'_>) -> Typed {
    Typed { of: annotated(node.text()), by: Provenance::Annotated }
}

fn annotated(text: &str) -> Type {
    let text = text.trim().trim_matches(['"', '\'']);
    let (name, arguments) = match text.split_once('[') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix(']').unwrap_or(rest)),
        None => (text, ""),
    };
    let name = name.strip_prefix("typing.").or_else(|| name.strip_prefix("t.")).unwrap_or(name);
    let name = name.strip_prefix("collections.abc.").unwrap_or(name);
    let parts = top_level_parts(arguments);
    let part = |index: usize| Box::new(parts.get(index).map_or(Type::Unknown, |part| annotated(part)));
    match name {
        "str" => Type::Str,
        "bytes" => Type::Bytes,
        "int" => Type::Int,
        "float" => Type::Float,
        "bool" => Type::Bool,
        "None" => Type::None,
        "list" | "List" => Type::List(part(0)),
        "set" | "Set" => Type::Set(part(0)),
        "frozenset" | "FrozenSet" => Type::FrozenSet(part(0)),
        "dict" | "Dict" | "DefaultDict" | "defaultdict" => Type::Dict(part(0), part(1)),
        "deque" | "Deque" => Type::Deque(part(0)),
        "tuple" | "Tuple" => {
            let of: Vec<Type> = parts.iter().filter(|part| part.trim() != "...").map(|part| annotated(part)).collect();
            let Some(first) = of.first().cloned() else { return Type::Tuple(Type::Unknown.into()) };
            if of.iter().all(|each| *each == first) {
                return Type::Tuple(first.into());
            }
            let is_hashable = of.iter().all(Type::is_hashable);
            Type::Tuple(Box::new(if is_hashable { Type::Tuple(Type::None.into()) } else { Type::Unknown }))
        }
        "Iterable" | "Iterator" | "Sequence" | "Collection" | "Generator" | "MutableSequence" => {
            Type::Iterable(part(0))
        }
        "" => Type::Unknown,
        _ if text.contains('|') || name == "Optional" || name == "Union" || name == "Any" => Type::Unknown,
        _ if name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.') => Type::Instance(name.to_owned()),
        _ => Type::Unknown,
    }
}

fn top_level_parts(text: &str) -> Vec<String> {
    let mut parts = vec![];
    let mut depth = 0;
    let mut part = String::new();
    for c in text.chars() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    if !part.trim().is_empty() {
        parts.push(part);
    }
    parts
}
