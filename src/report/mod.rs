//! Writes a [`Report`](crate::model::Report) in one of several forms, one renderer a file.
//! Renderers lay out what they are given: what is slow, and why, was decided before.

mod bottlenecks;
mod collapsed;
mod facts;
mod flamegraph;
mod format;
mod gates;
mod html;
mod json;
mod lint;
mod markdown;
mod memory;
mod places;
mod pprof;
mod ranks;
mod run;
#[cfg(test)]
mod sample;
mod sarif;
mod speedscope;
mod stacks;
mod text;
mod words;
mod xml;

pub use crate::support::style::Style;
pub use format::{Format, UnknownFormat, write};
pub use gates::{GateFormat, write_gates};
pub use html::write as write_page;
pub use lint::{LintFormat, write as write_lint};
pub use run::{RunFormat, write_run, write_run_list};
