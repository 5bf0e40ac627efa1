//! Finds validators and templates that are built anew for every call.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::{Context, constant_place, is_imported_above};
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{assignment, call_statement, is_constant, local_variable, root_name};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, ScopeKind, Usage, arguments, binding_value, enclosing_function, has_comment, method, positional,
    previous_statement, qualified, statement_of, string_value, usage,
};

rule! {
    /// ## What it finds
    /// `Draft7Validator(SCHEMA)`, `TypeAdapter(list[Model])`, `Template("…")`, `struct.Struct("<IQ")` of constants, and
    /// `Draft7Validator(SCHEMAS[kind])`, built inside a function.
    /// ## Why it is slow
    /// Building the object costs many times what using it does, and it can be used again.
    /// ## What must hold
    /// - What it is built of are literals and module-level names that are bound once and only read in this file; for a
    ///   table of schemas there is one validator per key.
    /// - It is only called methods of here, or returned; a wrong schema raises earlier, or once.
    /// ## Example
    /// ```python before needs-run
    /// import struct
    /// from jsonschema import Draft7Validator
    ///
    /// SCHEMAS = {"claim": {"type": "object"}, "contact": {"type": "array"}}
    /// EVENT = {"type": "object"}
    ///
    ///
    /// def problems(event):
    ///     return [error.message for error in Draft7Validator(EVENT).iter_errors(event)]
    ///
    ///
    /// def validator(kind):
    ///     schema = SCHEMAS[kind]
    ///     Draft7Validator.check_schema(schema)
    ///     return Draft7Validator(schema)
    ///
    ///
    /// def head(data):
    ///     return struct.Struct("<4sIQ").unpack(data)
    /// ```
    /// ```python after
    /// import struct
    /// from jsonschema import Draft7Validator
    ///
    /// SCHEMAS = {"claim": {"type": "object"}, "contact": {"type": "array"}}
    /// EVENT = {"type": "object"}
    ///
    ///
    /// _PROBLEMS_VALIDATOR = Draft7Validator(EVENT)
    ///
    ///
    /// def problems(event):
    ///     return [error.message for error in _PROBLEMS_VALIDATOR.iter_errors(event)]
    ///
    ///
    /// _VALIDATORS = {}
    ///
    ///
    /// def validator(kind):
    ///     schema = SCHEMAS[kind]
    ///     known = _VALIDATORS.get(kind)
    ///     if known is None:
    ///         Draft7Validator.check_schema(schema)
    ///         known = _VALIDATORS[kind] = Draft7Validator(schema)
    ///     return known
    ///
    ///
    /// _HEAD_STRUCT = struct.Struct("<4sIQ")
    ///
    ///
    /// def head(data):
    ///     return _HEAD_STRUCT.unpack(data)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// from string import Template
    ///
    /// from jsonschema import Draft7Validator
    ///
    /// SCHEMAS = {}
    ///
    ///
    /// def register(kind, schema):
    ///     SCHEMAS[kind] = schema
    ///
    ///
    /// def validator(kind):
    ///     return Draft7Validator(SCHEMAS[kind])
    ///
    ///
    /// def check(value, schema):
    ///     Draft7Validator(schema).validate(value)
    ///
    ///
    /// def letter(name, text):
    ///     return Template(text).substitute(name=name)
    /// ```
    "validator-per-call", Io, [
        Trigger::Call("Draft3Validator"), Trigger::Call("Draft4Validator"), Trigger::Call("Draft6Validator"),
        Trigger::Call("Draft7Validator"), Trigger::Call("Draft201909Validator"), Trigger::Call("Draft202012Validator"),
        Trigger::Call("TypeAdapter"), Trigger::Call("Template"), Trigger::Call("Struct"), Trigger::Call("compile"),
    ] => find
}

/// What builds a reusable object, and the word for it in a name.
const BUILDERS: &[(&str, &str)] = &[
    ("jsonschema.*", "validator"),
    ("jsonschema.validators.*", "validator"),
    ("pydantic.TypeAdapter", "adapter"),
    ("string.Template", "template"),
    ("jinja2.Template", "template"),
    ("mako.template.Template", "template"),
    ("struct.Struct", "struct"),
    ("fastjsonschema.compile", "validator"),
];

fn word_of(call: Node<'_>) -> Option<&'static str> {
    let path = qualified(call.field(Field::Function)?)?;
    let is_it = |pattern: &str| match pattern.strip_suffix('*') {
        Some(module) => {
            path.strip_prefix(module).is_some_and(|name| name.starts_with("Draft") && name.ends_with("Validator"))
        }
        None => path == pattern,
    };
    BUILDERS.iter().find(|(pattern, _)| is_it(pattern)).map(|(_, word)| *word)
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let word = word_of(node)?;
    let function = enclosing_function(node)?;
    let [source] = positional(node)?[..] else { return None };
    let place = constant_place(node)?;
    let is_used_here = match usage(node) {
        Usage::Method(..) | Usage::Returned => true,
        Usage::Assigned(assignment) => assignment.field(Field::Left).and_then(local_variable).is_some(),
        _ => false,
    };
    if !is_used_here || has_comment(node) || !is_imported_above(root_name(node.field(Field::Function)?)?, place) {
        return None;
    }
    if is_fixed(source, place) {
        return constant(context, function, node, word, place);
    }
    let (table, key) = entry(source)?;
    if word != "validator" || !is_table(context, table) || !is_known_key(function, key) {
        return None;
    }
    per_key(context, node, (table, key), place)
}

/// True for literals, imported names, and names that the module binds once above the place and only reads.
fn is_fixed(source: Node<'_>, place: usize) -> bool {
    let is_fixed_name = |name: Node<'_>| match name.variable() {
        None => true,
        Some(variable) => {
            is_imported_above(name, place)
                || variable.scope().kind() == ScopeKind::Module
                    && is_constant(variable)
                    && variable.only_binding().is_some_and(|binding| statement_of(binding).end() <= place)
        }
    };
    let is_plain = |each: Node<'_>| {
        !matches!(
            each.kind(),
            Kind::Call | Kind::Interpolation | Kind::Lambda | Kind::Await | Kind::Yield | Kind::Named
        )
    };
    let is_literal = source.is(Kind::String) && string_value(source).is_some();
    is_literal
        || matches!(source.kind(), Kind::Identifier | Kind::Subscript | Kind::Attribute)
            && source.descendants().all(is_plain)
            && source
                .descendants()
                .filter(|each| each.is(Kind::Identifier) && each.role() != Field::Attribute)
                .all(is_fixed_name)
            && root_name(source)
                .is_none_or(|root| root.variable().is_none_or(|variable| variable.scope().kind() == ScopeKind::Module))
}

fn constant<'a>(
    context: &Context<'a>,
    function: Node<'a>,
    node: Node<'a>,
    word: &str,
    place: usize,
) -> Option<Rewrite<'a>> {
    let wanted = format!("_{}_{word}", crate::syntax::function_name(function).trim_matches('_')).to_uppercase();
    let name = context.fresh_name(&wanted);
    let mut rewrite = Rewrite::new(node, format!("the same {word} is built at every call"));
    rewrite.edits.replace_range(place, place, format!("{name} = {}\n\n\n", node.text()));
    rewrite.edits.replace(node, name);
    rewrite.assume(Assumption::ErrorChanges("the error of wrong source at the call", "one at import"));
    let source = *arguments(node).first()?;
    if !source.is(Kind::String) {
        rewrite.assume(Assumption::Unchanged(source.text().into()));
    }
    Some(rewrite)
}

/// Table and key of `SCHEMAS[kind]`, or of the name that was given it.
fn entry(source: Node<'_>) -> Option<(Node<'_>, Node<'_>)> {
    let value = match source.kind() {
        Kind::Identifier => binding_value(local_variable(source)?.only_binding()?)?,
        _ => source,
    };
    let table = value.is(Kind::Subscript).then(|| value.field(Field::Value)).flatten()?;
    table.is(Kind::Identifier).then_some((table, value.field(Field::Subscript)?))
}

/// True for a dict of the module, or of another, that nothing of its file changes.
fn is_table<'a>(context: &Context<'a>, table: Node<'a>) -> bool {
    let Some(variable) = table.variable().filter(|variable| variable.scope().kind() == ScopeKind::Module) else {
        return false;
    };
    let Some(binding) = variable.only_binding() else { return false };
    if !is_constant(variable) {
        return false;
    }
    let home =
        if crate::syntax::import_path(binding).is_some() { context.index.variable(binding) } else { Some(binding) };
    home.is_some_and(|home| {
        home.variable().is_some_and(is_constant) && binding_value(home).is_some_and(|value| value.is(Kind::Dictionary))
    })
}

/// True for a parameter or local that is bound once.
fn is_known_key(function: Node<'_>, key: Node<'_>) -> bool {
    key.is(Kind::Identifier)
        && key
            .variable()
            .is_some_and(|variable| variable.scope().node() == function && variable.only_binding().is_some())
}

/// `known = _VALIDATORS.get(kind)`, and building only when there is none.
fn per_key<'a>(
    context: &Context<'a>,
    node: Node<'a>,
    (table, key): (Node<'a>, Node<'a>),
    place: usize,
) -> Option<Rewrite<'a>> {
    let statement = statement_of(node);
    let is_direct = node.ancestors().take_while(|each| *each != statement).all(|each| {
        matches!(each.kind(), Kind::Attribute | Kind::Call | Kind::ArgumentList | Kind::Assignment | Kind::Subscript)
    });
    if !is_direct || !is_alone(statement) || statement.has(Kind::Block) {
        return None;
    }
    let file = node.file();
    let (outer, unit) = (file.indentation(statement.start()), indentation_unit(file));
    let cache = context.fresh_name("_VALIDATORS");
    let known = match (usage(node), assignment(statement)) {
        (Usage::Assigned(_), Some((name, value))) if value == node => name.text().to_owned(),
        _ => context.fresh_name_between(statement, statement, "known"),
    };
    let mut rewrite =
        Rewrite::new(node, format!("a validator is built at every call for an entry of `{}`", table.text()));
    rewrite.edits.replace_range(place, place, format!("{cache} = {{}}\n\n\n"));
    let check = previous_statement(statement).filter(|before| is_check(*before, node) && is_alone(*before));
    if check.is_some_and(|check| file.text[check.start()..statement.end()].contains('#')) {
        return None;
    }
    let checked = check.map_or(String::new(), |check| format!("{outer}{unit}{}\n", check.text()));
    let lines = format!(
        "{known} = {cache}.get({key})\n{outer}if {known} is None:\n{checked}{outer}{unit}{known} = {cache}[{key}] = {}",
        node.text(),
        key = key.text(),
    );
    let first = check.unwrap_or(statement);
    let rest = &statement.text()[node.end() - statement.start()..];
    let head = &statement.text()[..node.start() - statement.start()];
    let is_assigned = assignment(statement).is_some_and(|(name, value)| value == node && name.text() == known);
    let tail = if is_assigned { String::new() } else { format!("\n{outer}{head}{known}{rest}") };
    rewrite.edits.replace_range(first.start(), statement.end(), format!("{lines}{tail}"));
    rewrite.assume(Assumption::Unchanged(table.text().into()));
    rewrite.until(statement);
    Some(rewrite)
}

/// `Draft7Validator.check_schema(schema)` of the same class and schema.
fn is_check(statement: Node<'_>, build: Node<'_>) -> bool {
    let Some(call) = call_statement(statement) else { return false };
    let Some((receiver, "check_schema")) = method(call) else { return false };
    build.field(Field::Function).is_some_and(|callee| callee.text() == receiver.text())
        && arguments(call).iter().map(|each| each.text()).eq(arguments(build).iter().map(|each| each.text()))
}
