//! Whether the tracer runs in this process, and its one way to stop: for good.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::state;

const INERT: u32 = 0;
const ACTIVE: u32 = 1;
const OVER: u32 = 2;

static PHASE: AtomicU32 = AtomicU32::new(INERT);

/// Allocations of this size and more are recorded whatever the sampling says; no size is, while the tracer is off.
pub static LARGE: AtomicUsize = AtomicUsize::new(usize::MAX);

#[inline(always)]
pub fn is_active() -> bool {
    PHASE.load(Ordering::Acquire) == ACTIVE
}

pub fn begin() {
    PHASE.store(ACTIVE, Ordering::Release);
}

/// Stops; the caller holds the lock or needs none.
pub fn end() {
    PHASE.store(OVER, Ordering::Release);
    LARGE.store(usize::MAX, Ordering::Relaxed);
}

/// Stops and leaves the reason in the log, if it can be had without waiting.
pub fn for_good(reason: u8) {
    end();
    if let Some(mut state) = state::try_lock() {
        state.log.note(reason);
    }
}
