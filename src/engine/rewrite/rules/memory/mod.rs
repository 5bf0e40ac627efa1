//! Rules about peaks, growth and leaks.

mod cursor_as_list;
mod dataclass_without_slots;
mod deepcopy_to_read;
mod file_kept_open;
mod growing_cache;
mod large_fields;
mod list_as_argument;
mod list_to_generator;
mod lru_cache_on_method;
mod needless_copy;
mod unbounded_cache;
mod unbounded_lru_cache;
mod unclosed_file;

use crate::engine::rewrite::rule::Rule;

/// In the order of the catalogue: what costs most where it occurs comes first.
pub(super) const RULES: &[&Rule] = &[
    &list_to_generator::RULE,
    &unbounded_cache::RULE,
    &growing_cache::RULE,
    &unclosed_file::RULE,
    &list_as_argument::RULE,
    &cursor_as_list::RULE,
    &file_kept_open::RULE,
    &needless_copy::RULE,
    &deepcopy_to_read::RULE,
    &unbounded_lru_cache::RULE,
    &large_fields::RULE,
    &dataclass_without_slots::RULE,
    &lru_cache_on_method::RULE,
];
