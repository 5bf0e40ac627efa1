//! Rules about files, serialisation and the network.

mod json_text;
mod readlines;
mod schema_per_call;

use crate::engine::rewrite::rule::Rule;

/// In the order of the catalogue: what costs most where it occurs comes first.
pub(super) const RULES: &[&Rule] = &[&json_text::RULE, &schema_per_call::RULE, &readlines::RULE];
