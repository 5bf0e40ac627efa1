//! What was allocated where: logs of the tracer replayed into the run's high-water mark, totals, growth and timeline.

mod build;
mod growth;
mod phrase;
mod replay;
mod stacks;
mod tally;

pub use build::{Source, build};
