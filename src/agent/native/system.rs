//! System calls without the C library: they touch neither `errno` nor any lock.

use core::arch::asm;
use core::ffi::{CStr, c_int};

pub const MMAP: usize = 9;
pub const MUNMAP: usize = 11;
pub const MREMAP: usize = 25;
const READ: usize = 0;
const CLOSE: usize = 3;
const YIELD: usize = 24;
const MADVISE: usize = 28;
const NANOSLEEP: usize = 35;
const GETPID: usize = 39;
const GETPPID: usize = 110;
const GETTID: usize = 186;
const OPENAT: usize = 257;
const FALLOCATE: usize = 285;
const PROCESS_VM_READV: usize = 310;

const AT_FDCWD: usize = -100_isize as usize;
const O_RDONLY_CLOEXEC: usize = 0o2_000_000;
const O_RDWR_CREAT_CLOEXEC: usize = 0o2_000_102;
const PROT_READ_WRITE: usize = 3;
const MAP_SHARED: usize = 1;
const MAP_PRIVATE_ANONYMOUS: usize = 0x22;
const MADV_WIPEONFORK: usize = 18;

unsafe extern "C" {
    fn clock_gettime(clock: c_int, time: *mut [i64; 2]) -> c_int;
}

/// A system call; negative is an error number.
pub unsafe fn call(number: usize, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the caller vouches for the arguments; the kernel changes only rax, rcx and r11.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
             in("r10") a[3], in("r8") a[4], in("r9") a[5], out("rcx") _, out("r11") _, options(nostack));
    }
    result
}

pub fn pid() -> u32 {
    unsafe { call(GETPID, [0; 6]) as u32 }
}

pub fn parent_pid() -> u32 {
    unsafe { call(GETPPID, [0; 6]) as u32 }
}

pub fn thread_id() -> u64 {
    unsafe { call(GETTID, [0; 6]) as u64 }
}

pub fn yield_now() {
    unsafe { call(YIELD, [0; 6]) };
}

pub fn sleep_microseconds(microseconds: i64) {
    let time = [microseconds / 1_000_000, microseconds % 1_000_000 * 1000];
    unsafe { call(NANOSLEEP, [(&raw const time) as usize, 0, 0, 0, 0, 0]) };
}

/// The monotonic clock, the same for all processes.
pub fn now() -> u64 {
    let mut time = [0_i64; 2];
    unsafe { clock_gettime(1, &raw mut time) };
    (time[0] as u64).wrapping_mul(1_000_000_000).wrapping_add(time[1] as u64)
}

/// Fresh zeroed pages, or null.
pub fn pages(bytes: usize) -> *mut u8 {
    let result = unsafe { call(MMAP, [0, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, usize::MAX, 0]) };
    if is_error(result) { core::ptr::null_mut() } else { result as *mut u8 }
}

pub unsafe fn unmap(start: *mut u8, bytes: usize) {
    unsafe { call(MUNMAP, [start as usize, bytes, 0, 0, 0, 0]) };
}

pub fn is_error(result: isize) -> bool {
    (-4095..0).contains(&result)
}

/// A page that a forked child finds zeroed; a child of `vfork`, which shares the parent's memory, does not. Null
/// where the kernel cannot.
pub fn page_wiped_on_fork() -> *mut u8 {
    let page = pages(4096);
    if page.is_null() || unsafe { call(MADVISE, [page as usize, 4096, MADV_WIPEONFORK, 0, 0, 0]) } != 0 {
        return core::ptr::null_mut();
    }
    page
}

/// Maps the bytes `start..start + length` of a file, made if it is not there. Space is claimed first: writing to a
/// hole on a full disk would be a fatal signal. No descriptor is kept: the program may close or reuse any. `path` ends
/// in 0.
pub fn map_file(path: &[u8], start: usize, length: usize) -> *mut u8 {
    unsafe {
        let file = call(OPENAT, [AT_FDCWD, path.as_ptr() as usize, O_RDWR_CREAT_CLOEXEC, 0o600, 0, 0]);
        if file < 0 {
            return core::ptr::null_mut();
        }
        let mut mapped = -1;
        if call(FALLOCATE, [file as usize, 0, start, length, 0, 0]) == 0 {
            mapped = call(MMAP, [0, length, PROT_READ_WRITE, MAP_SHARED, file as usize, start]);
        }
        call(CLOSE, [file as usize, 0, 0, 0, 0, 0]);
        if is_error(mapped) { core::ptr::null_mut() } else { mapped as *mut u8 }
    }
}

/// Resident bytes of this process.
pub fn resident_bytes() -> u64 {
    let mut text = [0_u8; 64];
    let length = read_file(c"/proc/self/statm", &mut text);
    let mut fields = text[..length].split(|byte| *byte == b' ');
    number(fields.nth(1).unwrap_or_default()) * 4096
}

/// The words of the command line, each followed by 0; how many bytes of it there are.
pub fn command_line(out: &mut [u8]) -> usize {
    read_file(c"/proc/self/cmdline", out)
}

fn read_file(path: &CStr, out: &mut [u8]) -> usize {
    unsafe {
        let file = call(OPENAT, [AT_FDCWD, path.as_ptr() as usize, O_RDONLY_CLOEXEC, 0, 0, 0]);
        if file < 0 {
            return 0;
        }
        let length = call(READ, [file as usize, out.as_mut_ptr() as usize, out.len(), 0, 0, 0]);
        call(CLOSE, [file as usize, 0, 0, 0, 0, 0]);
        length.max(0) as usize
    }
}

/// The decimal number a text begins with.
pub fn number(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |value: u64, digit| value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
}

/// Copies memory of this process without a fault where there is none: false then.
pub fn copy(from: usize, to: *mut u8, length: usize) -> bool {
    let local = [to as usize, length];
    let remote = [from, length];
    let arguments = [pid() as usize, (&raw const local) as usize, 1, (&raw const remote) as usize, 1, 0];
    unsafe { call(PROCESS_VM_READV, arguments) == length as isize }
}
