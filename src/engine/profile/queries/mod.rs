//! Turns the agent's events into a query profile: who asked what, how often, from which loop, and what is wrong with it.
//! Pure: sources are asked for through a function, so recorded events give exact figures.

mod build;
mod fingerprint;
mod indexes;
mod loops;
mod patterns;
mod stacks;

pub use build::build;
pub use fingerprint::{Fingerprint, StatementKind, fingerprint, url_fingerprint};
pub use indexes::{add_index_advice, plan_questions};
