//! `double-check`: are the limits kept, and does what was rewritten still hold?

mod args;
pub(in crate::commands) mod performance;
mod rewrites;
mod run;
mod tests_check;

pub use args::Args;
pub(in crate::commands) use args::today;
pub use run::run;
