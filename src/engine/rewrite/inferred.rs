//! Types of expressions with the help of the project: what its functions promise, what fields its classes declare,
//! what an attribute is given.

use crate::syntax::{
    Field, Kind, Node, Provenance, Type, Typed, Variable, annotation, arguments, binding_value, infer, is_builtin,
    method, method_type,
};

use super::attributes::{class_of_self, methods};
use super::context::Context;
use super::facts::body;

/// Longer chains of names are not worth their time.
const DEPTH_MAX: u32 = 6;

/// The type of an expression.
pub(crate) fn typed<'a>(context: &Context<'a>, node: Node<'a>) -> Typed {
    typed_within(context, node, DEPTH_MAX)
}

fn typed_within<'a>(context: &Context<'a>, node: Node<'a>, depth: u32) -> Typed {
    let node = node.unwrapped();
    let of = infer(node);
    let Some(depth) = depth.checked_sub(1).filter(|_| is_vague(&of.of)) else { return of };
    let found = match node.kind() {
        Kind::Identifier => name_type(context, node, depth),
        Kind::Attribute => attribute_type(context, node, depth),
        Kind::Call => call_type(context, node, depth),
        Kind::ListComprehension | Kind::SetComprehension | Kind::GeneratorExpression => {
            let element = node.field(Field::Body).map(|element| typed_within(context, element, depth));
            element.map(|element| container(node.kind(), element))
        }
        Kind::Tuple => tuple_type(context, node, depth),
        _ => None,
    };
    found.filter(|found| found.of != Type::Unknown).unwrap_or(of)
}

/// True when nothing or too little is known.
fn is_vague(of: &Type) -> bool {
    match of {
        Type::Unknown => true,
        Type::List(element) | Type::Tuple(element) | Type::Set(element) | Type::Iterable(element) => {
            **element == Type::Unknown
        }
        _ => false,
    }
}

fn container(kind: Kind, element: Typed) -> Typed {
    let of = element.of.into();
    let of = match kind {
        Kind::ListComprehension => Type::List(of),
        Kind::SetComprehension => Type::Set(of),
        _ => Type::Iterable(of),
    };
    Typed { of, by: element.by }
}

fn tuple_type<'a>(context: &Context<'a>, node: Node<'a>, depth: u32) -> Option<Typed> {
    let parts: Vec<Typed> = node.children().map(|part| typed_within(context, part, depth)).collect();
    let by = parts.iter().map(|part| part.by).min()?;
    let is_hashable = parts.iter().all(|part| part.of.is_hashable());
    is_hashable.then(|| Typed { of: Type::Tuple(Box::new(Type::Tuple(Type::None.into()))), by })
}

fn name_type<'a>(context: &Context<'a>, node: Node<'a>, depth: u32) -> Option<Typed> {
    let variable = node.variable()?;
    let Some(binding) = variable.only_binding() else { return joined_bindings(context, variable, depth) };
    if let Some(value) = binding_value(binding) {
        return Some(typed_within(context, value, depth));
    }
    let looping = binding.parent().filter(|parent| matches!(parent.kind(), Kind::For | Kind::ForIn))?;
    if binding.role() != Field::Left || crate::syntax::is_async(looping) {
        return None;
    }
    let of = typed_within(context, looping.field(Field::Right)?, depth);
    Some(Typed { of: of.of.element(), by: of.by })
}

/// The one type that all bindings of a variable of the function give it; `x += 1` counts as its right side.
fn joined_bindings<'a>(context: &Context<'a>, variable: Variable<'a>, depth: u32) -> Option<Typed> {
    let is_plain = variable.scope().kind() == crate::syntax::ScopeKind::Function
        && variable.occurrences().all(|each| crate::syntax::occurrence(each) != crate::syntax::Occurrence::Other);
    let mut joined: Option<Typed> = None;
    for binding in variable.bindings().filter(|_| is_plain) {
        let parent = binding.parent()?;
        let of = match parent.kind() {
            Kind::AugmentedAssignment => typed_within(context, parent.field(Field::Right)?, depth),
            Kind::TypedParameter | Kind::TypedDefaultParameter => annotation(parent.field(Field::Type)?),
            _ => typed_within(context, binding_value(binding)?, depth),
        };
        joined = Some(match joined {
            Some(before) if before.of == of.of => Typed { by: before.by.min(of.by), of: of.of },
            Some(_) => return None,
            None => of,
        });
    }
    joined
}

/// True when a name stands for a list that was made for it: by a display, a comprehension, `list`, `sorted`, or a
/// function of the project that returns nothing but such.
pub(crate) fn is_new_list<'a>(context: &Context<'a>, name: Node<'a>) -> bool {
    let is_made = |value: Node<'a>| {
        matches!(value.kind(), Kind::List | Kind::ListComprehension)
            || value.is(Kind::Call)
                && value
                    .field(Field::Function)
                    .is_some_and(|callee| is_builtin(callee, "list") || is_builtin(callee, "sorted"))
    };
    let bound = name.variable().and_then(Variable::only_binding).and_then(binding_value);
    let Some(value) = bound else { return false };
    if is_made(value) {
        return true;
    }
    let Some(function) = context.callee(value).filter(|function| function.is(Kind::Function)) else { return false };
    let is_plain = !crate::syntax::is_async(function)
        && !function.has(Kind::Yield)
        && !function.parent().is_some_and(|parent| parent.is(Kind::Decorated));
    let mut returns = function.descendants().filter(|each| each.is(Kind::Return)).peekable();
    is_plain
        && body(function).last().is_some_and(|last| last.is(Kind::Return))
        && returns.all(|each| each.only_child().is_some_and(is_made))
}

/// What a field of a project class is declared as, or what `self.x` is given in its class.
fn attribute_type<'a>(context: &Context<'a>, node: Node<'a>, depth: u32) -> Option<Typed> {
    let object = node.field(Field::Object)?;
    let name = node.field(Field::Attribute)?.text();
    let class = class_of_self(object).or_else(|| class_of(context, object, depth))?;
    let declared = declared_field(class, name).or_else(|| declared_property(class, name));
    if let Some(declared) = declared {
        return Some(annotation(declared));
    }
    let mut stores = class.descendants().filter(|each| each.is(Kind::Attribute)).filter_map(|each| {
        let is_it = each.field(Field::Attribute)?.text() == name
            && each.role() == Field::Left
            && class_of_self(each.field(Field::Object)?)? == class;
        is_it.then(|| each.parent()).flatten()
    });
    let first = stores.next().filter(|parent| parent.is(Kind::Assignment))?;
    if let Some(declared) = first.field(Field::Type) {
        return Some(annotation(declared));
    }
    if stores.next().is_some() {
        return None;
    }
    let of = typed_within(context, first.field(Field::Right)?, depth);
    Some(Typed { by: of.by.min(Provenance::Annotated), of: of.of })
}

/// The class of the project that a value is an instance of, as far as its type tells.
pub(crate) fn class_of<'a>(context: &Context<'a>, value: Node<'a>, depth: u32) -> Option<Node<'a>> {
    let Type::Instance(path) = typed_within(context, value, depth).of else { return None };
    let name = path.rsplit('.').next()?;
    // The annotation may stand in another file than the value; a name that means one class in both is enough.
    let scopes = [value.file().root().scope()];
    let found = scopes.iter().find_map(|scope| scope.variable(name)).and_then(Variable::only_binding);
    let class = match found {
        Some(binding) => context.index.definition_bound_by(binding),
        None => context.index.only_class(name),
    };
    class.filter(|class| class.is(Kind::Class))
}

/// The annotation of a field in a class body.
pub(crate) fn declared_field<'a>(class: Node<'a>, name: &str) -> Option<Node<'a>> {
    body(class).into_iter().find_map(|member| {
        let field = member.is(Kind::ExpressionStatement).then(|| member.only_child()).flatten()?;
        let is_it = field.is(Kind::Assignment) && field.field(Field::Left)?.text() == name;
        is_it.then(|| field.field(Field::Type)).flatten()
    })
}

/// What a property promises.
fn declared_property<'a>(class: Node<'a>, name: &str) -> Option<Node<'a>> {
    let is_it = |function: &Node<'a>| {
        crate::syntax::function_name(*function) == name
            && function.parent().is_some_and(|holder| holder.is(Kind::Decorated) && holder.text().contains("property"))
    };
    methods(class).into_iter().find(is_it)?.field(Field::ReturnType)
}

fn call_type<'a>(context: &Context<'a>, call: Node<'a>, depth: u32) -> Option<Typed> {
    if let Some(promise) = context.promised(call) {
        return Some(annotation(promise));
    }
    let callee = call.field(Field::Function)?;
    if let Some((receiver, name)) = method(call) {
        if let Some(class) = class_of_self(receiver).or_else(|| class_of(context, receiver, depth)) {
            let function = methods(class).into_iter().find(|each| crate::syntax::function_name(*each) == name)?;
            return function.field(Field::ReturnType).map(annotation);
        }
        return Some(method_type(&typed_within(context, receiver, depth), name));
    }
    if ["list", "sorted", "tuple", "set", "reversed", "iter"].iter().any(|name| is_builtin(callee, name)) {
        let of = typed_within(context, *arguments(call).first()?, depth);
        let element = of.of.element().into();
        let of_call = match callee.text() {
            "tuple" => Type::Tuple(element),
            "set" => Type::Set(element),
            "list" | "sorted" => Type::List(element),
            _ => Type::Iterable(element),
        };
        return Some(Typed { of: of_call, by: of.by });
    }
    if is_builtin(callee, "max") || is_builtin(callee, "min") {
        let all: Vec<Typed> = arguments(call).into_iter().map(|each| typed_within(context, each, depth)).collect();
        let first = all.first()?;
        let by = all.iter().map(|each| each.by).min()?;
        return (all.len() > 1 && all.iter().all(|each| each.of == first.of))
            .then(|| Typed { of: first.of.clone(), by });
    }
    let class = context.index.definition(callee).filter(|definition| definition.is(Kind::Class))?;
    Some(Typed::proved(Type::Instance(crate::syntax::function_name(class).to_owned())))
}
