//! `history`: the runs of this project, as `.cmdx/history` keeps them.

mod args;
mod exchange;
mod run;

pub use args::Args;
pub use run::run;
pub(in crate::commands) use run::{chosen, print, read};
