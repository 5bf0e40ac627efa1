//! Rules about peaks, growth and leaks.

mod list_to_generator;
mod unbounded_cache;
mod unclosed_file;

use crate::engine::rewrite::rule::Rule;

/// In the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[&list_to_generator::RULE, &unbounded_cache::RULE, &unclosed_file::RULE];
