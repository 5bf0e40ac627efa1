//! `diff`: two recorded runs, figure by figure.

mod run;

pub use run::{Args, run};
