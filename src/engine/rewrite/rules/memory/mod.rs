//! Rules about peaks, growth and leaks.

use crate::engine::rewrite::rule::Rule;

/// In the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[];
