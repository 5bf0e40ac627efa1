//! Paired statistics: did it get faster, and how sure is that? Measures nothing itself.

mod paired;

pub use paired::{Comparison, Gain, compare, median_interval};
