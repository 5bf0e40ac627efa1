//! What runs inside the user's program, and the format in which it reports.
//! Starting the program is the harness's work; drawing conclusions is the engines'.

mod files;
mod launch;
mod line_table;
pub mod memory_log;
mod tracer;
pub mod wire;

pub use files::{calls_through, install};
pub use launch::{Settings, boot_argv, environment};
pub use tracer::{TRACER, install_tracer, tracer_directories, tracer_environment};
