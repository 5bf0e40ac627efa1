//! Finds files that are read into a list of lines to be walked once.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::facts::{local_variable, suspends};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, Usage, arguments, has_comment, infer, is_async, is_builtin_call, method, usage,
};

rule! {
    /// ## What it finds
    /// `for line in f.readlines()` and `len(f.readlines())`, where `f` is a file opened in this function.
    /// ## Why it is slow
    /// All lines stand in memory at once; a file gives its lines one by one.
    /// ## What must hold
    /// - `f` comes from the builtin `open`, and the loop does nothing else with it: no `tell`, `seek`, `close`.
    /// - A line that cannot be decoded raises after the lines before it were handled: proven where nothing is handled.
    /// ## Example
    /// ```python before proven
    /// def count(path):
    ///     with open(path) as f:
    ///         return len(f.readlines())
    /// ```
    /// ```python after
    /// def count(path):
    ///     with open(path) as f:
    ///         return sum(1 for _ in f)
    /// ```
    /// ```python before needs-run
    /// def load(path):
    ///     found = []
    ///     with open(path) as f:
    ///         for line in f.readlines():
    ///             found.append(line)
    ///     return found
    /// ```
    /// ```python after
    /// def load(path):
    ///     found = []
    ///     with open(path) as f:
    ///         for line in f:
    ///             found.append(line)
    ///     return found
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// from vault import open
    ///
    ///
    /// def load(path):
    ///     with open(path) as f:
    ///         for line in f.readlines():
    ///             print(line)
    /// ```
    /// ```python unchanged
    /// def places(path):
    ///     with open(path) as f:
    ///         for line in f.readlines():
    ///             print(f.tell(), line)
    /// ```
    "readlines", Io, [Trigger::Call("readlines")] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (file, _) = method(node)?;
    if infer(file).of != Type::File || !arguments(node).is_empty() || has_comment(node) {
        return None;
    }
    let is_open = is_builtin_call(file, "open");
    let variable = local_variable(file);
    if variable.is_none() && !is_open {
        return None;
    }
    let mut rewrite = Rewrite::new(node, "all lines are read into memory to be walked once".to_owned());
    match usage(node) {
        Usage::Iterated(looping) if !is_async(looping) => {
            let region = if looping.is(Kind::For) { looping.field(Field::Body)? } else { looping.parent()? };
            let is_used = variable
                .is_some_and(|variable| variable.occurrences().any(|each| region.contains(each) && each != file));
            if is_used || region.is(Kind::GeneratorExpression) && suspends(region) {
                return None;
            }
            if region.is(Kind::GeneratorExpression)
                && crate::engine::rewrite::facts::is_lazy(looping.field(Field::Left)?)
            {
                return None;
            }
            rewrite.assume(Assumption::ErrorChanges("the error of a bad line before all lines", "one at that line"));
            rewrite.edits.replace(node, file.text());
            Some(rewrite)
        }
        Usage::Builtin("len", call) if !is_open => {
            rewrite.edits.replace(call, format!("sum(1 for _ in {})", file.text()));
            let is_free = node.scope().lookup("sum").is_none();
            is_free.then_some(rewrite)
        }
        _ => None,
    }
}
