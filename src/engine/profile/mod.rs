//! Turns what a run left behind into costs: the profile.

pub mod queries;
