//! Before against after: paired statistics, and the history of runs. Measures nothing; it is given numbers.

pub mod history;
mod paired;

pub use paired::{Comparison, Gain, compare, median_interval};
