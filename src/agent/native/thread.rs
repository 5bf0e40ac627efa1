//! What each thread keeps: how many bytes until its next sample. Initial-exec thread storage, which stable Rust offers
//! through assembly only: the usual kind calls into the loader, which allocates.

use core::arch::{asm, global_asm};

/// State of the calling thread; zero at its start.
#[repr(C)]
pub struct Thread {
    /// Bytes until the next sample.
    pub left: i64,
    pub random: u64,
    /// True while our own slow path runs in this thread: a signal handler that allocates must not enter it again.
    pub is_busy: u32,
    pub is_seeded: u32,
}

global_asm!(
    ".section .tbss,\"awT\",@nobits",
    ".hidden cmdx_thread",
    ".globl cmdx_thread",
    ".type cmdx_thread,@object",
    ".size cmdx_thread,24",
    ".p2align 3",
    "cmdx_thread: .zero 24",
    ".text"
);

/// SAFETY: the reference is used within one thread and never held across a call that takes another one: callers read
/// and write single fields.
#[inline(always)]
pub fn current() -> &'static mut Thread {
    let pointer: *mut Thread;
    unsafe {
        asm!("mov {0}, qword ptr [rip + cmdx_thread@GOTTPOFF]", "add {0}, qword ptr fs:[0]", out(reg) pointer,
             options(pure, nomem, nostack));
        &mut *pointer
    }
}
