//! `history`: the runs of this project, as `.cmdx/history` keeps them.

mod args;
mod run;

pub use args::Args;
pub use run::run;
