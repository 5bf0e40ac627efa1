//! Finds patterns that are put together and compiled at every call, and remembers them.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::calls::loop_depth;
use crate::engine::rewrite::context::{Context, constant_place, is_imported_above};
use crate::engine::rewrite::edits::indentation_unit;
use crate::engine::rewrite::keys::is_repeatable;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Provenance, ScopeKind, Type, arguments, binding_value, enclosing_function, function_name,
    has_comment, keywords, positional, qualified,
};

rule! {
    /// ## What it finds
    /// `re.match("^" + re.escape(name) + "$", text)` and the like in a loop: a pattern made of parts.
    /// ## Why it is slow
    /// The text of the pattern, the escapes and the flags are put together anew for every text it is tried on.
    /// ## What must hold
    /// - The parts are joined by `+` or in an f-string, or escaped; nothing else is called.
    /// - The parts are texts, so equal ones make equal patterns. A broken pattern raises at every call, as before: errors
    ///   are not remembered. At most 512 patterns are remembered.
    /// - Flags are constants, and nothing but names and constants is read after the pattern.
    /// ## Example
    /// ```python before proven
    /// import re
    ///
    /// def tagged(name: str, lines):
    ///     found = []
    ///     for line in lines:
    ///         match = re.match(r"\s*" + re.escape(name) + ":", line, re.IGNORECASE)
    ///         if match:
    ///             found.append(match.end())
    ///     return found
    /// ```
    /// ```python after
    /// import re
    /// from functools import lru_cache
    ///
    /// @lru_cache(maxsize=512, typed=True)
    /// def _tagged_pattern(name):
    ///     return re.compile(r"\s*" + re.escape(name) + ":", re.IGNORECASE)
    ///
    ///
    /// def tagged(name: str, lines):
    ///     found = []
    ///     for line in lines:
    ///         match = _tagged_pattern(name).match(line)
    ///         if match:
    ///             found.append(match.end())
    ///     return found
    /// ```
    /// ```python before needs-run
    /// import re
    ///
    /// def count(words, text):
    ///     return {word: len(re.findall(rf"\b{word}\b", text)) for word in words}
    /// ```
    /// ```python after
    /// import re
    /// from functools import lru_cache
    ///
    /// @lru_cache(maxsize=512, typed=True)
    /// def _count_pattern(word):
    ///     return re.compile(rf"\b{word}\b")
    ///
    ///
    /// def count(words, text):
    ///     return {word: len(_count_pattern(word).findall(text)) for word in words}
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import re
    ///
    /// def once(name: str, text):
    ///     return re.match("^" + name, text)
    /// ```
    /// ```python unchanged
    /// import re
    ///
    /// def numbered(texts, counter):
    ///     return [re.match("^" + counter.next(), text) for text in texts]
    /// ```
    "pattern-built", Algorithm, [
        Trigger::Call("match"), Trigger::Call("fullmatch"), Trigger::Call("search"), Trigger::Call("findall"),
        Trigger::Call("finditer"), Trigger::Call("sub"), Trigger::Call("subn"), Trigger::Call("split"),
    ] => find
}

/// Functions of `re` with the place of their flags.
const FUNCTIONS: &[(&str, usize)] = &[
    ("match", 2),
    ("fullmatch", 2),
    ("search", 2),
    ("findall", 2),
    ("finditer", 2),
    ("sub", 4),
    ("subn", 4),
    ("split", 3),
];

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let callee = node.field(Field::Function).filter(|callee| callee.is(Kind::Attribute))?;
    let path = qualified(callee)?;
    let (function, at) = *FUNCTIONS.iter().find(|(name, _)| path.strip_prefix("re.") == Some(name))?;
    let holder = enclosing_function(node)?;
    let all = arguments(node);
    let (pattern, rest) = all.split_first()?;
    let is_odd =
        |each: &Node<'a>| matches!(each.kind(), Kind::ListSplat | Kind::DictionarySplat | Kind::GeneratorExpression);
    if all.iter().any(is_odd) || has_comment(node) || pattern.text().contains('\n') || loop_depth(context, node) == 0 {
        return None;
    }
    let flags = match keywords(node).into_iter().find(|(name, _)| *name == "flags") {
        Some((_, flags)) => Some(flags),
        None => all.get(at).filter(|each| !each.is(Kind::KeywordArgument)).copied(),
    };
    let kept: Vec<Node<'a>> =
        rest.iter().copied().filter(|each| Some(*each) != flags && !is_named_flags(*each)).collect();
    if flags.is_some_and(|flags| !is_flags(flags)) || !kept.iter().all(|each| is_quiet(*each)) {
        return None;
    }
    let mut parts = Parts { list: vec![] };
    parts.collect(*pattern, true)?;
    if parts.list.is_empty() {
        return None;
    }
    let place = constant_place(node)?;
    let module = callee.field(Field::Object).filter(|module| module.is(Kind::Identifier))?;
    if !is_imported_above(module, place) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, "a pattern is put together at every call".to_owned());
    let lru_cache = context.import(&mut rewrite, "functools", "lru_cache")?;
    let name = context.fresh_name(&format!("_{}_pattern", function_name(holder).trim_matches('_')));
    let (parameters, text) = parts.written(*pattern);
    for (part, in_text) in &parts.list {
        assume_text(context, *part, *in_text, &mut rewrite)?;
    }
    let unit = indentation_unit(node.file());
    let flags = flags.map(|flags| format!(", {}", flags.text())).unwrap_or_default();
    let definition = format!(
        "@{lru_cache}(maxsize=512, typed=True)\ndef {name}({}):\n{unit}return {}.compile({text}{flags})\n\n\n",
        parameters.join(", "),
        module.text(),
    );
    rewrite.edits.replace_range(place, place, definition);
    let given: Vec<&str> = parts.distinct().iter().map(|part| part.text()).collect();
    let kept: Vec<&str> = kept.iter().map(|each| each.text()).collect();
    rewrite.edits.replace(node, format!("{name}({}).{function}({})", given.join(", "), kept.join(", ")));
    Some(rewrite)
}

/// What a pattern is made of besides constants, in order, and whether it stands in an f-string.
struct Parts<'a> {
    list: Vec<(Node<'a>, bool)>,
}

impl<'a> Parts<'a> {
    /// Reads the parts of an expression; `None` when it is made otherwise than by joining and escaping.
    fn collect(&mut self, node: Node<'a>, is_whole: bool) -> Option<()> {
        match node.kind() {
            Kind::String if node.has(Kind::Interpolation) => {
                for hole in node.descendants().filter(|each| each.is(Kind::Interpolation)) {
                    let inner = hole.field(Field::Expression)?;
                    if hole.has(Kind::FormatSpecifier) || hole.has(Kind::TypeConversion) {
                        return None;
                    }
                    match escaped(inner) {
                        Some(inner) => self.part(inner, false)?,
                        None => self.part(inner, true)?,
                    }
                }
            }
            Kind::String => {}
            Kind::ConcatenatedString => node.children().try_for_each(|child| self.collect(child, false))?,
            Kind::Parenthesized => self.collect(node.only_child()?, is_whole)?,
            Kind::BinaryOperator if node.field(Field::Operator)?.text() == "+" => {
                self.collect(node.field(Field::Left)?, false)?;
                self.collect(node.field(Field::Right)?, false)?;
            }
            // A pattern that is handed over whole is looked up by `re` itself.
            _ if is_whole => return None,
            Kind::Call => self.part(escaped(node)?, false)?,
            _ => self.part(node, false)?,
        }
        Some(())
    }

    fn part(&mut self, node: Node<'a>, in_text: bool) -> Option<()> {
        if is_constant_text(node) {
            return Some(());
        }
        if !is_repeatable(node) || node.text().contains('\n') {
            return None;
        }
        self.list.push((node, in_text));
        Some(())
    }

    /// The first of each group of equal parts.
    fn distinct(&self) -> Vec<Node<'a>> {
        let mut distinct: Vec<Node<'a>> = vec![];
        for (part, _) in &self.list {
            if distinct.iter().all(|each| each.text() != part.text()) {
                distinct.push(*part);
            }
        }
        distinct
    }

    /// Names for the parts, and the pattern written with them.
    fn written(&self, pattern: Node<'a>) -> (Vec<String>, String) {
        let mut names: Vec<String> = vec![];
        for part in self.distinct() {
            let word = part.text().rsplit(|c: char| !c.is_alphanumeric() && c != '_').find(|word| !word.is_empty());
            let word = word.filter(|word| word.starts_with(|c: char| c.is_alphabetic())).unwrap_or("part");
            let mut name = word.trim_matches('_').to_owned();
            while names.contains(&name)
                || pattern.scope().lookup(&name).is_some_and(|each| each.scope().kind() == ScopeKind::Module)
            {
                name.push('_');
            }
            names.push(name);
        }
        let distinct = self.distinct();
        let mut text = pattern.text().to_owned();
        for (part, _) in self.list.iter().rev() {
            let at = part.start() - pattern.start();
            if let Some(number) = distinct.iter().position(|each| each.text() == part.text()) {
                text.replace_range(at..at + part.text().len(), &names[number]);
            }
        }
        (names, text)
    }
}

/// The argument of `re.escape(x)`.
fn escaped(node: Node<'_>) -> Option<Node<'_>> {
    let is_escape = node.is(Kind::Call) && qualified(node.field(Field::Function)?)? == "re.escape";
    match positional(node)?[..] {
        [inner] if is_escape => Some(inner),
        _ => None,
    }
}

/// True for a name of the module that is bound once, to a string.
fn is_constant_text(node: Node<'_>) -> bool {
    node.is(Kind::Identifier)
        && node.variable().is_some_and(|variable| {
            variable.scope().kind() == ScopeKind::Module
                && variable.only_binding().and_then(binding_value).is_some_and(|value| value.is(Kind::String))
        })
}

fn is_named_flags(argument: Node<'_>) -> bool {
    argument.is(Kind::KeywordArgument) && argument.field(Field::Name).is_some_and(|name| name.text() == "flags")
}

/// True for `re.I | re.ASCII` and the like.
fn is_flags(node: Node<'_>) -> bool {
    match node.kind() {
        Kind::BinaryOperator => node.children().all(is_flags) && !node.text().contains('\n'),
        Kind::Attribute => qualified(node).is_some_and(|path| path.starts_with("re.")),
        Kind::Integer => true,
        _ => false,
    }
}

/// True for arguments that neither raise nor do anything when they are read.
fn is_quiet(argument: Node<'_>) -> bool {
    let value = if argument.is(Kind::KeywordArgument) { argument.field(Field::Value) } else { Some(argument) };
    value.is_some_and(|value| is_repeatable(value) || value.is(Kind::Lambda))
}

/// States that a part is a text, or what a wrong one changes; `None` when it is surely something else.
fn assume_text<'a>(context: &Context<'a>, part: Node<'a>, in_text: bool, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let typed = context.typed(part);
    match (&typed.of, typed.by) {
        (Type::Str, Provenance::Proved) => {}
        (Type::Int, Provenance::Proved) if in_text => {}
        (Type::Str, _) => rewrite.assume(Assumption::Annotated(part.text().into())),
        (Type::Int, _) if in_text => rewrite.assume(Assumption::Annotated(part.text().into())),
        (Type::Unknown, _) => rewrite.assume(Assumption::Hashable(format!("the values of `{}`", part.text()))),
        _ => return None,
    }
    Some(())
}
