//! The one table of exit codes.

use crate::commands::{Failure, FailureKind, Outcome};

/// Shown below each `--help`.
pub(super) const TABLE: &str = "\
Exit codes:
  0    done
  1    done, and the answer is no
  2    wrong usage or configuration
  3    the workload could not be run or measured
  4    files could not be written, or were rolled back
  70   a bug in cmdx
  130  interrupted";

/// What clap or a command refused.
pub(super) const USAGE: u8 = 2;
/// A panic or a broken promise of ours.
pub(super) const BUG: u8 = 70;
/// The user stopped it.
pub(super) const INTERRUPTED: u8 = 130;

pub(super) fn code_of(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Done => 0,
        Outcome::No => 1,
        Outcome::NotMeasured => 3,
        Outcome::RolledBack => 4,
        Outcome::Interrupted => INTERRUPTED,
    }
}

pub(super) fn code_of_error(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Failure>().map(|failure| failure.kind) {
        Some(FailureKind::Usage) => USAGE,
        Some(FailureKind::CannotRun) => 3,
        Some(FailureKind::NotWritten) => 4,
        Some(FailureKind::Interrupted) => INTERRUPTED,
        None => BUG,
    }
}
