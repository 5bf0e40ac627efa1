//! Runs a workload under a deadline and records it: samples of its stacks, its agents' events, its output.
//! Concludes nothing from what it records.

mod child;
mod error;
mod frame_paths;
mod git;
mod joined;
mod log_file;
mod machine;
mod memory_tracer;
mod plain;
pub mod plan_check;
mod process_tree;
mod record;
mod refusal;
mod sampler;
mod suite;

pub use error::HarnessError;
pub use frame_paths::FramePaths;
pub use git::{Git, GitError};
pub use joined::joined;
pub use machine::environment;
pub use memory_tracer::prepare as prepare_memory_tracer;
pub use plain::{PlainRun, run_plain};
pub use record::{Event, RecordOptions, record};
pub use sampler::THREAD_NAME as SAMPLER_THREAD_NAME;
pub use suite::{Mode as SuiteMode, SuiteOptions, SuiteRun, install_plugin, run_suite};
