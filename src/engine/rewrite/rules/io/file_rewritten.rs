//! Finds files that are read and written anew to add something at their end.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{assignment, body, call_statement, is_chain, is_simple, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, arguments, enclosing_function, has_comment, is_builtin_call, keywords, method,
    previous_statement, qualified, statement_of, string_value,
};

rule! {
    /// ## What it finds
    /// `old = path.read_text()` followed by `path.write_text(old + line)`, and the same with `open`.
    /// ## Why it is slow
    /// Every line that is added reads and writes all lines before it; opened with `"a"` only the new one is written.
    /// ## What must hold
    /// - Path and encoding are the same both times, and what was read is used for nothing else.
    /// - A missing file is made only when it was made before: the old code looks whether it exists.
    /// - Reading and writing turns `\r\n` into the system's line end; what is there already stays as it is now.
    /// ## Example
    /// ```python before needs-run
    /// class Journal:
    ///     def add(self, line):
    ///         old = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
    ///         self.path.write_text(old + line, encoding="utf-8")
    ///
    ///
    /// def note(path, name, text):
    ///     with open(path) as file:
    ///         content = file.read()
    ///     with open(path, "w") as file:
    ///         file.write(content + name + text + "\n")
    /// ```
    /// ```python after
    /// class Journal:
    ///     def add(self, line):
    ///         with self.path.open("a", encoding="utf-8") as file:
    ///             file.write(line)
    ///
    ///
    /// def note(path, name, text):
    ///     addition = name + text + "\n"
    ///     with open(path, "r+") as file:
    ///         file.seek(0, 2)
    ///         file.write(addition)
    /// ```
    /// ```python before needs-run
    /// import os
    ///
    ///
    /// def log(path, line):
    ///     old = ""
    ///     if os.path.exists(path):
    ///         with open(path) as f:
    ///             old = f.read()
    ///     with open(path, "w") as f:
    ///         f.write(old)
    ///         f.write(line)
    /// ```
    /// ```python after
    /// import os
    ///
    ///
    /// def log(path, line):
    ///     with open(path, "a") as file:
    ///         file.write(line)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def first(path, line):
    ///     old = path.read_text()
    ///     path.write_text(line + old)
    ///
    ///
    /// def once(path, line):
    ///     old = path.read_text()
    ///     if line not in old:
    ///         path.write_text(old + line)
    ///
    ///
    /// def recoded(path, line):
    ///     old = path.read_text(encoding="latin-1")
    ///     path.write_text(old + line, encoding="utf-8")
    ///
    ///
    /// def moved(source, path, line):
    ///     old = source.read_text()
    ///     path.write_text(old + line)
    /// ```
    "file-rewritten", Io, [Trigger::Call("write_text"), Trigger::Call("write_bytes"), Trigger::Call("write")] => find
}

/// A file as it is opened: path, options, and whether the path opens itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target<'a> {
    path: &'a str,
    encoding: &'a str,
    is_binary: bool,
    is_pathlib: bool,
}

/// How the old content got into a name.
struct Old<'a> {
    name: Node<'a>,
    from: Target<'a>,
    first: Node<'a>,
    may_be_missing: bool,
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    enclosing_function(node)?;
    let (statement, to, parts) = written(node)?;
    let old = old_content(statement)?;
    if old.from != to || !is_alone(statement) || has_comment(statement) {
        return None;
    }
    let variable = local_variable(old.name)?;
    let uses: Vec<Node<'a>> = variable.uses().collect();
    let [only] = uses[..] else { return None };
    let addition = addition(&parts, only)?;
    let is_known = |binding: Node<'a>| old.first.start() <= binding.start() && binding.end() <= statement.start();
    let has_remark = node.file().text[old.first.start()..statement.end()].contains('#');
    if !variable.bindings().all(is_known) || has_remark {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is read and written anew to add to it", to.path));
    rewrite.edits.replace_range(old.first.start(), statement.end(), appended(context, statement, &old, &addition));
    rewrite.assume(Assumption::Deferred(
        "the file has no line ends and bytes but such as reading and writing it again keeps, and the text can be encoded",
    ));
    rewrite.until(statement);
    Some(rewrite)
}

/// The new statements.
fn appended<'a>(context: &Context<'a>, statement: Node<'a>, old: &Old<'a>, addition: &Addition<'a>) -> String {
    let (to, may_be_missing) = (old.from, old.may_be_missing);
    let file = context.fresh_name_between(old.first, statement, "file");
    let outer = statement.file().indentation(statement.start());
    let inner = format!("{outer}{}", indentation_unit(statement.file()));
    let mode = if may_be_missing { "a" } else { "r+" };
    let mode = if to.is_binary { format!("\"{mode}b\"") } else { format!("\"{mode}\"") };
    let options = if to.encoding.is_empty() { mode } else { format!("{mode}, encoding={}", to.encoding) };
    let opened =
        if to.is_pathlib { format!("{}.open({options})", to.path) } else { format!("open({}, {options})", to.path) };
    let seek = if may_be_missing { String::new() } else { format!("{inner}{file}.seek(0, 2)\n") };
    if addition.is_simple {
        return format!("with {opened} as {file}:\n{seek}{inner}{file}.write({})", addition.text);
    }
    // What may raise does so before the file is opened, as before.
    let name = context.fresh_name("addition");
    format!("{name} = {}\n{outer}with {opened} as {file}:\n{seek}{inner}{file}.write({name})", addition.text)
}

/// The statement that writes, where to, and what is written.
fn written(call: Node<'_>) -> Option<(Node<'_>, Target<'_>, Vec<Node<'_>>)> {
    let (receiver, name) = method(call)?;
    let statement = statement_of(call);
    if call_statement(statement) != Some(call) {
        return None;
    }
    if name != "write" {
        let content = *arguments(call).first()?;
        let target = pathlib_target(receiver, &arguments(call)[1..], name == "write_bytes")?;
        return Some((statement, target, vec![content]));
    }
    let with = statement.parent()?.parent().filter(|with| with.is(Kind::With) && !crate::syntax::is_async(*with))?;
    let (target, file, mode) = opened(with)?;
    if !matches!(mode, "w" | "wb" | "wt") {
        return None;
    }
    let mut parts = vec![];
    for each in body(with) {
        let (object, "write") = method(call_statement(each)?)? else { return None };
        let [content] = arguments(call_statement(each)?)[..] else { return None };
        (object.variable() == file.variable()).then_some(())?;
        parts.push(content);
    }
    // The rule is tried at every `write`; the last one speaks for all.
    (body(with).last() == Some(&statement)).then_some((with, target, parts))
}

fn pathlib_target<'a>(path: Node<'a>, options: &[Node<'a>], is_binary: bool) -> Option<Target<'a>> {
    let encoding = match options {
        [] => "",
        [only] if only.is(Kind::KeywordArgument) => {
            let name = only.field(Field::Name)?.text();
            (name == "encoding").then(|| only.field(Field::Value)).flatten()?.text()
        }
        [only] => string_value(*only).map(|_| only.text())?,
        _ => return None,
    };
    is_chain(path).then_some(Target { path: path.text(), encoding, is_binary, is_pathlib: true })
}

/// File, name and mode of `with open(…) as name:`.
fn opened<'a>(with: Node<'a>) -> Option<(Target<'a>, Node<'a>, &'a str)> {
    let pattern = with.descendants().find(|each| each.is(Kind::AsPattern))?;
    let items =
        with.descendants().take_while(|each| !each.is(Kind::Block)).filter(|each| each.is(Kind::AsPattern)).count();
    let name = pattern.children().find(|each| each.is(Kind::AsPatternTarget))?.only_child()?;
    let call = pattern.children().next().filter(|call| call.is(Kind::Call) && items == 1)?;
    let plain: Vec<Node<'a>> = arguments(call).into_iter().filter(|each| !each.is(Kind::KeywordArgument)).collect();
    let is_pathlib = !is_builtin_call(call, "open");
    let (path, mode) = match (is_pathlib, &plain[..]) {
        (false, [path]) => (*path, None),
        (false, [path, mode]) => (*path, Some(*mode)),
        (true, []) => (method(call).filter(|(_, name)| *name == "open")?.0, None),
        (true, [mode]) => (method(call).filter(|(_, name)| *name == "open")?.0, Some(*mode)),
        _ => return None,
    };
    let mut encoding = "";
    let mut mode = mode.map_or(Some("r"), string_value)?;
    for (name, value) in keywords(call) {
        match name {
            "encoding" => encoding = value.text(),
            "mode" => mode = string_value(value)?,
            _ => return None,
        }
    }
    let is_binary = mode.contains('b');
    is_chain(path).then_some((Target { path: path.text(), encoding, is_binary, is_pathlib }, name, mode))
}

/// What the statements before hold of the file.
fn old_content(statement: Node<'_>) -> Option<Old<'_>> {
    let before = previous_statement(statement)?;
    if let Some((name, value)) = assignment(before) {
        let parts = value.child_nodes();
        if let ([content, test, other], Kind::Conditional) = (&parts[..], value.kind()) {
            let from = read(*content)?;
            (is_empty(*other) && is_there(*test, from.path)).then_some(())?;
            return Some(Old { name, from, first: before, may_be_missing: true });
        }
        return Some(Old { name, from: read(value)?, first: before, may_be_missing: false });
    }
    if let Some((name, from)) = read_in(before) {
        return Some(Old { name, from, first: before, may_be_missing: false });
    }
    if before.is(Kind::If) && before.field(Field::Alternative).is_none() {
        let inner = body(before);
        let [only] = inner[..] else { return None };
        let (name, from) =
            read_in(only).or_else(|| assignment(only).and_then(|(name, value)| Some((name, read(value)?))))?;
        let start = previous_statement(before)?;
        let (first, empty) = assignment(start)?;
        let is_it =
            first.text() == name.text() && is_empty(empty) && is_there(before.field(Field::Condition)?, from.path);
        return is_it.then_some(Old { name, from, first: start, may_be_missing: true });
    }
    None
}

/// `with open(path) as f: old = f.read()`.
fn read_in(with: Node<'_>) -> Option<(Node<'_>, Target<'_>)> {
    if !with.is(Kind::With) || crate::syntax::is_async(with) {
        return None;
    }
    let inner = body(with);
    let [only] = inner[..] else { return None };
    let (name, value) = assignment(only)?;
    let (file, "read") = method(value)? else { return None };
    let (target, handle, mode) = opened(with)?;
    let is_it =
        file.variable() == handle.variable() && arguments(value).is_empty() && matches!(mode, "r" | "rb" | "rt");
    is_it.then_some((name, target))
}

/// `path.read_text(…)`.
fn read(value: Node<'_>) -> Option<Target<'_>> {
    let (path, name) = method(value)?;
    matches!(name, "read_text" | "read_bytes").then_some(())?;
    pathlib_target(path, &arguments(value), name == "read_bytes")
}

fn is_empty(value: Node<'_>) -> bool {
    matches!(value.text(), "\"\"" | "''" | "b\"\"" | "b''")
}

/// `path.exists()`, `os.path.exists(path)` and the like.
fn is_there(test: Node<'_>, path: &str) -> bool {
    let test = test.unwrapped();
    if let Some((receiver, "exists" | "is_file")) = method(test)
        && arguments(test).is_empty()
    {
        return receiver.text() == path;
    }
    let callee = test.is(Kind::Call).then(|| test.field(Field::Function).and_then(qualified)).flatten();
    let is_test = callee.is_some_and(|name| matches!(name.as_str(), "os.path.exists" | "os.path.isfile"));
    is_test && matches!(arguments(test)[..], [only] if only.text() == path)
}

/// What is added behind the old content.
struct Addition<'a> {
    text: &'a str,
    is_simple: bool,
}

/// The rest of `old + line`, or the second of `write(old)` and `write(line)`.
fn addition<'a>(parts: &[Node<'a>], old: Node<'a>) -> Option<Addition<'a>> {
    match parts {
        [whole] => {
            let mut sum = old;
            while sum != *whole {
                let parent = sum.parent()?;
                let is_left = parent.is(Kind::BinaryOperator)
                    && sum.role() == Field::Left
                    && parent.field(Field::Operator).is_some_and(|operator| operator.text() == "+");
                sum = is_left.then_some(parent)?;
            }
            let first = old.parent()?.field(Field::Right)?;
            let text = whole.file().text.get(first.start()..whole.end())?;
            let is_one = old.parent() == Some(*whole);
            (!text.contains('\n')).then_some(Addition { text, is_simple: is_one && is_simple(first) })
        }
        [first, second] if *first == old => {
            let text = second.text();
            (!text.contains('\n')).then_some(Addition { text, is_simple: is_simple(*second) })
        }
        _ => None,
    }
}
