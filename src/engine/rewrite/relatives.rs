//! What code reads of a row beyond its own columns: related rows, through methods and properties of the model, helpers
//! that get the row, and objects that are made around it.

use crate::syntax::{Field, Kind, Node, Usage, Variable, is_builtin_call, keywords, method, string_value, usage};

use super::context::Context;
use super::index::orm::{Library, Model};
use super::view::View;

/// An attribute of a model that leads to rows of another.
#[derive(Clone)]
pub(crate) struct Relative<'a> {
    pub(crate) name: String,
    pub(crate) target: &'a Model,
    pub(crate) is_many: bool,
    /// `SQLAlchemy`: what the relationship asks for besides the defaults.
    pub(crate) order_by: Option<&'a str>,
}

/// One relation that is read of the rows, or of rows they lead to.
#[derive(Clone)]
pub(crate) struct Read<'a> {
    pub(crate) path: Vec<Relative<'a>>,
    /// The owner of the last step.
    pub(crate) owner: &'a Model,
    /// What reads it: `row.posts`, or the whole query where one is filtered by the row.
    pub(crate) node: Node<'a>,
    /// True when nothing depends on the order of what it leads to.
    pub(crate) is_unordered: bool,
    /// The calls that lead to where it is read, outermost first.
    pub(crate) calls: Vec<Node<'a>>,
}

/// What was found, and whether all that runs is known.
#[derive(Default)]
pub(crate) struct Reads<'a> {
    pub(crate) all: Vec<Read<'a>>,
    /// True when code runs that is not known, or that lets others run.
    pub(crate) runs_unknown: bool,
    visited: Vec<(Node<'a>, String)>,
}

/// Helpers below helpers are followed this far.
const DEPTH_MAX: usize = 5;

/// What helpers of helpers call is looked at two steps deep: each step may be many functions.
const QUIET_DEPTH_MIN: usize = DEPTH_MAX - 2;

/// The relation that an attribute of a model is.
pub(crate) fn relative<'a>(context: &Context<'a>, model: &'a Model, name: &str) -> Option<Relative<'a>> {
    let index = context.index;
    if let Some(relation) = model.relations.iter().find(|relation| relation.name == name) {
        let target = index.model_named(&relation.target)?;
        let is_many = relation.is_many || model.library == Library::Django || {
            let points_back =
                target.columns.iter().any(|column| super::query::refers(column.foreign_key.as_deref(), model));
            let points_there =
                model.columns.iter().any(|column| super::query::refers(column.foreign_key.as_deref(), target));
            points_back && !points_there
        };
        return relation.is_lazy.then(|| Relative {
            name: name.into(),
            target,
            is_many,
            order_by: relation.order_by.as_deref(),
        });
    }
    if model.library == Library::SqlAlchemy {
        return None;
    }
    if let Some(column) = model.column(name) {
        let target = index.model_named(column.foreign_key.as_deref()?)?;
        return Some(Relative { name: name.into(), target, is_many: false, order_by: None });
    }
    let target = index
        .models()
        .find(|other| other.library == model.library && back_name(other, model).as_deref() == Some(name))?;
    Some(Relative { name: name.into(), target, is_many: true, order_by: None })
}

/// The attribute of `model` that leads to the rows of `other` that refer to it, when there is just one.
pub(crate) fn back_name(other: &Model, model: &Model) -> Option<String> {
    let mut keys = other.columns.iter().filter(|column| column.foreign_key.as_deref() == Some(model.name.as_str()));
    let key = keys.next().filter(|key| keys.next().is_none() && !key.kind.starts_with("OneToOne"))?;
    match &key.back_name {
        Some(name) if name == "+" || name.contains('%') => None,
        Some(name) => Some(name.clone()),
        None => Some(format!("{}_set", other.name.to_lowercase())),
    }
}

/// What a region reads of the rows that a variable stands for.
pub(crate) fn reads<'a>(
    context: &Context<'a>,
    region: Node<'a>,
    variable: Variable<'a>,
    model: &'a Model,
) -> Reads<'a> {
    let mut walker = Walker { context, found: Reads::default(), calls: vec![] };
    walker.of_variable(region, variable, model, &[], 0);
    if !walker.found.all.is_empty() {
        walker.quiet(region, 0);
    }
    walker.found
}

struct Walker<'c, 'a> {
    context: &'c Context<'a>,
    found: Reads<'a>,
    calls: Vec<Node<'a>>,
}

impl<'a> Walker<'_, 'a> {
    fn of_variable(
        &mut self,
        region: Node<'a>,
        variable: Variable<'a>,
        model: &'a Model,
        path: &[Relative<'a>],
        depth: usize,
    ) {
        for each in variable.uses().filter(|each| region.contains(*each)) {
            self.of_row(each, model, path, depth);
        }
    }

    /// An expression that stands for a row.
    fn of_row(&mut self, row: Node<'a>, model: &'a Model, path: &[Relative<'a>], depth: usize) {
        let Some(parent) = row.wrapped().parent().filter(|_| depth <= DEPTH_MAX) else { return };
        match parent.kind() {
            Kind::Attribute if row.wrapped().role() == Field::Object => self.of_attribute(parent, model, path, depth),
            Kind::ArgumentList => {
                if let Some(call) = parent.parent() {
                    self.of_argument(row, call, model, path, depth);
                }
            }
            Kind::KeywordArgument => {
                let call = parent.parent().and_then(Node::parent).filter(|call| call.is(Kind::Call));
                if let Some(call) = call {
                    self.of_argument(row, call, model, path, depth);
                }
            }
            Kind::Assignment if row.role() == Field::Right => {
                let left = parent.field(Field::Left).filter(|left| left.is(Kind::Identifier));
                if let Some(variable) = left.and_then(Node::variable)
                    && variable.only_binding().is_some()
                {
                    self.of_variable(variable.scope().node(), variable, model, path, depth + 1);
                }
            }
            _ => {}
        }
    }

    fn of_attribute(&mut self, attribute: Node<'a>, model: &'a Model, path: &[Relative<'a>], depth: usize) {
        let Some(name) = attribute.field(Field::Attribute).map(Node::text) else { return };
        if let Some(relative) = relative(self.context, model, name) {
            self.of_relation(attribute, model, &relative, path, depth);
            return;
        }
        if matches!(name, "pk" | "id") {
            let call = attribute.parent().filter(|parent| parent.is(Kind::KeywordArgument));
            if let Some(call) = call.and_then(Node::parent).and_then(Node::parent).filter(|call| call.is(Kind::Call)) {
                self.of_key(attribute, call, model, path);
            }
            return;
        }
        let Some(class) = self.context.index.class_of_model(model) else { return };
        let Some(function) = self.context.method_of(class, name) else { return };
        let is_called = matches!(usage(attribute), Usage::Call(_));
        let is_property = function.parent().is_some_and(|parent| {
            parent.is(Kind::Decorated)
                && parent.children().any(|each| each.is(Kind::Decorator) && each.text().contains("property"))
        });
        if is_called != is_property {
            self.of_own_method(function, model, path, depth + 1);
        }
    }

    /// A method of the model: `self` is the row.
    fn of_own_method(&mut self, function: Node<'a>, model: &'a Model, path: &[Relative<'a>], depth: usize) {
        if !self.is_new(function, path) {
            return;
        }
        let own = function.field(Field::Parameters).and_then(|all| all.children().next()).and_then(Node::variable);
        let (Some(own), Some(block)) = (own, function.field(Field::Body)) else { return };
        self.of_variable(block, own, model, path, depth);
        self.quiet(block, depth);
    }

    fn is_new(&mut self, function: Node<'a>, path: &[Relative<'a>]) -> bool {
        let key = (function, path.iter().map(|step| step.name.as_str()).collect::<Vec<_>>().join("."));
        let is_new = !self.found.visited.contains(&key);
        self.found.visited.push(key);
        is_new
    }

    fn of_relation(
        &mut self,
        attribute: Node<'a>,
        model: &'a Model,
        relative: &Relative<'a>,
        path: &[Relative<'a>],
        depth: usize,
    ) {
        let target = relative.target;
        let mut longer = path.to_vec();
        longer.push(relative.clone());
        if !relative.is_many {
            let is_read = !super::facts::is_assigned(attribute);
            if is_read {
                self.push(&longer, model, attribute, true);
                self.of_row(attribute, target, &longer, depth);
            }
            return;
        }
        let mut all = attribute;
        if model.library != Library::SqlAlchemy {
            match usage(attribute) {
                Usage::Method("all", call) => all = call,
                // The count and whether there is any are told from what was fetched.
                Usage::Method("count" | "exists" | "filter" | "order_by" | "first", _) => {
                    self.push(&longer, model, attribute, true);
                    return;
                }
                _ if model.library == Library::Peewee => {}
                _ => return,
            }
        }
        let is_unordered = is_unordered(all, relative.order_by);
        self.push(&longer, model, attribute, is_unordered);
        let Usage::Iterated(looping) = usage(all) else { return };
        let target_name = looping.field(Field::Left).filter(|left| left.is(Kind::Identifier));
        let region = if looping.is(Kind::For) { looping.field(Field::Body) } else { looping.parent() };
        if let (Some(variable), Some(region)) = (target_name.and_then(Node::variable), region) {
            self.of_variable(region, variable, target, &longer, depth);
        }
    }

    fn push(&mut self, path: &[Relative<'a>], owner: &'a Model, node: Node<'a>, is_unordered: bool) {
        let calls = self.calls.clone();
        self.found.all.push(Read { path: path.to_vec(), owner, node, is_unordered, calls });
    }

    /// A row, or its key, by which a Django query is filtered.
    fn of_key(&mut self, key: Node<'a>, call: Node<'a>, model: &'a Model, path: &[Relative<'a>]) -> bool {
        let Some(other) = filtered_by(self.context, call, key, model) else { return false };
        if let Some(name) = back_name(other, model) {
            let mut longer = path.to_vec();
            longer.push(Relative { name, target: other, is_many: true, order_by: None });
            self.push(&longer, model, call, true);
        }
        true
    }

    /// A row that is handed to a call.
    fn of_argument(&mut self, row: Node<'a>, call: Node<'a>, model: &'a Model, path: &[Relative<'a>], depth: usize) {
        if self.of_key(row, call, model, path) {
            return;
        }
        if let Some((function, frame)) = View::here(call).enter(self.context) {
            let Some(block) = function.field(Field::Body) else { return };
            let Some(variable) = frame.parameter_of(row) else { return };
            if self.is_new(function, path) {
                self.calls.push(call);
                self.of_variable(block, variable, model, path, depth + 1);
                self.calls.pop();
                self.quiet(block, depth + 1);
            }
            return;
        }
        let class = call.field(Field::Function).and_then(|callee| self.context.index.definition(callee));
        if let Some(class) = class.filter(|class| class.is(Kind::Class)) {
            self.of_wrapper(row, call, class, model, path, depth);
        }
    }

    /// An object made around the row: `TicketSerializer(ticket).data()`.
    fn of_wrapper(
        &mut self,
        row: Node<'a>,
        call: Node<'a>,
        class: Node<'a>,
        model: &'a Model,
        path: &[Relative<'a>],
        depth: usize,
    ) {
        let Some(initializer) = self.context.method_of(class, "__init__") else { return };
        let Some(member) = member_of(initializer, call, row) else { return };
        let mut methods = vec![];
        match usage(call) {
            Usage::Method(name, _) => methods.push(name),
            Usage::Assigned(assignment) => {
                let variable = assignment.field(Field::Left).and_then(super::facts::local_variable);
                let names = variable.into_iter().flat_map(Variable::uses).filter_map(|each| match usage(each) {
                    Usage::Method(name, _) => Some(name),
                    _ => None,
                });
                methods.extend(names);
            }
            _ => {}
        }
        for name in methods {
            self.of_member(class, name, member, model, path, depth + 1);
        }
    }

    /// A method of an object that holds the row as `self.member`.
    fn of_member(
        &mut self,
        class: Node<'a>,
        name: &str,
        member: &str,
        model: &'a Model,
        path: &[Relative<'a>],
        depth: usize,
    ) {
        let Some(function) = self.context.method_of(class, name).filter(|_| depth <= DEPTH_MAX) else { return };
        if !self.is_new(function, path) {
            return;
        }
        let own = function.field(Field::Parameters).and_then(|all| all.children().next()).and_then(Node::variable);
        let (Some(own), Some(block)) = (own, function.field(Field::Body)) else { return };
        for each in own.uses().filter(|each| block.contains(*each)) {
            let Some(attribute) = each.parent().filter(|parent| parent.is(Kind::Attribute)) else { continue };
            let Some(read) = attribute.field(Field::Attribute).map(Node::text) else { continue };
            if read == member {
                self.of_row(attribute, model, path, depth);
            } else if !is_unlikely(attribute) {
                self.of_member(class, read, member, model, path, depth + 1);
            }
        }
        self.quiet(block, depth);
    }

    /// Notes when a region runs code that is not known.
    fn quiet(&mut self, region: Node<'a>, depth: usize) {
        if region.has(Kind::Yield) || region.has(Kind::Await) || super::query::may_write(region) {
            self.found.runs_unknown = true;
        }
        if !region
            .descendants()
            .filter(|node| node.is(Kind::Call))
            .all(|call| is_quiet(self.context, call, depth.max(QUIET_DEPTH_MIN)))
        {
            self.found.runs_unknown = true;
        }
    }
}

/// True for calls that stand under a condition which only some objects meet: `if self.detail: self.conversation()`.
fn is_unlikely(node: Node<'_>) -> bool {
    node.ancestors()
        .take_while(|each| !each.is(Kind::Function))
        .any(|each| each.is(Kind::If) && each.field(Field::Consequence).is_some_and(|block| block.contains(node)))
}

/// The attribute in which `__init__` keeps an argument of the call that makes the object.
fn member_of<'a>(initializer: Node<'a>, call: Node<'a>, row: Node<'a>) -> Option<&'a str> {
    let parameters: Vec<Node<'a>> = initializer.field(Field::Parameters)?.children().skip(1).collect();
    let at = crate::syntax::arguments(call).iter().position(|argument| argument.contains(row))?;
    let given = crate::syntax::arguments(call)[at];
    let named = |name: &str| {
        parameters.iter().find(|each| {
            each.descendants().find(|node| node.is(Kind::Identifier)).is_some_and(|node| node.text() == name)
        })
    };
    let parameter = match given.kind() {
        Kind::KeywordArgument => *named(given.field(Field::Name)?.text())?,
        _ => *parameters.get(at)?,
    };
    let variable = parameter.descendants().find(|node| node.is(Kind::Identifier))?.variable()?;
    variable.uses().find_map(|each| {
        let (left, right) = super::facts::assignment(each.parent()?)?;
        let is_kept = right == each && left.is(Kind::Attribute) && left.field(Field::Object)?.text() == "self";
        is_kept.then(|| left.field(Field::Attribute).map(Node::text)).flatten()
    })
}

/// The model whose rows a Django query filters by a row: `Comment.objects.filter(ticket=row)`, or by its key.
pub(crate) fn filtered_by<'a>(
    context: &Context<'a>,
    call: Node<'a>,
    row: Node<'a>,
    model: &Model,
) -> Option<&'a Model> {
    let (owner, name) = method(call)?;
    if !matches!(name, "filter" | "get") || !owner.text().ends_with(".objects") {
        return None;
    }
    let other = context.index.model(owner.field(Field::Object)?).filter(|other| other.library == Library::Django)?;
    let mut keys = keywords(call).into_iter().filter(|(_, value)| *value == row);
    let (column, _) = keys.next()?;
    let key = other.column(column).or_else(|| other.column(column.strip_suffix("_id")?))?;
    (key.foreign_key.as_deref() == Some(model.name.as_str())).then_some(other)
}

/// True when the order of rows is of no effect: they are counted, or only the column they are ordered by is read.
fn is_unordered(rows: Node<'_>, order_by: Option<&str>) -> bool {
    let counts = |name: &str| matches!(name, "len" | "any" | "all" | "set" | "frozenset" | "bool");
    match usage(rows) {
        Usage::Builtin(name, _) if counts(name) => true,
        Usage::Truth => true,
        Usage::Iterated(clause) if clause.is(Kind::ForIn) => {
            let Some(comprehension) = clause.parent() else { return false };
            let is_counted = match usage(comprehension) {
                Usage::Builtin(name, _) => counts(name),
                _ => comprehension.is(Kind::SetComprehension),
            };
            let reads_only = |name: &str| {
                let variable = clause.field(Field::Left).and_then(Node::variable);
                variable.is_some_and(|variable| variable.uses().all(|each| usage(each) == Usage::Attribute(name)))
            };
            is_counted || order_by.is_some_and(reads_only)
        }
        _ => false,
    }
}

/// Methods of builtin types, which run nothing that is not known.
const METHODS: &[&str] = &[
    "append",
    "extend",
    "get",
    "items",
    "keys",
    "values",
    "join",
    "format",
    "strip",
    "lower",
    "upper",
    "title",
    "split",
    "startswith",
    "endswith",
    "setdefault",
    "isoformat",
    "date",
    "strftime",
    "replace",
    "sort",
    "rjust",
    "ljust",
    "all",
    "count",
    "exists",
    "filter",
    "order_by",
    "first",
    "utcoffset",
    "hex",
    "lstrip",
    "rstrip",
    "capitalize",
];

fn is_quiet<'a>(context: &Context<'a>, call: Node<'a>, depth: usize) -> bool {
    let Some(callee) = call.field(Field::Function) else { return false };
    if callee.is(Kind::Identifier) && callee.variable().is_none() {
        return !matches!(
            callee.text(),
            "exec" | "eval" | "input" | "setattr" | "getattr" | "next" | "open" | "__import__"
        );
    }
    if is_builtin_call(call, callee.text()) {
        return true;
    }
    if let Some(definition) = context.index.definition(callee) {
        let is_small = definition.is(Kind::Function) && depth < DEPTH_MAX && !definition.has(Kind::Yield);
        return is_small
            && definition.field(Field::Body).is_some_and(|block| {
                !super::query::may_write(block)
                    && block
                        .descendants()
                        .filter(|node| node.is(Kind::Call))
                        .all(|inner| is_quiet(context, inner, depth + 1))
            });
    }
    match method(call) {
        // What a model's own method runs is looked at where the row is followed.
        Some((receiver, name)) => {
            METHODS.contains(&name) || receiver.is(Kind::Identifier) && is_own_method(context, name)
        }
        None => false,
    }
}

fn is_own_method(context: &Context<'_>, name: &str) -> bool {
    context.index.models().any(|model| model.methods.iter().any(|method| method == name))
}

/// The names that `prefetch_related` and `select_related` are given.
pub(crate) fn fetched_names<'a>(loading: &[Node<'a>]) -> Vec<&'a str> {
    loading.iter().flat_map(|call| crate::syntax::arguments(*call)).filter_map(string_value).collect()
}
