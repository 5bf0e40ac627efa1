//! Finds texts that the methods of a class grow by `+=` and lets them collect the pieces.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::attributes::{Access, access, fresh_attribute, held};
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{indentation_unit, is_alone};
use crate::engine::rewrite::facts::augmented;
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{Field, Kind, Node, Provenance, Type, Usage, enclosing_function, function_name, statement_of};

rule! {
    /// ## What it finds
    /// `self.text += piece` in the methods of a class, where `text` begins as a string.
    /// ## Why it is slow
    /// A string in an attribute is copied in full for every piece. A list takes the pieces; the text is put together
    /// when it is read.
    /// ## What must hold
    /// - The attribute begins as a string in `__init__`, and no other code of the project mentions it.
    /// - All other writes give it a string. What is no string for sure is added as `"" + piece`, so the same error is
    ///   raised at the same place.
    /// - Nothing copies objects by `copy.copy`: two copies would share the list.
    /// ## Example
    /// ```python before proven
    /// class Writer:
    ///     def __init__(self, title):
    ///         self._text = f"* {title}\n"
    ///
    ///     def part(self, name, pins):
    ///         self._text += name
    ///         for pin in pins:
    ///             self._text += " " + str(pin)
    ///         self._text += "\n"
    ///
    ///     def value(self):
    ///         return self._text
    /// ```
    /// ```python after
    /// class Writer:
    ///     def __init__(self, title):
    ///         self._text_parts = [f"* {title}\n"]
    ///
    ///     @property
    ///     def _text(self):
    ///         self._text_parts = ["".join(self._text_parts)]
    ///         return self._text_parts[0]
    ///
    ///     def part(self, name, pins):
    ///         self._text_parts.append("" + name)
    ///         for pin in pins:
    ///             self._text_parts.append(" " + str(pin))
    ///         self._text_parts.append("\n")
    ///
    ///     def value(self):
    ///         return self._text
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// class Counter:
    ///     def __init__(self, start):
    ///         self._total = start
    ///
    ///     def count(self, numbers):
    ///         for number in numbers:
    ///             self._total += number
    /// ```
    /// ```python unchanged
    /// class Shown:
    ///     def __init__(self):
    ///         self._text = ""
    ///
    ///     def add(self, lines):
    ///         for line in lines:
    ///             self._text += line
    ///             print(self._text)
    /// ```
    "attribute-text", Algorithm, [Trigger::Kind(Kind::AugmentedAssignment)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (target, "+=", _) = augmented(node)? else { return None };
    if !target.is(Kind::Attribute) {
        return None;
    }
    let held = held(context, target)?;
    if !held.is_first(target, |place| matches!(access(place), Access::Used(Usage::Augmented(_)))) {
        return None;
    }
    let (made, _) = held.made()?;
    let init = enclosing_function(made)?;
    let mut rewrite = Rewrite::new(node, format!("`{}` is copied in full for every piece it gets", target.text()));
    let parts = fresh_attribute(context, &format!("{}_parts", held.name));
    let (mut grows, mut has_piece) = (false, false);
    for place in &held.places {
        let object = place.field(Field::Object)?.text();
        match access(*place) {
            Access::Stored(statement, value) => {
                if !is_text(context, value) || !is_alone(statement) {
                    return None;
                }
                rewrite.edits.replace_range(statement.start(), value.start(), format!("{object}.{parts} = ["));
                rewrite.edits.replace_range(value.end(), value.end(), "]");
            }
            Access::Used(Usage::Augmented(addition)) => {
                let (_, "+=", piece) = augmented(addition)? else { return None };
                let statement = statement_of(addition);
                if !is_alone(statement) || piece.is(Kind::Yield) || piece.has(Kind::Await) {
                    return None;
                }
                let function = enclosing_function(addition)?;
                grows |= function_name(function) != "__init__";
                has_piece |= is_text(context, piece);
                let open = format!("{object}.{parts}.append({}", if is_text(context, piece) { "" } else { "\"\" + " });
                let is_loose = !is_text(context, piece) && !is_tight(piece);
                rewrite.edits.replace_range(
                    statement.start(),
                    piece.start(),
                    if is_loose { format!("{open}(") } else { open },
                );
                rewrite.edits.replace_range(piece.end(), piece.end(), if is_loose { "))" } else { ")" });
            }
            // A text that is read in each round is put together in each round: nothing would be gained.
            Access::Other => return None,
            Access::Used(_) if crate::syntax::enclosing_loop(*place).is_some() => return None,
            Access::Used(_) => {}
        }
    }
    if !grows || !has_piece {
        return None;
    }
    if context.index.mentions_any(&["copy.copy", "from copy import", "import copy"]) {
        rewrite.assume(Assumption::Unchanged(format!("a copy of the object that holds `{}`", target.text())));
    }
    held.assume_private(context, &mut rewrite);
    property(init, held.name, &parts, &mut rewrite);
    Some(rewrite)
}

/// True for expressions that give a string when they give anything: a sum that begins with a string, too.
fn is_text<'a>(context: &Context<'a>, node: Node<'a>) -> bool {
    let node = node.unwrapped();
    let typed = context.typed(node);
    if typed.of == Type::Str && typed.by == Provenance::Proved {
        return true;
    }
    let is_sum =
        node.is(Kind::BinaryOperator) && node.field(Field::Operator).is_some_and(|operator| operator.text() == "+");
    is_sum && node.field(Field::Left).is_some_and(|left| is_text(context, left))
}

/// True for expressions that need no parentheses as the right side of a sum.
fn is_tight(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        Kind::Identifier | Kind::Attribute | Kind::Subscript | Kind::Call | Kind::String | Kind::Parenthesized
    )
}

/// Writes the property that puts the text together, below `__init__`.
fn property<'a>(init: Node<'a>, name: &str, parts: &str, rewrite: &mut Rewrite<'a>) {
    let file = init.file();
    let holder = init.parent().filter(|parent| parent.is(Kind::Decorated)).unwrap_or(init);
    let (outer, unit) = (file.indentation(holder.start()), indentation_unit(file));
    let inner = format!("{outer}{unit}");
    let end = file.line_end(init.end() - 1);
    let gap = if file.text[..end].ends_with('\n') { "" } else { "\n" };
    let text = format!(
        "{gap}\n{outer}@property\n{outer}def {name}(self):\n{inner}self.{parts} = [\"\".join(self.{parts})]\n\
         {inner}return self.{parts}[0]\n"
    );
    rewrite.edits.replace_range(end, end, text);
}
