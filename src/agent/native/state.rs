//! What the slow paths of all threads share, behind one lock that is never held across a call into libc or CPython.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::format;
use super::frames::Code;
use super::log::Log;
use super::regions::Regions;
use super::system;
use super::table::Table;
use super::turn_off;

pub struct State {
    /// Recorded allocations that are alive: address and number.
    pub live: Table<usize, u32>,
    pub codes: Table<usize, Code>,
    /// Parent, code and instruction: number of the node.
    pub nodes: Table<[u32; 3], u32>,
    pub regions: Regions,
    pub next_id: u32,
    pub next_node: u32,
    pub next_code: u32,
    pub n_sampled: u32,
    pub log: Log,
}

struct Shared(UnsafeCell<State>);

/// SAFETY: reached through `lock` alone, and by `start` and a forked child's first event, when there is one thread.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared(UnsafeCell::new(State {
    live: Table::new(),
    codes: Table::new(),
    nodes: Table::new(),
    regions: Regions::new(),
    next_id: 1,
    next_node: format::NODE_FIRST,
    next_code: 1,
    n_sampled: 0,
    log: Log::new(),
}));
static IS_LOCKED: AtomicU32 = AtomicU32::new(0);

/// Points to a page that a forked child finds zeroed: 1 in the process that made it.
static MARK: AtomicPtr<u32> = AtomicPtr::new(null_mut());
const MARK_RESETTING: u32 = 2;

/// Attempts before the lock's owner is given time, and before it is taken for dead.
const N_YIELDS_MAX: u32 = 200;
const N_SLEEPS_MAX: u32 = 20_000;
const SLEEP_MICROSECONDS: i64 = 100;

/// The lock, held until dropped.
pub struct Held(());

impl Deref for Held {
    type Target = State;
    fn deref(&self) -> &State {
        unsafe { &*SHARED.0.get() }
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut State {
        unsafe { &mut *SHARED.0.get() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        IS_LOCKED.store(0, Ordering::Release);
    }
}

pub fn try_lock() -> Option<Held> {
    IS_LOCKED.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok().then_some(Held(()))
}

/// `None` when the owner does not let go within two seconds: it must be dead or stopped, and the tracer ends.
pub fn lock() -> Option<Held> {
    for attempt in 0..N_YIELDS_MAX + N_SLEEPS_MAX {
        if let Some(held) = try_lock() {
            return Some(held);
        }
        if !turn_off::is_active() {
            return None;
        }
        if attempt < N_YIELDS_MAX { system::yield_now() } else { system::sleep_microseconds(SLEEP_MICROSECONDS) }
    }
    turn_off::end();
    None
}

/// Remembers that this process is the one that traces; false where a fork could not be noticed.
pub fn mark_process() -> bool {
    let page = system::page_wiped_on_fork().cast::<u32>();
    if page.is_null() {
        return false;
    }
    unsafe { *page = 1 };
    MARK.store(page, Ordering::Release);
    true
}

/// In a forked child, begins a log of its own: lock and tables may have been in any state when their owner vanished.
/// Cheap otherwise.
pub fn notice_fork() {
    let mark = MARK.load(Ordering::Acquire);
    if mark.is_null() {
        return;
    }
    // SAFETY: a page of ours that is never unmapped.
    let mark = unsafe { AtomicU32::from_ptr(mark) };
    if mark.load(Ordering::Acquire) == 1 {
        return;
    }
    if mark.compare_exchange(0, MARK_RESETTING, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        while mark.load(Ordering::Acquire) == MARK_RESETTING {
            system::yield_now();
        }
        return;
    }
    IS_LOCKED.store(1, Ordering::Release);
    super::sampling::forget_filter();
    let mut held = Held(());
    held.live.abandon();
    held.codes.abandon();
    held.nodes.abandon();
    held.regions = Regions::new();
    held.n_sampled = 0;
    let is_begun = held.log.begin();
    drop(held);
    if !is_begun {
        turn_off::end();
    }
    mark.store(1, Ordering::Release);
}
