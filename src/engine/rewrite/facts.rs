//! What several rules ask of a place: purity, changes in a region, where names are used.

use crate::model::Location;
use crate::syntax::{
    Field, Kind, Node, Occurrence, ScopeKind, Typed, Usage, Variable, enclosing_function, infer, is_builtin,
    occurrence, qualified_name, usage,
};

/// The place a report names.
pub(crate) fn location(node: Node<'_>) -> Location {
    Location::new(node.file().path.clone(), node.line(), qualified_name(node))
}

/// The first line of the function around a node, its decorators included; 0 outside all.
pub(crate) fn function_line(node: Node<'_>) -> u32 {
    enclosing_function(node).map_or(0, |function| {
        let decorated = function.parent().filter(|parent| parent.is(Kind::Decorated));
        decorated.unwrap_or(function).line()
    })
}

/// The module-level statement that a node stands in.
pub(crate) fn top_statement(node: Node<'_>) -> Option<Node<'_>> {
    let mut at = node;
    loop {
        let parent = at.parent()?;
        if parent.is(Kind::Module) {
            return Some(at);
        }
        at = parent;
    }
}

/// The variable of a name that belongs to the function around it and that nothing but this function sees: no global,
/// no closure, no `exec`.
pub(crate) fn local_variable(name: Node<'_>) -> Option<Variable<'_>> {
    if !name.is(Kind::Identifier) {
        return None;
    }
    let variable = name.variable()?;
    let scope = variable.scope();
    let is_private = scope.kind() == ScopeKind::Function && !scope.is_opaque() && !variable.is_captured();
    let is_plain = variable.occurrences().all(|each| occurrence(each) != Occurrence::Other);
    (is_private && is_plain).then_some(variable)
}

/// Where the function's control flow ends up if a `yield` or `await` stands between: others may run meanwhile.
pub(crate) fn suspends(node: Node<'_>) -> bool {
    node.descendants().any(|each| matches!(each.kind(), Kind::Yield | Kind::Await))
}

/// True when the name is read or bound in the region.
pub(crate) fn mentions(region: Node<'_>, variable: Variable<'_>) -> bool {
    variable.occurrences().any(|each| region.contains(each))
}

/// True when the variable is bound again, deleted or redirected in the region.
pub(crate) fn rebinds(region: Node<'_>, variable: Variable<'_>) -> bool {
    variable.occurrences().any(|each| region.contains(each) && occurrence(each) != Occurrence::Load)
}

/// True when every free name of an expression keeps its binding in the region.
pub(crate) fn is_invariant(expression: Node<'_>, region: Node<'_>) -> bool {
    expression.descendants().filter(|node| node.is(Kind::Identifier)).all(|name| match name.variable() {
        Some(variable) => {
            let is_own =
                expression.contains(variable.scope().node()) && variable.scope().node() != expression.file().root();
            is_own || !rebinds(region, variable)
        }
        None => true,
    })
}

/// True when evaluating the expression does nothing but give a value and cannot run foreign code: literals, names
/// that are bound, and operators on proved scalars.
pub(crate) fn is_simple(expression: Node<'_>) -> bool {
    match expression.kind() {
        Kind::Identifier | Kind::Integer | Kind::Float | Kind::True | Kind::False | Kind::None => true,
        Kind::String => !expression.has(Kind::Interpolation),
        Kind::Parenthesized | Kind::Tuple => expression.children().all(is_simple),
        _ => false,
    }
}

/// True for names, attributes of names, and items of names with simple keys: `u`, `u.id`, `row["id"]`, `self.x.y`.
pub(crate) fn is_chain(expression: Node<'_>) -> bool {
    match expression.kind() {
        Kind::Identifier => true,
        Kind::Attribute => expression.field(Field::Object).is_some_and(is_chain),
        Kind::Subscript => {
            let mut keys = expression.all_children().filter(|child| child.role() == Field::Subscript);
            let is_key = |key: Node<'_>| matches!(key.kind(), Kind::String | Kind::Integer | Kind::Identifier);
            expression.field(Field::Value).is_some_and(is_chain)
                && keys.next().is_some_and(is_key)
                && keys.next().is_none()
        }
        _ => false,
    }
}

/// The name a chain begins with.
pub(crate) fn root_name(chain: Node<'_>) -> Option<Node<'_>> {
    let mut at = chain;
    loop {
        at = match at.kind() {
            Kind::Identifier => return Some(at),
            Kind::Attribute => at.field(Field::Object)?,
            Kind::Subscript => at.field(Field::Value)?,
            _ => return None,
        };
    }
}

/// True when the expression mentions the variable.
pub(crate) fn depends_on(expression: Node<'_>, variable: Variable<'_>) -> bool {
    expression.descendants().any(|node| node.is(Kind::Identifier) && node.variable() == Some(variable))
}

/// The variables that a loop target binds.
pub(crate) fn targets(target: Node<'_>) -> Vec<Variable<'_>> {
    target
        .descendants()
        .filter(|node| node.is(Kind::Identifier) && occurrence(*node) == Occurrence::Bind)
        .filter_map(Node::variable)
        .collect()
}

/// True when none of the target's variables is read anywhere but in the region.
pub(crate) fn used_only_in(target: Node<'_>, region: Node<'_>) -> bool {
    targets(target).into_iter().all(|variable| variable.occurrences().all(|each| region.contains(each)))
}

/// Both sides and the operator of a comparison with one operator.
pub(crate) fn comparison<'a>(node: Node<'a>) -> Option<(Node<'a>, &'a str, Node<'a>)> {
    if !node.is(Kind::Comparison) {
        return None;
    }
    let operands = node.child_nodes();
    let operators: Vec<Node<'a>> = node.all_children().filter(|child| child.role() == Field::Operators).collect();
    match (&operands[..], &operators[..]) {
        ([left, right], [operator]) => Some((*left, operator.text(), *right)),
        _ => None,
    }
}

/// Left side, operator and right side of `a += b`.
pub(crate) fn augmented(node: Node<'_>) -> Option<(Node<'_>, &str, Node<'_>)> {
    let node = unstated(node);
    if !node.is(Kind::AugmentedAssignment) {
        return None;
    }
    Some((node.field(Field::Left)?, node.field(Field::Operator)?.text(), node.field(Field::Right)?))
}

/// True for what an assignment or a loop gives a value: `row.name` of `row.name = x` and `row.name += x`.
pub(crate) fn is_assigned(node: Node<'_>) -> bool {
    let is_target = |parent: Node<'_>| {
        matches!(parent.kind(), Kind::Assignment | Kind::AugmentedAssignment | Kind::For | Kind::ForIn)
    };
    node.role() == Field::Left && node.parent().is_some_and(is_target)
        || node.parent().is_some_and(|parent| matches!(parent.kind(), Kind::PatternList | Kind::TuplePattern))
}

/// Left and right side of a plain `a = b` without annotation, or with one.
pub(crate) fn assignment(node: Node<'_>) -> Option<(Node<'_>, Node<'_>)> {
    let node = unstated(node);
    if !node.is(Kind::Assignment) {
        return None;
    }
    let right = node.field(Field::Right)?;
    (!matches!(right.kind(), Kind::Assignment | Kind::AugmentedAssignment)).then_some((node.field(Field::Left)?, right))
}

/// The expression of an expression statement, or the node itself.
pub(crate) fn unstated(node: Node<'_>) -> Node<'_> {
    if node.is(Kind::ExpressionStatement) { node.only_child().unwrap_or(node) } else { node }
}

/// The statement's one call, `await` not counted.
pub(crate) fn call_statement(statement: Node<'_>) -> Option<Node<'_>> {
    let call = statement.is(Kind::ExpressionStatement).then(|| statement.only_child()).flatten()?;
    call.is(Kind::Call).then_some(call)
}

/// True for `[]`, and for `list()` when that is the builtin.
pub(crate) fn is_empty_list(node: Node<'_>) -> bool {
    (node.is(Kind::List) && node.children().next().is_none())
        || (node.is(Kind::Call)
            && node.field(Field::Function).is_some_and(|callee| is_builtin(callee, "list"))
            && crate::syntax::arguments(node).is_empty())
}

/// True for `{}`, and for `dict()` when that is the builtin.
pub(crate) fn is_empty_dict(node: Node<'_>) -> bool {
    (node.is(Kind::Dictionary) && node.children().next().is_none())
        || (node.is(Kind::Call)
            && node.field(Field::Function).is_some_and(|callee| is_builtin(callee, "dict"))
            && crate::syntax::arguments(node).is_empty())
}

/// The statements of a loop or function body.
pub(crate) fn body(node: Node<'_>) -> Vec<Node<'_>> {
    node.field(Field::Body).or_else(|| node.field(Field::Consequence)).map_or_else(Vec::new, Node::child_nodes)
}

/// The one statement of a body.
pub(crate) fn only_statement(node: Node<'_>) -> Option<Node<'_>> {
    match body(node)[..] {
        [statement] => Some(statement),
        _ => None,
    }
}

/// The type of an expression when the code proves it.
pub(crate) fn proved(node: Node<'_>) -> Option<crate::syntax::Type> {
    let Typed { of, by } = infer(node);
    (by == crate::syntax::Provenance::Proved && of != crate::syntax::Type::Unknown).then_some(of)
}

/// Methods of lists, dicts, sets and deques that change them.
const CHANGERS: &[&str] = &[
    "append",
    "extend",
    "insert",
    "remove",
    "pop",
    "clear",
    "sort",
    "reverse",
    "add",
    "discard",
    "update",
    "popitem",
    "setdefault",
    "appendleft",
    "popleft",
    "extendleft",
    "rotate",
    "difference_update",
    "intersection_update",
];

/// What may happen to the object of a variable in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// It stays as it is, if nothing but this variable leads to it.
    Never,
    /// It is handed to code that may change it.
    Perhaps,
    /// It is changed or bound anew.
    Surely,
}

/// What the region does to the object behind a variable through the variable itself.
pub(crate) fn change(region: Node<'_>, variable: Variable<'_>) -> Change {
    let mut worst = Change::Never;
    for each in variable.occurrences().filter(|each| region.contains(*each)) {
        let now = if occurrence(each) == Occurrence::Load { change_by(usage(each)) } else { Change::Surely };
        worst = worst.max(now);
    }
    worst
}

/// True when the region changes what a chain like `self.items` names, through a chain that is written alike, or gives
/// the chain another value.
pub(crate) fn changes_chain(region: Node<'_>, chain: Node<'_>) -> bool {
    let is_same = |each: &Node<'_>| each.kind() == chain.kind() && each.text() == chain.text();
    region.descendants().filter(is_same).any(|each| match usage(each) {
        Usage::Method(name, _) => !matches!(name, "index" | "count" | "copy" | "get" | "keys" | "values" | "items"),
        Usage::Item(_)
        | Usage::Iterated(_)
        | Usage::Searched(_)
        | Usage::Truth
        | Usage::Compared(_)
        | Usage::Formatted
        | Usage::Builtin(..) => false,
        _ => true,
    })
}

/// True when a variable is bound once and nothing in the file changes its value through it.
pub(crate) fn is_constant(variable: Variable<'_>) -> bool {
    variable.only_binding().is_some() && variable.uses().all(|each| change_by(usage(each)) != Change::Surely)
}

fn change_by(usage: Usage<'_>) -> Change {
    match usage {
        Usage::Method(name, _) if CHANGERS.contains(&name) => Change::Surely,
        Usage::ItemStore(_) | Usage::Augmented(_) => Change::Surely,
        Usage::Method("index" | "count" | "get" | "keys" | "values" | "items" | "copy", _)
        | Usage::Attribute(_)
        | Usage::Item(_)
        | Usage::Iterated(_)
        | Usage::Searched(_)
        | Usage::Truth
        | Usage::Builtin(..)
        | Usage::Compared(_)
        | Usage::Formatted
        | Usage::Dropped => Change::Never,
        _ => Change::Perhaps,
    }
}

/// True when a value made by this expression is new and known to no one else: a display, a comprehension, a call of
/// a builtin constructor.
pub(crate) fn is_fresh(expression: Node<'_>) -> bool {
    match expression.kind() {
        Kind::List
        | Kind::Dictionary
        | Kind::Set
        | Kind::ListComprehension
        | Kind::SetComprehension
        | Kind::DictionaryComprehension => true,
        Kind::Call => expression.field(Field::Function).is_some_and(|callee| {
            ["list", "dict", "set", "sorted", "tuple", "frozenset"].iter().any(|name| is_builtin(callee, name))
        }),
        Kind::Subscript => expression.field(Field::Subscript).is_some_and(|key| key.is(Kind::Slice)),
        _ => false,
    }
}

/// True when the region calls anything that may run code of the project or a library.
pub(crate) fn calls_unknown(region: Node<'_>) -> bool {
    region.descendants().filter(|node| node.is(Kind::Call)).any(|call| {
        let Some(callee) = call.field(Field::Function) else { return true };
        let is_reader = |name: &&str| is_builtin(callee, name);
        if HARMLESS.iter().any(is_reader) {
            return false;
        }
        match crate::syntax::method(call) {
            Some((receiver, _)) => proved(receiver).is_none(),
            None => true,
        }
    })
}

/// Builtins that run no foreign code that changes things, for the types they are used with.
const HARMLESS: &[&str] = &[
    "len",
    "str",
    "int",
    "float",
    "bool",
    "isinstance",
    "range",
    "enumerate",
    "zip",
    "abs",
    "round",
    "repr",
    "print",
    "min",
    "max",
    "sum",
    "list",
    "tuple",
    "set",
    "dict",
    "sorted",
    "ord",
    "chr",
];

/// True when a clause belongs to a generator expression that is not consumed on the spot.
pub(crate) fn is_lazy_generator(clause: Node<'_>) -> bool {
    clause.field(Field::Left).is_some_and(is_lazy)
}

/// The name of the list a function builds from `[]` and returns in its one `return`, as the last statement; or the
/// list comprehension it returns there.
pub(crate) fn returned_list(function: Node<'_>) -> Option<Node<'_>> {
    let mut last = body(function).into_iter().last()?;
    while last.is(Kind::With) && !crate::syntax::is_async(last) {
        last = body(last).into_iter().last()?;
    }
    let value = last.is(Kind::Return).then(|| last.only_child()).flatten()?;
    matches!(value.kind(), Kind::Identifier | Kind::ListComprehension).then_some(value)
}

/// The call that is all a function returns, without an annotation that would become wrong.
pub(crate) fn passed_on(function: Node<'_>) -> Option<Node<'_>> {
    let mut statements = body(function);
    statements.retain(|statement| !super::index::is_docstring(*statement));
    let [only] = statements[..] else { return None };
    let call = only.is(Kind::Return).then(|| only.only_child()).flatten().filter(|call| call.is(Kind::Call))?;
    function.field(Field::ReturnType).is_none().then_some(call)
}

/// True when a function may be one that builds a list and returns it.
pub(crate) fn returns_new_list(function: Node<'_>) -> bool {
    match returned_list(function) {
        Some(value) if value.is(Kind::Identifier) => value
            .variable()
            .and_then(Variable::only_binding)
            .and_then(crate::syntax::binding_value)
            .is_some_and(is_empty_list),
        Some(_) => true,
        None => false,
    }
}

/// True when the node is evaluated later than its statement: in a generator expression that no builtin consumes on
/// the spot, or in a lambda.
pub(crate) fn is_lazy(node: Node<'_>) -> bool {
    for ancestor in node.ancestors() {
        match ancestor.kind() {
            Kind::Lambda => return true,
            Kind::GeneratorExpression => {
                let is_first = ancestor
                    .children()
                    .find(|child| child.is(Kind::ForIn))
                    .and_then(|clause| clause.field(Field::Right))
                    .is_some_and(|iterable| iterable.contains(node));
                let consumer = match ancestor.parent() {
                    Some(parent) if parent.is(Kind::Call) => Some(parent),
                    Some(parent) if parent.is(Kind::ArgumentList) => parent.parent(),
                    _ => None,
                };
                // `next(…)` of a generator that nobody keeps reads it on the spot, too.
                let is_next =
                    |call: Node<'_>| call.field(Field::Function).is_some_and(|callee| is_builtin(callee, "next"));
                let is_consumed = consumer.is_some_and(|call| consumes(call) || is_next(call));
                if !is_first && !is_consumed {
                    return true;
                }
            }
            Kind::Block | Kind::Module => return false,
            _ => {}
        }
    }
    false
}

/// Builtins that read all of their one iterable before they return.
const CONSUMERS: &[&str] = &["sum", "any", "all", "list", "tuple", "set", "frozenset", "dict", "sorted", "min", "max"];

/// True for calls that read all of their one iterable before they return.
pub(crate) fn consumes(call: Node<'_>) -> bool {
    let Some(callee) = call.field(Field::Function) else { return false };
    let is_join =
        callee.is(Kind::Attribute) && callee.field(Field::Object).is_some_and(|object| object.is(Kind::String));
    is_join || CONSUMERS.iter().any(|name| is_builtin(callee, name))
}
