//! Finds arrays and data frames that grow piece by piece in a loop.

use crate::engine::rewrite::assumption::Assumption;
use crate::engine::rewrite::context::Context;
use crate::engine::rewrite::edits::is_alone;
use crate::engine::rewrite::facts::{assignment, local_variable};
use crate::engine::rewrite::rule::{Rewrite, Trigger, rule};
use crate::syntax::{
    Field, Kind, Node, arguments, enclosing_loop, has_comment, is_within_try, keywords, previous_statement, qualified,
};

rule! {
    /// ## What it finds
    /// `array = np.append(array, x)`, `np.vstack([array, row])`, `np.concatenate((array, more))` and
    /// `frame = pd.concat([frame, part])` in a loop.
    /// ## Why it is slow
    /// Every round copies all that was collected before.
    /// ## What must hold
    /// - The loop only adds to it, and nothing between its start and the loop uses it.
    /// - The pieces are joined once after the loop, together with the start, so the type stays; an error half way
    ///   leaves nothing.
    /// ## Example
    /// ```python before needs-run
    /// import numpy as np
    ///
    ///
    /// def track(steps):
    ///     points = np.empty((0, 3))
    ///     for step in steps:
    ///         points = np.vstack([points, step.position()])
    ///     return points
    /// ```
    /// ```python after
    /// import numpy as np
    ///
    ///
    /// def track(steps):
    ///     points_parts = [np.empty((0, 3))]
    ///     for step in steps:
    ///         points_parts.append(step.position())
    ///     points = points_parts[0] if len(points_parts) == 1 else np.vstack(points_parts)
    ///     return points
    /// ```
    /// ```python before needs-run
    /// import pandas as pd
    ///
    ///
    /// def load(paths):
    ///     frame = pd.DataFrame()
    ///     for path in paths:
    ///         frame = pd.concat([frame, pd.read_csv(path)], ignore_index=True)
    ///     return frame
    /// ```
    /// ```python after
    /// import pandas as pd
    ///
    ///
    /// def load(paths):
    ///     frame_parts = [pd.DataFrame()]
    ///     for path in paths:
    ///         frame_parts.append(pd.read_csv(path))
    ///     frame = frame_parts[0] if len(frame_parts) == 1 else pd.concat(frame_parts, ignore_index=True)
    ///     return frame
    /// ```
    /// ## Left alone
    /// ```python unchanged
    /// import numpy as np
    ///
    ///
    /// def fill(steps):
    ///     points = np.array([])
    ///     for step in steps:
    ///         points = np.append(points, step)
    ///         if points.sum() > 3:
    ///             break
    ///     return points
    /// ```
    "array-growth", Algorithm, [
        Trigger::Call("append"), Trigger::Call("vstack"), Trigger::Call("hstack"), Trigger::Call("concatenate"), Trigger::Call("concat"),
    ] => find
}

fn find<'a>(context: &Context<'a>, node: Node<'a>) -> Option<Rewrite<'a>> {
    let path = qualified(node.field(Field::Function)?)?;
    let is_append = path == "numpy.append";
    if !is_append && !matches!(path.as_str(), "numpy.vstack" | "numpy.hstack" | "numpy.concatenate" | "pandas.concat") {
        return None;
    }
    let (name, value) = assignment(node.parent()?)?;
    let variable = local_variable(name)?;
    let looping = enclosing_loop(node)?;
    if value != node
        || enclosing_loop(looping)
            .is_some_and(|outer| variable.occurrences().any(|each| outer.contains(each) && !looping.contains(each)))
    {
        return None;
    }
    let (start, initial) = start_of(looping, variable)?;
    let bindings = variable.occurrences().filter(|each| looping.contains(*each)).count();
    let all = arguments(node);
    let (held, piece) = if is_append {
        let [held, piece] = all[..] else { return None };
        (held, piece)
    } else {
        let display = all.first().filter(|first| matches!(first.kind(), Kind::List | Kind::Tuple))?;
        let [held, piece] = display.child_nodes()[..] else { return None };
        (held, piece)
    };
    let is_plain =
        held.variable() == Some(variable) && bindings == 2 && !has_comment(node) && !piece.is(Kind::ListSplat);
    let named = keywords(node);
    if !is_plain
        || is_append && !named.is_empty()
        || named.iter().any(|(_, value)| !crate::engine::rewrite::facts::is_simple(*value))
        || !is_alone(looping)
    {
        return None;
    }
    let mut rewrite = Rewrite::new(node, format!("`{}` is copied in every round", name.text()));
    let parts = context.fresh_name(&format!("{}_parts", name.text()));
    let left = start.field(Field::Left)?;
    rewrite.edits.replace_range(left.start(), initial.end(), format!("{parts} = [{}]", initial.text()));
    let added = if is_append { format!("[{}]", piece.text()) } else { piece.text().to_owned() };
    rewrite.edits.replace(node.parent()?, format!("{parts}.append({added})"));
    let rest = named.iter().fold(String::new(), |rest, (name, value)| rest + ", " + name + "=" + value.text());
    let callee = node.field(Field::Function)?.text();
    let callee = if is_append { callee.replacen("append", "concatenate", 1) } else { callee.to_owned() };
    rewrite.edits.insert_after(
        looping,
        &[format!("{} = {parts}[0] if len({parts}) == 1 else {callee}({parts}{rest})", name.text())],
    );
    if is_row_of(context, path.as_str(), initial, piece) && !is_within_try(looping) {
        rewrite.assume(Assumption::Annotated(piece.text().into()));
        return Some(rewrite);
    }
    rewrite.assume(Assumption::NoPartialResult(name.text().into()));
    rewrite.assume(Assumption::Arithmetic("joining all at once gives the type that joining one by one gave"));
    if is_append {
        rewrite.assume(Assumption::Type(piece.text().into(), "a single number"));
    }
    Some(rewrite)
}

/// True when an array begins as floats of some width and gets tuples that are declared as that many numbers.
fn is_row_of<'a>(context: &Context<'a>, path: &str, initial: Node<'a>, piece: Node<'a>) -> bool {
    let width = || {
        let made = qualified(initial.field(Field::Function)?)?;
        let [shape] = arguments(initial)[..] else { return None };
        let [rows, width] = shape.is(Kind::Tuple).then(|| shape.child_nodes())?[..] else { return None };
        let is_new = matches!(made.as_str(), "numpy.empty" | "numpy.zeros" | "numpy.ones");
        (is_new && rows.text() == "0").then(|| width.text().parse::<usize>().ok()).flatten()
    };
    let declared = || {
        let function = context.callee(piece)?;
        let promise = function.field(Field::ReturnType)?.text();
        let parts = promise.strip_prefix("tuple[").or_else(|| promise.strip_prefix("Tuple["))?.strip_suffix(']')?;
        let parts: Vec<&str> = parts.split(',').map(str::trim).collect();
        parts.iter().all(|part| matches!(*part, "float" | "int")).then_some(parts.len())
    };
    path == "numpy.vstack" && width().is_some_and(|width| declared() == Some(width))
}

/// The assignment before the loop, in its block, with nothing between that uses the variable.
fn start_of<'a>(looping: Node<'a>, variable: crate::syntax::Variable<'a>) -> Option<(Node<'a>, Node<'a>)> {
    let mut statement = previous_statement(looping)?;
    loop {
        if let Some((left, value)) = assignment(statement)
            && left.variable() == Some(variable)
        {
            return is_alone(statement).then_some((statement.only_child()?, value));
        }
        if variable.occurrences().any(|each| statement.contains(each)) {
            return None;
        }
        statement = previous_statement(statement)?;
    }
}
