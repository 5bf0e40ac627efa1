//! Turns what a run left behind into costs: the profile.

pub mod charge;
pub mod cpu;
pub mod memory;
pub mod queries;
