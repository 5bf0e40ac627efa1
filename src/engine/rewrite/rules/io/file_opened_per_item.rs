//! Finds files that are opened and closed again for every item that is written to them.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{body, is_invariant, local_variable, suspends};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, has_comment, is_async, is_builtin_call, keyword, string_value, usage,
};

rule! {
    /// ## What it finds
    /// `with open(path, "a") as f: f.write(line)` as the whole body of a loop, with the same path every time.
    /// ## Why it is slow
    /// Every item opens, writes and closes the file; opened once, the system writes a block at a time.
    /// ## What must hold
    /// - Path and options are names and literals that the loop does not change; the loop is not left half way.
    /// - Nothing reads the file meanwhile, and an error half way may find less of it written. Without any item the file is
    ///   made all the same.
    /// ## Example
    /// ```python before needs-run
    /// def save(path, rows):
    ///     for row in rows:
    ///         with open(path, "a", encoding="utf-8") as out:
    ///             out.write(str(row))
    ///             out.write("\n")
    /// ```
    /// ```python after
    /// def save(path, rows):
    ///     with open(path, "a", encoding="utf-8") as out:
    ///         for row in rows:
    ///             out.write(str(row))
    ///             out.write("\n")
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def split(folder, rows):
    ///     for row in rows:
    ///         with open(folder + row.name, "a") as out:
    ///             out.write(row.text)
    ///
    ///
    /// def last(path, rows):
    ///     for row in rows:
    ///         with open(path, "w") as out:
    ///             out.write(row)
    ///
    ///
    /// def known(path, rows):
    ///     for row in rows:
    ///         with open(path, "a") as out:
    ///             if row in open(path).read():
    ///                 break
    ///             out.write(row)
    /// ```
    "file-opened-per-item", Io, [Trigger::Kind(Kind::For)] => find
}

fn find<'a>(_context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let statements = body(node);
    let [with] = statements[..] else { return None };
    if !with.is(Kind::With)
        || is_async(with)
        || is_async(node)
        || node.field(Field::Alternative).is_some()
        || has_comment(node)
    {
        return None;
    }
    let pattern = with.descendants().find(|each| each.is(Kind::AsPattern))?;
    let items =
        with.descendants().take_while(|each| !each.is(Kind::Block)).filter(|each| each.is(Kind::AsPattern)).count();
    let open = pattern.children().next().filter(|open| is_builtin_call(*open, "open") && items == 1)?;
    let handle = pattern.children().find(|each| each.is(Kind::AsPatternTarget))?.only_child()?;
    if !appends(open) || !is_invariant(open, node) || !arguments(open).iter().all(|each| is_plain(*each)) {
        return None;
    }
    let variable = local_variable(handle)?;
    let only_writes = variable
        .uses()
        .all(|each| matches!(usage(each), Usage::Method("write" | "writelines", _)) && node.contains(each));
    let block = with.field(Field::Body)?;
    let leaves = |each: Node<'a>| {
        matches!(
            each.kind(),
            Kind::Break | Kind::Return | Kind::Yield | Kind::Await | Kind::Delete | Kind::Try | Kind::With
        ) || each.is(Kind::Call) && crate::syntax::callee_name(each) == Some("open")
    };
    let is_straight = !block.descendants().any(leaves) && !node.field(Field::Right)?.descendants().any(leaves);
    variable.only_binding()?;
    if !only_writes || !is_straight || suspends(node) || !is_alone(node) || !is_alone(with) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, "the file is opened and closed for every item".to_owned());
    let file = node.file();
    let (outer, unit) = (file.indentation(node.start()), indentation_unit(file));
    let header = &file.text[with.start()..file.line_end(with.start())];
    let looping = &file.text[node.start()..file.line_end(node.start())];
    let is_one_line = file.line_at(with.start()) == file.line_at(open.end()) && node.line() + 1 == with.line();
    if !is_one_line || with.line() == block.line() {
        return None;
    }
    rewrite.edits.replace_range(
        node.start(),
        file.line_end(with.start()),
        format!("{}\n{outer}{unit}{}\n", header.trim_end(), looping.trim_end()),
    );
    rewrite.assume(Assumption::Deferred(
        "nothing reads the file before the loop ends, and it may be made when there is no item",
    ));
    rewrite.assume(Assumption::Unchanged(arguments(open).first()?.text().into()));
    Some(rewrite)
}

/// True for a mode that adds to what is there.
fn appends(open: Node<'_>) -> bool {
    let mode = keyword(open, "mode").or_else(|| arguments(open).get(1).copied());
    mode.and_then(string_value).is_some_and(|mode| mode.starts_with('a') && !mode.contains('+'))
}

/// True for names, attributes and literals.
fn is_plain(argument: Node<'_>) -> bool {
    argument.descendants().all(|each| {
        !matches!(each.kind(), Kind::Call | Kind::ListSplat | Kind::DictionarySplat | Kind::Interpolation | Kind::Named)
    })
}
