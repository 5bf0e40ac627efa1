//! What every command is given.

use crate::harness::Interrupt;
use crate::ui::Ui;

/// The surroundings of one call of cmdx.
pub struct Context {
    /// Streams, colours, progress.
    pub ui: Ui,
    /// Set once the user pressed Ctrl-C.
    pub interrupt: Interrupt,
}
