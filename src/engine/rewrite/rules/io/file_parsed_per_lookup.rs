//! Finds files that are read and parsed in full for every item that is looked up in them.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::{Context, constant_place, is_imported_above};
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::{assignment, body, is_chain, local_variable, root_name};
use crate::engine::rewrite::reading::{Reading, reading};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Usage, arguments, enclosing_function, enclosing_loop, function_name, has_comment, is_async,
    is_builtin_call, is_loop, method, qualified, statement_of, string_value, usage,
};

rule! {
    /// ## What it finds
    /// A function that opens a JSON, YAML, TOML or pickle file and gives what is in it, when its callers take an item out
    /// of it: `self._messages(language).get(key)`.
    /// ## Why it is slow
    /// The whole file is read and parsed for one item, again and again.
    /// ## What must hold
    /// - Every call in the project looks something up in the result or walks it; nobody changes or keeps it.
    /// - The file is parsed again when its time or size has changed; options of `open` are literals.
    /// ## Example
    /// ```python before needs-run
    /// import json
    ///
    ///
    /// class Catalogue:
    ///     def __init__(self, folder):
    ///         self.folder = folder
    ///
    ///     def _messages(self, language):
    ///         path = self.folder / f"{language}.json"
    ///         with path.open(encoding="utf-8") as file:
    ///             return json.load(file)
    ///
    ///     def text(self, key, language):
    ///         return self._messages(language).get(key, key)
    /// ```
    /// ```python after
    /// import json
    /// from functools import lru_cache
    ///
    ///
    /// @lru_cache(maxsize=64)
    /// def _read_messages(path, modified, size):
    ///     with path.open(encoding="utf-8") as file:
    ///         return json.load(file)
    ///
    ///
    /// class Catalogue:
    ///     def __init__(self, folder):
    ///         self.folder = folder
    ///
    ///     def _messages(self, language):
    ///         path = self.folder / f"{language}.json"
    ///         state = path.stat()
    ///         return _read_messages(path, state.st_mtime_ns, state.st_size)
    ///
    ///     def text(self, key, language):
    ///         return self._messages(language).get(key, key)
    /// ```
    /// ```python before needs-run
    /// import os
    /// import yaml
    ///
    ///
    /// def rates(folder):
    ///     with open(os.path.join(folder, "rates.yaml")) as f:
    ///         table = yaml.safe_load(f)
    ///     return table
    ///
    ///
    /// def convert(folder, rows):
    ///     return [row.amount * rates(folder)[row.currency] for row in rows]
    /// ```
    /// ```python after
    /// import os
    /// import yaml
    /// from functools import lru_cache
    ///
    ///
    /// @lru_cache(maxsize=64)
    /// def _read_rates(path, modified, size):
    ///     with open(path) as f:
    ///         return yaml.safe_load(f)
    ///
    ///
    /// def rates(folder):
    ///     path = os.path.join(folder, "rates.yaml")
    ///     state = os.stat(path)
    ///     table = _read_rates(path, state.st_mtime_ns, state.st_size)
    ///     return table
    ///
    ///
    /// def convert(folder, rows):
    ///     return [row.amount * rates(folder)[row.currency] for row in rows]
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import json
    ///
    ///
    /// def settings(path):
    ///     with open(path) as file:
    ///         return json.load(file)
    ///
    ///
    /// def main(path):
    ///     config = settings(path)
    ///     config["debug"] = True
    ///     return config
    /// ```
    /// ```python unchanged
    /// import json
    ///
    ///
    /// def state(path):
    ///     with open(path) as file:
    ///         return json.load(file)
    ///
    ///
    /// def add(path, key, row):
    ///     state(path)[key].append(row)
    /// ```
    "file-parsed-per-lookup", Io, [Trigger::Call("load"), Trigger::Call("safe_load")] => find
}

/// What parses an open file.
const PARSERS: &[&str] =
    &["json.load", "yaml.safe_load", "tomllib.load", "tomli.load", "pickle.load", "plistlib.load", "marshal.load"];

/// Parsed files that are kept.
const FILES_MAX: u32 = 64;

/// `with open(path) as file: return parse(file)`, in pieces.
struct Block<'a> {
    with: Node<'a>,
    /// What opens, up to the path and after it.
    opens: (&'a str, Node<'a>, &'a str),
    handle: &'a str,
    parse: Node<'a>,
    /// The name the result is given; `None` when it is returned.
    name: Option<Node<'a>>,
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let path = qualified(node.field(Field::Function)?)?;
    let function = enclosing_function(node)?;
    let parser_root = root_name(node.field(Field::Function)?)?;
    if !PARSERS.contains(&path.as_str()) || function.parent()?.is(Kind::Decorated) || is_async(function) {
        return None;
    }
    let block = block(node)?;
    let place = constant_place(node)?;
    if function.has(Kind::Yield) || has_comment(block.with) || !is_imported_above(parser_root, place) {
        return None;
    }
    if let Some(name) = block.name {
        let variable = local_variable(name)?;
        variable.only_binding()?;
        let is_given = |each: Node<'a>| usage(each) == Usage::Returned || is_looked_into(context, each);
        variable.uses().all(is_given).then_some(())?;
        enclosing_loop(block.with).is_none().then_some(())?;
    }
    is_looked_up(context, function, &block).then_some(())?;
    rewritten(context, function, &block, place)
}

fn block(parse: Node<'_>) -> Option<Block<'_>> {
    let [handle] = arguments(parse)[..] else { return None };
    let statement = statement_of(parse);
    let with = statement.parent()?.parent().filter(|with| with.is(Kind::With) && !is_async(*with))?;
    let inner = body(with);
    let is_only = inner[..] == [statement] && is_alone(with);
    let name = match usage(parse) {
        Usage::Returned => None,
        Usage::Assigned(_) => Some(assignment(statement)?.0),
        _ => return None,
    };
    let pattern = with.descendants().find(|each| each.is(Kind::AsPattern))?;
    let items = with.descendants().take_while(|each| !each.is(Kind::Block)).filter(|each| each.is(Kind::AsPattern));
    let target = pattern.children().find(|each| each.is(Kind::AsPatternTarget))?.only_child()?;
    let open = pattern.children().next().filter(|open| open.is(Kind::Call))?;
    let is_it = is_only && items.count() == 1 && handle.is(Kind::Identifier) && handle.variable() == target.variable();
    is_it.then_some(Block { with, opens: opening(open)?, handle: handle.text(), parse, name })
}

/// The call that opens, in three parts: before the path, the path, after it.
fn opening(open: Node<'_>) -> Option<(&str, Node<'_>, &str)> {
    let is_builtin = is_builtin_call(open, "open");
    let path = if is_builtin {
        *arguments(open).first().filter(|first| !first.is(Kind::KeywordArgument))?
    } else {
        let (receiver, name) = method(open)?;
        (name == "open" && is_chain(receiver)).then_some(receiver)?
    };
    let options: Vec<Node<'_>> = arguments(open).into_iter().filter(|each| *each != path).collect();
    let is_literal = |each: &Node<'_>| {
        let value = if each.is(Kind::KeywordArgument) { each.field(Field::Value) } else { Some(*each) };
        value.is_some_and(|value| {
            string_value(value).is_some_and(|text| !text.contains(['w', 'a', '+', 'x']) || text.len() > 3)
        })
    };
    let text = open.text();
    let (before, after) = (&text[..path.start() - open.start()], &text[path.end() - open.start()..]);
    (options.iter().all(is_literal) && !text.contains('\n')).then_some((before, path, after))
}

/// True when something is looked up in the value or it is walked, and nobody changes it.
fn is_looked_into<'a>(context: &Context<'a>, value: Node<'a>) -> bool {
    match usage(value) {
        Usage::Item(_) | Usage::Method("get" | "keys" | "values" | "items", _) | Usage::Iterated(_) => {
            reading(context, value) != Reading::Unknown
        }
        Usage::Searched(_) | Usage::Truth | Usage::Builtin("len" | "sorted" | "any" | "all", _) => true,
        Usage::Assigned(assignment) => assignment.field(Field::Left).and_then(local_variable).is_some_and(|variable| {
            variable.only_binding().is_some() && variable.uses().all(|each| is_looked_into(context, each))
        }),
        _ => false,
    }
}

/// True when all callers look into the result, and one takes an item out of it or asks in a loop.
fn is_looked_up<'a>(context: &Context<'a>, function: Node<'a>, block: &Block<'a>) -> bool {
    let takes_item =
        |value: Node<'a>| matches!(usage(value), Usage::Item(_) | Usage::Method("get", _) | Usage::Searched(_));
    let mut is_repeated = block.name.and_then(Node::variable).is_some_and(|variable| variable.uses().any(takes_item));
    let is_handed = block
        .name
        .and_then(Node::variable)
        .is_none_or(|variable| variable.uses().any(|each| usage(each) == Usage::Returned));
    if !is_handed {
        return is_repeated;
    }
    let name = function_name(function);
    let own = function.field(Field::Name);
    for file in context.index.files().filter(|file| file.text.contains(name)) {
        for mention in file.root().descendants() {
            let is_named = match mention.kind() {
                Kind::Identifier => mention.text() == name && Some(mention) != own,
                Kind::String => string_value(mention) == Some(name),
                _ => false,
            };
            if !is_named
                || mention.ancestors().take(3).any(|each| matches!(each.kind(), Kind::Import | Kind::ImportFrom))
            {
                continue;
            }
            let callee = if mention.role() == Field::Attribute { mention.parent().unwrap_or(mention) } else { mention };
            let Usage::Call(call) = usage(callee) else { return false };
            if !is_looked_into(context, call) {
                return false;
            }
            let is_inside = enclosing_function(call).is_some_and(|caller| function_name(caller) != "main");
            is_repeated |= takes_item(call) && is_inside || call.ancestors().any(is_loop);
        }
    }
    is_repeated
}

fn rewritten<'a>(context: &Context<'a>, function: Node<'a>, block: &Block<'a>, place: usize) -> Option<Rewrite<'a>> {
    let file = function.file();
    let (before, path, after) = block.opens;
    let is_path = before.is_empty();
    let mut rewrite = Rewrite::new(block.with, "the whole file is read and parsed for one item of it".to_owned());
    let lru_cache = context.import(&mut rewrite, "functools", "lru_cache")?;
    let unit = indentation_unit(file);
    let helper = context.fresh_name(&format!("_read_{}", function_name(function).trim_start_matches('_')));
    let opened = format!("{before}path{after}");
    rewrite.edits.replace_range(place, place, format!(
        "@{lru_cache}(maxsize={FILES_MAX})\ndef {helper}(path, modified, size):\n{unit}with {opened} as {handle}:\n{unit}{unit}return {parse}\n\n\n",
        handle = block.handle,
        parse = block.parse.text(),
    ));
    let outer = file.indentation(block.with.start());
    let state = context.fresh_name_between(block.with, block.with, "state");
    let mut text = String::new();
    let name = if path.is(Kind::Identifier) {
        path.text().to_owned()
    } else {
        let name = context.fresh_name_between(block.with, block.with, "path");
        text = format!("{name} = {}\n{outer}", path.text());
        name
    };
    let stat = if is_path {
        format!("{name}.stat()")
    } else {
        format!("{}({name})", context.import(&mut rewrite, "os", "stat")?)
    };
    let result = block.name.map_or("return ".to_owned(), |result| format!("{} = ", result.text()));
    text = format!("{text}{state} = {stat}\n{outer}{result}{helper}({name}, {state}.st_mtime_ns, {state}.st_size)");
    rewrite.edits.replace(block.with, text);
    rewrite.assume(Assumption::Deferred("a file that changes gets another time or size"));
    rewrite.assume(Assumption::Unchanged(format!("what `{}` gives", function_name(function))));
    Some(rewrite)
}
