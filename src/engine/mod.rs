//! The engines: each turns nouns of the model into others. They never import one another.

pub mod rewrite;
