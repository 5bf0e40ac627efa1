//! Finds methods that call themselves several times for the same arguments, and remembers their results as long as
//! what they read stays as it is.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::attributes::{Access, access, class_of_self, fresh_attribute, held};
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{body, is_simple};
use crate::engine::rewrite::index::is_docstring;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, Usage, enclosing_function, enclosing_loop, function_name, is_async, is_builtin, method,
    statement_of, usage,
};

rule! {
    /// ## What it finds
    /// A method that calls itself twice or more, reads attributes of `self`, and changes none.
    /// ## Why it is slow
    /// The same arguments come up again and again, each with all that follows: the work doubles with every step. A dict
    /// in the object keeps results; it is emptied wherever an attribute that the method reads is changed.
    /// ## What must hold
    /// - All places that read or write these attributes are in the class, and none lets them out.
    /// - The method calls nothing but itself, plain builtins, and reading methods of containers.
    /// - The result is a number, a text or a truth value, so it may be given twice. Arguments are hashable.
    /// ## Example
    /// ```python before needs-run
    /// class Grid:
    ///     def __init__(self):
    ///         self._open = {}
    ///
    ///     def set(self, place, is_open):
    ///         self._open[place] = is_open
    ///
    ///     def ways(self, x: int, y: int) -> int:
    ///         if not self._open.get((x, y), True):
    ///             return 0
    ///         if x == 0 or y == 0:
    ///             return 1
    ///         return self.ways(x - 1, y) + self.ways(x, y - 1)
    /// ```
    /// ```python after
    /// class Grid:
    ///     def __init__(self):
    ///         self._open = {}
    ///         self._ways_known = {}
    ///
    ///     def set(self, place, is_open):
    ///         self._open[place] = is_open
    ///         self._ways_known.clear()
    ///
    ///     def ways(self, x: int, y: int) -> int:
    ///         key = (x, y)
    ///         if key in self._ways_known:
    ///             return self._ways_known[key]
    ///         if not self._open.get((x, y), True):
    ///             return 0
    ///         if x == 0 or y == 0:
    ///             return 1
    ///         self._ways_known[key] = self.ways(x - 1, y) + self.ways(x, y - 1)
    ///         return self._ways_known[key]
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Tree:
    ///     def __init__(self, rates):
    ///         self.rates = rates
    ///
    ///     def price(self, n) -> int:
    ///         return self.rates[n] + self.price(n - 1) + self.price(n - 2) if n > 1 else 1
    ///
    /// def changed(tree, rates):
    ///     tree.rates = rates
    /// ```
    /// ```python unchanged
    /// class Tree:
    ///     def __init__(self):
    ///         self._log = []
    ///
    ///     def walk(self, n) -> int:
    ///         self._log.append(n)
    ///         return self.walk(n - 1) + self.walk(n - 2) if n > 1 else 1
    /// ```
    "method-without-memory", Algorithm, [Trigger::Kind(Kind::Function)] => find
}

const PLAIN: &[&str] = &[
    "min",
    "max",
    "abs",
    "int",
    "float",
    "range",
    "sum",
    "len",
    "divmod",
    "pow",
    "round",
    "bool",
    "any",
    "all",
    "enumerate",
    "zip",
];

/// Methods that only read containers and texts.
const READERS: &[&str] = &["get", "items", "keys", "values", "index", "count", "startswith", "endswith"];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let class = node.parent()?.parent().filter(|class| class.is(Kind::Class))?;
    let block = node.field(Field::Body)?;
    let name = function_name(node);
    if is_async(node) || node.has(Kind::Yield) || name.starts_with("__") {
        return None;
    }
    let own = |call: Node<'a>| {
        method(call).is_some_and(|(receiver, each)| each == name && class_of_self(receiver) == Some(class))
    };
    let calls: Vec<Node<'a>> = block.descendants().filter(|each| own(*each)).collect();
    let is_branching = calls.len() >= 2 || calls.iter().any(|call| enclosing_loop(*call).is_some());
    let (receiver, names) = parameters(node)?;
    if !is_branching || !gives_plain_value(node) {
        return None;
    }
    let read = attributes_read(context, block, name, own)?;
    let mut rewrite = Rewrite::new(node, format!("`{name}` computes the same values again and again"));
    let memory = fresh_attribute(context, &format!("_{}_known", name.trim_start_matches('_')));
    let key = context.fresh_name("key");
    let init = forget(context, &read, &memory, &mut rewrite)?;
    rewrite.edits.insert_after(init, &[format!("{}.{memory} = {{}}", self_of(init)?)]);
    remember(node, receiver, &names, &memory, &key, &mut rewrite)?;
    rewrite.assume(Assumption::Hashable(format!("the arguments of `{name}`")));
    rewrite.assume(Assumption::Repeatable(name.into()));
    Some(rewrite)
}

/// The name of `self`, and those of the other parameters.
fn parameters<'a>(function: Node<'a>) -> Option<(&'a str, Vec<&'a str>)> {
    let all = function.field(Field::Parameters)?.child_nodes();
    let (first, rest) = all.split_first()?;
    let name = |parameter: &Node<'a>| match parameter.kind() {
        Kind::Identifier => Some(parameter.text()),
        Kind::TypedParameter => parameter.children().next().filter(|child| child.is(Kind::Identifier)).map(Node::text),
        _ => None,
    };
    let names: Option<Vec<&str>> = rest.iter().map(name).collect();
    let names = names.filter(|names| !names.is_empty())?;
    first.is(Kind::Identifier).then(|| (first.text(), names))
}

/// True when the function says, or shows, that it gives numbers, texts or truth values.
fn gives_plain_value(function: Node<'_>) -> bool {
    if let Some(promise) = function.field(Field::ReturnType) {
        return matches!(
            promise.text(),
            "int" | "float" | "str" | "bool" | "bytes" | "complex" | "Decimal" | "Fraction"
        );
    }
    let mut values = function.descendants().filter(|each| each.is(Kind::Return)).filter_map(Node::only_child);
    values.all(|value| {
        let of = crate::syntax::infer(value).of;
        let is_sum = value.is(Kind::BinaryOperator)
            && value.descendants().any(|each| matches!(each.kind(), Kind::Integer | Kind::Float));
        of.is_hashable() && of != Type::None || is_sum || is_simple(value) && !value.is(Kind::Identifier)
    })
}

/// One `self.x` for each attribute that a body reads; `None` when it does anything that memory would spoil.
fn attributes_read<'a>(
    context: &Context<'a>,
    block: Node<'a>,
    name: &str,
    own: impl Fn(Node<'a>) -> bool,
) -> Option<Vec<Node<'a>>> {
    let mut read: Vec<Node<'a>> = vec![];
    for each in block.descendants() {
        match each.kind() {
            Kind::Global
            | Kind::Nonlocal
            | Kind::Function
            | Kind::Class
            | Kind::Lambda
            | Kind::Delete
            | Kind::With
            | Kind::Try => {
                return None;
            }
            Kind::Call if own(each) || each.ancestor(Kind::Raise).is_some() => {}
            Kind::Call => {
                let callee = each.field(Field::Function)?;
                let reads = method(each).is_some_and(|(_, name)| READERS.contains(&name));
                if !reads && !PLAIN.iter().any(|plain| is_builtin(callee, plain)) {
                    return None;
                }
            }
            Kind::Attribute => {
                let object = each.field(Field::Object)?;
                let is_method = each.parent().is_some_and(|parent| parent.is(Kind::Call));
                if class_of_self(object).is_none() {
                    if !is_method {
                        return None;
                    }
                    continue;
                }
                let attribute = each.field(Field::Attribute)?.text();
                if !matches!(access(each), Access::Used(_))
                    || matches!(access(each), Access::Used(Usage::Augmented(_) | Usage::ItemStore(_)))
                {
                    return None;
                }
                if attribute != name && read.iter().all(|other| other.text() != each.text()) {
                    read.push(each);
                }
            }
            Kind::Identifier => {
                let is_local = each.variable().is_none_or(|variable| {
                    variable.scope().kind() != crate::syntax::ScopeKind::Module
                        || crate::engine::rewrite::facts::is_constant(variable)
                });
                if !is_local {
                    return None;
                }
            }
            _ => {}
        }
    }
    let is_held = |place: &Node<'a>| held(context, *place).is_some();
    (read.iter().all(is_held) && !read.is_empty()).then_some(read)
}

/// Empties the memory wherever one of the attributes is changed; gives the statement of `__init__` that makes the
/// first of them.
fn forget<'a>(context: &Context<'a>, read: &[Node<'a>], memory: &str, rewrite: &mut Rewrite<'a>) -> Option<Node<'a>> {
    let mut first = None;
    let mut done: Vec<Node<'a>> = vec![];
    for attribute in read {
        let held = held(context, *attribute)?;
        let (made, _) = held.made()?;
        first = Some(first.map_or(made, |first: Node<'a>| if made.start() < first.start() { made } else { first }));
        for place in &held.places {
            let is_init = enclosing_function(*place).is_some_and(|function| function_name(function) == "__init__");
            let is_change = match access(*place) {
                Access::Other => return None,
                Access::Stored(..) | Access::Used(Usage::Augmented(_) | Usage::ItemStore(_)) => true,
                Access::Used(Usage::Item(item)) => match usage(item) {
                    Usage::Method(name, _) => !READERS.contains(&name) && name != "copy",
                    Usage::ItemStore(_) | Usage::Augmented(_) => true,
                    _ => false,
                },
                Access::Used(Usage::Method(name, _)) => !READERS.contains(&name) && name != "copy",
                Access::Used(Usage::Returned | Usage::Argument(_) | Usage::Assigned(_) | Usage::Other(_)) => {
                    return None;
                }
                Access::Used(_) => false,
            };
            let statement = statement_of(*place);
            if !is_change || is_init || done.contains(&statement) {
                continue;
            }
            if !is_alone(statement) || !statement.is(Kind::ExpressionStatement) && !statement.is(Kind::Delete) {
                return None;
            }
            let object = place.field(Field::Object)?.text();
            rewrite.edits.insert_after(statement, &[format!("{object}.{memory}.clear()")]);
            done.push(statement);
        }
    }
    first.filter(|first| is_alone(*first))
}

/// What `self` is called where a statement stores an attribute.
fn self_of(statement: Node<'_>) -> Option<&str> {
    let target = crate::engine::rewrite::facts::assignment(statement)?.0;
    Some(target.field(Field::Object)?.text())
}

/// Asks the memory first and fills it where a value is computed.
fn remember<'a>(
    function: Node<'a>,
    receiver: &str,
    names: &[&str],
    memory: &str,
    key: &str,
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    let mut statements = body(function);
    if statements.first().is_some_and(|first| is_docstring(*first)) {
        statements.remove(0);
    }
    let first = *statements.first()?;
    let unit = indentation_unit(function.file());
    let made = if let [only] = names { (*only).to_owned() } else { format!("({})", names.join(", ")) };
    if !is_alone(first) && !first.has(Kind::Block) {
        return None;
    }
    rewrite.edits.insert_before(
        first,
        &[
            format!("{key} = {made}"),
            format!("if {key} in {receiver}.{memory}:"),
            format!("{unit}return {receiver}.{memory}[{key}]"),
        ],
    );
    for each in function.descendants().filter(|each| each.is(Kind::Return)) {
        let value = each.only_child()?;
        if is_simple(value) && !value.is(Kind::Identifier) {
            continue;
        }
        if !is_alone(each) {
            return None;
        }
        rewrite.edits.replace_range(each.start(), value.start(), format!("{receiver}.{memory}[{key}] = "));
        rewrite.edits.insert_after(each, &[format!("return {receiver}.{memory}[{key}]")]);
    }
    Some(())
}
