//! One folder or file a command: the only place where the engines meet.

pub mod check_code_quality;
pub mod ci_setup;
mod context;
pub mod diff;
pub mod double_check;
mod failure;
pub mod history;
pub mod optimize;
mod rule_choice;
pub mod run_all_tests;
mod scan_cache;
mod sources;

pub use crate::harness::SAMPLER_THREAD_NAME;
pub use context::Context;
pub use failure::{Failure, FailureKind, Outcome, refused};
