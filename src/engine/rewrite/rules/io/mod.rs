//! Rules about files, serialisation and the network.

use crate::engine::rewrite::rule::Rule;

/// In the order of the catalogue.
pub(super) const RULES: &[&Rule] = &[];
