//! The functions of the C library that the program calls through us: the malloc family and mappings.

use core::ffi::c_int;
use core::ptr::null_mut;

use super::format::BY_MALLOC;
use super::sampling::{allocated, freeing, mapped, resized, resizing, unmapped};
use super::{Address, real, system};

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}

const ENOMEM: c_int = 12;
const MAP_ANONYMOUS: c_int = 0x20;
const PROT_WRITE: c_int = 2;
const FAILED: isize = -1;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(bytes: usize) -> Address {
    let block = unsafe { real::malloc(bytes) };
    allocated(block, bytes, BY_MALLOC);
    block
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(n: usize, each: usize) -> Address {
    let block = unsafe { real::calloc(n, each) };
    allocated(block, n.wrapping_mul(each), BY_MALLOC);
    block
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: Address) {
    if real::is_boot(block) {
        return;
    }
    freeing(block);
    unsafe { real::free(block) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: Address, bytes: usize) -> Address {
    if real::is_boot(block) {
        let moved = unsafe { malloc(bytes) };
        unsafe { real::copy_boot(block, moved, bytes) };
        return moved;
    }
    let recorded = resizing(block);
    let moved = unsafe { real::realloc(block, bytes) };
    resized(block, recorded, !moved.is_null() || bytes == 0);
    allocated(moved, bytes, BY_MALLOC);
    moved
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocarray(block: Address, n: usize, each: usize) -> Address {
    if let Some(bytes) = n.checked_mul(each) {
        return unsafe { realloc(block, bytes) };
    }
    unsafe { *__errno_location() = ENOMEM };
    null_mut()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn memalign(alignment: usize, bytes: usize) -> Address {
    let block = unsafe { real::memalign(alignment, bytes) };
    allocated(block, bytes, BY_MALLOC);
    block
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(alignment: usize, bytes: usize) -> Address {
    let block = unsafe { real::aligned_alloc(alignment, bytes) };
    allocated(block, bytes, BY_MALLOC);
    block
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(out: *mut Address, alignment: usize, bytes: usize) -> c_int {
    let result = unsafe { real::posix_memalign(out, alignment, bytes) };
    if result == 0 {
        allocated(unsafe { *out }, bytes, BY_MALLOC);
    }
    result
}

/// As the C library does: -1 and `errno` for an error.
fn result_of(result: isize) -> isize {
    if system::is_error(result) {
        unsafe { *__errno_location() = -result as c_int };
        return FAILED;
    }
    result
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    at: Address,
    bytes: usize,
    prot: c_int,
    flags: c_int,
    file: c_int,
    offset: i64,
) -> Address {
    let arguments = [at as usize, bytes, prot as usize, flags as usize, file as usize, offset as usize];
    let result = result_of(unsafe { system::call(system::MMAP, arguments) });
    if result != FAILED && flags & MAP_ANONYMOUS != 0 && prot & PROT_WRITE != 0 {
        mapped(result as usize, bytes);
    }
    result as Address
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap64(
    at: Address,
    bytes: usize,
    prot: c_int,
    flags: c_int,
    file: c_int,
    offset: i64,
) -> Address {
    unsafe { mmap(at, bytes, prot, flags, file, offset) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(at: Address, bytes: usize) -> c_int {
    unmapped(at as usize, bytes);
    result_of(unsafe { system::call(system::MUNMAP, [at as usize, bytes, 0, 0, 0, 0]) }) as c_int
}

/// The last argument is only there with some flags; the kernel looks at it only then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mremap(at: Address, before: usize, after: usize, flags: c_int, to: Address) -> Address {
    let arguments = [at as usize, before, after, flags as usize, to as usize, 0];
    let result = result_of(unsafe { system::call(system::MREMAP, arguments) });
    if result != FAILED && unmapped(at as usize, before).is_some() {
        mapped(result as usize, after);
    }
    result as Address
}
