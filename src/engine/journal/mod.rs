//! Writes several files of the user as one act: backup, journal entry, atomic replacement, commit record. A kill at
//! any instant leaves each file old or new, and [`pending`] finds what has to be finished or undone.
//! Knows nothing of rules or checks: it is given paths and bytes.

mod backups;
mod error;
mod files;
mod lock;
mod manifest;
mod transaction;

#[cfg(test)]
mod tests;

pub use backups::{Backup, Original, Recovered, Way, backups, originals, pending, prune, recover, roll_back};
pub use error::JournalError;
pub use lock::{Lock, Owner, lock};
pub use transaction::{Change, Prepared, Refused, Step, prepare};
