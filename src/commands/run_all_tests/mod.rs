//! `run-all-tests`: the project's tests with their failures, and benchmarks before against after.

mod args;
mod before;
mod compare;
mod exact;
mod outputs;
mod run;
mod setting;
mod suite;

pub use args::Args;
pub use run::run;
