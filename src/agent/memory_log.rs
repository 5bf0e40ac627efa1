//! Reads the logs of the memory tracer. What is torn or foreign is refused with its reason; what came before counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[expect(dead_code, reason = "what only the tracer, the other side of the form, needs")]
#[path = "native/format.rs"]
mod format;

use super::line_table;
use crate::model::Problem;

/// A log holds no more; the tracer ends before.
const LOG_BYTES_MAX: u64 = 300 << 20;

/// What one process logged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProcessMemory {
    /// Process id.
    pub pid: u32,
    /// Id of its parent.
    pub parent_pid: u32,
    /// Minor version of its CPython 3.
    pub minor: u32,
    /// The monotonic clock at the start of the log.
    pub start_ns: u64,
    /// Mean distance of samples at the start.
    pub mean_bytes: u64,
    /// Frames that nodes refer to: file as the interpreter names it, function, line.
    pub frames: Vec<TracedFrame>,
    /// Nodes of the tree of stacks by number.
    pub nodes: BTreeMap<u32, Node>,
    /// What happened, in order.
    pub events: Vec<MemoryEvent>,
    /// True when the interpreter came to its end; false for a process that was killed or left by `os._exit`.
    pub has_ended: bool,
    /// What the tracer could not do.
    pub notes: Vec<TracerNote>,
}

/// A frame of a stack that allocated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TracedFrame {
    /// As the interpreter names it.
    pub file: String,
    /// Name of the function, qualified since 3.11.
    pub symbol: String,
    /// The line that was executed.
    pub line: u32,
}

/// A frame and who called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The node of the caller; below 16 there is none.
    pub parent: u32,
    /// Index into `ProcessMemory::frames`.
    pub frame: u32,
}

/// Which allocator gave a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The C library's.
    Malloc,
    /// Python's, for small objects.
    Pymalloc,
    /// An anonymous mapping.
    Mapping,
}

/// What happened at one instant of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MemoryEvent {
    /// A block was allocated.
    Allocated {
        /// When.
        at_ns: u64,
        /// Its number.
        id: u32,
        /// The stack that allocated it.
        node: u32,
        /// Its size.
        bytes: u64,
        /// Where it came from.
        source: Source,
        /// Chance with which a block of this size is recorded; 1 for one that always is.
        chance: f64,
    },
    /// A recorded block was freed.
    Freed {
        /// When.
        at_ns: u64,
        /// Its number.
        id: u32,
    },
    /// The resident set was read.
    Resident {
        /// When.
        at_ns: u64,
        /// What was read.
        bytes: u64,
    },
}

/// What the tracer of a process could not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TracerNote {
    /// The interpreter is none the tracer knows.
    UnknownPython,
    /// The interpreter runs without its lock.
    FreeThreaded,
    /// The process uses sub-interpreters.
    SubInterpreters,
    /// What was read where a stack should be was none.
    FramesNotUnderstood,
    /// The program brings its own allocator for objects.
    OtherAllocator,
    /// The log could not grow.
    OutOfSpace,
    /// The tracer could not go on.
    GaveUp,
}

impl TracerNote {
    fn of(reason: u8) -> Option<Self> {
        Some(match reason {
            format::UNKNOWN_PYTHON => Self::UnknownPython,
            format::FREE_THREADED => Self::FreeThreaded,
            format::SUB_INTERPRETERS => Self::SubInterpreters,
            format::FRAMES_NOT_UNDERSTOOD => Self::FramesNotUnderstood,
            format::OTHER_ALLOCATOR => Self::OtherAllocator,
            format::OUT_OF_SPACE => Self::OutOfSpace,
            format::GAVE_UP => Self::GaveUp,
            _ => return None,
        })
    }
}

/// Reads all logs of a directory, in the order of their starts.
pub fn read_directory(directory: &Path) -> (Vec<ProcessMemory>, Vec<Problem>) {
    let (mut processes, mut problems) = (vec![], vec![]);
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "mem") {
            continue;
        }
        match read_file(&path) {
            Ok(process) => processes.push(process),
            Err(reason) => problems.push(Problem {
                location: None,
                message: format!("a memory log was left out: {reason}"),
                hint: None,
            }),
        }
    }
    processes.sort_by_key(|process: &ProcessMemory| (process.start_ns, process.pid));
    (processes, problems)
}

fn read_file(path: &Path) -> Result<ProcessMemory, String> {
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > LOG_BYTES_MAX {
        return Err(format!("{length} bytes are more than a tracer writes"));
    }
    read(&fs::read(path).map_err(|error| error.to_string())?)
}

/// Reads one log.
///
/// # Errors
/// The reason why it is none.
pub fn read(log: &[u8]) -> Result<ProcessMemory, String> {
    if log.is_empty() {
        return Err("it is empty: there was no space for it".to_owned());
    }
    let mut reader = Reader::default();
    for (number, chunk) in log.chunks(format::CHUNK).enumerate() {
        let mut fields = Fields { rest: chunk };
        if number == 0 {
            reader.header(&mut fields)?;
        }
        while let Some(kind) = fields.u8().filter(|kind| *kind != 0) {
            let is_known = reader.record(kind, &mut fields).ok_or("it ends within a record")?;
            if !is_known {
                return Err(format!("there is no record of kind {kind}"));
            }
        }
    }
    Ok(reader.process)
}

/// Takes fields off the front of a chunk.
struct Fields<'log> {
    rest: &'log [u8],
}

impl<'log> Fields<'log> {
    fn take(&mut self, n: usize) -> Option<&'log [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self, n: usize) -> Option<String> {
        Some(String::from_utf8_lossy(self.take(n)?).into_owned())
    }
}

struct Code {
    file: String,
    symbol: String,
    first_line: u32,
    table: Vec<u8>,
}

#[derive(Default)]
struct Reader {
    process: ProcessMemory,
    codes: BTreeMap<u32, Code>,
    frames: BTreeMap<TracedFrame, u32>,
    mean: f64,
}

impl Reader {
    fn header(&mut self, fields: &mut Fields) -> Result<(), String> {
        let mut header = || {
            let is_log = fields.u8()? == format::HEADER && fields.take(8)? == format::MAGIC;
            let version = fields.u32()?;
            Some((is_log, version))
        };
        match header() {
            Some((true, format::VERSION)) => {}
            Some((true, version)) => return Err(format!("its version is {version}, not {}", format::VERSION)),
            _ => return Err("it does not begin like one".to_owned()),
        }
        let mut rest = || {
            self.process.pid = fields.u32()?;
            self.process.parent_pid = fields.u32()?;
            self.process.minor = fields.u32()? & 0xFF;
            self.process.mean_bytes = fields.u64()?;
            self.process.start_ns = fields.u64()?;
            Some(())
        };
        rest().ok_or("it ends within its header")?;
        self.mean = self.process.mean_bytes as f64;
        Ok(())
    }

    /// Reads one record; `Some(false)` for an unknown kind.
    fn record(&mut self, kind: u8, fields: &mut Fields) -> Option<bool> {
        match kind {
            format::CODE => self.code(fields)?,
            format::NODE => self.node(fields)?,
            format::ALLOC => {
                let allocated = self.allocation(fields)?;
                self.process.events.push(allocated);
            }
            format::FREE => {
                let freed = MemoryEvent::Freed { at_ns: fields.u64()?, id: fields.u32()? };
                self.process.events.push(freed);
            }
            format::RSS => {
                let resident = MemoryEvent::Resident { at_ns: fields.u64()?, bytes: fields.u64()? };
                self.process.events.push(resident);
            }
            format::END => {
                fields.u64()?;
                self.process.has_ended = true;
            }
            format::NOTE => self.process.notes.extend(TracerNote::of(fields.u8()?)),
            format::MEAN => {
                fields.u64()?;
                self.mean = fields.u64()? as f64;
            }
            _ => return Some(false),
        }
        Some(true)
    }

    fn code(&mut self, fields: &mut Fields) -> Option<()> {
        let (id, first_line) = (fields.u32()?, fields.u32()?);
        let (file_len, symbol_len, table_len) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let file = fields.text(usize::from(file_len))?;
        let symbol = fields.text(usize::from(symbol_len))?;
        let table = fields.take(table_len as usize)?.to_vec();
        self.codes.insert(id, Code { file, symbol, first_line, table });
        Some(())
    }

    fn node(&mut self, fields: &mut Fields) -> Option<()> {
        let (id, parent, code) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let offset = fields.u32()?.cast_signed();
        // A code that a kill kept from being described has no name; its callers are still known.
        let frame = match self.codes.get(&code) {
            Some(code) => TracedFrame {
                file: code.file.clone(),
                symbol: code.symbol.clone(),
                line: line_table::line_of(self.process.minor, &code.table, code.first_line, offset),
            },
            None => TracedFrame { file: String::new(), symbol: String::new(), line: 0 },
        };
        let frames = &mut self.process.frames;
        let frame = *self.frames.entry(frame).or_insert_with_key(|frame| {
            frames.push(frame.clone());
            frames.len() as u32 - 1
        });
        self.process.nodes.insert(id, Node { parent, frame });
        Some(())
    }

    fn allocation(&mut self, fields: &mut Fields) -> Option<MemoryEvent> {
        let kind = fields.u8()?;
        let at_ns = fields.u64()?;
        let (id, node, bytes) = (fields.u32()?, fields.u32()?, fields.u64()?);
        let source = match kind & !format::EXACT {
            format::BY_MALLOC => Source::Malloc,
            format::BY_PYMALLOC => Source::Pymalloc,
            _ => Source::Mapping,
        };
        let chance = if kind & format::EXACT == 0 { chance(bytes as f64 / self.mean) } else { 1.0 };
        Some(MemoryEvent::Allocated { at_ns, id, node, bytes, source, chance })
    }
}

/// The chance that a mark lies within a block of this size, in units of the mean. Marks are half to one and a half
/// apart, evenly: two lie in one block only when it is larger than a half, and none only when it is smaller than one
/// and a half.
fn chance(size: f64) -> f64 {
    // A block without bytes is met as if it had one.
    let size = size.max(1e-9);
    if size <= 0.5 { size } else { 1.0 - (1.5 - size.min(1.5)).powi(2) / 2.0 }
}

#[cfg(test)]
#[path = "memory_log_tests.rs"]
mod tests;
