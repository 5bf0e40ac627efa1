//! Does the rewritten code behave as before, and is it faster? Runs the project's tests, its workload and recorded
//! calls with rewritten copies in front of the files on disk; writes nothing of the project.
//! Knows nothing of rules: it is given texts, and which rewrites make which text.

mod bisect;
mod compile;
mod error;
mod figures;
mod gain;
mod outcomes;
mod replay;
mod room;
mod session;
mod still;

pub use bisect::guilty;
pub use compile::{CompileJob, compile};
pub use error::VerifyError;
pub use figures::{Figures, Measured, Series, figures};
pub use outcomes::{Baseline, baseline, broken};
pub use room::{Observed, Overlay, Reach, RecordedCalls, Room, TestResult, Watch};
pub use session::{Checked, Event, Options, Subject, Timing, Unit, confirm, verify};
pub use still::only_edits_changed;
