//! Writes a [`Report`](crate::model::Report) in one of several forms, one renderer a file.
//! Renderers lay out what they are given: what is slow, and why, was decided before.

mod bottlenecks;
mod facts;
mod format;
mod json;
mod places;
mod ranks;
#[cfg(test)]
mod sample;
mod text;
mod words;

pub use crate::support::style::Style;
pub use format::{Format, UnknownFormat, write};
