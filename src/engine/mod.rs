//! The engines. None imports another; `commands` joins them.

pub mod bench;
pub mod ci;
pub mod diagnose;
pub mod journal;
pub mod profile;
pub mod rewrite;
pub mod verify;
