//! Finds folders that are listed again for every item of a loop, in the loop or in a helper it calls.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{is_chain, is_invariant, root_name};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, callee_name, enclosing_function, enclosing_loop, function_name, has_comment,
    is_async, method, positional, qualified, statement_of, usage,
};

rule! {
    /// ## What it finds
    /// `os.listdir(folder)` in a loop that does not change `folder`, and a loop that calls a function or method of the same
    /// file that lists a folder each time.
    /// ## Why it is slow
    /// The system reads the whole folder for every item.
    /// ## What must hold
    /// - The folder is a name or attribute that the loop does not bind; the loop makes, moves and removes no files.
    /// - Nobody adds or removes files while the loop runs. The folder is listed at the first item, not before.
    /// - The helper is no generator, takes no `*args`, and no class of the project overrides it.
    /// ## Example
    /// ```python before needs-run
    /// import os
    ///
    ///
    /// class Folder:
    ///     def __init__(self, path):
    ///         self.path = path
    ///
    ///     def scans(self, order):
    ///         found = []
    ///         for name in os.listdir(self.path):
    ///             if name.startswith(order):
    ///                 found.append(name)
    ///         return sorted(found)
    ///
    ///
    /// def report(folder: Folder, orders):
    ///     lines = []
    ///     for order in orders:
    ///         lines.append((order, folder.scans(order)))
    ///     return lines
    /// ```
    /// ```python after
    /// import os
    ///
    ///
    /// class Folder:
    ///     def __init__(self, path):
    ///         self.path = path
    ///
    ///     def scans(self, order, listed=None):
    ///         found = []
    ///         for name in os.listdir(self.path) if listed is None else listed:
    ///             if name.startswith(order):
    ///                 found.append(name)
    ///         return sorted(found)
    ///
    ///
    /// def report(folder: Folder, orders):
    ///     lines = []
    ///     listed = None
    ///     for order in orders:
    ///         if listed is None:
    ///             listed = os.listdir(folder.path)
    ///         lines.append((order, folder.scans(order, listed=listed)))
    ///     return lines
    /// ```
    /// ```python before needs-run
    /// import os
    ///
    ///
    /// def missing(folder, names):
    ///     lost = []
    ///     for name in names:
    ///         if name not in os.listdir(folder):
    ///             lost.append(name)
    ///     return lost
    /// ```
    /// ```python after
    /// import os
    ///
    ///
    /// def missing(folder, names):
    ///     lost = []
    ///     listed = None
    ///     for name in names:
    ///         if listed is None:
    ///             listed = os.listdir(folder)
    ///         if name not in listed:
    ///             lost.append(name)
    ///     return lost
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import os
    ///
    ///
    /// def walk(folders):
    ///     for folder in folders:
    ///         for name in os.listdir(folder):
    ///             print(name)
    ///
    ///
    /// def rename(folder, names):
    ///     for name in names:
    ///         if name in os.listdir(folder):
    ///             os.rename(name, name + ".old")
    ///
    ///
    /// def wait(folder, name):
    ///     while name not in os.listdir(folder):
    ///         pass
    /// ```
    "folder-listed-per-item", Io, [Trigger::Call("listdir")] => find
}

/// Calls that make, move or remove files, or let time pass.
const CHANGERS: &[&str] = &[
    "open",
    "write_text",
    "write_bytes",
    "rename",
    "renames",
    "replace",
    "remove",
    "unlink",
    "rmdir",
    "mkdir",
    "makedirs",
    "touch",
    "symlink",
    "link",
    "copy",
    "copy2",
    "copyfile",
    "copytree",
    "move",
    "rmtree",
    "extract",
    "extractall",
    "sleep",
    "run",
    "system",
    "Popen",
    "call",
    "check_call",
    "check_output",
    "save",
    "to_csv",
    "dump",
    "download",
    "symlink_to",
    "mkstemp",
    "mkdtemp",
    "NamedTemporaryFile",
    "utime",
    "wait",
    "join_thread",
    "submit",
];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    if qualified(node.field(Field::Function)?).as_deref() != Some("os.listdir") || has_comment(node) {
        return None;
    }
    let [folder] = positional(node)?[..] else { return None };
    if !is_plain_folder(folder) || !is_only_read(node) {
        return None;
    }
    if let Some(looping) = enclosing_loop(node) {
        return in_loop(context, node, folder, looping);
    }
    through_helper(context, node, folder)
}

fn is_plain_folder(folder: Node<'_>) -> bool {
    is_chain(folder) && !folder.has(Kind::Subscript)
}

/// True when the list is walked, searched or counted and thrown away.
fn is_only_read(node: Node<'_>) -> bool {
    match usage(node) {
        Usage::Iterated(looping) => !is_async(looping),
        Usage::Searched(_) | Usage::Truth => true,
        Usage::Builtin(name, _) => matches!(name, "len" | "sorted" | "set" | "any" | "all" | "list" | "min" | "max"),
        _ => false,
    }
}

/// The outermost `for` statement around the node that leaves the folder alone.
fn fitting<'a>(inner: Node<'a>, folder: Node<'a>) -> Option<Node<'a>> {
    let mut looping = inner;
    while !looping.is(Kind::For) {
        looping = enclosing_loop(looping)?;
    }
    let fits = |looping: Node<'a>| {
        let changes = |each: Node<'a>| {
            each.is(Kind::Call) && callee_name(each).is_some_and(|name| CHANGERS.contains(&name))
                || matches!(each.kind(), Kind::Yield | Kind::Await)
        };
        is_invariant(folder, looping)
            && !stores_attribute(looping, folder)
            && !looping.field(Field::Body).is_none_or(|body| body.descendants().any(changes))
            && !is_async(looping)
            && is_alone(looping)
    };
    fits(looping).then_some(looping)
}

/// True when the loop gives an attribute of the folder's expression another value.
fn stores_attribute(looping: Node<'_>, folder: Node<'_>) -> bool {
    looping
        .descendants()
        .any(|each| each.is(Kind::Attribute) && each.role() == Field::Left && each.text() == folder.text())
}

fn in_loop<'a>(context: &Context<'a>, node: Node<'a>, folder: Node<'a>, inner: Node<'a>) -> Option<Rewrite<'a>> {
    let looping = fitting(inner, folder)?;
    let statement = first_statement(looping, node)?;
    let mut rewrite = Rewrite::new(node, format!("`{}` is listed for every item", folder.text()));
    let listed = context.fresh_name_between(node, node, "listed");
    keep(looping, statement, &listed, node.text(), &mut rewrite)?;
    rewrite.edits.replace(node, listed);
    rewrite.assume(Assumption::Unchanged(format!("the folder {}", folder.text())));
    Some(rewrite)
}

/// The statement of the loop's own body that the node lies in.
fn first_statement<'a>(looping: Node<'a>, node: Node<'a>) -> Option<Node<'a>> {
    looping.field(Field::Body)?.children().find(|each| each.contains(node)).filter(|each| is_alone(*each))
}

/// Writes `listed = None` before the loop and the listing at its first round.
fn keep<'a>(
    looping: Node<'a>,
    statement: Node<'a>,
    listed: &str,
    listing: &str,
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    let unit = indentation_unit(looping.file());
    (looping.line() < statement.line()).then_some(())?;
    rewrite.edits.insert_before(looping, &[format!("{listed} = None")]);
    rewrite.edits.insert_before(statement, &[format!("if {listed} is None:"), format!("{unit}{listed} = {listing}")]);
    Some(())
}

/// The listing stands in a function that a loop of the same file calls.
fn through_helper<'a>(context: &Context<'a>, node: Node<'a>, folder: Node<'a>) -> Option<Rewrite<'a>> {
    let helper = enclosing_function(node)?;
    let Usage::Iterated(walk) = usage(node) else { return None };
    let parameters = helper.field(Field::Parameters)?;
    let is_plain = parameters.children().all(|each| {
        !matches!(each.kind(), Kind::ListSplatPattern | Kind::DictionarySplatPattern) && !each.text().starts_with('*')
    });
    let is_rebound = root_name(folder)?.variable().is_none_or(|variable| variable.only_binding().is_none());
    if !is_plain
        || is_rebound
        || !walk.is(Kind::For)
        || helper.has(Kind::Yield)
        || is_async(helper)
        || helper.parent()?.is(Kind::Decorated)
        || context.is_overridden(helper)
    {
        return None;
    }
    let call = helper.file().root().descendants().find(|each| {
        each.is(Kind::Call)
            && callee_name(*each) == Some(function_name(helper))
            && context.callee(*each) == Some(helper)
            && enclosing_loop(*each).is_some()
            && enclosing_function(*each).is_some_and(|caller| caller != helper)
    })?;
    let given = folder_at(helper, call, folder)?;
    let root = given.split('.').next()?;
    let looping = outer_loop(call, root)?;
    let statement = first_statement(looping, call)?;
    if helper.has(Kind::Global) || has_comment(call) || call.text().contains('\n') {
        return None;
    }
    let listed = context.fresh_name("listed");
    let listing = node.text().replacen(folder.text(), &given, 1);
    let mut rewrite = Rewrite::new(node, format!("`{}` is listed for every item", folder.text()));
    let last = parameters.children().last()?;
    rewrite.edits.replace_range(last.end(), last.end(), format!(", {listed}=None"));
    rewrite.edits.replace(node, format!("{} if {listed} is None else {listed}", node.text()));
    keep(looping, statement, &listed, &listing, &mut rewrite)?;
    let end = call.end() - 1;
    let comma = if arguments(call).is_empty() { "" } else { ", " };
    rewrite.edits.replace_range(end, end, format!("{comma}{listed}={listed}"));
    rewrite.assume(Assumption::Unchanged(format!("the folder {}", folder.text())));
    Some(rewrite)
}

/// The folder as the caller would write it: `self.path` of the helper is `folder.path` of `folder.scans(…)`.
fn folder_at<'a>(helper: Node<'a>, call: Node<'a>, folder: Node<'a>) -> Option<String> {
    let root = root_name(folder)?;
    let parameters: Vec<Node<'a>> = helper.field(Field::Parameters)?.child_nodes();
    let binding = root.variable()?.only_binding()?;
    let at = parameters.iter().position(|each| *each == binding || each.children().next() == Some(binding))?;
    let is_method = helper.parent()?.parent().is_some_and(|class| class.is(Kind::Class));
    let given = if is_method {
        let (receiver, _) = method(call)?;
        if at == 0 { receiver } else { *positional(call)?.get(at - 1)? }
    } else {
        *positional(call)?.get(at)?
    };
    is_plain_folder(given).then(|| format!("{}{}", given.text(), &folder.text()[root.text().len()..]))
}

/// The `for` statement around the call in which the name that the folder begins with stays what it is.
fn outer_loop<'a>(call: Node<'a>, root: &str) -> Option<Node<'a>> {
    let name = call
        .descendants()
        .find(|each| each.is(Kind::Identifier) && each.text() == root && each.role() != Field::Attribute)?;
    fitting(enclosing_loop(call)?, name).filter(|looping| statement_of(*looping) == *looping)
}
