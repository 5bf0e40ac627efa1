//! Finds deep copies of data that is only read.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{Change, assignment, change, is_chain, root_name};
use crate::engine::rewrite::reading::{Reading, is_suspended, reading};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Node, enclosing_function, has_comment, positional, qualified, statement_of};

rule! {
    /// ## What it finds
    /// `copy.deepcopy(tree)` of which this function, and the functions of the project it is given to, only read.
    /// ## Why it is slow
    /// Every object of the tree is made anew, slowly, and thrown away.
    /// ## What must hold
    /// - The copy and its items are looked at, walked and compared, never changed, kept, returned or yielded.
    /// - Nothing changes the original meanwhile: the function is no generator or coroutine and does not change it itself.
    /// - Reading has no effect: a `defaultdict` that is asked for a missing key would keep it.
    /// ## Example
    /// ```python before needs-run
    /// import copy
    ///
    ///
    /// def walk(node):
    ///     yield node
    ///     for child in node.get("children", ()):
    ///         yield from walk(child)
    ///
    ///
    /// def total(tree):
    ///     tree = copy.deepcopy(tree)
    ///     return sum(node["cents"] for node in walk(tree))
    ///
    ///
    /// def names(tree):
    ///     snapshot = copy.deepcopy(tree)
    ///     found = []
    ///     for node in walk(snapshot):
    ///         if node["cents"] > 3:
    ///             found.append(str(node["name"]))
    ///     return found
    /// ```
    /// ```python after
    /// import copy
    ///
    ///
    /// def walk(node):
    ///     yield node
    ///     for child in node.get("children", ()):
    ///         yield from walk(child)
    ///
    ///
    /// def total(tree):
    ///     return sum(node["cents"] for node in walk(tree))
    ///
    ///
    /// def names(tree):
    ///     snapshot = tree
    ///     found = []
    ///     for node in walk(snapshot):
    ///         if node["cents"] > 3:
    ///             found.append(str(node["name"]))
    ///     return found
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import copy
    ///
    ///
    /// def raised(tree):
    ///     result = copy.deepcopy(tree)
    ///     for node in result["children"]:
    ///         node["limit"] += 1
    ///     return result
    ///
    ///
    /// def first(rows):
    ///     return copy.deepcopy(rows)[0]
    ///
    ///
    /// def shown(rows, render):
    ///     rows = copy.deepcopy(rows)
    ///     return [render(row) for row in rows]
    ///
    ///
    /// def each(rows):
    ///     for row in copy.deepcopy(rows):
    ///         yield row["name"]
    /// ```
    "deepcopy-to-read", Memory, [Trigger::Call("deepcopy")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if qualified(node.field(Field::Function)?).as_deref() != Some("copy.deepcopy") || has_comment(node) {
        return None;
    }
    let [source] = positional(node)?[..] else { return None };
    let root = root_name(source).filter(|_| is_chain(source))?;
    if is_suspended(node) || reading(context, node) != Reading::Read || changes_source(node, root) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is copied in depth and only read", source.text()));
    let statement = statement_of(node);
    let is_itself = assignment(statement).is_some_and(|(name, value)| value == node && name.text() == source.text());
    if is_itself {
        if !is_alone(statement) || statement.parent()?.children().count() == 1 {
            return None;
        }
        removed(statement, &mut rewrite);
    } else {
        rewrite.edits.replace(node, source.text());
    }
    rewrite.assume(Assumption::Unchanged(source.text().into()));
    rewrite.assume(Assumption::Pure(format!("reading `{}`", source.text())));
    Some(rewrite)
}

/// True when the function does something to the original besides reading it.
fn changes_source<'a>(node: Node<'a>, root: Node<'a>) -> bool {
    let Some(variable) = root.variable() else { return true };
    let Some(body) = enclosing_function(node).and_then(|function| function.field(Field::Body)) else { return true };
    let own = assignment(statement_of(node)).map(|(name, _)| name);
    let is_bound_again = variable.bindings().any(|each| body.contains(each) && Some(each) != own);
    let is_same = own.is_some_and(|name| name.variable() == Some(variable));
    is_bound_again || !is_same && change(body, variable) == Change::Surely
}

/// Removes the statement; a comment behind it stays on its line.
fn removed<'a>(statement: Node<'a>, rewrite: &mut Rewrite<'a>) {
    let file = statement.file();
    let rest = file.text[statement.end()..file.line_end(statement.end() - 1)].trim_start_matches([' ', '\t']);
    if rest.starts_with('#') {
        let comment = file.line_end(statement.end() - 1) - rest.len();
        rewrite.edits.replace_range(statement.start(), comment, "");
    } else {
        rewrite.edits.remove(statement);
    }
}
