//! `ci-setup`: writes the files by which a build server measures the project on every push.

mod args;
mod place;
mod run;
mod say;

pub use args::Args;
pub use run::run;
