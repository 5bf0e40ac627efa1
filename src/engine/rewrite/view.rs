//! Expressions as they mean at another place: through helpers with arguments, methods of known classes and local names.
//! A query that stands in a repository's method is read, and written out again, where the method is called.

use std::rc::Rc;

use crate::syntax::{
    Field, Kind, Node, Occurrence, ScopeKind, Variable, arguments, binding_value, import_path, is_async, occurrence,
};

use super::context::Context;
use super::facts::body;
use super::rule::Rewrite;

/// An expression, and what the names of the function it stands in are bound to by the call that leads to it.
#[derive(Clone)]
pub(crate) struct View<'a> {
    pub(crate) node: Node<'a>,
    frame: Option<Rc<Frame<'a>>>,
}

/// One call of a function of the project.
pub(crate) struct Frame<'a> {
    bindings: Vec<(Variable<'a>, View<'a>)>,
    depth: u32,
}

impl<'a> Frame<'a> {
    /// The parameter that an expression of the call is bound to.
    pub(crate) fn parameter_of(&self, argument: Node<'a>) -> Option<Variable<'a>> {
        self.bindings.iter().find(|(_, view)| view.node.unwrapped() == argument).map(|(variable, _)| *variable)
    }
}

/// How a name is written at another place.
enum Written {
    /// As where it stands.
    AsIs,
    /// In another way.
    Anew(String),
}

/// Deeper chains of helpers are followed no further.
const DEPTH_MAX: u32 = 4;

/// Where new text goes: names bound in the loop are not there yet, but for those the text binds itself.
pub(crate) struct Place<'a> {
    /// The statement the text stands before.
    pub(crate) statement: Node<'a>,
    /// The loop whose own names are written out.
    pub(crate) looping: Node<'a>,
    /// The loop's targets: kept as they are.
    pub(crate) own: Vec<Variable<'a>>,
}

impl<'a> View<'a> {
    /// The expression where it stands.
    pub(crate) fn here(node: Node<'a>) -> Self {
        Self { node, frame: None }
    }

    /// The expression of a helper without arguments.
    pub(crate) fn elsewhere(node: Node<'a>) -> Self {
        Self { node, frame: Some(Rc::new(Frame { bindings: vec![], depth: 1 })) }
    }

    /// Another expression of the same function.
    pub(crate) fn of(&self, node: Node<'a>) -> Self {
        Self { node, frame: self.frame.clone() }
    }

    /// True when the expression stands where it is used.
    pub(crate) fn is_here(&self) -> bool {
        self.frame.is_none()
    }

    /// Without the parentheses around it.
    pub(crate) fn unwrapped(&self) -> Self {
        self.of(self.node.unwrapped())
    }

    fn bound(&self, variable: Variable<'a>) -> Option<Self> {
        let frame = self.frame.as_ref()?;
        frame.bindings.iter().find(|(each, _)| *each == variable).map(|(_, view)| view.clone())
    }

    /// What a name, or the call of a helper that does nothing but return a value, stands for.
    pub(crate) fn step(&self, context: &Context<'a>) -> Option<Self> {
        match self.node.kind() {
            Kind::Parenthesized => Some(self.unwrapped()),
            Kind::Identifier => {
                let variable = self.node.variable()?;
                if let Some(view) = self.bound(variable) {
                    return Some(view);
                }
                let value = variable.only_binding().and_then(binding_value)?;
                (variable.scope().kind() == ScopeKind::Function).then(|| self.of(value))
            }
            Kind::Call => {
                let (function, frame) = self.enter(context)?;
                (!is_async(function)).then(|| returned(function, frame)).flatten()
            }
            Kind::Await => {
                let call = self.of(self.node.only_child()?).unwrapped();
                let (function, frame) = call.enter(context)?;
                is_async(function).then(|| returned(function, frame)).flatten()
            }
            _ => None,
        }
    }

    /// The function of the project that a call means, and what the call binds its parameters to.
    pub(crate) fn enter(&self, context: &Context<'a>) -> Option<(Node<'a>, Rc<Frame<'a>>)> {
        let depth = self.frame.as_ref().map_or(0, |frame| frame.depth) + 1;
        let call = self.node;
        if depth > DEPTH_MAX || !call.is(Kind::Call) {
            return None;
        }
        let callee = call.field(Field::Function)?;
        let function = self.callee(context)?;
        if function.parent().is_some_and(|parent| parent.is(Kind::Decorated)) {
            return None;
        }
        let mut parameters = function.field(Field::Parameters)?.child_nodes();
        let mut bindings = vec![];
        let is_method = function.parent().and_then(Node::parent).is_some_and(|class| class.is(Kind::Class));
        if is_method {
            let receiver = callee.is(Kind::Attribute).then(|| callee.field(Field::Object)).flatten()?;
            if parameters.is_empty() {
                return None;
            }
            let own = parameters.remove(0);
            bindings.push((own.variable()?, self.of(receiver)));
        }
        self.bind(&parameters, &mut bindings)?;
        let is_kept = |(variable, _): &(Variable<'a>, Self)| variable.only_binding().is_some();
        bindings.iter().all(is_kept).then(|| (function, Rc::new(Frame { bindings, depth })))
    }

    fn bind(&self, parameters: &[Node<'a>], bindings: &mut Vec<(Variable<'a>, Self)>) -> Option<()> {
        let given = arguments(self.node);
        let is_star = |node: &Node<'a>| {
            matches!(node.kind(), Kind::ListSplat | Kind::DictionarySplat | Kind::ParenthesizedListSplat)
        };
        if given.iter().any(is_star) {
            return None;
        }
        let mut positional = given.iter().filter(|node| !node.is(Kind::KeywordArgument));
        let mut n_used = 0;
        for parameter in parameters {
            let (name, default) = match parameter.kind() {
                Kind::Identifier => (*parameter, None),
                Kind::TypedParameter => (parameter.children().next()?, None),
                Kind::DefaultParameter | Kind::TypedDefaultParameter => {
                    (parameter.field(Field::Name)?, parameter.field(Field::Value))
                }
                Kind::KeywordSeparator | Kind::PositionalSeparator => continue,
                _ => return None,
            };
            if !name.is(Kind::Identifier) {
                return None;
            }
            let keyword = crate::syntax::keyword(self.node, name.text());
            let value = match keyword.or_else(|| positional.next().copied()) {
                Some(value) => {
                    n_used += 1;
                    self.of(value)
                }
                None => Self::here(default.filter(|value| super::facts::is_simple(*value))?),
            };
            bindings.push((name.variable()?, value));
        }
        (n_used == given.len()).then_some(())
    }

    /// The definition of what a call means.
    fn callee(&self, context: &Context<'a>) -> Option<Node<'a>> {
        let callee = self.node.field(Field::Function)?;
        if let Some(definition) = context.index.definition(callee) {
            return definition.is(Kind::Function).then_some(definition);
        }
        let (receiver, name) = crate::syntax::method(self.node)?;
        let class = self.of(receiver).class(context)?;
        context.method_of(class, name)
    }

    /// The class of the project that a value is an instance of.
    pub(crate) fn class(&self, context: &Context<'a>) -> Option<Node<'a>> {
        let node = self.node.unwrapped();
        if node.is(Kind::Identifier)
            && let Some(view) = node.variable().and_then(|variable| self.bound(variable))
            && let Some(class) = view.class(context)
        {
            return Some(class);
        }
        context.class_of(node)
    }

    /// True when the expression, with all it stands for, reads one of the variables.
    pub(crate) fn reads(&self, variables: &[Variable<'a>], looping: Node<'a>) -> bool {
        self.reads_within(variables, looping, DEPTH_MAX * 2)
    }

    /// What is nested too deep to be followed may read anything.
    fn reads_within(&self, variables: &[Variable<'a>], looping: Node<'a>, depth: u32) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return true };
        self.node.descendants().filter(|node| node.is(Kind::Identifier)).any(|name| {
            if occurrence(name) != Occurrence::Load {
                return false;
            }
            let Some(variable) = name.variable() else { return false };
            if let Some(view) = self.bound(variable) {
                return view.reads_within(variables, looping, depth);
            }
            let is_own = self.node.contains(variable.scope().node());
            if self.is_here() {
                let is_bound_within = || variable.bindings().any(|binding| looping.contains(binding)) && !is_own;
                return variables.contains(&variable) || is_bound_within();
            }
            let value = || variable.only_binding().and_then(binding_value);
            let reads = |value: Node<'a>| self.of(value).reads_within(variables, looping, depth);
            variable.scope().kind() == ScopeKind::Function && !is_own && value().is_none_or(reads)
        })
    }

    /// The source of the expression where `place` is; imports that it needs are added to the rewrite.
    pub(crate) fn text(&self, context: &Context<'a>, rewrite: &mut Rewrite<'a>, place: &Place<'a>) -> Option<String> {
        self.text_within(context, rewrite, place, DEPTH_MAX * 2)
    }

    fn text_within(
        &self,
        context: &Context<'a>,
        rewrite: &mut Rewrite<'a>,
        place: &Place<'a>,
        depth: u32,
    ) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        let node = self.node;
        let is_bad = |each: Node<'a>| {
            each.is(Kind::Comment)
                || each.is(Kind::LineContinuation)
                || each.is(Kind::String) && each.text().contains('\n')
        };
        if node.descendants().any(is_bad) {
            return None;
        }
        let mut text = String::new();
        let mut at = node.start();
        for name in node.descendants().filter(|each| each.is(Kind::Identifier)) {
            if occurrence(name) != Occurrence::Load {
                continue;
            }
            if let Written::Anew(new) = self.replaced(context, rewrite, place, name, depth)? {
                text.push_str(&on_one_line(&node.file().text[at..name.start()]));
                text.push_str(&new);
                at = name.end();
            }
        }
        text.push_str(&on_one_line(&node.file().text[at..node.end()]));
        Some(text)
    }

    /// What a name of the expression is written as: `None` when it cannot be.
    fn replaced(
        &self,
        context: &Context<'a>,
        rewrite: &mut Rewrite<'a>,
        place: &Place<'a>,
        name: Node<'a>,
        depth: u32,
    ) -> Option<Written> {
        let mut written = |view: &Self, context: &Context<'a>| {
            let text = view.text_within(context, rewrite, place, depth)?;
            Some(Written::Anew(if is_atom(view.node) || stands_alone(name) { text } else { format!("({text})") }))
        };
        let Some(variable) = name.variable() else {
            return place.statement.scope().lookup(name.text()).is_none().then_some(Written::AsIs);
        };
        if let Some(view) = self.bound(variable) {
            return written(&view, context);
        }
        if self.node.contains(variable.scope().node()) && variable.scope().kind() != ScopeKind::Module {
            return Some(Written::AsIs);
        }
        if self.is_here() {
            if place.own.contains(&variable) || !variable.bindings().any(|binding| place.looping.contains(binding)) {
                return Some(Written::AsIs);
            }
            return written(&self.of(variable.only_binding().and_then(binding_value)?), context);
        }
        if variable.scope().kind() != ScopeKind::Module {
            return written(&self.of(variable.only_binding().and_then(binding_value)?), context);
        }
        imported(context, rewrite, place, name, variable)
    }
}

/// How a name of a module is written at a place of this file.
fn imported<'a>(
    context: &Context<'a>,
    rewrite: &mut Rewrite<'a>,
    place: &Place<'a>,
    name: Node<'a>,
    variable: Variable<'a>,
) -> Option<Written> {
    let is_same_file = std::ptr::eq(name.file(), context.file);
    let here = place.statement.scope().lookup(name.text());
    if is_same_file {
        return (here == Some(variable)).then_some(Written::AsIs);
    }
    let binding = variable.only_binding()?;
    let Some(path) = import_path(binding) else {
        let module = context.module_of(name.file())?;
        return context.import(rewrite, &module, name.text()).map(Written::Anew);
    };
    let is_whole = binding.parent()?.parent()?.is(Kind::Import)
        || binding.parent()?.is(Kind::AliasedImport) && binding.ancestor(Kind::Import).is_some();
    if is_whole {
        return context.import_module(rewrite, &path).map(Written::Anew);
    }
    let dot = path.rfind('.')?;
    let module = if path[..dot].chars().all(|c| c == '.') { &path[..=dot] } else { &path[..dot] };
    let is_near = !path.starts_with('.') || folder(&name.file().path) == folder(&context.file.path);
    let module = if is_near { module.to_owned() } else { context.module_of(context.index.definition(name)?.file())? };
    context.import(rewrite, &module, &path[dot + 1..]).map(Written::Anew)
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The value that a function returns whose body is nothing but plain assignments to names, each bound once, and a
/// `return` at the end.
fn returned<'a>(function: Node<'a>, frame: Rc<Frame<'a>>) -> Option<View<'a>> {
    let mut statements = body(function);
    statements.retain(|statement| !super::index::is_docstring(*statement));
    let last = statements.pop().filter(|last| last.is(Kind::Return))?;
    let is_plain = statements.iter().all(|statement| {
        super::facts::assignment(*statement).is_some_and(|(left, _)| {
            // What nothing reads is there for its effect, which would be lost.
            let is_read =
                |variable: Variable<'a>| variable.only_binding() == Some(left) && variable.uses().next().is_some();
            left.is(Kind::Identifier) && left.variable().is_some_and(is_read)
        })
    });
    let value = last.only_child()?;
    (is_plain && !value.is(Kind::ExpressionList)).then_some(View { node: value, frame: Some(frame) })
}

/// True for expressions that need no parentheses anywhere.
fn is_atom(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        Kind::Identifier
            | Kind::Attribute
            | Kind::Subscript
            | Kind::Call
            | Kind::Parenthesized
            | Kind::String
            | Kind::Integer
            | Kind::Float
            | Kind::True
            | Kind::False
            | Kind::None
            | Kind::List
            | Kind::Tuple
            | Kind::Dictionary
            | Kind::ListComprehension
    )
}

/// True where any expression can stand: the argument of a call, the value of a keyword.
fn stands_alone(name: Node<'_>) -> bool {
    name.parent().is_some_and(|parent| {
        parent.is(Kind::ArgumentList) || parent.is(Kind::KeywordArgument) && name.role() == Field::Value
    })
}

/// A part of an expression over several lines, on one.
fn on_one_line(part: &str) -> String {
    let mut text = String::new();
    for (number, line) in part.split('\n').enumerate() {
        let line = line.trim_end_matches('\r');
        let line = if number == 0 { line } else { line.trim_start() };
        if number > 0 {
            let kept = text.trim_end().len();
            text.truncate(kept);
            let is_tight = text.ends_with(['(', '[', '{']) || line.starts_with([')', ']', '}', '.']);
            if !is_tight {
                text.push(' ');
            }
        }
        text.push_str(line);
    }
    text
}
