//! Finds the same texts parsed as dates again and again, and remembers what they gave.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::calls::loop_depth;
use crate::engine::rewrite::context::{Context, constant_place};
use crate::engine::rewrite::edits::indentation_unit;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Provenance, ScopeKind, Type, Variable, binding_value, callee_name, enclosing_function,
    has_comment, method, positional, qualified, string_value,
};

rule! {
    /// ## What it finds
    /// `datetime.strptime(text, FORMAT)` with a constant format, within two loops: in them, or called from them.
    /// ## Why it is slow
    /// Parsing a date takes some 5 µs; the dates of a table come again and again. A remembered one takes 0.1 µs.
    /// ## What must hold
    /// - The format is a constant without names of days and months, which depend on the locale.
    /// - Dates never change, so one may be given twice. A text that is no date raises each time: errors are not
    ///   remembered. At most 4096 texts are remembered.
    /// - What is parsed is a text; else the words of the `TypeError` change.
    /// ## Example
    /// ```python before proven
    /// from datetime import datetime
    ///
    /// FORMAT = "%d.%m.%Y %H:%M"
    ///
    /// def overlaps(rows, other):
    ///     found = []
    ///     for a in rows:
    ///         for b in other:
    ///             if datetime.strptime(str(a), FORMAT) < datetime.strptime(str(b), FORMAT):
    ///                 found.append((a, b))
    ///     return found
    /// ```
    /// ```python after
    /// from datetime import datetime
    /// from functools import lru_cache
    ///
    /// FORMAT = "%d.%m.%Y %H:%M"
    ///
    /// @lru_cache(maxsize=4096, typed=True)
    /// def _parsed_date(text):
    ///     return datetime.strptime(text, FORMAT)
    ///
    ///
    /// def overlaps(rows, other):
    ///     found = []
    ///     for a in rows:
    ///         for b in other:
    ///             if _parsed_date(str(a)) < _parsed_date(str(b)):
    ///                 found.append((a, b))
    ///     return found
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// from datetime import datetime
    ///
    /// def month(rows, others):
    ///     return [[datetime.strptime(row, "%d %B %Y") for row in rows] for other in others]
    /// ```
    /// ```python unchanged
    /// from datetime import datetime
    ///
    /// def days(lines):
    ///     return [datetime.strptime(line, "%Y-%m-%d") for line in lines]
    /// ```
    "date-parsing", Algorithm, [Trigger::Call("strptime")] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let format = format_of(node)?;
    let calls: Vec<Node<'a>> = node
        .file()
        .root()
        .descendants()
        .filter(|each| each.is(Kind::Call) && callee_name(*each) == Some("strptime"))
        .filter(|each| format_of(*each).is_some_and(|other| other.text() == format.text()))
        .filter(|each| loop_depth(context, *each) >= 2)
        .collect();
    if *calls.first()? != node {
        return None;
    }
    let mut rewrite = Rewrite::new(node, "the same texts are parsed as dates again and again".to_owned());
    let place = constant_place(node)?;
    let lru_cache = context.import(&mut rewrite, "functools", "lru_cache")?;
    let name = context.fresh_name("_parsed_date");
    let callee = node.field(Field::Function)?.text();
    for call in &calls {
        let [text, _] = positional(*call)?[..] else { return None };
        if has_comment(*call) {
            return None;
        }
        assume_text(context, text, &mut rewrite)?;
        rewrite.edits.replace_range(call.start(), text.start(), format!("{name}("));
        rewrite.edits.replace_range(text.end(), call.end(), ")");
    }
    let unit = indentation_unit(node.file());
    let definition = format!(
        "@{lru_cache}(maxsize=4096, typed=True)\ndef {name}(text):\n{unit}return {callee}(text, {})\n\n\n",
        format.text()
    );
    rewrite.edits.replace_range(place, place, definition);
    Some(rewrite)
}

/// The constant format of a call in a function.
fn format_of(call: Node<'_>) -> Option<Node<'_>> {
    let callee = call.field(Field::Function)?;
    if qualified(callee)? != "datetime.datetime.strptime" || callee.text().contains(['(', '\n']) {
        return None;
    }
    if is_remembered(enclosing_function(call)?) {
        return None;
    }
    let [_, format] = positional(call)?[..] else { return None };
    let text = string_value(format).or_else(|| {
        let variable = format.is(Kind::Identifier).then(|| format.variable()).flatten()?;
        let is_global = variable.scope().kind() == ScopeKind::Module;
        is_global.then(|| Variable::only_binding(variable)).flatten().and_then(binding_value).and_then(string_value)
    })?;
    is_same_everywhere(text).then_some(format)
}

/// True when a decorator keeps the results of a function.
fn is_remembered(function: Node<'_>) -> bool {
    let holder = function.parent().filter(|parent| parent.is(Kind::Decorated));
    holder.is_some_and(|holder| {
        holder.children().any(|child| child.is(Kind::Decorator) && child.text().contains("cache"))
    })
}

/// True when no directive depends on the locale or on the day.
fn is_same_everywhere(format: &str) -> bool {
    let mut chars = format.chars();
    let mut has_year = false;
    while let Some(c) = chars.next() {
        if c != '%' {
            continue;
        }
        match chars.next() {
            Some('Y' | 'y') => has_year = true,
            Some('d' | 'm' | 'H' | 'I' | 'M' | 'S' | 'f' | 'j' | '%') => {}
            _ => return false,
        }
    }
    has_year
}

/// States that what is parsed is a text; `None` when it is surely none.
fn assume_text<'a>(context: &Context<'a>, text: Node<'a>, rewrite: &mut Rewrite<'a>) -> Option<()> {
    let typed = context.typed(text);
    match (&typed.of, typed.by) {
        (Type::Str, Provenance::Proved) => {}
        (Type::Str, _) => rewrite.assume(Assumption::Annotated(text.text().into())),
        // Only texts and bytes have these; bytes raise the same error as before.
        (Type::Unknown, _)
            if method(text)
                .is_some_and(|(_, name)| matches!(name, "strip" | "lstrip" | "rstrip" | "upper" | "lower")) => {}
        (Type::Unknown, _) => {
            rewrite.assume(Assumption::ErrorChanges("the words of the `TypeError` of what is no text", "others"));
        }
        _ => return None,
    }
    Some(())
}
