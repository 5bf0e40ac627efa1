//! Runs of tests and benchmarks, recorded or just ended: one renderer a file.

mod list;
#[cfg(test)]
mod sample;
mod text;
mod words;

pub use list::write as write_run_list;
pub use text::write as write_run;
