//! What is looked up in CPython: a few functions that neither allocate, lock nor raise, and the allocator hooks.

use core::ffi::{c_char, c_int};
use core::mem::{MaybeUninit, transmute};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::format::BY_PYMALLOC;
use super::sampling::{allocated, freeing, resized, resizing};
use super::{Address, system, thread};

unsafe extern "C" {
    fn dlsym(handle: Address, name: *const c_char) -> Address;
}

/// A symbol of the program or one of its libraries; 0 when there is none. `name` ends in 0.
pub fn symbol(name: &core::ffi::CStr) -> usize {
    // SAFETY: looks in the global scope; the name is a C string.
    unsafe { dlsym(null_mut(), name.as_ptr()) as usize }
}

macro_rules! functions {
    ($($field:ident = $name:literal;)*) => {
        /// Addresses of functions, 0 where this Python has none.
        struct Functions { $($field: AtomicUsize),* }
        static FUNCTIONS: Functions = Functions { $($field: AtomicUsize::new(0)),* };
        /// Looks them up.
        pub fn look_up() { $(FUNCTIONS.$field.store(symbol($name), Ordering::Relaxed);)* }
    };
}

functions! {
    version = c"Py_GetVersion";
    is_initialized = c"Py_IsInitialized";
    get_allocator = c"PyMem_GetAllocator";
    set_allocator = c"PyMem_SetAllocator";
    set_arenas = c"PyObject_SetArenaAllocator";
    own_state = c"PyGILState_GetThisThreadState";
    current_state = c"PyThreadState_GetUnchecked";
    current_state_before_3_13 = c"_PyThreadState_UncheckedGet";
    main_interpreter = c"PyInterpreterState_Main";
}

/// Calls a function that was found, by its address; `None` where it was not.
macro_rules! call {
    ($field:ident as fn($($kind:ty),*) $(-> $result:ty)?; $($argument:expr),*) => {{
        let address = FUNCTIONS.$field.load(Ordering::Relaxed);
        (address != 0).then(|| {
            // SAFETY: the address came from `dlsym` under the name of a function of this type.
            let function: unsafe extern "C" fn($($kind),*) $(-> $result)? = unsafe { transmute(address) };
            unsafe { function($($argument),*) }
        })
    }};
}

/// The text of `Py_GetVersion`, `3.11.7 (main, …`; `None` where there is no CPython, or one before 3.9.
pub fn version() -> Option<&'static [u8]> {
    let text = call!(version as fn() -> *const u8;)?;
    let has_all = FUNCTIONS.set_allocator.load(Ordering::Relaxed) != 0
        && FUNCTIONS.get_allocator.load(Ordering::Relaxed) != 0
        && FUNCTIONS.set_arenas.load(Ordering::Relaxed) != 0
        && FUNCTIONS.is_initialized.load(Ordering::Relaxed) != 0
        && FUNCTIONS.own_state.load(Ordering::Relaxed) != 0;
    if text.is_null() || !has_all {
        return None;
    }
    let mut length = 0;
    while length < 200 && unsafe { *text.add(length) } != 0 {
        length += 1;
    }
    // SAFETY: a static text of the interpreter, read up to its end.
    Some(unsafe { core::slice::from_raw_parts(text, length) })
}

pub fn is_initialized() -> bool {
    call!(is_initialized as fn() -> c_int;).is_some_and(|answer| answer != 0)
}

/// What the calling thread is to the interpreter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// It holds the lock; its state is at this address.
    Holds(usize),
    /// It has a state and does not hold the lock: the state may vanish while the interpreter ends.
    Waits(usize),
    /// It is not known to the interpreter.
    Unknown,
    /// It runs another interpreter of the process.
    Other,
}

pub fn attachment(is_lock_global: bool, interp_offset: usize) -> Attachment {
    let own = call!(own_state as fn() -> usize;).unwrap_or(0);
    let current = call!(current_state as fn() -> usize;)
        .or_else(|| call!(current_state_before_3_13 as fn() -> usize;))
        .unwrap_or(0);
    if own == 0 && (current == 0 || is_lock_global) {
        return Attachment::Unknown;
    }
    // Until 3.11 this is whoever holds the lock, afterwards the calling thread if it does.
    let holds = if is_lock_global { current == own } else { current != 0 };
    if !holds {
        return if own == 0 { Attachment::Unknown } else { Attachment::Waits(own) };
    }
    let main = call!(main_interpreter as fn() -> usize;).unwrap_or(0);
    // SAFETY: the calling thread holds the lock: its state is there.
    let interpreter = unsafe { *((current + interp_offset) as *const usize) };
    if main != 0 && interpreter != main { Attachment::Other } else { Attachment::Holds(current) }
}

/// `PyMemAllocatorEx`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Allocator {
    context: Address,
    malloc: unsafe extern "C" fn(Address, usize) -> Address,
    calloc: unsafe extern "C" fn(Address, usize, usize) -> Address,
    realloc: unsafe extern "C" fn(Address, Address, usize) -> Address,
    free: unsafe extern "C" fn(Address, Address),
}

/// `PyObjectArenaAllocator`.
#[repr(C)]
struct Arenas {
    context: Address,
    alloc: unsafe extern "C" fn(Address, usize) -> Address,
    free: unsafe extern "C" fn(Address, Address, usize),
}

/// The allocators behind our hooks, by domain; set before the hooks are, and never again.
static mut BEHIND: [MaybeUninit<Allocator>; 3] = [const { MaybeUninit::uninit() }; 3];

#[inline(always)]
unsafe fn behind(domain: usize) -> &'static Allocator {
    // SAFETY: only hooks ask, and `install` fills this before it sets them.
    unsafe { (*(&raw const BEHIND))[domain].assume_init_ref() }
}

// What pymalloc hands on to malloc has been counted there, which moved the thread's counter: it is not counted again.
macro_rules! domain {
    ($domain:literal, $malloc:ident, $calloc:ident, $realloc:ident, $free:ident) => {
        unsafe extern "C" fn $malloc(_: Address, bytes: usize) -> Address {
            let behind = unsafe { behind($domain) };
            let before = thread::current().left;
            let block = unsafe { (behind.malloc)(behind.context, bytes) };
            if thread::current().left == before {
                allocated(block, bytes, BY_PYMALLOC);
            }
            block
        }

        unsafe extern "C" fn $calloc(_: Address, n: usize, each: usize) -> Address {
            let behind = unsafe { behind($domain) };
            let before = thread::current().left;
            let block = unsafe { (behind.calloc)(behind.context, n, each) };
            if thread::current().left == before {
                allocated(block, n.wrapping_mul(each), BY_PYMALLOC);
            }
            block
        }

        unsafe extern "C" fn $realloc(_: Address, block: Address, bytes: usize) -> Address {
            let behind = unsafe { behind($domain) };
            let recorded = resizing(block);
            let before = thread::current().left;
            let moved = unsafe { (behind.realloc)(behind.context, block, bytes) };
            resized(block, recorded, !moved.is_null());
            if thread::current().left == before {
                allocated(moved, bytes, BY_PYMALLOC);
            }
            moved
        }

        unsafe extern "C" fn $free(_: Address, block: Address) {
            let behind = unsafe { behind($domain) };
            freeing(block);
            unsafe { (behind.free)(behind.context, block) };
        }
    };
}

domain!(1, mem_malloc, mem_calloc, mem_realloc, mem_free);
domain!(2, object_malloc, object_calloc, object_realloc, object_free);

/// Arenas come straight from the system, so that they are not counted beside the objects in them.
unsafe extern "C" fn arena_alloc(_: Address, bytes: usize) -> Address {
    system::pages(bytes).cast()
}

unsafe extern "C" fn arena_free(_: Address, arena: Address, bytes: usize) {
    unsafe { system::unmap(arena.cast(), bytes) };
}

/// Where objects cannot be seen one by one, their arenas stand for them.
unsafe extern "C" fn counted_arena_alloc(_: Address, bytes: usize) -> Address {
    let arena = system::pages(bytes).cast();
    allocated(arena, bytes, BY_PYMALLOC);
    arena
}

unsafe extern "C" fn counted_arena_free(_: Address, arena: Address, bytes: usize) {
    freeing(arena);
    unsafe { system::unmap(arena.cast(), bytes) };
}

/// Sets the hooks, before the interpreter starts. With `sees_objects` false the interpreter is about to replace them:
/// then arenas are counted. The raw domain is malloc, which is counted already.
pub fn install(sees_objects: bool) {
    let mut arenas = if sees_objects {
        Arenas { context: null_mut(), alloc: arena_alloc, free: arena_free }
    } else {
        Arenas { context: null_mut(), alloc: counted_arena_alloc, free: counted_arena_free }
    };
    call!(set_arenas as fn(*mut Arenas); &raw mut arenas);
    if !sees_objects {
        return;
    }
    let mut hooks = [
        Allocator { context: null_mut(), malloc: mem_malloc, calloc: mem_calloc, realloc: mem_realloc, free: mem_free },
        Allocator {
            context: null_mut(),
            malloc: object_malloc,
            calloc: object_calloc,
            realloc: object_realloc,
            free: object_free,
        },
    ];
    for (domain, hook) in (1..).zip(&mut hooks) {
        // SAFETY: one thread, before the interpreter starts.
        let kept = unsafe { (*(&raw mut BEHIND))[domain as usize].as_mut_ptr() };
        call!(get_allocator as fn(c_int, *mut Allocator); domain, kept);
        call!(set_allocator as fn(c_int, *mut Allocator); domain, hook);
    }
}
