//! The engines. None imports another; `commands` joins them.

pub mod diagnose;
pub mod profile;
pub mod rewrite;
