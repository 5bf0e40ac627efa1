//! Finds files whose buffer is written out after every item.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{body, call_statement, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, arguments, binding_value, enclosing_loop, infer, is_builtin_call, keyword, method,
    statement_of, string_value,
};

rule! {
    /// ## What it finds
    /// `f.flush()` at the end of a loop's body, for a file that this function opens.
    /// ## Why it is slow
    /// Every item costs a call of the system; a buffer of some kilobytes saves almost all of them.
    /// ## What must hold
    /// - `f` is a regular file opened here by the builtin `open`, and closed when the loop is over: then all is written.
    /// - Nobody waits for single lines, and nobody misses the last ones when the program is killed.
    /// ## Example
    /// ```python before needs-run
    /// def save(path, rows):
    ///     with open(path, "w") as out:
    ///         for row in rows:
    ///             out.write(str(row))
    ///             out.flush()
    /// ```
    /// ```python after
    /// def save(path, rows):
    ///     with open(path, "w") as out:
    ///         for row in rows:
    ///             out.write(str(row))
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import sys
    ///
    ///
    /// def show(rows, log, path):
    ///     for row in rows:
    ///         sys.stdout.write(row)
    ///         sys.stdout.flush()
    ///         log.write(row)
    ///         log.flush()
    ///     with open("/dev/ttyS0", "w") as line:
    ///         for row in rows:
    ///             line.write(row)
    ///             line.flush()
    ///     with open(path, "w") as out:
    ///         for row in rows:
    ///             out.write(row)
    ///             out.flush()
    ///             notify(path)
    /// ```
    "flush-in-loop", Io, [Trigger::Call("flush")] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (file, _) = method(node)?;
    let statement = statement_of(node);
    let looping = enclosing_loop(node).filter(|looping| looping.is(Kind::For))?;
    if infer(file).of != Type::File || !arguments(node).is_empty() || call_statement(statement) != Some(node) {
        return None;
    }
    let binding = local_variable(file)?.only_binding()?;
    let open = match binding.parent()?.kind() {
        Kind::AsPatternTarget => binding.parent()?.parent()?.children().next()?,
        _ => binding_value(binding)?,
    };
    let path = arguments(open).first().copied().filter(|_| is_builtin_call(open, "open"))?;
    let is_device = string_value(path).is_some_and(|path| path.starts_with("/dev") || path.starts_with("/proc"));
    let statements = body(looping);
    let is_last = statements.last() == Some(&statement) && statements.len() > 1;
    // Whoever is told of a line, or waits, may read it.
    let tells = statements.iter().any(|each| {
        each.descendants().filter(|call| call.is(Kind::Call) && *call != node).any(|call| {
            let is_write = method(call).is_some_and(|(receiver, name)| {
                receiver.variable().is_some() && receiver.variable() == file.variable() && name.starts_with("write")
            });
            let is_builtin = call.field(Field::Function).is_some_and(|callee| {
                ["str", "repr", "len", "print", "format", "int", "float", "bytes"]
                    .iter()
                    .any(|name| crate::syntax::is_builtin(callee, name))
            });
            let is_text = method(call).is_some_and(|(_, name)| {
                matches!(
                    name,
                    "join" | "format" | "encode" | "strip" | "dumps" | "hex" | "isoformat" | "upper" | "lower" | "get"
                )
            });
            !is_write && !is_builtin && !is_text
        })
    });
    let is_suspended = looping.has(Kind::Yield) || looping.has(Kind::Await);
    if is_device || !is_last || tells || is_suspended || keyword(open, "buffering").is_some() || !is_alone(statement) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is written out after every item", file.text()));
    rewrite.edits.remove(statement);
    rewrite.assume(Assumption::Deferred(
        "nobody reads the file while it is written, or needs what a killed program wrote last",
    ));
    Some(rewrite)
}
