//! Runs before the program's `main`: decides whether this process is one to trace, and begins.

use core::ffi::{CStr, c_char};

use super::state::{self, State};
use super::{format, frames, python, real, system, thread, turn_off};

unsafe extern "C" {
    fn getenv(name: *const c_char) -> *const c_char;
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    real::look_up();
    let Some(directory) = variable(c"CMDX_MEMORY_LOGS") else { return };
    python::look_up();
    let Some(version) = python::version() else { return };
    let Some(minor) = version.strip_prefix(b"3.").map(system::number) else { return };
    let mean = variable(c"CMDX_MEMORY_MEAN").map_or(0, system::number) as usize;
    if !state::mark_process() {
        return;
    }
    turn_off::begin();
    // What was allocated before took this thread's next sample out of reach.
    thread::current().left = 0;
    let Some(mut held) = state::lock() else { return };
    let state: &mut State = &mut held;
    let is_begun = state.log.configure(directory, 0x300 + minor as u32, mean) && state.log.begin();
    if !is_begun {
        turn_off::end();
        return;
    }
    let is_free_threaded = contains(version, b"free-threading");
    let refusal = if is_free_threaded { Err(format::FREE_THREADED) } else { frames::configure(minor) };
    if let Err(reason) = refusal {
        state.log.note(reason);
        turn_off::end();
        return;
    }
    let sees_objects = !has_other_allocator();
    if !sees_objects {
        state.log.note(format::OTHER_ALLOCATOR);
    }
    drop(held);
    python::install(sees_objects);
}

fn variable(name: &CStr) -> Option<&'static [u8]> {
    // SAFETY: the environment is not changed before `main`; texts in it live as long as the process.
    let value = unsafe { getenv(name.as_ptr()) };
    if value.is_null() { None } else { Some(unsafe { CStr::from_ptr(value) }.to_bytes()) }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// True where the interpreter was told to use other allocators than its usual ones: it will replace our hooks.
fn has_other_allocator() -> bool {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    if is_set(c"PYTHONMALLOC") {
        return variable(c"PYTHONMALLOC") != Some(b"pymalloc".as_slice())
            && variable(c"PYTHONMALLOC") != Some(b"default".as_slice());
    }
    if is_set(c"PYTHONDEVMODE") {
        return true;
    }
    let mut line = [0; 4096];
    let length = system::command_line(&mut line);
    let mut words = line[..length].split(|byte| *byte == 0).skip(1);
    while let Some(word) = words.next() {
        match word {
            b"-Xdev" => return true,
            b"-X" => {
                if words.next() == Some(b"dev".as_slice()) {
                    return true;
                }
            }
            _ if word.first() != Some(&b'-') => return false,
            _ => {}
        }
    }
    false
}
