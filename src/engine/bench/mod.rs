//! Before against after: paired statistics, the order of measurements, and the history of runs. Measures nothing; it is
//! given numbers.

pub mod exchange;
pub mod gates;
pub mod history;
mod names;
mod paired;
pub mod protocol;
pub mod trends;
pub mod unpaired;
mod verdict;

pub use names::request_name;
pub use paired::{Comparison, Gain, compare, median_interval};
pub use verdict::{Band, judge};
