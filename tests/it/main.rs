//! The integration tests: every module runs cmdx, or one of its rooms, on real projects with real interpreters.

mod environments;
mod layering;
mod rewrite_catalogue;
mod rewrite_differential;
mod rewrite_examples;
mod rewrite_scan;
