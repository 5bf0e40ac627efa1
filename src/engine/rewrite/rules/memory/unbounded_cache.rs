//! Finds hand-made caches that never forget.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{is_alone, reindented};
use crate::engine::rewrite::facts::{assignment, body, comparison, is_empty_dict};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Occurrence, ScopeKind, Variable, binding_value, is_async, occurrence, statement_of,
};

rule! {
    /// ## What it finds
    /// A module-level dict that one function fills with its results by its arguments, and nothing empties.
    /// ## Why it is slow
    /// It grows with every new argument for as long as the program runs; `lru_cache` keeps the last 1000.
    /// ## What must hold
    /// - The dict is used in this function only; the key is the function's parameters, all of them in order.
    /// - The function is no generator, coroutine or method; results are no new objects of a class, which callers may
    ///   compare by identity.
    /// - `lru_cache` has no expiry either: this bounds memory, it does not refresh.
    /// ## Example
    /// ```python before needs-run
    /// cache = {}
    ///
    ///
    /// def get(key):
    ///     if key in cache:
    ///         return cache[key]
    ///     value = slow(key)
    ///     cache[key] = value
    ///     return value
    /// ```
    /// ```python after
    /// from functools import lru_cache
    ///
    /// @lru_cache(maxsize=1000)
    /// def get(key):
    ///     value = slow(key)
    ///     return value
    /// ```
    /// ```python before needs-run
    /// _known = {}
    ///
    ///
    /// def area(width, height):
    ///     if (width, height) not in _known:
    ///         _known[(width, height)] = measure(width, height)
    ///     return _known[(width, height)]
    /// ```
    /// ```python after
    /// from functools import lru_cache
    ///
    /// @lru_cache(maxsize=1000)
    /// def area(width, height):
    ///     return measure(width, height)
    /// ```
    /// ```python before needs-run
    /// _WORDS = {}
    ///
    ///
    /// def words(text):
    ///     try:
    ///         return _WORDS[text]
    ///     except KeyError:
    ///         pass
    ///     found = tuple(text.split())
    ///     _WORDS[text] = found
    ///     return found
    /// ```
    /// ```python after
    /// from functools import lru_cache
    ///
    /// @lru_cache(maxsize=1000)
    /// def words(text):
    ///     found = tuple(text.split())
    ///     return found
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// cache = {}
    ///
    ///
    /// def get(key):
    ///     if key in cache:
    ///         return cache[key]
    ///     value = slow(key)
    ///     cache[key] = value
    ///     return value
    ///
    ///
    /// def forget():
    ///     cache.clear()
    /// ```
    /// ```python unchanged
    /// cache = {}
    ///
    ///
    /// def get(name):
    ///     if name.lower() in cache:
    ///         return cache[name.lower()]
    ///     value = slow(name)
    ///     cache[name.lower()] = value
    ///     return value
    /// ```
    /// ```python unchanged
    /// _units = {}
    ///
    ///
    /// def unit(symbol):
    ///     if symbol not in _units:
    ///         _units[symbol] = Unit(symbol)
    ///     return _units[symbol]
    /// ```
    "unbounded-cache", Memory, [Trigger::Kind(Kind::Function)] => find
}

/// Entries kept; enough for the hot part of most key sets and small against a program's memory.
const ENTRIES_MAX: u32 = 1_000;

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let is_top = node.parent()?.is(Kind::Module);
    if !is_top || is_async(node) || node.has(Kind::Yield) || !is_alone_definition(node) {
        return None;
    }
    let mut statements = body(node);
    if statements.first().is_some_and(|first| crate::engine::rewrite::index::is_docstring(*first)) {
        statements.remove(0);
    }
    let first = *statements.first()?;
    let cache = cache_of(first)?;
    let home = cache.only_binding()?;
    let initial = binding_value(home)?;
    let is_private =
        cache.occurrences().all(|each| each == home || node.contains(each) && occurrence(each) == Occurrence::Load);
    let opening = statement_of(home);
    if cache.scope().kind() != ScopeKind::Module
        || !is_empty_dict(initial)
        || !is_private
        || !is_alone(opening)
        || !opening.parent()?.is(Kind::Module)
    {
        return None;
    }
    if context.index.is_mentioned_elsewhere(home) {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` never forgets", home.text()));
    let key = key_of(node)?;
    let shape = Shape { cache, key: &key };
    shape.rewrite(&statements, &mut rewrite)?;
    let lru_cache = context.import(&mut rewrite, "functools", "lru_cache")?;
    let file = node.file();
    let start = file.line_start(opening.start());
    let end = file.line_end(opening.end() - 1);
    let blank_end = end + (file.text[end..].len() - file.text[end..].trim_start_matches(['\r', '\n']).len());
    let above = file.text[..start].trim_start_matches('\u{feff}');
    let is_paragraph = above.is_empty() || above.ends_with("\n\n") || above.ends_with("\n\r\n");
    rewrite.edits.replace_range(start, if is_paragraph { blank_end } else { end }, "");
    rewrite.edits.insert_before(node, &[format!("@{lru_cache}(maxsize={ENTRIES_MAX})")]);
    let name = crate::syntax::function_name(node);
    rewrite.assume(Assumption::Repeatable(name.into()));
    rewrite.assume(Assumption::CallersKnown(home.text().into()));
    Some(rewrite)
}

/// True when the function is one that this rule rewrites.
pub(super) fn is_match<'a>(context: &Context<'a>, function: Node<'a>) -> bool {
    find(context, function).is_some()
}

fn is_alone_definition(node: Node<'_>) -> bool {
    let file = node.file();
    file.text[file.line_start(node.start())..node.start()].trim().is_empty()
}

/// The parameters as a key is written: `key`, or `(a, b)`.
fn key_of(function: Node<'_>) -> Option<Vec<String>> {
    let mut names = vec![];
    for parameter in function.field(Field::Parameters)?.children() {
        names.push(match parameter.kind() {
            Kind::Identifier => parameter.text().to_owned(),
            Kind::TypedParameter => {
                parameter.children().next().filter(|name| name.is(Kind::Identifier))?.text().to_owned()
            }
            Kind::DefaultParameter | Kind::TypedDefaultParameter => {
                let is_simple = parameter.field(Field::Value).is_some_and(crate::engine::rewrite::facts::is_simple);
                parameter.field(Field::Name).filter(|_| is_simple)?.text().to_owned()
            }
            _ => return None,
        });
    }
    (!names.is_empty()).then_some(names)
}

/// The variable that the first statement looks something up in.
fn cache_of(first: Node<'_>) -> Option<Variable<'_>> {
    match first.kind() {
        Kind::If => comparison(first.field(Field::Condition)?)?.2.variable(),
        Kind::Try => {
            let only = body(first);
            let [statement] = only[..] else { return None };
            let value = statement.is(Kind::Return).then(|| statement.only_child()).flatten()?;
            value.is(Kind::Subscript).then(|| value.field(Field::Value)?.variable()).flatten()
        }
        _ => None,
    }
}

struct Shape<'a, 'b> {
    cache: Variable<'a>,
    key: &'b [String],
}

impl<'a> Shape<'a, '_> {
    fn is_key(&self, node: Node<'a>) -> bool {
        let node = node.unwrapped();
        match (self.key, node.kind()) {
            ([only], Kind::Identifier) => node.text() == only,
            (_, Kind::Tuple) => {
                let parts = node.child_nodes();
                parts.len() == self.key.len() && parts.iter().zip(self.key).all(|(part, name)| part.text() == name)
            }
            _ => false,
        }
    }

    fn is_entry(&self, node: Node<'a>) -> bool {
        if !node.is(Kind::Subscript) || node.field(Field::Value).and_then(Node::variable) != Some(self.cache) {
            return false;
        }
        let keys: Vec<Node<'a>> = node.all_children().filter(|child| child.role() == Field::Subscript).collect();
        match keys[..] {
            [key] => self.is_key(key),
            _ => keys.len() == self.key.len() && keys.iter().zip(self.key).all(|(part, name)| part.text() == name),
        }
    }

    fn is_entry_return(&self, statement: Node<'a>) -> bool {
        statement.is(Kind::Return) && statement.only_child().is_some_and(|value| self.is_entry(value))
    }

    fn rewrite(&self, statements: &[Node<'a>], rewrite: &mut Rewrite<'a>) -> Option<()> {
        let first = *statements.first()?;
        if first.is(Kind::If) {
            let (key, operator, _) = comparison(first.field(Field::Condition)?)?;
            if !self.is_key(key) || first.field(Field::Alternative).is_some() || !self.keeps_parameters(first) {
                return None;
            }
            if operator == "in" {
                let inner = body(first);
                let [answer] = inner[..] else { return None };
                return self.is_entry_return(answer).then(|| self.computed(first, &statements[1..], rewrite)).flatten();
            }
            return self.filled(first, statements, rewrite);
        }
        let handler = first.children().find(|child| child.is(Kind::Except))?;
        let inner = body(first);
        let [answer] = inner[..] else { return None };
        let parts = first.child_nodes();
        let is_plain = parts.len() == 2
            && handler.text().replace(' ', "").starts_with("exceptKeyError:")
            && handler.text().ends_with("pass");
        if !is_plain || !self.is_entry_return(answer) || !self.keeps_parameters(first) {
            return None;
        }
        self.computed(first, &statements[1..], rewrite)
    }

    /// No parameter is bound again: the key is what the caller gave.
    fn keeps_parameters(&self, first: Node<'a>) -> bool {
        let Some(function) = first.ancestor(Kind::Function) else { return false };
        let Some(block) = function.field(Field::Body) else { return false };
        block
            .descendants()
            .filter(|node| node.is(Kind::Identifier))
            .all(|node| !self.key.iter().any(|name| name == node.text()) || occurrence(node) != Occurrence::Bind)
    }

    /// `if key in cache: return …` first, `cache[key] = value` and `return value` last.
    fn computed(&self, first: Node<'a>, rest: &[Node<'a>], rewrite: &mut Rewrite<'a>) -> Option<()> {
        let [between @ .., store, answer] = rest else { return None };
        let (entry, value) = assignment(*store)?;
        if !self.is_entry(entry) || !is_alone(*store) || makes_object(value) || !value_is_safe(value) {
            return None;
        }
        if between.iter().any(|each| self.mentions(*each) || each.has(Kind::Return)) {
            return None;
        }
        rewrite.edits.remove(first);
        if self.is_entry_return(*answer) {
            rewrite.edits.replace(answer.only_child()?, value.text());
            rewrite.edits.remove(*store);
            return Some(());
        }
        let is_same = answer.is(Kind::Return)
            && answer.only_child().is_some_and(|each| each.text() == value.text() && each.is(Kind::Identifier));
        if !is_same {
            return None;
        }
        rewrite.edits.remove(*store);
        Some(())
    }

    /// `if key not in cache: … cache[key] = value` and `return cache[key]`.
    fn filled(&self, first: Node<'a>, statements: &[Node<'a>], rewrite: &mut Rewrite<'a>) -> Option<()> {
        let [_, answer] = statements else { return None };
        let inner = body(first);
        let [between @ .., store] = &inner[..] else { return None };
        let (entry, value) = assignment(*store)?;
        let is_plain = self.is_entry(entry)
            && !makes_object(value)
            && value_is_safe(value)
            && self.is_entry_return(*answer)
            && is_alone(*store);
        if !is_plain
            || between.iter().any(|each| self.mentions(*each) || each.has(Kind::Return))
            || crate::syntax::has_comment(first)
        {
            return None;
        }
        let file = first.file();
        let outer = file.indentation(first.start()).to_owned();
        let deep = file.indentation(store.start()).to_owned();
        let mut text = String::new();
        for statement in between {
            text.push_str(&reindented(*statement, &deep, &outer)?);
            text.push('\n');
            text.push_str(&outer);
        }
        let returned = reindented(value, &deep, &outer)?;
        rewrite.edits.replace_range(first.start(), answer.end(), format!("{text}return {returned}"));
        Some(())
    }

    fn mentions(&self, node: Node<'a>) -> bool {
        self.cache.occurrences().any(|each| node.contains(each))
    }
}

/// True for the construction of an object of a class: callers may compare such objects by identity.
fn makes_object(value: Node<'_>) -> bool {
    let value = match value.kind() {
        Kind::Identifier => value.variable().and_then(Variable::only_binding).and_then(binding_value).unwrap_or(value),
        _ => value,
    };
    value.is(Kind::Call)
        && crate::syntax::callee_name(value)
            .is_some_and(|name| name.trim_start_matches('_').starts_with(char::is_uppercase))
}

fn value_is_safe(value: Node<'_>) -> bool {
    !matches!(value.kind(), Kind::Assignment | Kind::AugmentedAssignment | Kind::Yield)
}
