//! `check-code-quality`: the scan alone, as a linter. Starts no interpreter and writes nothing but what `-o` names.

mod args;
mod assemble;
mod manual;
mod run;

pub use args::Args;
pub(super) use manual::COMPLEXITY;
pub use run::run;
