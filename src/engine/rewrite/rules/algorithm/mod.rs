//! Rules about complexity, data structures and database access.

mod lazy_relation;
mod list_concatenation;
mod list_dedup;
mod list_membership;
mod list_pop_front;
mod n_plus_one;
mod nested_scan;
mod orm_linear_search;
mod regex_in_function;
mod string_concatenation;

use crate::engine::rewrite::rule::Rule;

/// In the order of the catalogue: what costs most where it occurs comes first.
pub(super) const RULES: &[&Rule] = &[
    &n_plus_one::RULE,
    &lazy_relation::RULE,
    &orm_linear_search::RULE,
    &list_membership::RULE,
    &nested_scan::RULE,
    &list_dedup::RULE,
    &string_concatenation::RULE,
    &list_concatenation::RULE,
    &list_pop_front::RULE,
    &regex_in_function::RULE,
];
