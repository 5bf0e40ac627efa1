//! Finds files that are read into memory in full to be hashed.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{assignment, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Kind, Node, Usage, arguments, binding_value, enclosing_function, has_comment, is_builtin_call, keyword, method,
    positional, qualified, statement_of, string_value, usage,
};

rule! {
    /// ## What it finds
    /// `digest = hashlib.sha256(f.read())` of a file opened in binary mode in this function.
    /// ## Why it is slow
    /// The whole file stands in memory; a hash takes it piece by piece.
    /// ## What must hold
    /// - The file is opened here by the builtin `open` in binary mode and read for nothing else.
    /// - The result is given a name as a whole, or its digest is.
    /// ## Example
    /// ```python before proven
    /// import hashlib
    ///
    ///
    /// def checksum(path):
    ///     with open(path, "rb") as f:
    ///         digest = hashlib.sha256(f.read())
    ///     return digest.hexdigest()
    ///
    ///
    /// def short(path):
    ///     with open(path, "rb") as f:
    ///         return hashlib.md5(f.read()).hexdigest()
    /// ```
    /// ```python after
    /// import hashlib
    ///
    ///
    /// def checksum(path):
    ///     with open(path, "rb") as f:
    ///         digest = hashlib.sha256()
    ///         for chunk in iter(lambda: f.read(1 << 20), b""):
    ///             digest.update(chunk)
    ///     return digest.hexdigest()
    ///
    ///
    /// def short(path):
    ///     with open(path, "rb") as f:
    ///         digest = hashlib.md5()
    ///         for chunk in iter(lambda: f.read(1 << 20), b""):
    ///             digest.update(chunk)
    ///         return digest.hexdigest()
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import hashlib
    ///
    ///
    /// def text(path):
    ///     with open(path) as f:
    ///         return hashlib.sha256(f.read().encode()).hexdigest()
    ///
    ///
    /// def both(path):
    ///     with open(path, "rb") as f:
    ///         data = f.read()
    ///     return hashlib.sha256(data).hexdigest(), len(data)
    ///
    ///
    /// def part(path):
    ///     with open(path, "rb", buffering=0) as f:
    ///         return hashlib.sha256(f.read(100)).hexdigest()
    /// ```
    "whole-file-hash", Io, [
        Trigger::Call("sha256"), Trigger::Call("sha1"), Trigger::Call("md5"), Trigger::Call("sha512"),
        Trigger::Call("blake2b"), Trigger::Call("blake2s"), Trigger::Call("sha384"),
    ] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let path = qualified(node.field(crate::syntax::Field::Function)?)?;
    enclosing_function(node)?;
    let [read] = positional(node)?[..] else { return None };
    let (file, "read") = method(read)? else { return None };
    if !path.starts_with("hashlib.") || !arguments(read).is_empty() || has_comment(node) || !is_binary(file)? {
        return None;
    }
    let statement = statement_of(node);
    let is_whole = match usage(node) {
        Usage::Assigned(_) => assignment(statement).filter(|(name, value)| *value == node && name.is(Kind::Identifier)),
        Usage::Method("hexdigest" | "digest", call) if matches!(usage(call), Usage::Returned | Usage::Assigned(_)) => {
            None
        }
        _ => return None,
    };
    if !is_alone(statement) || !matches!(statement.kind(), Kind::Return | Kind::ExpressionStatement) {
        return None;
    }
    let source = node.file();
    let (outer, unit) = (source.indentation(statement.start()), indentation_unit(source));
    let digest = match is_whole {
        Some((name, _)) => name.text().to_owned(),
        None => context.fresh_name_between(statement, statement, "digest"),
    };
    let chunk = context.fresh_name_between(statement, statement, "chunk");
    let made = format!("{}()", node.field(crate::syntax::Field::Function)?.text());
    let mut text = format!(
        "{digest} = {made}\n{outer}for {chunk} in iter(lambda: {}.read(1 << 20), b\"\"):\n{outer}{unit}{digest}.update({chunk})",
        file.text()
    );
    if is_whole.is_none() {
        let offset = node.start() - statement.start();
        let (head, rest) = (&statement.text()[..offset], &statement.text()[offset + node.text().len()..]);
        text = format!("{text}\n{outer}{head}{digest}{rest}");
    }
    let mut rewrite = Rewrite::new(node, "the whole file is read to be hashed".to_owned());
    rewrite.edits.replace(statement, text);
    if enclosing_function(node)?.has(Kind::Await) {
        rewrite.assume(Assumption::Unchanged(file.text().into()));
    }
    Some(rewrite)
}

/// True for a buffered binary file that is opened in this function and read once.
fn is_binary(file: Node<'_>) -> Option<bool> {
    let variable = local_variable(file)?;
    let binding = variable.only_binding()?;
    let open = match binding.parent()?.kind() {
        Kind::AsPatternTarget => binding.parent()?.parent()?.children().next()?,
        _ => binding_value(binding)?,
    };
    let mode = keyword(open, "mode").or_else(|| arguments(open).get(1).copied()).and_then(string_value)?;
    let n_uses = variable.uses().filter(|each| !matches!(usage(*each), Usage::Method("close", _))).count();
    Some(is_builtin_call(open, "open") && mode == "rb" && n_uses == 1 && arguments(open).len() == 2)
}
