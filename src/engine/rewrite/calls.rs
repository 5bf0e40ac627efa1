//! How often code is run, as far as the source tells: loops around it, and around the calls of its function.

use crate::syntax::{Field, Kind, Node, enclosing_function, enclosing_loop, function_name};

use super::context::Context;

/// Longer chains of calls are followed no further.
const CALLS_MAX: u32 = 3;

/// Loops around a place: those of its function and, at most, those around a call of that function.
pub(crate) fn loop_depth<'a>(context: &Context<'a>, node: Node<'a>) -> u32 {
    depth_within(context, node, CALLS_MAX)
}

fn depth_within<'a>(context: &Context<'a>, node: Node<'a>, calls: u32) -> u32 {
    let own = own_depth(node);
    let Some(function) = enclosing_function(node) else { return own };
    let Some(calls) = calls.checked_sub(1) else { return own };
    let name = function_name(function);
    if name.starts_with("__") {
        return own;
    }
    let sites = call_sites(context, function);
    own + sites.into_iter().map(|site| depth_within(context, site, calls)).max().unwrap_or(0)
}

/// Loops of the function around a node.
fn own_depth(node: Node<'_>) -> u32 {
    let mut depth = 0;
    let mut at = enclosing_loop(node);
    while let Some(looping) = at {
        let is_around = |clause: &Node<'_>| clause.is(Kind::ForIn) && !clause.contains(node);
        let n_clauses = looping.children().filter(is_around).count();
        depth += u32::try_from(n_clauses).unwrap_or(1).max(1);
        at = enclosing_loop(looping);
    }
    // The function of a sort key or of `map` runs once an item.
    let in_lambda = node.ancestors().take_while(|each| !each.is(Kind::Block)).any(|each| each.is(Kind::Lambda));
    depth + u32::from(in_lambda)
}

/// The calls outside a function that have its name: of a method by any receiver.
pub(crate) fn call_sites<'a>(context: &Context<'a>, function: Node<'a>) -> Vec<Node<'a>> {
    let is_method = function.ancestors().nth(1).is_some_and(|above| above.is(Kind::Class))
        || function.parent().is_some_and(|parent| parent.is(Kind::Decorated));
    let called = |mention: Node<'a>| {
        let callee = if mention.role() == Field::Attribute { mention.parent()? } else { mention };
        let call = callee.parent().filter(|call| call.is(Kind::Call) && callee.role() == Field::Function)?;
        let fits = is_method || mention.role() != Field::Attribute || context.index.definition(callee).is_some();
        (fits && !function.contains(call)).then_some(call)
    };
    context.index.named(function_name(function)).filter_map(called).take(SITES_MAX).collect()
}

/// More calls than these tell nothing new.
const SITES_MAX: usize = 40;
