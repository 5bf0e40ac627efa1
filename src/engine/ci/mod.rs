//! The files a build server reads: from facts about the project and what was asked for to texts, and whether a file that
//! is there was written by us. Reads and writes nothing itself.

mod gates;
mod install;
mod origin;
mod pins;
mod platform;
mod render;
mod services;
mod setup;
#[cfg(test)]
mod tests;

pub use gates::gates_stub;
pub use origin::{Origin, origin};
pub use platform::Platform;
pub use render::{Generated, generate, inserted_hook};
pub use setup::{InstallFrom, Refusal, Setup};
