//! What `double-check` has to say, before it is rendered.

use serde::{Deserialize, Serialize};

use super::GateVerdict;

/// The answer of `double-check`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Version of this document's form; additions do not change it.
    pub schema_version: u32,
    /// `cmdx 0.1.0`.
    pub generator: String,
    /// The project root, absolute.
    pub project: String,
    /// Leads from the root of the repository to that of the project, with `/` at its end; empty where they are one.
    pub prefix: String,
    /// Name of the run that was judged; empty when there was none.
    pub run: String,
    /// One for each gate and benchmark, in the order of the configuration.
    pub verdicts: Vec<GateVerdict>,
    /// What limits the answer, one sentence each without a final dot.
    pub problems: Vec<String>,
}
