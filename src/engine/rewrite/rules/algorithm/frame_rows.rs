//! Finds data frames that are walked row by row.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::used_only_in;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Usage, arguments, has_comment, is_async, method, string_value, usage};

rule! {
    /// ## What it finds
    /// `for index, row in frame.iterrows()` that reads columns by constant names.
    /// ## Why it is slow
    /// A Series is built for every row; `itertuples` builds a plain tuple, some thirty times as fast.
    /// ## What must hold
    /// - The row is only read as `row["name"]` with names that are identifiers; the index is not used.
    /// - `iterrows` makes the values of mixed numeric rows floats, `itertuples` keeps each column's type.
    /// ## Example
    /// ```python before needs-run
    /// def total(frame):
    ///     result = 0
    ///     for _, row in frame.iterrows():
    ///         result += row["price"] * row["amount"]
    ///     return result
    /// ```
    /// ```python after
    /// def total(frame):
    ///     result = 0
    ///     for row in frame.itertuples(index=False):
    ///         result += row.price * row.amount
    ///     return result
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def show(frame, column):
    ///     for _, row in frame.iterrows():
    ///         print(row[column], row["two words"], row.sum())
    /// ```
    "frame-rows", Algorithm, [Trigger::Call("iterrows")] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (frame, _) = method(node)?;
    let Usage::Iterated(looping) = usage(node) else { return None };
    let pattern =
        looping.field(Field::Left).filter(|left| matches!(left.kind(), Kind::PatternList | Kind::TuplePattern))?;
    let [index, row] = pattern.child_nodes()[..] else { return None };
    if is_async(looping)
        || !arguments(node).is_empty()
        || !row.is(Kind::Identifier)
        || !index.is(Kind::Identifier)
        || has_comment(node)
    {
        return None;
    }
    let region = if looping.is(Kind::For) { looping } else { looping.parent()? };
    let index_variable = index.variable()?;
    if index_variable.uses().any(|each| region.contains(each)) || !used_only_in(row, region) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is walked row by row, each as a Series", frame.text()));
    let variable = row.variable()?;
    let mut n_reads = 0;
    for each in variable.uses() {
        let Usage::Item(item) = usage(each) else { return None };
        let name = string_value(item.field(Field::Subscript)?)?;
        let is_plain =
            name.chars().all(|c| c.is_alphanumeric() || c == '_') && name.starts_with(|c: char| c.is_alphabetic());
        if !is_plain || matches!(name, "index" | "count") || is_keyword(name) {
            return None;
        }
        rewrite.edits.replace(item, format!("{}.{name}", row.text()));
        n_reads += 1;
    }
    if n_reads == 0 {
        return None;
    }
    rewrite.edits.replace(pattern, row.text());
    rewrite.edits.replace_range(frame.end(), node.end(), ".itertuples(index=False)");
    rewrite.assume(Assumption::Type(frame.text().into(), "a data frame with fewer than 255 columns and unique names"));
    rewrite.assume(Assumption::Arithmetic("nobody relies on `iterrows` making whole numbers floats"));
    Some(rewrite)
}

fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "class"
            | "from"
            | "in"
            | "is"
            | "for"
            | "if"
            | "or"
            | "and"
            | "not"
            | "def"
            | "pass"
            | "return"
            | "import"
            | "with"
            | "global"
            | "lambda"
            | "yield"
            | "None"
            | "True"
            | "False"
    )
}
