//! Rules about files, serialisation and the network.

mod await_in_loop;
mod blocking_call_in_async;
mod commit_in_loop;
mod execute_in_loop;
mod fetchall;
mod file_opened_per_item;
mod file_parsed_per_lookup;
mod file_rewritten;
mod flush_in_loop;
mod folder_listed_per_item;
mod independent_awaits;
mod json_text;
mod lines_by_index;
mod readlines;
mod request_without_session;
mod schema_per_call;
mod validator_per_call;
mod whole_file_hash;
mod yaml_loader;

use crate::engine::rewrite::rule::Rule;

/// In the order of the catalogue: what costs most where it occurs comes first.
pub(super) const RULES: &[&Rule] = &[
    &json_text::RULE,
    &schema_per_call::RULE,
    &validator_per_call::RULE,
    &file_parsed_per_lookup::RULE,
    &readlines::RULE,
    &lines_by_index::RULE,
    &file_rewritten::RULE,
    &await_in_loop::RULE,
    &request_without_session::RULE,
    &folder_listed_per_item::RULE,
    &independent_awaits::RULE,
    &yaml_loader::RULE,
    &commit_in_loop::RULE,
    &execute_in_loop::RULE,
    &fetchall::RULE,
    &file_opened_per_item::RULE,
    &flush_in_loop::RULE,
    &whole_file_hash::RULE,
    &blocking_call_in_async::RULE,
];
