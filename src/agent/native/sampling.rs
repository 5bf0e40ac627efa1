//! Decides which allocations are recorded. The fast path is a subtraction and two comparisons; a free is one byte read.
//!
//! Bytes lie on a line, one for each thread, with marks on it whose distances are even between half and one and a half
//! of the mean. A block with a mark in it is recorded. Even distances make a line's sum far more certain than random
//! ones would; their spread keeps them from running in step with the program.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use super::state::State;
use super::thread::Thread;
use super::turn_off::{self, LARGE};
use super::{Address, format, frames, python, state, system, thread};

/// Live recorded blocks, counted by a hash of their address: a free whose place is zero needs no further look. The
/// low bits are kept as they are, so that neighbouring blocks share a cache line here too.
static FILTER: [AtomicU8; FILTER_LEN] = [const { AtomicU8::new(0) }; FILTER_LEN];
const FILTER_LEN: usize = 1 << 16;
/// A place that was ever this full is never trusted to be empty again.
const FILTER_FULL: u8 = u8::MAX;
/// What stands in for "never", while the tracer is off.
const FAR: i64 = i64::MAX / 2;
/// Resident memory is looked at this often at most.
const RESIDENT_INTERVAL_NS: u64 = 10_000_000;

static NEXT_RESIDENT: AtomicU64 = AtomicU64::new(0);
static WAS_INITIALIZED: AtomicBool = AtomicBool::new(false);

#[inline(always)]
fn place(address: usize) -> &'static AtomicU8 {
    &FILTER[(address >> 4) & (FILTER_LEN - 1)]
}

/// To be called with what an allocation returned.
#[inline(always)]
pub fn allocated(address: Address, bytes: usize, kind: u8) {
    let thread = thread::current();
    thread.left = thread.left.wrapping_sub(bytes as i64);
    if thread.left < 0 || bytes >= LARGE.load(Ordering::Relaxed) {
        slow_allocated(address as usize, bytes, kind);
    }
}

/// To be called before a block is freed: afterwards its address may be another thread's.
#[inline(always)]
pub fn freeing(address: Address) {
    if place(address as usize).load(Ordering::Relaxed) != 0 {
        if let Some(id) = take(address) {
            freed(id);
        }
    }
}

/// Forgets a block that is about to be reallocated; its number, if it was recorded.
#[inline(always)]
pub fn resizing(address: Address) -> Option<u32> {
    if place(address as usize).load(Ordering::Relaxed) == 0 { None } else { take(address) }
}

/// To be called with what came of [`resizing`], and whether the block is gone.
#[inline(always)]
pub fn resized(address: Address, id: Option<u32>, is_gone: bool) {
    match id {
        None => {}
        Some(id) if is_gone => freed(id),
        Some(id) => give_back(address as usize, id),
    }
}

pub fn forget_filter() {
    for place in &FILTER {
        place.store(0, Ordering::Relaxed);
    }
}

fn random(thread: &mut Thread) -> u64 {
    thread.random ^= thread.random << 13;
    thread.random ^= thread.random >> 7;
    thread.random ^= thread.random << 17;
    thread.random
}

#[cold]
#[inline(never)]
fn slow_allocated(address: usize, bytes: usize, kind: u8) {
    let thread = thread::current();
    if !turn_off::is_active() {
        thread.left = FAR;
        return;
    }
    if address == 0 || thread.is_busy != 0 {
        thread.left = thread.left.wrapping_add(bytes as i64);
        return;
    }
    let mean = LARGE.load(Ordering::Relaxed);
    let is_large = bytes >= mean;
    if thread.is_seeded == 0 {
        thread.is_seeded = 1;
        thread.random = system::thread_id().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ system::now() | 1;
        random(thread);
        random(thread);
        let first = random(thread) % (mean as u64).min(1 << 40);
        thread.left = (first as i64).wrapping_sub(bytes as i64);
        if thread.left >= 0 && !is_large {
            return;
        }
    }
    if is_large {
        // Recorded as it is, so it does not lie on the line. One byte tells the hooks above that it was seen.
        thread.left = thread.left.wrapping_add(bytes as i64).wrapping_sub(1).max(0);
    }
    let mut next = thread.left;
    while next < 0 {
        let spread = random(thread) % (mean as u64).min(1 << 40);
        next += (mean / 2) as i64 + spread as i64;
    }
    thread.is_busy = 1;
    record(address, bytes, if is_large { kind | format::EXACT } else { kind });
    thread.left = next;
    thread.is_busy = 0;
}

fn record(address: usize, bytes: usize, kind: u8) {
    state::notice_fork();
    let Some(is_up) = tick() else { return };
    let stack = frames::stack(is_up);
    let Some(mut held) = state::lock() else { return };
    let state: &mut State = &mut held;
    let node = frames::node(state, &stack);
    if kind & !format::EXACT == format::BY_MMAP {
        state.regions.add(&mut state.log, &mut state.next_id, address, bytes, node);
        return;
    }
    let id = state.next_id;
    state.next_id = state.next_id.wrapping_add(1).max(1);
    match state.live.insert(address, id) {
        Ok(Some(stale)) => state.log.free(stale),
        Ok(None) => count(address, 1),
        Err(()) => {
            turn_off::end();
            return;
        }
    }
    state.log.allocation(kind, id, node, bytes);
    if kind & format::EXACT == 0 {
        state.n_sampled = state.n_sampled.saturating_add(1);
        let n_sampled = state.n_sampled;
        state.log.reconsider_mean(n_sampled);
    }
}

/// Under the lock.
fn count(address: usize, step: i8) {
    let place = place(address);
    let value = place.load(Ordering::Relaxed);
    if value != FILTER_FULL {
        place.store(value.wrapping_add_signed(step), Ordering::Relaxed);
    }
}

#[cold]
#[inline(never)]
fn take(address: Address) -> Option<u32> {
    let thread = thread::current();
    if !turn_off::is_active() || thread.is_busy != 0 {
        return None;
    }
    thread.is_busy = 1;
    state::notice_fork();
    let id = if tick().is_some() { take_busy(address as usize) } else { None };
    thread.is_busy = 0;
    id
}

fn take_busy(address: usize) -> Option<u32> {
    let mut state = state::lock()?;
    let id = state.live.remove(address)?;
    count(address, -1);
    Some(id)
}

#[cold]
#[inline(never)]
fn freed(id: u32) {
    let thread = thread::current();
    thread.is_busy = 1;
    if let Some(mut state) = state::lock() {
        state.log.free(id);
    }
    thread.is_busy = 0;
}

/// A block that could not be resized stays what it was.
#[cold]
#[inline(never)]
fn give_back(address: usize, id: u32) {
    let thread = thread::current();
    thread.is_busy = 1;
    if let Some(mut state) = state::lock() {
        match state.live.insert(address, id) {
            Ok(_) => count(address, 1),
            Err(()) => turn_off::end(),
        }
    }
    thread.is_busy = 0;
}

/// On every slow event: whether the interpreter is up; `None` once it has begun to end, and with it the trace: what
/// is torn down from there on says nothing about the program.
fn tick() -> Option<bool> {
    let is_up = python::is_initialized();
    if is_up {
        WAS_INITIALIZED.store(true, Ordering::Relaxed);
    } else if WAS_INITIALIZED.load(Ordering::Relaxed) {
        finish();
        return None;
    }
    let now = system::now();
    let next = NEXT_RESIDENT.load(Ordering::Relaxed);
    let later = now + RESIDENT_INTERVAL_NS;
    if now >= next && NEXT_RESIDENT.compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        let bytes = system::resident_bytes();
        state::lock()?.log.resident(bytes);
    }
    Some(is_up)
}

fn finish() {
    let bytes = system::resident_bytes();
    let Some(mut state) = state::lock() else { return };
    if turn_off::is_active() {
        state.log.resident(bytes);
        state.log.end();
        turn_off::end();
    }
}

/// An anonymous mapping.
pub fn mapped(address: usize, bytes: usize) {
    if bytes >= LARGE.load(Ordering::Relaxed) {
        slow_allocated(address, bytes, format::BY_MMAP);
    }
}

/// The end of a mapping, or of a part of one; the node of what had mapped it.
pub fn unmapped(address: usize, bytes: usize) -> Option<u32> {
    let thread = thread::current();
    if !turn_off::is_active() || thread.is_busy != 0 {
        return None;
    }
    thread.is_busy = 1;
    state::notice_fork();
    let node = unmapped_busy(address, bytes);
    thread.is_busy = 0;
    node
}

fn unmapped_busy(address: usize, bytes: usize) -> Option<u32> {
    let mut held = state::lock()?;
    let state: &mut State = &mut held;
    if state.regions.len == 0 {
        return None;
    }
    state.regions.remove(&mut state.log, &mut state.next_id, address, bytes)
}
