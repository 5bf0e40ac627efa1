//! The terminal: streams, colour, width, messages and progress. console and indicatif are used here alone.
//! Holds no opinion on what is said; that comes from commands and reports.

mod abilities;
mod messages;
mod progress;
mod stdout;
mod surroundings;
#[cfg(test)]
mod tests;

pub use crate::support::style::Style;
pub use abilities::{ColourChoice, UnknownColourChoice};
pub use messages::{Options, Ui};
pub use progress::Progress;
pub use stdout::Stdout;
pub use surroundings::Surroundings;
