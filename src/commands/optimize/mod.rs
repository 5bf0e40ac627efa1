//! `optimize`: what is slow in a project, from a real run.

mod args;
mod charged;
mod dashboard;
mod ending;
mod implement;
mod implement_ask;
mod implement_figures;
mod implement_plan;
pub(in crate::commands) mod implement_recover;
mod implement_requirements;
mod implement_show;
mod implement_verify;
pub(in crate::commands) mod measure;
mod memory_tracing;
mod run;

pub use args::Args;
pub use run::run;
