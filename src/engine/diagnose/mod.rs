//! Joins what was measured with what the source shows. Pure: knows neither how a profile was recorded nor how a
//! finding is shown.

mod join;
mod libraries;
mod reach;

pub use join::join;
