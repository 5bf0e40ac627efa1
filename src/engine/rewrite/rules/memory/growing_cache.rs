//! Finds dicts that remember every result and are no plain table of one function's arguments.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{assignment, comparison, is_empty_dict};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Occurrence, ScopeKind, Type, Usage, Variable, binding_value, enclosing_function, enclosing_loop,
    function_name, occurrence, positional, statement_of, usage,
};

rule! {
    /// ## What it finds
    /// A dict in an attribute of an object or class, in a default argument or at module level that one function fills
    /// with what it computes for a key, and nothing empties.
    /// ## Why it is slow
    /// It grows with every new key for as long as the object or the program lives. Emptied at 1000 entries it stays
    /// small, and what is asked for again is computed again. With `cachetools.TTLCache` entries would expire as well.
    /// ## What must hold
    /// - The function only looks the key up, stores under the same key and returns what is stored; nothing else in the
    ///   project mentions the dict.
    /// - What is stored is immutable by construction or annotation, or the dict is named a cache or memo; it is no new
    ///   object of a class, connection or the like, which callers may compare or need to be the same one.
    /// - The function does not call itself: a table of partial results needs all of them.
    /// ## Example
    /// ```python before needs-run
    /// class Labels:
    ///     def __init__(self):
    ///         self._headers = {}
    ///
    ///     def header(self, customer: str):
    ///         if customer not in self._headers:
    ///             self._headers[customer] = customer.upper().center(80, "*")
    ///         return self._headers[customer]
    ///
    ///
    /// class Bars:
    ///     _known: dict = {}
    ///
    ///     def bars(self, text: str, scale: int) -> bytes:
    ///         bars = self._known.get((text, scale))
    ///         if bars is None:
    ///             bars = bytes(ord(c) * scale % 256 for c in text)
    ///             self._known[(text, scale)] = bars
    ///         return bars
    ///
    ///
    /// def shingles(text, size=3, _memo={}):
    ///     key = (text, size)
    ///     if key in _memo:
    ///         return _memo[key]
    ///     result = frozenset(text[i:i + size] for i in range(len(text)))
    ///     _memo[key] = result
    ///     return result
    /// ```
    /// ```python after
    /// class Labels:
    ///     def __init__(self):
    ///         self._headers = {}
    ///
    ///     def header(self, customer: str):
    ///         if customer not in self._headers:
    ///             if len(self._headers) >= 1000:
    ///                 self._headers.clear()
    ///             self._headers[customer] = customer.upper().center(80, "*")
    ///         return self._headers[customer]
    ///
    ///
    /// class Bars:
    ///     _known: dict = {}
    ///
    ///     def bars(self, text: str, scale: int) -> bytes:
    ///         bars = self._known.get((text, scale))
    ///         if bars is None:
    ///             bars = bytes(ord(c) * scale % 256 for c in text)
    ///             if len(self._known) >= 1000:
    ///                 self._known.clear()
    ///             self._known[(text, scale)] = bars
    ///         return bars
    ///
    ///
    /// def shingles(text, size=3, _memo={}):
    ///     key = (text, size)
    ///     if key in _memo:
    ///         return _memo[key]
    ///     result = frozenset(text[i:i + size] for i in range(len(text)))
    ///     if len(_memo) >= 1000:
    ///         _memo.clear()
    ///     _memo[key] = result
    ///     return result
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Units:
    ///     def __init__(self):
    ///         self._units = {}
    ///         self._open = {}
    ///         self._seen = {}
    ///
    ///     def unit(self, symbol):
    ///         if symbol not in self._units:
    ///             self._units[symbol] = Unit(symbol)
    ///         return self._units[symbol]
    ///
    ///     def channel(self, host):
    ///         if host not in self._open:
    ///             self._open[host] = connect(host)
    ///         return self._open[host]
    ///
    ///     def first(self, name):
    ///         if name not in self._seen:
    ///             self._seen[name] = str(name)
    ///         return self._seen[name]
    ///
    ///     def n_seen(self):
    ///         return len(self._seen)
    /// ```
    /// ```python unchanged
    /// class Groups:
    ///     def __init__(self):
    ///         self._cache = {}
    ///
    ///     def add(self, key, row):
    ///         if key not in self._cache:
    ///             self._cache[key] = []
    ///         self._cache[key].append(row)
    ///         return self._cache[key]
    ///
    ///
    /// def ways(n, _memo={}):
    ///     if n not in _memo:
    ///         _memo[n] = 1 if n < 2 else ways(n - 1) + ways(n - 2)
    ///     return _memo[n]
    /// ```
    "growing-cache", Memory, [Trigger::Kind(Kind::Function)] => find
}

/// Entries kept; enough for the hot part of most key sets and small against a program's memory.
const ENTRIES_MAX: u32 = 1_000;

/// Words in the name of a call whose result is meant to be the one and only.
const KEEPERS: &[&str] = &[
    "connect",
    "connection",
    "open",
    "client",
    "session",
    "pool",
    "lock",
    "logger",
    "thread",
    "socket",
    "engine",
    "spawn",
    "start",
    "register",
    "import",
    "channel",
    "proxy",
    "queue",
    "event",
    "future",
    "task",
];

/// A dict and the places that mention it.
struct Table<'a> {
    /// As it is written in the function.
    text: &'a str,
    /// Where it is made.
    home: Node<'a>,
    /// All other mentions.
    uses: Vec<Node<'a>>,
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let body = node.field(Field::Body)?;
    if node.has(Kind::Yield) || super::unbounded_cache::is_match(context, node) {
        return None;
    }
    let stores = body.descendants().filter(|each| each.is(Kind::ExpressionStatement) && entry_of(*each).is_some());
    stores.into_iter().find_map(|store| bounded(context, node, store))
}

/// Dict, key and value of `table[key] = value`.
fn entry_of(statement: Node<'_>) -> Option<(Node<'_>, Node<'_>, Node<'_>)> {
    let (left, value) = assignment(statement)?;
    let holder = left.is(Kind::Subscript).then(|| left.field(Field::Value)).flatten()?;
    matches!(holder.kind(), Kind::Identifier | Kind::Attribute).then_some(())?;
    Some((holder, left.field(Field::Subscript)?, value))
}

fn bounded<'a>(context: &Context<'a>, function: Node<'a>, store: Node<'a>) -> Option<Rewrite<'a>> {
    let (holder, key, value) = entry_of(store)?;
    if enclosing_function(store) != Some(function) || enclosing_loop(store).is_some() || !is_alone(store) {
        return None;
    }
    let table = table(context, function, holder)?;
    if !is_memo(function, &table, holder, key, value)? || !is_replaceable(context, function, &table, value) {
        return None;
    }
    let name = table.text;
    let mut rewrite = Rewrite::new(store, format!("`{name}` never forgets"));
    let unit = crate::engine::rewrite::edits::indentation_unit(store.file());
    let lines = [format!("if len({name}) >= {ENTRIES_MAX}:"), format!("{unit}{name}.clear()")];
    rewrite.edits.insert_before(store, &lines);
    rewrite.assume(Assumption::Repeatable(function_name(function).into()));
    rewrite.assume(Assumption::Unchanged(name.into()));
    Some(rewrite)
}

/// The dict, when it begins empty and only this function uses it.
fn table<'a>(context: &Context<'a>, function: Node<'a>, holder: Node<'a>) -> Option<Table<'a>> {
    let (home, uses) =
        if holder.is(Kind::Identifier) { variable(context, function, holder)? } else { attribute(context, holder)? };
    uses.iter().all(|each| enclosing_function(*each) == Some(function)).then_some(())?;
    Some(Table { text: holder.text(), home, uses })
}

/// A default argument, or a variable of the module.
fn variable<'a>(context: &Context<'a>, function: Node<'a>, name: Node<'a>) -> Option<(Node<'a>, Vec<Node<'a>>)> {
    let variable = name.variable()?;
    let home = variable.only_binding()?;
    let parent = home.parent()?;
    let initial = match (parent.kind(), variable.scope().kind()) {
        (Kind::DefaultParameter | Kind::TypedDefaultParameter, ScopeKind::Function) => {
            let is_last = parent.parent()?.children().last() == Some(parent);
            let is_private = home.text().starts_with('_') || is_named_cache(home.text());
            (is_last && is_private && !is_passed(function, home.text())).then_some(())?;
            parent.field(Field::Value)?
        }
        (_, ScopeKind::Module) => {
            (statement_of(home).parent()?.is(Kind::Module) && !context.index.is_mentioned_elsewhere(home))
                .then_some(())?;
            binding_value(home)?
        }
        _ => return None,
    };
    let is_read = variable.occurrences().all(|each| each == home || occurrence(each) == Occurrence::Load);
    (is_empty_dict(initial) && is_read).then(|| (home, variable.uses().collect()))
}

/// True when a call of the file gives the parameter by name.
fn is_passed(function: Node<'_>, name: &str) -> bool {
    function.file().root().descendants().any(|each| {
        each.is(Kind::KeywordArgument) && each.field(Field::Name).is_some_and(|keyword| keyword.text() == name)
    })
}

/// `self.x`, made empty in `__init__` or in the class body, that no other place mentions.
fn attribute<'a>(context: &Context<'a>, holder: Node<'a>) -> Option<(Node<'a>, Vec<Node<'a>>)> {
    let owner = holder.field(Field::Object).filter(|owner| owner.is(Kind::Identifier))?;
    let name = holder.field(Field::Attribute)?.text();
    let class = holder.ancestor(Kind::Class)?;
    let is_own = owner.text() == "self" || owner.text() == "cls" || owner.text() == function_name(class);
    let mut home = None;
    let mut uses = vec![];
    for each in class.descendants() {
        let place = match each.kind() {
            Kind::Attribute if each.field(Field::Attribute).is_some_and(|field| field.text() == name) => each,
            Kind::Identifier
                if each.text() == name && each.parent().is_some_and(|parent| parent.is(Kind::Assignment)) =>
            {
                (each.scope().node() == class && each.role() == Field::Left).then_some(each)?
            }
            _ => continue,
        };
        let target = place.parent().filter(|parent| parent.is(Kind::Assignment) && place.role() == Field::Left);
        match target {
            Some(assignment) => {
                let is_empty = assignment.field(Field::Right).is_some_and(is_empty_dict);
                let is_start = place.is(Kind::Identifier)
                    || enclosing_function(place).is_some_and(|function| function_name(function) == "__init__");
                (is_empty && is_start && home.replace(place).is_none()).then_some(())?;
            }
            None => uses.push(place),
        }
    }
    let is_private = !context.index.is_named_outside(name, class);
    let is_same_text = uses.iter().all(|each| each.text() == holder.text());
    (is_own && is_private && is_same_text).then_some((home?, uses))
}

fn is_named_cache(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("cache") || name.contains("memo")
}

/// True when the function looks a key up, stores under it and returns what is stored, and does nothing else with the
/// dict.
fn is_memo<'a>(
    function: Node<'a>,
    table: &Table<'a>,
    stored: Node<'a>,
    key: Node<'a>,
    value: Node<'a>,
) -> Option<bool> {
    let body = function.field(Field::Body)?;
    let fixed = |name: Node<'a>| name.variable().is_none_or(|variable| variable.only_binding().is_some());
    if !key.descendants().filter(|each| each.is(Kind::Identifier)).all(fixed) || key.has(Kind::Call) {
        return Some(false);
    }
    let is_key = |node: Node<'a>| node.unwrapped().text() == key.unwrapped().text();
    let mut is_looked_up = false;
    let mut answers: Vec<Node<'a>> = vec![];
    for each in table.uses.iter().copied().filter(|each| *each != stored) {
        match usage(each) {
            Usage::Searched(test) => {
                is_looked_up = true;
                if !comparison(test).is_some_and(|(left, ..)| is_key(left)) {
                    return Some(false);
                }
            }
            Usage::Item(item) => {
                is_looked_up |= item.ancestor(Kind::Try).is_some();
                if !item.field(Field::Subscript).is_some_and(is_key) {
                    return Some(false);
                }
                answers.push(item);
            }
            Usage::Method("get", call) => {
                is_looked_up = true;
                let all = positional(call)?;
                if !all.first().copied().is_some_and(is_key) || all.get(1).is_some_and(|other| !other.is(Kind::None)) {
                    return Some(false);
                }
                answers.push(call);
            }
            _ => return Some(false),
        }
    }
    let is_handed_out = answers.iter().all(|each| matches!(usage(*each), Usage::Returned | Usage::Assigned(_)));
    let returns_value = body
        .descendants()
        .filter(|each| each.is(Kind::Return))
        .any(|each| each.only_child().is_some_and(|answer| answer.text() == value.text() || answers.contains(&answer)));
    let name = function_name(function);
    let is_own = |each: Node<'a>| each.variable().is_some_and(|variable| variable.scope().node() == function);
    let recurses = body.descendants().any(|each| each.is(Kind::Identifier) && each.text() == name && !is_own(each));
    Some(is_looked_up && is_handed_out && returns_value && !recurses)
}

/// True when an equal result computed again is as good as the one stored.
fn is_replaceable<'a>(context: &Context<'a>, function: Node<'a>, table: &Table<'a>, value: Node<'a>) -> bool {
    let source = match value.kind() {
        Kind::Identifier => last_value(value).unwrap_or(value),
        _ => value,
    };
    let source = if source.is(Kind::Await) { source.only_child().unwrap_or(source) } else { source };
    if matches!(source.kind(), Kind::List | Kind::Dictionary | Kind::Set | Kind::Lambda) || makes_one_and_only(source) {
        return false;
    }
    let promised = function.field(Field::ReturnType).map(crate::syntax::annotation);
    let is_plain = |of: &Type| of.is_hashable() && *of != Type::None;
    is_plain(&context.typed(source).of)
        || promised.is_some_and(|typed| is_plain(&typed.of))
        || is_named_cache(table.home.text())
}

/// What a name was given last before it is stored.
fn last_value(name: Node<'_>) -> Option<Node<'_>> {
    let bindings = name.variable().into_iter().flat_map(Variable::bindings);
    let last = bindings.filter(|binding| binding.start() < name.start()).max_by_key(|binding| binding.start());
    last.and_then(binding_value)
}

/// True for the construction of objects and for connections, locks and the like.
fn makes_one_and_only(value: Node<'_>) -> bool {
    value.descendants().filter(|each| each.is(Kind::Call)).take(1).any(|call| {
        crate::syntax::callee_name(call).is_some_and(|name| {
            name.trim_start_matches('_').starts_with(char::is_uppercase)
                || name.to_lowercase().split('_').any(|word| KEEPERS.contains(&word))
        })
    })
}
