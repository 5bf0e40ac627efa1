//! Finds functions that a data frame applies row by row, and walks the columns they read.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::argument;
use crate::engine::rewrite::facts::is_chain;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, Variable, arguments, has_comment, is_async, keywords, method, string_value, usage,
};

rule! {
    /// ## What it finds
    /// `frame.apply(function, axis=1)` where the function reads nothing of a row but columns by constant names.
    /// ## Why it is slow
    /// A Series is built for every row, some 10 to 50 µs each; walking the columns side by side builds nothing.
    /// ## What must hold
    /// - The function gives a plain value for each row, not a Series or a list to be spread over columns.
    /// - `apply` makes whole numbers floats in rows of numbers alone; columns keep their type.
    /// - The frame has rows: of an empty one `apply` gives a frame.
    /// ## Example
    /// ```python before needs-run
    /// import pandas as pd
    ///
    /// def priced(frame):
    ///     frame["total"] = frame.apply(lambda row: row["price"] * row["amount"], axis=1)
    ///     return frame
    /// ```
    /// ```python after
    /// import pandas as pd
    ///
    /// def priced(frame):
    ///     frame["total"] = pd.Series([price * amount for price, amount in zip(frame["price"], frame["amount"])], index=frame.index)
    ///     return frame
    /// ```
    /// ```python before needs-run
    /// import pandas as pd
    ///
    /// def label(row):
    ///     if row["open"]:
    ///         return "open"
    ///     return row["state"]
    ///
    /// def labelled(frame):
    ///     return frame.apply(label, axis=1)
    /// ```
    /// ```python after
    /// import pandas as pd
    ///
    /// def label(row):
    ///     if row["open"]:
    ///         return "open"
    ///     return row["state"]
    ///
    /// def labelled(frame):
    ///     return pd.Series([label(row) for row in frame.to_dict("records")], index=frame.index)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import pandas as pd
    ///
    /// def sums(frame):
    ///     return frame.apply(lambda row: row.sum(), axis=1), frame.apply(lambda column: column["a"])
    /// ```
    "frame-apply", Algorithm, [Trigger::Call("apply")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (frame, _) = method(node)?;
    let all = arguments(node);
    let [function, axis] = all[..] else { return None };
    let is_rows = keywords(node)
        .iter()
        .any(|(name, value)| *name == "axis" && matches!(value.text(), "1" | "\"columns\"" | "'columns'"));
    if !is_rows
        || !axis.is(Kind::KeywordArgument)
        || !is_chain(frame)
        || has_comment(node)
        || node.text().contains('\n')
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` makes a Series of every row", frame.text()));
    let walk = match function.kind() {
        Kind::Lambda => by_columns(frame, function)?,
        Kind::Identifier => {
            let definition = context.index.definition(function).filter(|each| each.is(Kind::Function))?;
            let [row] = definition.field(Field::Parameters)?.child_nodes()[..] else { return None };
            let row = if row.is(Kind::Identifier) { row } else { row.children().next()? };
            let is_plain = !is_async(definition) && !definition.has(Kind::Yield);
            if !is_plain || columns(row.variable()?)?.is_empty() || definition.parent()?.is(Kind::Decorated) {
                return None;
            }
            format!("{}(row) for row in {}.to_dict(\"records\")", function.text(), frame.text())
        }
        _ => return None,
    };
    let pandas = context.import_module(&mut rewrite, "pandas")?;
    rewrite.edits.replace(node, format!("{pandas}.Series([{walk}], index={}.index)", frame.text()));
    rewrite.assume(Assumption::Type(frame.text().into(), "a data frame with rows and with unique names of columns"));
    rewrite.assume(Assumption::Arithmetic(
        "nobody relies on `apply` making whole numbers floats, or on a result for each column",
    ));
    Some(rewrite)
}

/// Reads of a row, with the column of each; `None` when the row is used otherwise.
fn columns(row: Variable<'_>) -> Option<Vec<(Node<'_>, &str)>> {
    row.uses()
        .map(|each| {
            let Usage::Item(item) = usage(each) else { return None };
            Some((item, string_value(item.field(Field::Subscript)?)?))
        })
        .collect()
}

/// The walk over the columns that a lambda reads.
fn by_columns<'a>(frame: Node<'a>, lambda: Node<'a>) -> Option<String> {
    let [row] = lambda.field(Field::Parameters)?.child_nodes()[..] else { return None };
    let body = lambda.field(Field::Body)?;
    let reads = columns(row.is(Kind::Identifier).then(|| row.variable()).flatten()?)?;
    if reads.is_empty() || matches!(body.kind(), Kind::List | Kind::Tuple | Kind::Dictionary) || body.has(Kind::Lambda)
    {
        return None;
    }
    let mut names: Vec<(&str, String)> = vec![];
    for (_, column) in &reads {
        if names.iter().all(|(known, _)| known != column) {
            names.push((column, name_for(column, body, &names)));
        }
    }
    let mut text = body.text().to_owned();
    for (item, column) in reads.iter().rev() {
        let at = item.start() - body.start();
        let (_, name) = names.iter().find(|(known, _)| known == column)?;
        text.replace_range(at..at + item.text().len(), name);
    }
    let text =
        if argument(body).starts_with('(') && !body.text().starts_with('(') { format!("({text})") } else { text };
    let list: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
    let read: Vec<String> = names.iter().map(|(column, _)| format!("{}[\"{column}\"]", frame.text())).collect();
    Some(match read.as_slice() {
        [only] => format!("{text} for {} in {only}", list[0]),
        _ => format!("{text} for {} in zip({})", list.join(", "), read.join(", ")),
    })
}

/// A name for the values of a column that means nothing else in the expression.
fn name_for(column: &str, body: Node<'_>, taken: &[(&str, String)]) -> String {
    let is_name = column.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && column.starts_with(|c: char| c.is_ascii_lowercase())
        && !matches!(
            column,
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
                | "as"
                | "async"
                | "await"
                | "del"
                | "else"
                | "try"
                | "while"
                | "raise"
                | "assert"
                | "break"
                | "continue"
                | "except"
                | "finally"
                | "nonlocal"
                | "elif"
        );
    let is_free = !body.descendants().any(|each| each.is(Kind::Identifier) && each.text() == column);
    if is_name && is_free { column.to_owned() } else { format!("column_{}", taken.len() + 1) }
}
