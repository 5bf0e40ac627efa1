//! Finds files that are opened without `with`.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone, reindented};
use crate::engine::rewrite::facts::{assignment, call_statement, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, binding_value, enclosing_function, is_builtin_call, method, qualified,
    statement_of, usage,
};

rule! {
    /// ## What it finds
    /// `f = open(path)` closed further down by `f.close()`, never closed, or `open(path).read()` that nobody closes.
    /// The same for `sqlite3.connect`, which `with` alone does not close.
    /// ## Why it is slow
    /// When something raises between, or nothing closes it, the file stays open with its buffers until it is collected.
    /// ## What must hold
    /// - `open` is the builtin, the name is used in this block only, between opening and closing, and handed to no one.
    /// - The lines that move one level in hold no string over several lines.
    /// ## Example
    /// ```python before proven
    /// def load(path):
    ///     f = open(path)
    ///     # The first line counts.
    ///     line = f.readline()
    ///     f.close()
    ///     return line
    /// ```
    /// ```python after
    /// def load(path):
    ///     with open(path) as f:
    ///         # The first line counts.
    ///         line = f.readline()
    ///     return line
    /// ```
    /// ```python before proven
    /// def load(path):
    ///     return open(path).read()
    /// ```
    /// ```python after
    /// def load(path):
    ///     with open(path) as file:
    ///         return file.read()
    /// ```
    /// ```python before needs-run
    /// import sqlite3
    ///
    /// def rows(path):
    ///     db = sqlite3.connect(path)
    ///     found = db.execute("select 1").fetchall()
    ///     db.close()
    ///     return found
    /// ```
    /// ```python after
    /// import sqlite3
    /// from contextlib import closing
    ///
    /// def rows(path):
    ///     with closing(sqlite3.connect(path)) as db:
    ///         found = db.execute("select 1").fetchall()
    ///     return found
    /// ```
    /// ```python before needs-run
    /// def count(path):
    ///     handle = open(path)
    ///     return sum(1 for line in handle)
    /// ```
    /// ```python after
    /// def count(path):
    ///     with open(path) as handle:
    ///         return sum(1 for line in handle)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def start(path):
    ///     log = open(path, "a")
    ///     return log
    /// ```
    /// ```python unchanged
    /// import sqlite3
    ///
    /// def rows(path):
    ///     db = sqlite3.connect(path)
    ///     cursor = db.execute("select 1")
    ///     return cursor.fetchall()
    /// ```
    /// ```python unchanged
    /// from mine import open
    ///
    /// def load(path):
    ///     return open(path).read()
    /// ```
    /// ```python unchanged
    /// def later(path):
    ///     f = open(path)
    ///     return (line for line in f)
    /// ```
    "unclosed-file", Memory, [Trigger::Call("open"), Trigger::Call("connect")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let is_file = is_builtin_call(node, "open");
    let is_database = node.field(Field::Function).and_then(qualified).as_deref() == Some("sqlite3.connect");
    if !is_file && !is_database {
        return None;
    }
    enclosing_function(node)?;
    let statement = statement_of(node);
    if let Some((name, value)) = assignment(statement)
        && value == node
        && name.is(Kind::Identifier)
    {
        return named(context, statement, name, node, is_file);
    }
    if is_file { unnamed(context, statement, node) } else { None }
}

fn named<'a>(
    context: &Context<'a>,
    opening: Node<'a>,
    name: Node<'a>,
    value: Node<'a>,
    is_file: bool,
) -> Option<Rewrite<'a>> {
    let variable = local_variable(name)?;
    let binding = variable.only_binding()?;
    if binding_value(binding)? != value || opening.field(Field::Type).is_some() || !is_alone(opening) {
        return None;
    }
    let block = opening.parent()?;
    let uses: Vec<Node<'a>> = variable.uses().collect();
    let last_use = *uses.last()?;
    let last = block.children().find(|statement| statement.contains(last_use))?;
    let closing = closing_call(last, last_use);
    let keeps = |each: &Node<'a>| {
        matches!(
            usage(*each),
            Usage::Method(
                "read"
                    | "readline"
                    | "readlines"
                    | "write"
                    | "writelines"
                    | "seek"
                    | "tell"
                    | "flush"
                    | "close"
                    | "truncate"
                    | "execute"
                    | "executemany"
                    | "executescript"
                    | "commit"
                    | "rollback"
                    | "cursor"
                    | "isatty"
                    | "readable"
                    | "writable",
                _
            ) | Usage::Builtin(
                "sum" | "list" | "len" | "sorted" | "set" | "max" | "min" | "any" | "all" | "tuple" | "dict",
                _
            )
        ) || matches!(usage(*each), Usage::Iterated(looping) if !is_generator_clause(looping))
            || matches!(usage(*each), Usage::Argument(call) if is_reader(call))
    };
    let has_other_close =
        uses.iter().any(|each| matches!(usage(*each), Usage::Method("close", call) if Some(call) != closing));
    if !uses.iter().all(keeps)
        || has_other_close
        || !is_alone(last)
        || uses.iter().any(|each| crate::engine::rewrite::facts::is_lazy(*each))
    {
        return None;
    }
    if uses.iter().any(|each| crate::syntax::enclosing_loop(*each) != crate::syntax::enclosing_loop(opening))
        && last.is(Kind::Return)
        && last.has(Kind::Yield)
    {
        return None;
    }
    let mut rewrite = Rewrite::new(value, format!("`{}` stays open when something raises", name.text()));
    let end = if closing.is_some() {
        crate::syntax::previous_statement(last).filter(|end| *end != opening)?
    } else {
        rewrite.message = format!("nothing closes `{}`", name.text());
        rewrite.assume(Assumption::Deferred("the file is closed at the end of the block and not when it is collected"));
        last
    };
    if closing.is_none() && !is_file {
        return None;
    }
    let manager = if is_file {
        value.text().to_owned()
    } else {
        rewrite.assume(Assumption::Deferred("the connection is closed when an error leaves the block"));
        let closing = context.import(&mut rewrite, "contextlib", "closing")?;
        format!("{closing}({})", value.text())
    };
    let file = opening.file();
    let unit = indentation_unit(file);
    indent(block, opening, end, &unit, &mut rewrite)?;
    rewrite.edits.replace_range(opening.start(), opening.end(), format!("with {manager} as {}:", name.text()));
    if closing.is_some() {
        rewrite.edits.remove(last);
    }
    rewrite.until(last);
    Some(rewrite)
}

/// Moves the lines after `opening` up to `end` one level in.
fn indent<'a>(block: Node<'a>, opening: Node<'a>, end: Node<'a>, unit: &str, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let file = block.file();
    let spans_lines = |string: Node<'a>| string.is(Kind::String) && string.text().contains('\n');
    let moved = block.children().filter(|each| each.start() > opening.start() && each.start() <= end.start());
    for statement in moved {
        if statement.descendants().any(spans_lines) || !is_alone(statement) && !statement.has(Kind::Block) {
            return None;
        }
    }
    let mut at = file.line_end(opening.end() - 1);
    let stop = file.line_end(end.end() - 1);
    while at < stop {
        if !file.text[at..file.line_end(at)].trim().is_empty() {
            rewrite.edits.replace_range(at, at, unit);
        }
        at = file.line_end(at);
    }
    Some(())
}

/// The `f.close()` that is the whole statement.
fn closing_call<'a>(statement: Node<'a>, receiver: Node<'a>) -> Option<Node<'a>> {
    let call = call_statement(statement)?;
    let (object, "close") = method(call)? else { return None };
    (object == receiver && arguments(call).is_empty()).then_some(call)
}

/// True when a call takes the file and gives something that does not need it any more.
fn is_reader(call: Node<'_>) -> bool {
    const READERS: &[&str] =
        &["json.load", "pickle.load", "tomllib.load", "yaml.safe_load", "json.dump", "pickle.dump", "marshal.load"];
    call.field(Field::Function).and_then(qualified).is_some_and(|path| READERS.contains(&path.as_str()))
}

fn is_generator_clause(looping: Node<'_>) -> bool {
    looping.is(Kind::ForIn)
        && looping.parent().is_some_and(|parent| parent.is(Kind::GeneratorExpression))
        && crate::engine::rewrite::facts::is_lazy_generator(looping)
}

/// `open(p).read()` as the value of a statement.
fn unnamed<'a>(context: &Context<'a>, statement: Node<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let is_read = match usage(node) {
        Usage::Method("read" | "readlines" | "readline" | "write", _) => true,
        Usage::Argument(call) => is_reader(call),
        _ => false,
    };
    let kind = matches!(statement.kind(), Kind::Return | Kind::ExpressionStatement);
    let is_lazy = node.ancestors().take_while(|each| *each != statement).any(|each| {
        matches!(
            each.kind(),
            Kind::Lambda
                | Kind::GeneratorExpression
                | Kind::ListComprehension
                | Kind::DictionaryComprehension
                | Kind::SetComprehension
                | Kind::BooleanOperator
                | Kind::Conditional
        )
    });
    if !is_read
        || !kind
        || is_lazy
        || !is_alone(statement)
        || statement.has(Kind::Yield)
        || is_evaluated_late(statement, node)
    {
        return None;
    }
    let file = statement.file();
    let mut rewrite = Rewrite::new(node, "nothing closes the file".to_owned());
    let name = context.fresh_name("file");
    let indentation = file.indentation(statement.start());
    let unit = indentation_unit(file);
    let moved = reindented(statement, indentation, &format!("{indentation}{unit}"))?;
    let offset = node.start() - statement.start();
    if moved.len() != statement.text().len() && statement.text()[..offset].contains('\n') {
        return None;
    }
    let body = format!("{}{name}{}", &moved[..offset], &moved[offset + node.text().len()..]);
    if node.text().contains('\n') {
        return None;
    }
    rewrite.edits.replace(statement, format!("with {} as {name}:\n{indentation}{unit}{body}", node.text()));
    Some(rewrite)
}

/// True when something else of the statement runs before the file is opened and could be seen: only names and
/// attributes may stand before it.
fn is_evaluated_late<'a>(statement: Node<'a>, node: Node<'a>) -> bool {
    statement.descendants().any(|each| {
        let is_before = each.end() <= node.start();
        is_before && matches!(each.kind(), Kind::Call | Kind::Subscript | Kind::Await)
    })
}
