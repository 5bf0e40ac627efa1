//! Finds data frames that grow by a row at a time, and makes them of all rows at once.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{assignment, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, binding_value, enclosing_loop, is_builtin_call, is_within_try, keywords, positional,
    previous_statement, qualified, statement_of,
};

rule! {
    /// ## What it finds
    /// `frame.loc[len(frame)] = row` in a loop, on a frame that was made empty before it.
    /// ## Why it is slow
    /// Each new row copies the whole frame, some 0.3 ms and more. A list takes the rows; the frame is made once.
    /// ## What must hold
    /// - The frame is made by `DataFrame(columns=…)` right before the loop, which uses it for nothing else.
    /// - A frame made at once has columns of numbers where a grown one has columns of objects.
    /// ## Example
    /// ```python before needs-run
    /// import pandas as pd
    ///
    /// def gains(rows):
    ///     table = pd.DataFrame(columns=["name", "gain"])
    ///     for row in rows:
    ///         if row.gain:
    ///             table.loc[len(table)] = [row.name, row.gain]
    ///     return table
    /// ```
    /// ```python after
    /// import pandas as pd
    ///
    /// def gains(rows):
    ///     table_rows = []
    ///     for row in rows:
    ///         if row.gain:
    ///             table_rows.append([row.name, row.gain])
    ///     table = pd.DataFrame(table_rows, columns=["name", "gain"])
    ///     return table
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import pandas as pd
    ///
    /// def gains(rows):
    ///     table = pd.DataFrame(columns=["name", "gain"])
    ///     for row in rows:
    ///         table.loc[len(table)] = [row.name, table["gain"].sum()]
    ///     return table
    /// ```
    "frame-growth", Algorithm, [Trigger::Kind(Kind::For)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let grown: Vec<(Node<'a>, Node<'a>, Node<'a>)> = node.descendants().filter_map(growth).collect();
    let (first, frame, _) = *grown.first()?;
    let variable = local_variable(frame)?;
    let start = variable.only_binding()?;
    let made = binding_value(start)?;
    let statement = statement_of(start);
    let [("columns", columns)] = keywords(made)[..] else { return None };
    let is_empty = qualified(made.field(Field::Function)?)? == "pandas.DataFrame"
        && positional(made).is_none()
        && crate::syntax::arguments(made).len() == 1;
    let is_literal = columns.is(Kind::List) && columns.children().all(|each| each.is(Kind::String));
    let inside = variable.occurrences().filter(|each| node.contains(*each)).count();
    let mut between = previous_statement(node);
    while let Some(each) = between.filter(|each| *each != statement) {
        if variable.occurrences().any(|use_| each.contains(use_)) {
            return None;
        }
        between = previous_statement(each);
    }
    if !is_empty
        || !is_literal
        || between.is_none()
        || enclosing_loop(node).is_some()
        || is_within_try(node)
        || !is_alone(statement)
        || node.has(Kind::Return)
        || columns.text().contains('\n')
        || inside != grown.len() * 2
        || grown.iter().any(|(_, other, _)| other.variable() != Some(variable))
    {
        return None;
    }
    let mut rewrite = Rewrite::new(first, format!("`{}` is copied in full for every row it gets", frame.text()));
    let rows = context.fresh_name(&format!("{}_rows", frame.text()));
    let callee = made.field(Field::Function)?.text();
    rewrite.edits.replace(assignment(statement)?.0.parent()?, format!("{rows} = []"));
    for (assigned, _, row) in &grown {
        rewrite.edits.replace_range(assigned.start(), row.start(), format!("{rows}.append("));
        rewrite.edits.replace_range(row.end(), assigned.end(), ")");
    }
    rewrite.edits.insert_after(node, &[format!("{} = {callee}({rows}, columns={})", frame.text(), columns.text())]);
    rewrite.until(node);
    rewrite.assume(Assumption::NoPartialResult(frame.text().into()));
    rewrite.assume(Assumption::Arithmetic(
        "nobody relies on the columns being of objects: they get the type of their values",
    ));
    Some(rewrite)
}

/// The assignment, frame and row of `frame.loc[len(frame)] = row`.
fn growth(node: Node<'_>) -> Option<(Node<'_>, Node<'_>, Node<'_>)> {
    let (target, row) = node.is(Kind::Assignment).then(|| assignment(node)).flatten()?;
    let value = target.is(Kind::Subscript).then(|| target.field(Field::Value)).flatten()?;
    let frame = value.field(Field::Object).filter(|frame| frame.is(Kind::Identifier))?;
    let key = target.field(Field::Subscript)?;
    let counted = is_builtin_call(key, "len").then(|| positional(key)).flatten()?;
    let is_row = matches!(row.kind(), Kind::List | Kind::Tuple | Kind::Dictionary);
    let is_growth = value.is(Kind::Attribute)
        && value.field(Field::Attribute)?.text() == "loc"
        && counted.first()?.text() == frame.text()
        && is_row
        && node.parent()?.is(Kind::ExpressionStatement);
    is_growth.then_some((node, frame, row))
}
