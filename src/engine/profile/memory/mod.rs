//! What was allocated where: logs of the tracer replayed into the run's high-water mark, totals, growth and timeline.

mod build;
mod growth;
mod held;
mod phrase;
mod python_trace;
mod replay;
mod stacks;
mod tally;

pub use build::{Source, build};
pub use held::{caches, handles};
pub use python_trace::add_python_trace;
