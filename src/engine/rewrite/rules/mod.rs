//! The rules, one file each, by category.

mod algorithm;
mod io;
mod memory;

use super::rule::Rule;

/// All rules.
pub(super) const ALL: [&[&Rule]; 3] = [algorithm::RULES, io::RULES, memory::RULES];
