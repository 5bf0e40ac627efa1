//! `run-all-tests`: the project's tests with their failures, and benchmarks before against after.

mod again;
mod args;
mod auto_fix;
mod before;
mod compare;
mod exact;
mod outputs;
mod run;
mod setting;
mod suite;

pub(in crate::commands) use again::{measure_again, outcomes_of_both, revision_of};
pub use args::Args;
pub use run::run;
