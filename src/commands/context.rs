//! What every command is given.

use crate::ui::Ui;

/// The surroundings of one call of cmdx.
pub struct Context {
    /// Streams, colours, progress.
    pub ui: Ui,
}
