//! The engines. None imports another; `commands` joins them.

pub mod profile;
