//! Python source as syntax trees. Apart from the rewrite rules, tree-sitter is used here only.

pub mod outline;

pub use outline::Outline;
