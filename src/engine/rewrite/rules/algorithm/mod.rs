//! Rules about complexity, data structures and database access.

mod append_if_absent;
mod array_growth;
mod attribute_membership;
mod attribute_queue;
mod attribute_text;
mod date_parsing;
mod dict_copy_in_loop;
mod dict_keys;
mod frame_apply;
mod frame_growth;
mod frame_rows;
mod get_in_loop;
mod helper_scan;
mod inline_membership;
mod invariant_call;
mod lazy_relation;
mod list_concatenation;
mod list_count_in_loop;
mod list_dedup;
mod list_index;
mod list_membership;
mod list_pop_front;
mod literal_membership;
mod method_without_memory;
mod n_plus_one;
mod nested_scan;
mod orm_filter_in_loop;
mod orm_len_all;
mod orm_linear_search;
mod pattern_built;
mod prefix_chain;
mod query_in_loop;
mod query_per_row;
mod recursion_without_memory;
mod regex_in_function;
mod save_in_loop;
mod scan_before_append;
mod sort_in_loop;
mod sorted_for_extreme;
mod sorted_scan;
mod sorted_slice;
mod string_concatenation;
mod sum_of_lists;
mod text_in_dict;

use crate::engine::rewrite::rule::Rule;

/// In the order of the catalogue: what costs most where it occurs comes first.
pub(super) const RULES: &[&Rule] = &[
    &n_plus_one::RULE,
    &query_per_row::RULE,
    &get_in_loop::RULE,
    &query_in_loop::RULE,
    &lazy_relation::RULE,
    &orm_linear_search::RULE,
    &orm_filter_in_loop::RULE,
    &save_in_loop::RULE,
    &list_membership::RULE,
    &attribute_membership::RULE,
    &inline_membership::RULE,
    &nested_scan::RULE,
    &helper_scan::RULE,
    &scan_before_append::RULE,
    &append_if_absent::RULE,
    &list_dedup::RULE,
    &string_concatenation::RULE,
    &list_concatenation::RULE,
    &list_pop_front::RULE,
    &attribute_queue::RULE,
    &attribute_text::RULE,
    &text_in_dict::RULE,
    &sort_in_loop::RULE,
    &regex_in_function::RULE,
    &pattern_built::RULE,
    &date_parsing::RULE,
    &sorted_scan::RULE,
    &orm_len_all::RULE,
    &sum_of_lists::RULE,
    &dict_copy_in_loop::RULE,
    &sorted_for_extreme::RULE,
    &sorted_slice::RULE,
    &prefix_chain::RULE,
    &literal_membership::RULE,
    &dict_keys::RULE,
    &list_count_in_loop::RULE,
    &list_index::RULE,
    &invariant_call::RULE,
    &array_growth::RULE,
    &frame_rows::RULE,
    &frame_apply::RULE,
    &frame_growth::RULE,
    &recursion_without_memory::RULE,
    &method_without_memory::RULE,
];
