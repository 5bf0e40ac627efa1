//! The allocator behind ours, and what serves until it has been looked up.

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int};
use core::mem::transmute;
use core::ptr::{copy_nonoverlapping, null_mut};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::Address;

unsafe extern "C" {
    fn dlsym(handle: Address, name: *const c_char) -> Address;
}

const RTLD_NEXT: Address = -1_isize as Address;
const ENOMEM: c_int = 12;

macro_rules! real_functions {
    ($($name:ident = $boot:ident: fn($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        $(mod $name {
            pub static FOUND: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);
        }
        /// The function of this name that the program would have called without us.
        #[inline(always)]
        pub unsafe fn $name($($argument: $kind),*) -> $result {
            let found = $name::FOUND.load(Ordering::Relaxed);
            if found == 0 {
                return unsafe { $boot($($argument),*) };
            }
            // SAFETY: the address came from `dlsym` under this name.
            let function: unsafe extern "C" fn($($kind),*) -> $result = unsafe { transmute(found) };
            unsafe { function($($argument),*) }
        })*

        fn look_up_all() {
            $(let found = unsafe { dlsym(RTLD_NEXT, concat!(stringify!($name), "\0").as_ptr().cast()) };
            $name::FOUND.store(found as usize, Ordering::Relaxed);)*
        }
    };
}

real_functions! {
    calloc = boot_calloc: fn(n: usize, each: usize) -> Address;
    realloc = boot_realloc: fn(block: Address, bytes: usize) -> Address;
    free = boot_free: fn(block: Address) -> ();
    memalign = boot_memalign: fn(alignment: usize, bytes: usize) -> Address;
    posix_memalign = boot_posix_memalign: fn(out: *mut Address, alignment: usize, bytes: usize) -> c_int;
    aligned_alloc = boot_aligned_alloc: fn(alignment: usize, bytes: usize) -> Address;
    malloc = boot_malloc: fn(bytes: usize) -> Address;
}

/// `dlsym` may allocate before the real allocator is known: that is served from here and never freed.
const BOOT_BYTES: usize = 32 << 10;
#[repr(align(16))]
struct Boot(UnsafeCell<[u8; BOOT_BYTES]>);
/// SAFETY: parts are handed out once each, by an atomic counter.
unsafe impl Sync for Boot {}
static BOOT: Boot = Boot(UnsafeCell::new([0; BOOT_BYTES]));
static BOOT_USED: AtomicUsize = AtomicUsize::new(0);
/// 0: nobody has looked up yet; 1: somebody is at it; 2: done.
static LOOK_UP: AtomicU32 = AtomicU32::new(0);

/// In front of each block, for its size.
const BOOT_HEAD: usize = 16;

fn boot_block(bytes: usize) -> Address {
    let Some(needed) = bytes.checked_add(15).map(|sum| (sum & !15) + BOOT_HEAD) else { return null_mut() };
    let start = BOOT_USED.fetch_add(needed, Ordering::Relaxed);
    if start.checked_add(needed).is_none_or(|end| end > BOOT_BYTES) {
        return null_mut();
    }
    unsafe {
        let head = BOOT.0.get().cast::<u8>().add(start);
        head.cast::<usize>().write(bytes);
        head.add(BOOT_HEAD).cast()
    }
}

/// True for a block that was handed out before the real allocator was known.
#[inline(always)]
pub fn is_boot(block: Address) -> bool {
    (block as usize).wrapping_sub(BOOT.0.get() as usize) < BOOT_BYTES
}

/// Copies such a block to one of the real allocator's.
pub unsafe fn copy_boot(block: Address, to: Address, bytes: usize) {
    if block.is_null() || to.is_null() {
        return;
    }
    unsafe {
        let held = block.cast::<u8>().sub(BOOT_HEAD).cast::<usize>().read();
        copy_nonoverlapping(block.cast::<u8>(), to.cast(), held.min(bytes));
    }
}

/// Looks the real allocator up; false while that is under way, in the call that `dlsym` itself made.
pub fn look_up() -> bool {
    if LOOK_UP.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire).is_ok() {
        look_up_all();
        LOOK_UP.store(2, Ordering::Release);
    }
    LOOK_UP.load(Ordering::Acquire) == 2
}

macro_rules! boots {
    ($($boot:ident($($argument:ident: $kind:ty),*) -> $result:ty = $real:ident, $until:expr;)*) => {
        $(#[cold]
        unsafe fn $boot($($argument: $kind),*) -> $result {
            if look_up() && $real::FOUND.load(Ordering::Relaxed) != 0 {
                unsafe { $real($($argument),*) }
            } else {
                $until
            }
        })*
    };
}

boots! {
    boot_malloc(bytes: usize) -> Address = malloc, boot_block(bytes);
    boot_calloc(n: usize, each: usize) -> Address = calloc, boot_block(n.saturating_mul(each));
    boot_memalign(alignment: usize, bytes: usize) -> Address = memalign, null_mut();
    boot_aligned_alloc(alignment: usize, bytes: usize) -> Address = aligned_alloc, null_mut();
    boot_posix_memalign(out: *mut Address, alignment: usize, bytes: usize) -> c_int = posix_memalign, ENOMEM;
    boot_free(block: Address) -> () = free, ();
    boot_realloc(block: Address, bytes: usize) -> Address = realloc, {
        let larger = boot_block(bytes);
        unsafe { copy_boot(block, larger, bytes) };
        larger
    };
}
