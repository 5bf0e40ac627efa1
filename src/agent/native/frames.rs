//! Reads the Python stack of the calling thread from the interpreter's own structures, without calling into it.
//!
//! Where fields lie is known for each minor version up to 3.12 (from its headers); from 3.13 on the interpreter says
//! so itself, in `_Py_DebugOffsets`. What cannot be right ends the reading of stacks for this process; nothing is
//! guessed.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, Ordering};

use super::format::{self, NODE_CUT, NODE_NO_STACK, NODE_STARTUP};
use super::python::{self, Attachment};
use super::state::State;
use super::{system, turn_off};

/// Frames read of one stack, innermost first.
const FRAMES_MAX: usize = 128;
/// Links followed for them: some frames are the interpreter's own.
const LINKS_MAX: usize = 256;
/// Distinct stacks in one log, by their frames; later ones are cut.
const NODES_MAX: u32 = 1 << 20;
/// Bytes of a file or function name that are kept.
const NAME_MAX: usize = 1000;
/// Larger tables of lines are left out; their functions are known by their first line.
const TABLE_MAX: usize = 128 << 10;

/// How a frame tells the instruction it is at.
#[derive(Clone, Copy)]
enum Instruction {
    /// By its number, of units of so many bytes.
    Number(i32),
    /// By its address.
    Address,
}

/// Where fields lie, in bytes.
#[derive(Clone, Copy)]
struct Offsets {
    is_lock_global: bool,
    thread_interp: usize,
    /// The innermost frame, or what points to it.
    thread_frame: usize,
    cframe_frame: Option<usize>,
    frame_code: usize,
    frame_back: usize,
    frame_instruction: usize,
    instruction: Instruction,
    frame_owner: Option<usize>,
    code_first_line: usize,
    code_file: usize,
    code_name: usize,
    code_table: usize,
    code_start: usize,
    text_size: usize,
}

/// Frames with such an owner are the interpreter's own.
const OWNER_INTERPRETER_MIN: u8 = 3;
/// In all versions: type of an object; length and state of a text; length and content of bytes.
const OBJECT_TYPE: usize = 8;
const TEXT_LENGTH: usize = 16;
const TEXT_STATE: usize = 32;
const BYTES_LENGTH: usize = 16;
const BYTES_CONTENT: usize = 32;

const PYTHON_3_9: Offsets = Offsets {
    is_lock_global: true,
    thread_interp: 16,
    thread_frame: 24,
    cframe_frame: None,
    frame_code: 32,
    frame_back: 24,
    frame_instruction: 104,
    instruction: Instruction::Number(1),
    frame_owner: None,
    code_first_line: 40,
    code_file: 104,
    code_name: 112,
    code_table: 120,
    code_start: 0,
    text_size: 48,
};
const PYTHON_3_10: Offsets = Offsets { frame_instruction: 96, instruction: Instruction::Number(2), ..PYTHON_3_9 };
const PYTHON_3_11: Offsets = Offsets {
    thread_frame: 56,
    cframe_frame: Some(8),
    frame_back: 48,
    frame_instruction: 56,
    instruction: Instruction::Address,
    frame_owner: Some(69),
    code_first_line: 72,
    code_file: 112,
    code_name: 128,
    code_table: 136,
    code_start: 184,
    ..PYTHON_3_9
};
const PYTHON_3_12: Offsets = Offsets {
    is_lock_global: false,
    cframe_frame: Some(0),
    frame_code: 0,
    frame_back: 8,
    frame_owner: Some(70),
    code_first_line: 68,
    code_start: 192,
    text_size: 40,
    ..PYTHON_3_11
};

/// Where `_Py_DebugOffsets` says where fields lie, in words of 8 bytes: it grew in the middle.
struct Directory {
    thread_interp: usize,
    frame_back: usize,
    code_file: usize,
    /// From the file to the qualified name, the table, the first line and the code.
    code_start: usize,
    text_ascii_size: usize,
}

const DIRECTORY_3_13: Directory =
    Directory { thread_interp: 22, frame_back: 29, code_file: 35, code_start: 43, text_ascii_size: 70 };
const DIRECTORY_3_14: Directory =
    Directory { thread_interp: 25, frame_back: 32, code_file: 40, code_start: 48, text_ascii_size: 80 };
const DIRECTORY_3_15: Directory =
    Directory { thread_interp: 25, frame_back: 40, code_file: 48, code_start: 56, text_ascii_size: 92 };

const COOKIE: u64 = u64::from_le_bytes(*b"xdebugpy");
const DIRECTORY_VERSION: usize = 1;
const DIRECTORY_FREE_THREADED: usize = 2;
/// No field lies further away.
const OFFSET_MAX: u64 = 2048;

/// Whether stacks are read: not configured, to be proved by a first careful reading, proved, or never again.
const OFF: u8 = 0;
const UNPROVED: u8 = 1;
const PROVED: u8 = 2;
static TRUST: AtomicU8 = AtomicU8::new(OFF);

struct Known(UnsafeCell<(Offsets, Types)>);
/// SAFETY: written once, before `TRUST` leaves `OFF`.
unsafe impl Sync for Known {}
static KNOWN: Known = Known(UnsafeCell::new((PYTHON_3_9, Types { code: 0, text: 0, bytes: 0 })));

/// Addresses of the types that are met.
#[derive(Clone, Copy)]
struct Types {
    code: usize,
    text: usize,
    bytes: usize,
}

fn known() -> (Offsets, Types) {
    unsafe { *KNOWN.0.get() }
}

/// Prepares for a minor version of CPython 3; the reason when stacks of it cannot be read.
pub fn configure(minor: u64) -> Result<(), u8> {
    let offsets = match minor {
        9 => PYTHON_3_9,
        10 => PYTHON_3_10,
        11 => PYTHON_3_11,
        12 => PYTHON_3_12,
        13 => told(&DIRECTORY_3_13, minor)?,
        14 => told(&DIRECTORY_3_14, minor)?,
        15 => told(&DIRECTORY_3_15, minor)?,
        _ => return Err(format::UNKNOWN_PYTHON),
    };
    let types = Types {
        code: python::symbol(c"PyCode_Type"),
        text: python::symbol(c"PyUnicode_Type"),
        bytes: python::symbol(c"PyBytes_Type"),
    };
    if types.code == 0 || types.text == 0 || types.bytes == 0 {
        return Err(format::UNKNOWN_PYTHON);
    }
    unsafe { *KNOWN.0.get() = (offsets, types) };
    TRUST.store(UNPROVED, Ordering::Release);
    Ok(())
}

/// The offsets that the interpreter itself tells.
fn told(directory: &Directory, minor: u64) -> Result<Offsets, u8> {
    let runtime = python::symbol(c"_PyRuntime") as *const u64;
    if runtime.is_null() {
        return Err(format::UNKNOWN_PYTHON);
    }
    // SAFETY: the runtime's structure is far larger than what is read here.
    let word = |index: usize| unsafe { *runtime.add(index) };
    if word(0) != COOKIE || word(DIRECTORY_VERSION) >> 16 != 0x300 + minor {
        return Err(format::UNKNOWN_PYTHON);
    }
    if word(DIRECTORY_FREE_THREADED) != 0 {
        return Err(format::FREE_THREADED);
    }
    let offset =
        |index: usize| if word(index) < OFFSET_MAX { Ok(word(index) as usize) } else { Err(format::UNKNOWN_PYTHON) };
    let file = directory.code_file;
    Ok(Offsets {
        is_lock_global: false,
        thread_interp: offset(directory.thread_interp)?,
        thread_frame: offset(directory.thread_interp + 1)?,
        cframe_frame: None,
        frame_back: offset(directory.frame_back)?,
        frame_code: offset(directory.frame_back + 1)?,
        frame_instruction: offset(directory.frame_back + 2)?,
        instruction: Instruction::Address,
        frame_owner: Some(offset(directory.frame_back + 4)?),
        code_file: offset(file)?,
        code_name: offset(file + 2)?,
        code_table: offset(file + 3)?,
        code_first_line: offset(file + 4)?,
        code_start: offset(directory.code_start)?,
        text_size: offset(directory.text_ascii_size)?,
    })
}

/// A code object that the log knows. Its address may become another's: what else it holds tells them apart, so
/// that none has to be kept alive.
#[derive(Clone, Copy, PartialEq)]
pub struct Code {
    id: u32,
    first_line: u32,
    file: usize,
    name: usize,
    table: usize,
}

/// How memory is read.
#[derive(Clone, Copy, PartialEq)]
enum Access {
    /// By the thread that holds the lock, with offsets that were proved.
    Plain,
    /// Through the system, which answers for what is not there.
    Careful,
}

impl Access {
    fn word(self, at: usize) -> Option<usize> {
        if at < 4096 || at % align_of::<usize>() != 0 {
            return None;
        }
        if self == Self::Plain {
            // SAFETY: fields of live objects of the thread that holds the interpreter's lock.
            return Some(unsafe { *(at as *const usize) });
        }
        let mut value = 0_usize;
        system::copy(at, (&raw mut value).cast(), size_of::<usize>()).then_some(value)
    }

    fn int(self, at: usize) -> Option<u32> {
        let word = self.word(at & !7)?;
        Some((word >> ((at & 4) * 8)) as u32)
    }

    fn byte(self, at: usize) -> Option<u8> {
        let word = self.word(at & !7)?;
        Some((word >> ((at & 7) * 8)) as u8)
    }

    fn copy(self, from: usize, to: *mut u8, length: usize) -> bool {
        if self == Self::Plain {
            // SAFETY: as above.
            unsafe { core::ptr::copy_nonoverlapping(from as *const u8, to, length) };
            return true;
        }
        length == 0 || system::copy(from, to, length)
    }
}

/// A stack as it was read: code objects with the offsets of their instructions, innermost first.
pub struct Stack {
    frames: [(usize, i32); FRAMES_MAX],
    len: usize,
    is_cut: bool,
    /// What the frames hang below.
    root: u32,
    access: Access,
}

/// Reads the stack of the calling thread.
pub fn stack(is_up: bool) -> Stack {
    let mut stack =
        Stack { frames: [(0, 0); FRAMES_MAX], len: 0, is_cut: false, root: NODE_STARTUP, access: Access::Careful };
    let trust = TRUST.load(Ordering::Acquire);
    if !is_up {
        return stack;
    }
    stack.root = NODE_NO_STACK;
    if trust == OFF {
        return stack;
    }
    let (offsets, types) = known();
    let thread = match python::attachment(offsets.is_lock_global, offsets.thread_interp) {
        Attachment::Holds(thread) => {
            if trust == PROVED {
                stack.access = Access::Plain;
            }
            thread
        }
        Attachment::Waits(thread) => thread,
        Attachment::Unknown => return stack,
        Attachment::Other => {
            turn_off::for_good(format::SUB_INTERPRETERS);
            return stack;
        }
    };
    let is_read = read(&mut stack, &offsets, types.code, thread).is_some();
    if !is_read {
        // A thread without the lock may have lost its state meanwhile; one that has the lock cannot.
        if matches!(python::attachment(offsets.is_lock_global, offsets.thread_interp), Attachment::Holds(_)) {
            TRUST.store(OFF, Ordering::Release);
            turn_off::for_good(format::FRAMES_NOT_UNDERSTOOD);
        }
        stack.len = 0;
    }
    stack
}

/// `None` when what is read cannot be a stack.
fn read(stack: &mut Stack, offsets: &Offsets, code_type: usize, thread: usize) -> Option<()> {
    let access = stack.access;
    let mut frame = access.word(thread + offsets.thread_frame)?;
    if let Some(offset) = offsets.cframe_frame {
        if frame == 0 {
            return Some(());
        }
        frame = access.word(frame + offset)?;
    }
    for _ in 0..LINKS_MAX {
        if frame == 0 || stack.len == FRAMES_MAX {
            break;
        }
        if let Some((code, offset)) = frame_at(access, offsets, code_type, frame)? {
            stack.frames[stack.len] = (code, offset);
            stack.len += 1;
        }
        frame = access.word(frame + offsets.frame_back)?;
    }
    stack.is_cut = frame != 0;
    if stack.len > 0 {
        stack.root = NODE_STARTUP;
    }
    Some(())
}

/// A frame's code and instruction; `Some(None)` for one of the interpreter's own.
fn frame_at(access: Access, offsets: &Offsets, code_type: usize, frame: usize) -> Option<Option<(usize, i32)>> {
    if let Some(owner) = offsets.frame_owner
        && access.byte(frame + owner)? >= OWNER_INTERPRETER_MIN
    {
        return Some(None);
    }
    // From 3.14 on the low bits of a reference tell how it is held.
    let code = access.word(frame + offsets.frame_code)? & !7;
    if access.word(code + OBJECT_TYPE)? != code_type {
        return None;
    }
    let offset = match offsets.instruction {
        Instruction::Number(bytes) => (access.int(frame + offsets.frame_instruction)? as i32).wrapping_mul(bytes),
        Instruction::Address => {
            let at = access.word(frame + offsets.frame_instruction)?;
            at.wrapping_sub(code + offsets.code_start) as i32
        }
    };
    Some(Some((code, offset)))
}

/// The node of a stack; new ones are written to the log. Under the lock.
pub fn node(state: &mut State, stack: &Stack) -> u32 {
    let mut node = if stack.is_cut { NODE_CUT } else { stack.root };
    for (address, offset) in stack.frames[..stack.len].iter().rev() {
        let Some(code) = code(state, *address, stack.access) else { return node };
        let key = [node, code, *offset as u32];
        node = match state.nodes.get(key) {
            Some(known) => known,
            None if state.next_node - format::NODE_FIRST >= NODES_MAX => return NODE_CUT,
            None => {
                let new = state.next_node;
                if state.nodes.insert(key, new).is_err() {
                    turn_off::end();
                    return node;
                }
                state.next_node += 1;
                state.log.node(new, key[0], code, key[2]);
                new
            }
        };
    }
    if stack.len > 0 && stack.access == Access::Careful && TRUST.load(Ordering::Relaxed) == UNPROVED {
        TRUST.store(PROVED, Ordering::Release);
    }
    node
}

/// The number of a code object, described in the log when it is new.
fn code(state: &mut State, address: usize, access: Access) -> Option<u32> {
    let (offsets, types) = known();
    let mut found = Code {
        id: 0,
        first_line: access.int(address + offsets.code_first_line)?,
        file: access.word(address + offsets.code_file)?,
        name: access.word(address + offsets.code_name)?,
        table: access.word(address + offsets.code_table)?,
    };
    if let Some(known) = state.codes.get(address) {
        found.id = known.id;
        if found == known {
            return Some(known.id);
        }
    }
    found.id = state.next_code;
    describe(state, &found, &offsets, &types, access)?;
    state.next_code += 1;
    if state.codes.insert(address, found).is_err() {
        turn_off::end();
        return None;
    }
    Some(found.id)
}

fn describe(state: &mut State, code: &Code, offsets: &Offsets, types: &Types, access: Access) -> Option<()> {
    let mut file = [0; NAME_MAX + 4];
    let mut name = [0; NAME_MAX + 4];
    let file_len = text(code.file, &mut file, offsets, types, access)?;
    let name_len = text(code.name, &mut name, offsets, types, access)?;
    let mut table_len = 0;
    if access.word(code.table + OBJECT_TYPE)? == types.bytes {
        table_len = access.word(code.table + BYTES_LENGTH)?;
    }
    if table_len > TABLE_MAX {
        table_len = 0;
    }
    let table = state.log.code(code.id, code.first_line, &file[..file_len], &name[..name_len], table_len)?;
    access.copy(code.table + BYTES_CONTENT, table, table_len).then_some(())
}

/// Writes a Python text as UTF-8, cut at `NAME_MAX`; its length.
fn text(at: usize, out: &mut [u8; NAME_MAX + 4], offsets: &Offsets, types: &Types, access: Access) -> Option<usize> {
    if access.word(at + OBJECT_TYPE)? != types.text {
        return Some(0);
    }
    let state = access.int(at + TEXT_STATE)?;
    let (width, is_compact, is_ascii) = (state >> 2 & 7, state >> 5 & 1, state >> 6 & 1);
    if is_compact == 0 || !matches!(width, 1 | 2 | 4) {
        return Some(0);
    }
    let length = access.word(at + TEXT_LENGTH)?.min(NAME_MAX);
    // Behind the head of a text with other letters stand its UTF-8 form, if any, and (until 3.11) another length.
    let head_of_others = offsets.text_size + if offsets.text_size > 40 { 24 } else { 16 };
    let content = at + if is_ascii == 1 { offsets.text_size } else { head_of_others };
    let mut n = 0;
    for index in 0..length {
        let mut letter = 0_u32;
        let from = content + index * width as usize;
        if !access.copy(from, (&raw mut letter).cast(), width as usize) {
            return None;
        }
        if n >= NAME_MAX {
            break;
        }
        n += encode(letter, &mut out[n..]);
    }
    Some(n)
}

/// UTF-8 of a letter, and of what stands for a byte that was no letter.
fn encode(letter: u32, out: &mut [u8]) -> usize {
    let tail = |shift: u32| 0x80 | (letter >> shift & 0x3F) as u8;
    match letter {
        0..0x80 => out[0] = letter as u8,
        0x80..0x800 => (out[0], out[1]) = (0xC0 | (letter >> 6) as u8, tail(0)),
        0x800..0x1_0000 => (out[0], out[1], out[2]) = (0xE0 | (letter >> 12) as u8, tail(6), tail(0)),
        _ => (out[0], out[1], out[2], out[3]) = (0xF0 | (letter >> 18 & 7) as u8, tail(12), tail(6), tail(0)),
    }
    match letter {
        0..0x80 => 1,
        0x80..0x800 => 2,
        0x800..0x1_0000 => 3,
        _ => 4,
    }
}
