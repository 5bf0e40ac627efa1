//! One flag for the whole process: the user wants it to end. The command line's signal handler raises it; whoever
//! waits for a child looks at it.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Asks everything that waits to stop; safe to call from a signal handler.
pub fn request() {
    REQUESTED.store(true, Ordering::SeqCst);
}

/// True once an end was asked for.
pub fn is_requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
