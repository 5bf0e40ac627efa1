//! Finds texts in a dict that grow by `+=` in a loop, and lets lists take the pieces.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::{argument, is_alone};
use crate::engine::rewrite::facts::{assignment, augmented, is_empty_dict, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, Type, Usage, binding_value, enclosing_loop, is_within_try, statement_of, usage,
};

rule! {
    /// ## What it finds
    /// `texts[key] += piece` in a loop, where the dict is made in the function and its values begin as `""`.
    /// ## Why it is slow
    /// A string in a dict is copied in full for every piece. Lists take the pieces and are joined once at the end.
    /// ## What must hold
    /// - The dict begins empty in this function, gets nothing but `""` and pieces, and is returned after the loop.
    /// - Keys are only looked for meanwhile. Pieces are strings; what is not one for sure is added as `"" + piece`, so
    ///   the same error is raised at the same place.
    /// ## Example
    /// ```python before proven
    /// def sheets(parts):
    ///     texts = {}
    ///     for part in parts:
    ///         if str(part) not in texts:
    ///             texts[str(part)] = ""
    ///         texts[str(part)] += f"{part};"
    ///     return texts
    /// ```
    /// ```python after
    /// def sheets(parts):
    ///     texts = {}
    ///     for part in parts:
    ///         if str(part) not in texts:
    ///             texts[str(part)] = []
    ///         texts[str(part)].append(f"{part};")
    ///     return {key: "".join(pieces) for key, pieces in texts.items()}
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// def totals(parts):
    ///     sums = {}
    ///     for part in parts:
    ///         if part.name not in sums:
    ///             sums[part.name] = 0
    ///         sums[part.name] += part.n
    ///     return sums
    /// ```
    /// ```python unchanged
    /// def shown(parts):
    ///     texts = {}
    ///     for part in parts:
    ///         texts[part.name] = ""
    ///         texts[part.name] += f"{part};"
    ///         print(texts[part.name])
    ///     return texts
    /// ```
    "text-in-dict", Algorithm, [Trigger::Kind(Kind::AugmentedAssignment)] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let (target, "+=", _) = augmented(node)? else { return None };
    let dict = target.is(Kind::Subscript).then(|| target.field(Field::Value)).flatten()?;
    let variable = local_variable(dict)?;
    enclosing_loop(node)?;
    let start = variable.only_binding()?;
    if !is_empty_dict(binding_value(start)?)
        || start.parent()?.field(Field::Type).is_some_and(|of| !of.text().ends_with("str]"))
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("texts in `{}` are copied in full for every piece", dict.text()));
    let (mut n_begun, mut returned, mut first) = (0, None, None);
    for each in variable.uses() {
        match usage(each) {
            Usage::ItemStore(item) => {
                let parent = item.parent()?;
                let statement = statement_of(parent);
                if parent.is(Kind::AugmentedAssignment) {
                    let (_, "+=", piece) = augmented(parent)? else { return None };
                    first.get_or_insert(parent);
                    add(context, item, piece, statement, &mut rewrite)?;
                } else {
                    let (_, value) = assignment(parent)?;
                    if !matches!(value.text(), "\"\"" | "''") {
                        return None;
                    }
                    rewrite.edits.replace(value, "[]");
                    n_begun += 1;
                }
            }
            Usage::Searched(_) | Usage::Truth | Usage::Builtin("len", _) => {}
            Usage::Returned if enclosing_loop(each).is_none() && returned.is_none() => returned = Some(each),
            _ => return None,
        }
    }
    let returned = returned?;
    if n_begun == 0 || first != Some(node) || is_within_try(node) {
        return None;
    }
    let (key, pieces) = (context.fresh_name("key"), context.fresh_name("pieces"));
    let text = format!("{{{key}: \"\".join({pieces}) for {key}, {pieces} in {}.items()}}", dict.text());
    rewrite.edits.replace(returned, text);
    // A type checker reads the annotation of the dict as before.
    if let Some(promise) = start.parent()?.field(Field::Type) {
        rewrite.edits.replace_range(promise.end() - "str]".len(), promise.end(), "list[str]]");
    }
    rewrite.until(statement_of(returned));
    Some(rewrite)
}

fn add<'a>(
    context: &Context<'a>,
    item: Node<'a>,
    piece: Node<'a>,
    statement: Node<'a>,
    rewrite: &mut Rewrite<'a>,
) -> Option<()> {
    let typed = context.typed(piece);
    let text = match typed.of {
        Type::Str if typed.is_proved() => argument(piece),
        Type::Str | Type::Unknown
            if matches!(piece.kind(), Kind::Identifier | Kind::Attribute | Kind::Subscript | Kind::Call) =>
        {
            format!("\"\" + {}", piece.text())
        }
        Type::Str | Type::Unknown => {
            rewrite.assume(Assumption::Type(piece.text().into(), "a string"));
            argument(piece)
        }
        _ => return None,
    };
    if !is_alone(statement) {
        return None;
    }
    rewrite.edits.replace(item.parent()?, format!("{}.append({text})", item.text()));
    Some(())
}
