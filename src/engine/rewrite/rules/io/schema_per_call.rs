//! Finds JSON schemas that are compiled at every call.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::{Context, constant_place};
use crate::engine::rewrite::edits::{argument, indentation_unit, is_alone};
use crate::engine::rewrite::facts::{call_statement, is_constant};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, ScopeKind, enclosing_function, positional, qualified, statement_of};

rule! {
    /// ## What it finds
    /// `jsonschema.validate(value, SCHEMA)` with a module-level schema, inside a function.
    /// ## Why it is slow
    /// Every call checks the schema itself and builds a validator, which costs far more than validating a value.
    /// ## What must hold
    /// - The schema is bound once at module level and only read; the call has just the value and the schema.
    /// - The same error is raised: the best match of all. A schema that is wrong itself is no longer noticed here.
    /// ## Example
    /// ```python before needs-run
    /// import jsonschema
    ///
    /// SCHEMA = {"type": "object"}
    ///
    ///
    /// def check(value):
    ///     jsonschema.validate(value, SCHEMA)
    ///     return value
    /// ```
    /// ```python after
    /// import jsonschema
    /// from jsonschema.exceptions import best_match
    /// from jsonschema.validators import validator_for
    ///
    /// SCHEMA = {"type": "object"}
    ///
    ///
    /// _SCHEMA_VALIDATOR = validator_for(SCHEMA)(SCHEMA)
    ///
    ///
    /// def check(value):
    ///     error = best_match(_SCHEMA_VALIDATOR.iter_errors(value))
    ///     if error is not None:
    ///         raise error
    ///     return value
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import jsonschema
    ///
    /// SCHEMA = {"type": "object"}
    ///
    ///
    /// def check(value, schema):
    ///     jsonschema.validate(value, schema)
    ///
    ///
    /// def special(value):
    ///     jsonschema.validate(value, SCHEMA, format_checker=CHECKER)
    /// ```
    "schema-per-call", Io, [Trigger::Call("validate")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if qualified(node.field(Field::Function)?).as_deref() != Some("jsonschema.validate") {
        return None;
    }
    enclosing_function(node)?;
    let [value, schema] = positional(node)?[..] else { return None };
    let variable = schema.is(Kind::Identifier).then(|| schema.variable()).flatten()?;
    let statement = statement_of(node);
    let is_constant = variable.scope().kind() == ScopeKind::Module && is_constant(variable);
    if !is_constant || call_statement(statement) != Some(node) || !is_alone(statement) {
        return None;
    }
    let place = constant_place(node)?;
    if variable.only_binding().is_none_or(|binding| statement_of(binding).end() > place) {
        return None;
    }
    let name = format!("_{}_VALIDATOR", schema.text().trim_start_matches('_').to_uppercase());
    let mut rewrite = Rewrite::new(node, format!("`{}` is checked and compiled at every call", schema.text()));
    let error = context.fresh_name("error");
    let best_match = context.import(&mut rewrite, "jsonschema.exceptions", "best_match")?;
    if node.file().root().scope().variable(&name).is_none() {
        let validator_for = context.import(&mut rewrite, "jsonschema.validators", "validator_for")?;
        let text = format!("{name} = {validator_for}({schema})({schema})\n\n\n", schema = schema.text());
        rewrite.edits.replace_range(place, place, text);
    }
    let file = node.file();
    let (outer, unit) = (file.indentation(statement.start()), indentation_unit(file));
    rewrite.edits.replace(
        statement,
        format!(
            "{error} = {best_match}({name}.iter_errors({}))\n{outer}if {error} is not None:\n{outer}{unit}raise {error}",
            argument(value)
        ),
    );
    rewrite.assume(Assumption::Unchanged(schema.text().into()));
    rewrite.assume(Assumption::ErrorChanges("the `SchemaError` of a wrong schema", "no error"));
    Some(rewrite)
}
