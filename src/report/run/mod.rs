//! Runs of tests and benchmarks, recorded or just ended: one renderer a file.

mod format;
mod junit;
mod list;
mod markdown;
#[cfg(test)]
pub(in crate::report) mod sample;
mod text;
pub(in crate::report) mod words;

pub use format::{RunFormat, write as write_run};
pub use list::write as write_run_list;
