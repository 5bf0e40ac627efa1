//! Finds constant regular expressions that are looked up or compiled at every call.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::{Context, constant_place, is_imported_above};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, enclosing_function, keywords, qualified, qualified_name, string_value};

rule! {
    /// ## What it finds
    /// `re.compile(…)`, `re.match(…)` and the like with a constant pattern inside a function.
    /// ## Why it is slow
    /// Every call looks the pattern up in a cache of limited size, or compiles it again.
    /// ## What must hold
    /// - `re` is the module of that name, pattern and flags are constants.
    /// - Proven when the pattern is valid beyond doubt: an invalid one would raise at import, not at the call.
    /// ## Example
    /// ```python before proven
    /// import re
    ///
    ///
    /// def numbers(text):
    ///     return re.findall(r"\d+", text)
    /// ```
    /// ```python after
    /// import re
    ///
    ///
    /// _NUMBERS_PATTERN = re.compile(r"\d+")
    ///
    ///
    /// def numbers(text):
    ///     return _NUMBERS_PATTERN.findall(text)
    /// ```
    /// ```python before proven
    /// import re
    ///
    ///
    /// class Cleaner:
    ///     def clean(self, text):
    ///         return re.sub(r"[ \t]+", " ", text, flags=re.ASCII)
    /// ```
    /// ```python after
    /// import re
    ///
    ///
    /// _CLEANER_CLEAN_PATTERN = re.compile(r"[ \t]+", re.ASCII)
    ///
    ///
    /// class Cleaner:
    ///     def clean(self, text):
    ///         return _CLEANER_CLEAN_PATTERN.sub(" ", text)
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import re
    ///
    /// NUMBER = re.compile(r"\d+")
    ///
    /// def find(name, text):
    ///     return re.findall(name + r"\d+", text)
    /// ```
    /// ```python unchanged
    /// def lazy(text):
    ///     import re
    ///     return re.findall(r"\d+", text)
    /// ```
    /// ```python unchanged
    /// import re
    ///
    /// def junk(line, match=re.compile(r"\s*").match):
    ///     return match(line)
    /// ```
    /// ```python unchanged
    /// from mine import re
    ///
    /// def numbers(text):
    ///     return re.findall(r"\d+", text)
    /// ```
    "regex-in-function", Algorithm, [
        Trigger::Call("compile"), Trigger::Call("match"), Trigger::Call("fullmatch"), Trigger::Call("search"),
        Trigger::Call("findall"), Trigger::Call("finditer"), Trigger::Call("sub"), Trigger::Call("subn"), Trigger::Call("split"),
    ] => find
}

/// Positional arguments each function takes, pattern included and flags excluded.
const FUNCTIONS: &[(&str, usize, usize)] = &[
    ("compile", 1, 1),
    ("match", 2, 2),
    ("fullmatch", 2, 2),
    ("search", 2, 2),
    ("findall", 2, 2),
    ("finditer", 2, 2),
    ("sub", 3, 4),
    ("subn", 3, 4),
    ("split", 2, 3),
];

fn call_of(node: Node<'_>) -> Option<(&'static str, usize, usize)> {
    let path = qualified(node.field(Field::Function)?)?;
    let name = path.strip_prefix("re.")?;
    FUNCTIONS.iter().find(|(each, ..)| *each == name).copied()
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (function, least, most) = call_of(node)?;
    let holder = enclosing_function(node)?;
    let all = crate::syntax::arguments(node);
    let n_positional = all.iter().take_while(|each| !each.is(Kind::KeywordArgument)).count();
    if all.iter().any(|each| matches!(each.kind(), Kind::ListSplat | Kind::DictionarySplat)) {
        return None;
    }
    let pattern = *all.first()?;
    let text = constant_pattern(pattern)?;
    let named: Vec<(&str, Node<'a>)> = keywords(node);
    let flags = match named.iter().find(|(name, _)| *name == "flags") {
        Some((_, flags)) => Some(*flags),
        None => all.get(most).filter(|each| !each.is(Kind::KeywordArgument)).copied(),
    };
    let has_odd_keyword = named.iter().any(|(name, _)| !matches!(*name, "flags" | "count" | "maxsplit"));
    if n_positional < least || n_positional > most + 1 || has_odd_keyword || flags.is_some_and(|flags| !is_flags(flags))
    {
        return None;
    }
    let place = constant_place(node)?;
    let mut rewrite = Rewrite::new(node, "a constant pattern is looked up at every call".to_owned());
    if !is_valid_for_sure(text) {
        rewrite.assume(Assumption::ErrorChanges("the error of a bad pattern at the call", "one at import"));
    }
    let name = context.fresh_name(&constant_name(node, holder));
    let module = node.field(Field::Function)?;
    let compile = match module.kind() {
        Kind::Attribute => format!("{}.compile", module.field(Field::Object)?.text()),
        _ => context.import(&mut rewrite, "re", "compile")?,
    };
    if !rewrite.imports.is_empty() {
        return None;
    }
    let flags_text = flags.map(|flags| format!(", {}", flags.text())).unwrap_or_default();
    let definition = format!("{name} = {compile}({}{flags_text})", pattern.text());
    if !crate::engine::rewrite::facts::root_name(module).is_some_and(|root| is_imported_above(root, place)) {
        return None;
    }
    if flags.is_some_and(|flags| {
        flags
            .descendants()
            .any(|each| each.is(Kind::Identifier) && each.variable().is_some() && !is_imported_above(each, place))
    }) {
        return None;
    }
    rewrite.edits.replace_range(place, place, format!("{definition}\n\n\n"));
    if function == "compile" {
        rewrite.edits.replace(node, name);
        return Some(rewrite);
    }
    let rest: Vec<&str> = all[1..]
        .iter()
        .filter(|each| Some(**each) != flags && !is_flags_keyword(**each))
        .map(|each| each.text())
        .collect();
    if crate::syntax::has_comment(node) {
        return None;
    }
    rewrite.edits.replace(node, format!("{name}.{function}({})", rest.join(", ")));
    Some(rewrite)
}

fn is_flags_keyword(argument: Node<'_>) -> bool {
    argument.is(Kind::KeywordArgument) && argument.field(Field::Name).is_some_and(|name| name.text() == "flags")
}

/// The text of a pattern on one line without escapes that the string itself would undo.
fn constant_pattern(node: Node<'_>) -> Option<&str> {
    string_value(node).filter(|text| !text.contains('\n'))
}

/// True for `re.I | re.ASCII` and the like.
fn is_flags(node: Node<'_>) -> bool {
    match node.kind() {
        Kind::BinaryOperator => {
            node.field(Field::Operator).is_some_and(|operator| operator.text() == "|")
                && node.field(Field::Left).is_some_and(is_flags)
                && node.field(Field::Right).is_some_and(is_flags)
        }
        Kind::Attribute | Kind::Identifier => {
            const FLAGS: &[&str] =
                &["I", "IGNORECASE", "M", "MULTILINE", "S", "DOTALL", "A", "ASCII", "X", "VERBOSE", "U", "UNICODE"];
            qualified(node).is_some_and(|path| path.strip_prefix("re.").is_some_and(|name| FLAGS.contains(&name)))
        }
        _ => false,
    }
}

/// A name made of the function's, with a number when the function has several patterns.
fn constant_name<'a>(node: Node<'a>, holder: Node<'a>) -> String {
    let is_candidate = |each: &Node<'a>| {
        each.is(Kind::Call)
            && call_of(*each).is_some()
            && crate::syntax::arguments(*each).first().is_some_and(|first| constant_pattern(*first).is_some())
    };
    let calls: Vec<Node<'a>> = holder.descendants().filter(is_candidate).collect();
    let words = qualified_name(node).to_uppercase();
    let words: Vec<&str> = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let name = format!("_{}_PATTERN", words.join("_"));
    match calls.iter().position(|each| *each == node) {
        Some(at) if calls.len() > 1 => format!("{name}_{}", at + 1),
        _ => name,
    }
}

/// True for patterns of a small language that every version of `re` takes: characters, classes, plain groups,
/// alternatives, quantifiers after something to quantify.
fn is_valid_for_sure(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    let mut depth = 0_u32;
    let mut can_repeat = false;
    while let Some(c) = chars.next() {
        can_repeat = match c {
            '\\' => match chars.next() {
                Some('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'n' | 't' | 'r') => true,
                Some('b' | 'B') => false,
                Some(other) if other.is_ascii_punctuation() => true,
                _ => return false,
            },
            '[' => {
                if !skip_class(&mut chars) {
                    return false;
                }
                true
            }
            '(' => {
                depth += 1;
                if chars.peek() == Some(&'?') {
                    chars.next();
                    if chars.next() != Some(':') {
                        return false;
                    }
                }
                false
            }
            ')' => {
                let Some(outer) = depth.checked_sub(1) else { return false };
                depth = outer;
                true
            }
            '*' | '+' | '?' => {
                if !can_repeat {
                    return false;
                }
                chars.next_if_eq(&'?');
                false
            }
            '{' | '}' => return false,
            '^' | '$' | '|' => false,
            _ => true,
        };
    }
    depth == 0
}

/// Reads a class of plain characters, escapes and simple ranges up to its `]`.
fn skip_class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    chars.next_if_eq(&'^');
    let mut previous: Option<char> = None;
    let mut is_empty = true;
    while let Some(c) = chars.next() {
        match c {
            ']' => return !is_empty,
            '[' | '&' | '~' | '|' => return false,
            '\\' => match chars.next() {
                Some('d' | 'w' | 's' | 'n' | 't' | 'r') => previous = None,
                Some(other) if other.is_ascii_punctuation() => previous = None,
                _ => return false,
            },
            '-' => match (previous, chars.peek()) {
                (_, Some(']')) => {}
                (Some(low), Some(high))
                    if low < *high && high.is_ascii_alphanumeric() && low.is_ascii_alphanumeric() =>
                {
                    chars.next();
                    previous = None;
                }
                _ => return false,
            },
            other => previous = Some(other),
        }
        is_empty = false;
    }
    false
}
