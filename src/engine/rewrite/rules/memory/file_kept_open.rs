//! Finds objects that open a file when they are made and keep it open for as long as they live.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{assignment, body, call_statement};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, enclosing_function, function_name, is_async, is_builtin_call, keyword, method,
    statement_of, string_value, usage,
};

rule! {
    /// ## What it finds
    /// `self.file = open(path, "rb")` in `__init__` that nothing closes, when every method that reads it first seeks a
    /// place, and the path is kept as well.
    /// ## Why it is slow
    /// Every object holds a descriptor and a buffer of eight kilobytes, used or not.
    /// ## What must hold
    /// - The file is opened for reading only, the attribute is used by this class alone, and nothing closes it.
    /// - The path is a parameter that is stored in another attribute, once.
    /// - The file stays in place and as it is while the object lives.
    /// ## Example
    /// ```python before needs-run
    /// class Segment:
    ///     def __init__(self, path):
    ///         self.path = path
    ///         self.fh = open(path, "rb")
    ///         head = self.fh.read(16)
    ///         self.count = head[0]
    ///
    ///     def records(self):
    ///         self.fh.seek(16)
    ///         for _ in range(self.count):
    ///             yield self.fh.read(8)
    /// ```
    /// ```python after
    /// class Segment:
    ///     def __init__(self, path):
    ///         self.path = path
    ///         with open(path, "rb") as fh:
    ///             head = fh.read(16)
    ///         self.count = head[0]
    ///
    ///     def records(self):
    ///         with open(self.path, "rb") as fh:
    ///             fh.seek(16)
    ///             for _ in range(self.count):
    ///                 yield fh.read(8)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Tail:
    ///     def __init__(self, path):
    ///         self.path = path
    ///         self.fh = open(path, "rb")
    ///
    ///     def next(self):
    ///         return self.fh.readline()
    ///
    ///
    /// class Store:
    ///     def __init__(self, path):
    ///         self.path = path
    ///         self.fh = open(path, "rb")
    ///         self.head = self.fh.read(4)
    ///
    ///     def block(self, at):
    ///         self.fh.seek(at)
    ///         return self.fh.read(4)
    ///
    ///     def close(self):
    ///         self.fh.close()
    /// ```
    "file-kept-open", Memory, [Trigger::Call("open")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let statement = statement_of(node);
    let (target, value) = assignment(statement)?;
    let init = enclosing_function(node).filter(|function| function_name(*function) == "__init__")?;
    let class = init.parent()?.parent().filter(|class| class.is(Kind::Class))?;
    let name = own(target)?;
    let parameter = *arguments(node).first()?;
    if !is_builtin_call(node, "open")
        || value != node
        || statement.parent() != init.field(Field::Body)
        || !is_alone(statement)
        || !is_read_mode(node)
        || !parameter.is(Kind::Identifier)
        || parameter.variable()?.scope().node() != init
        || parameter.variable()?.only_binding().is_none()
        || context.index.is_named_outside(name, class)
    {
        return None;
    }
    let kept = kept_path(context, class, init, parameter)?;
    let mut rewrite = Rewrite::new(node, format!("every `{}` keeps its file open", function_name(class)));
    let uses =
        class.descendants().filter(|each| each.is(Kind::Attribute) && own(*each) == Some(name) && *each != target);
    let mut by_method: Vec<(Node<'a>, Vec<Node<'a>>)> = vec![];
    for each in uses {
        let Usage::Method("read" | "readline" | "seek" | "tell" | "readinto" | "read1" | "readlines", _) = usage(each)
        else {
            return None;
        };
        let holder = enclosing_function(each).filter(|holder| holder.parent().and_then(Node::parent) == Some(class))?;
        let is_lazy = each
            .ancestors()
            .take_while(|around| *around != holder)
            .any(|around| matches!(around.kind(), Kind::Lambda | Kind::GeneratorExpression));
        if is_async(holder) || is_lazy {
            return None;
        }
        match by_method.iter_mut().find(|(known, _)| *known == holder) {
            Some((_, all)) => all.push(each),
            None => by_method.push((holder, vec![each])),
        }
    }
    let local = context.fresh_name_between(class, class, name.trim_start_matches('_'));
    let in_init = by_method.iter().position(|(holder, _)| *holder == init)?;
    let (_, read_at_once) = by_method.remove(in_init);
    let opened = node.text();
    let last = last_statement(init, &read_at_once)?;
    rewrite.edits.replace_range(statement.start(), statement.end(), format!("with {opened} as {local}:"));
    indented(crate::syntax::next_statement(statement)?, last, &mut rewrite)?;
    renamed(&read_at_once, &local, &mut rewrite);
    let again = opened.replacen(parameter.text(), &format!("self.{kept}"), 1);
    for (holder, all) in &by_method {
        let first = statement_in(*holder, *all.first()?)?;
        let (receiver, "seek") = method(call_statement(first)?)? else { return None };
        if own(receiver) != Some(name) || arguments(call_statement(first)?).len() != 1 {
            return None;
        }
        let file = first.file();
        let indentation = file.indentation(first.start());
        let start = file.line_start(first.start());
        rewrite.edits.replace_range(start, start, format!("{indentation}with {again} as {local}:\n"));
        indented(first, last_statement(*holder, all)?, &mut rewrite)?;
        renamed(all, &local, &mut rewrite);
    }
    rewrite.assume(Assumption::Deferred("the file stays in place and as it is while the object lives"));
    rewrite.assume(Assumption::CallersKnown(format!("{}.{name}", function_name(class))));
    Some(rewrite)
}

/// `x` of `self.x`.
fn own(attribute: Node<'_>) -> Option<&str> {
    let object = attribute.is(Kind::Attribute).then(|| attribute.field(Field::Object)).flatten()?;
    (object.text() == "self").then(|| attribute.field(Field::Attribute).map(Node::text)).flatten()
}

fn is_read_mode(open: Node<'_>) -> bool {
    let mode = keyword(open, "mode")
        .or_else(|| arguments(open).get(1).filter(|each| !each.is(Kind::KeywordArgument)).copied());
    let is_literal = arguments(open).iter().skip(1).all(|each| {
        let value = if each.is(Kind::KeywordArgument) { each.field(Field::Value) } else { Some(*each) };
        value.is_some_and(|value| string_value(value).is_some() || matches!(value.kind(), Kind::Integer | Kind::None))
    });
    is_literal && mode.is_none_or(|mode| string_value(mode).is_some_and(|mode| matches!(mode, "r" | "rb" | "rt")))
}

/// The attribute that keeps the path: `self.path = path` in `__init__`, and nothing else sets one of that name.
fn kept_path<'a>(context: &Context<'a>, class: Node<'a>, init: Node<'a>, parameter: Node<'a>) -> Option<&'a str> {
    let name = body(init).into_iter().find_map(|each| {
        let (target, value) = assignment(each)?;
        (value.is(Kind::Identifier) && value.text() == parameter.text()).then(|| own(target)).flatten()
    })?;
    let is_store = |each: Node<'_>| {
        each.is(Kind::Attribute)
            && each.field(Field::Attribute).is_some_and(|field| field.text() == name)
            && each.role() == Field::Left
    };
    let n_own = class.descendants().filter(|each| is_store(*each)).count();
    let mut files = context.index.files().filter(|file| file.text.contains(name));
    let is_set_elsewhere =
        files.any(|file| file.root().descendants().any(|each| is_store(each) && own(each).is_none()));
    (n_own == 1 && !is_set_elsewhere).then_some(name)
}

/// The statement of the function's own block that a node lies in.
fn statement_in<'a>(function: Node<'a>, node: Node<'a>) -> Option<Node<'a>> {
    body(function).into_iter().find(|each| each.contains(node))
}

fn last_statement<'a>(function: Node<'a>, uses: &[Node<'a>]) -> Option<Node<'a>> {
    statement_in(function, *uses.last()?)
}

/// Moves the lines from `first` to `last` one level in.
fn indented<'a>(first: Node<'a>, last: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let file = first.file();
    let unit = indentation_unit(file);
    let spans_lines = |string: Node<'a>| string.is(Kind::String) && string.text().contains('\n');
    let moved = first.parent()?.children().filter(|each| first.start() <= each.start() && each.start() <= last.start());
    for statement in moved {
        if statement.descendants().any(spans_lines) || !is_alone(statement) {
            return None;
        }
    }
    let mut at = file.line_start(first.start());
    let stop = file.line_end(last.end() - 1);
    while at < stop {
        if !file.text[at..file.line_end(at)].trim().is_empty() {
            rewrite.edits.replace_range(at, at, unit.clone());
        }
        at = file.line_end(at);
    }
    Some(())
}

fn renamed<'a>(uses: &[Node<'a>], local: &str, rewrite: &mut Rewrite<'a>) {
    for each in uses {
        rewrite.edits.replace(*each, local);
    }
}
