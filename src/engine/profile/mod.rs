//! Turns a recording into a profile.

pub mod charge;
pub mod cpu;
