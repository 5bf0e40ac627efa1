//! Writes the answer of `double-check` in one of several forms.

mod ci;
mod format;
mod junit;
mod text;

pub use format::{GateFormat, write as write_gates};
pub(in crate::report) use format::{label, sentence};
