//! What runs inside the user's program, and the format in which it reports.
//! Starting the program is the harness's work; drawing conclusions is the engines'.

mod files;
mod launch;
pub mod wire;

pub use files::{calls_through, install};
pub use launch::{Settings, boot_argv, environment};
