//! The memory tracer: preloaded into Python, samples allocations by bytes, writes a log that can be replayed.
//!
//! No standard library, no dependencies, nothing linked: every symbol is looked up in the process it is loaded into.
//! Built by `build.rs`, carried in the cmdx binary. Its only rule: the program comes first. It allocates nothing,
//! calls no function of CPython that could allocate, lock or raise, keeps no file open, and whenever it meets what
//! it does not know, it turns itself off for the rest of the process.
//!
//! Everything here is `unsafe` by nature: it stands below the program's allocator. What makes each part sound is said
//! where the part begins.
#![no_std]
#![deny(warnings)]

mod exports;
mod format;
mod frames;
mod log;
mod python;
mod real;
mod regions;
mod sampling;
mod start;
mod state;
mod system;
mod table;
mod thread;
mod turn_off;

/// A pointer of C.
type Address = *mut core::ffi::c_void;

/// Only reached by a bug of ours: the thread sleeps for good rather than take the program down with a signal that
/// nobody sent. Arithmetic wraps and indexes are in bounds by construction, so none is known.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    turn_off::for_good(format::GAVE_UP);
    loop {
        system::sleep_microseconds(1_000_000);
    }
}

// `core` was compiled with unwind tables that name this symbol; with panic=abort nothing calls it.
core::arch::global_asm!(".hidden rust_eh_personality", ".globl rust_eh_personality", "rust_eh_personality: ret");
