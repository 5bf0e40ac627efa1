//! `optimize`: what is slow in a project, from a real run.

mod args;
mod charged;
mod ending;
mod measure;
mod run;

pub use args::Args;
pub use run::run;
