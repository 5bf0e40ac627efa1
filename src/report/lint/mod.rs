//! Writes a [`LintReport`](crate::model::LintReport) in one of several forms, one renderer a file.

mod fingerprint;
mod format;
mod github;
mod gitlab;
mod junit;
#[cfg(test)]
mod sample;
mod sarif;
mod text;
mod words;

pub use format::{LintFormat, write};
