//! Rules about complexity, data structures and database access.

mod list_concatenation;
mod list_dedup;
mod list_membership;
mod list_pop_front;
mod string_concatenation;

use crate::engine::rewrite::rule::Rule;

/// In the order of the catalogue: what costs most where it occurs comes first.
pub(super) const RULES: &[&Rule] = &[
    &list_membership::RULE,
    &list_dedup::RULE,
    &string_concatenation::RULE,
    &list_concatenation::RULE,
    &list_pop_front::RULE,
];
