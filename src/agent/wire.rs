//! The format of the agent's event files, defined once, and their reader.
//!
//! A file is a row of slots of 64 bytes, in segments of 16384 that are filled with zeros before use. The last byte of a
//! slot is its kind and is written last, so a slot that a kill tore apart reads as empty. The number of a slot is the
//! identity of what it holds. Little endian; `-` is padding.
//!
//! ```text
//! HEADER     | magic 8 | version 4 | pid 4 | parent 4 | hexversion 4 | wall ns 8 | clock ns 8 | flags 4 | - 19 | 1
//! TEXT       | bytes 52 | first slot 4 (0: this) | used 1 | class 1 | is last 1 | - 4 | 2
//! ACTIVATION | parent 4 | line in parent 4 | code text 4 | flags 4 | - 47 | 3
//! SCOPE      | start ns 8 | end ns 8 (0: open) | name text 4 | parent 4 | kind 1 | - 38 | 4
//! QUERY      | start ns 8 | ns 8 | rows 4 | many 4 | parameters 8 | activation 4 | line 4 | text 4 | scope 4
//!            | connection 4 | driver 2 | flags 2 | operation 1 | - 6 | 5
//! SUMMARY    | count 8 | ns 8 | max ns 8 | rows 8 | errors 4 | line 4 | text 4 | code text 4 | driver 2 | operation 1
//!            | - 12 | 6
//! HANDLE     | opened 8 | open 8 | oldest ns 8 | code text 4 | line 4 | type text 4 | kind 1 | - 26 | 8
//! CONTAINER  | first items 8 | items at half 8 | last items 8 | bytes 8 (0: unknown) | shrinks 4 | name text 4
//!            | file text 4 | kind text 4 | keys text 4 | - 11 | 9
//! ALLOCATION | bytes 8 | blocks 8 | peak of the process 8 | file text 4 | line 4 | - 31 | 10
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::model::Problem;

/// First bytes of an event file.
pub const MAGIC: [u8; 8] = *b"CMDXEVT\x01";
/// Version of the form above.
pub const VERSION: u32 = 1;
/// Bytes of a slot.
pub const SLOT_BYTES: usize = 64;

const HEADER: u8 = 1;
const TEXT: u8 = 2;
const ACTIVATION: u8 = 3;
const SCOPE: u8 = 4;
const QUERY: u8 = 5;
const SUMMARY: u8 = 6;
const HANDLE: u8 = 8;
const CONTAINER: u8 = 9;
const ALLOCATION: u8 = 10;

/// Bytes of text in a slot.
const TEXT_BYTES: usize = 52;
/// Class of a text that describes a code object: path, name and first line, separated by NUL.
const CLASS_CODE: u8 = 2;
/// Class of a text that is a note to the user.
const CLASS_NOTE: u8 = 4;
/// Flag of an activation that stands for all calls with the same lines on the stack.
const FLAG_IS_CONTEXT: u32 = 1;
/// Rows that the driver does not tell.
const UNKNOWN_ROWS: u32 = u32::MAX;

/// What one process reported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProcessEvents {
    /// Process id.
    pub pid: u32,
    /// Id of its parent.
    pub parent_pid: u32,
    /// `(3, 11, 7)`.
    pub python: (u32, u32, u32),
    /// Wall clock at the start, nanoseconds since 1970.
    pub wall_ns: u64,
    /// The event clock at the same instant; starts of events are on this clock.
    pub clock_ns: u64,
    /// How frames were told apart.
    pub identity: FrameIdentity,
    /// Code objects by number.
    pub codes: BTreeMap<u32, Code>,
    /// All other texts by number.
    pub texts: BTreeMap<u32, String>,
    /// Frames by number.
    pub activations: BTreeMap<u32, Activation>,
    /// Requests, tests, iterations and tasks by number.
    pub scopes: BTreeMap<u32, Scope>,
    /// Queries in the order of their slots, each with its slot.
    pub queries: Vec<Query>,
    /// Counters of what came after the file was full.
    pub summaries: Vec<Summary>,
    /// Places that opened handles which were seen open.
    pub handles: Vec<Handles>,
    /// Containers of modules and classes that grew.
    pub containers: Vec<Container>,
    /// What was allocated at the end, by line, where Python itself traced it.
    pub allocations: Vec<Allocation>,
    /// What the agent could not trace.
    pub notes: Vec<String>,
}

/// How the agent told one call of a function from the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameIdentity {
    /// By a token on the frame.
    #[default]
    Tokens,
    /// Not at all: the interpreter does not allow it.
    Lines,
    /// Not at all: the interpreter is newer than this agent.
    LinesUnknownPython,
    /// Not at all: the interpreter runs without its global lock.
    LinesFreeThreaded,
}

/// A code object of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Relative to the project root, with `/`.
    pub path: String,
    /// `co_name`.
    pub name: String,
    /// `co_firstlineno`.
    pub first_line: u32,
}

/// A frame of the project that led to queries; or, as a context, all frames with the same callers and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The activation that called it, 0 for none.
    pub parent: u32,
    /// The line of the parent that was being executed.
    pub parent_line: u32,
    /// Index into `ProcessEvents::codes`.
    pub code: u32,
    /// True for a context.
    pub is_context: bool,
}

/// A request, test, iteration or task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// 1 request, 2 test, 3 iteration, 4 task.
    pub kind: u8,
    /// Index into `ProcessEvents::texts`.
    pub name: u32,
    /// The scope around it, 0 for none.
    pub parent: u32,
    /// Start on the event clock.
    pub start_ns: u64,
    /// End on the event clock; `None` when the process ended first.
    pub end_ns: Option<u64>,
}

/// What was asked of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// One statement.
    Execute,
    /// One statement with many sets of parameters.
    ExecuteMany,
    /// A script of statements.
    Script,
    /// The end of a transaction.
    Commit,
    /// A new connection.
    Connect,
    /// An HTTP call.
    Http,
}

/// One query or HTTP call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Its slot: what `connection` of later queries refers to when this is a connect.
    pub slot: u32,
    /// Start on the event clock.
    pub start_ns: u64,
    /// Time in the driver, fetching included.
    pub duration_ns: u64,
    /// Rows fetched, where known.
    pub n_rows: Option<u32>,
    /// Sets of parameters of an `ExecuteMany`, 0 when unknown.
    pub n_parameter_sets: u32,
    /// Equal for equal parameters within the process; 0 when unknown.
    pub parameters: i64,
    /// Index into `ProcessEvents::activations`, 0 for none.
    pub activation: u32,
    /// Line of that activation.
    pub line: u32,
    /// Index into `ProcessEvents::texts`.
    pub text: u32,
    /// Index into `ProcessEvents::scopes`, 0 for none.
    pub scope: u32,
    /// Slot of the connect, 0 when unknown.
    pub connection: u32,
    /// Number of the driver; see [`driver_name`].
    pub driver: u16,
    /// It raised.
    pub is_failed: bool,
    /// A write outside a transaction, which is a transaction of its own.
    pub is_autocommit: bool,
    /// What was asked.
    pub operation: Operation,
}

/// Queries that are only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many.
    pub n_queries: u64,
    /// Their time.
    pub duration_ns: u64,
    /// The longest.
    pub max_ns: u64,
    /// Their rows, where known.
    pub n_rows: u64,
    /// How many raised.
    pub n_errors: u32,
    /// Innermost line of the project.
    pub line: u32,
    /// Index into `ProcessEvents::texts`.
    pub text: u32,
    /// Index into `ProcessEvents::codes`, 0 for none.
    pub code: u32,
    /// Number of the driver.
    pub driver: u16,
    /// What was asked.
    pub operation: Operation,
}

/// What one place opened, as last counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handles {
    /// All it opened.
    pub n_opened: u64,
    /// Open when last looked at.
    pub n_open: u64,
    /// Age of the oldest then.
    pub oldest_ns: u64,
    /// Index into `ProcessEvents::codes`.
    pub code: u32,
    /// The line.
    pub line: u32,
    /// Index into `ProcessEvents::texts`.
    pub type_name: u32,
    /// 1 file, 2 socket, 3 connection, 4 cursor, 5 session, 6 temporary file, 7 executor, 8 task.
    pub kind: u8,
}

/// A container of a module or class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Container {
    /// Items when it was first seen.
    pub first_items: u64,
    /// Items at half of the time.
    pub half_items: u64,
    /// Items when it was last seen.
    pub last_items: u64,
    /// Estimated bytes of what it holds, 0 when unknown.
    pub bytes: u64,
    /// How often it was seen smaller than before.
    pub n_shrinks: u32,
    /// Index into `ProcessEvents::texts`: module and name.
    pub name: u32,
    /// The same: path of the module's file in the project.
    pub file: u32,
    /// The same: `dict`, `list`, …
    pub kind: u32,
    /// The same: type of the keys or items.
    pub keys: u32,
}

/// What Python's own tracer knows of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Bytes at the end.
    pub bytes: u64,
    /// Blocks at the end.
    pub n_blocks: u64,
    /// Peak of all lines of the process together.
    pub peak_bytes: u64,
    /// Index into `ProcessEvents::texts`: the file, as the interpreter names it.
    pub file: u32,
    /// The line.
    pub line: u32,
}

/// Numbers and names of drivers and clients.
const DRIVERS: &[(u16, &str)] = &[
    (1, "sqlite3"),
    (2, "psycopg2"),
    (3, "psycopg"),
    (4, "pymysql"),
    (5, "asyncpg"),
    (6, "mysqlclient"),
    (32, "urllib3"),
    (33, "httpx"),
    (34, "aiohttp"),
    (35, "urllib"),
    (36, "http.client"),
];

/// The name of a driver or client by its number.
pub fn driver_name(number: u16) -> &'static str {
    DRIVERS.iter().find(|(known, _)| *known == number).map_or("unknown", |(_, name)| name)
}

/// Reads all event files of a run. What is not an event file is passed over; what cannot be read is a problem.
pub fn read_directory(directory: &Path) -> (Vec<ProcessEvents>, Vec<Problem>) {
    let (mut processes, mut problems) = (vec![], vec![]);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(problem(format!("cannot read the query events: {error}")));
            return (processes, problems);
        }
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "events")) {
        match fs::read(path) {
            Err(error) => problems.push(problem(format!("cannot read the events of one process: {error}"))),
            Ok(bytes) => match read(&bytes) {
                Some(process) => processes.push(process),
                // A process that ended while it made its file has an empty one.
                None if bytes.iter().all(|byte| *byte == 0) => {}
                None => problems.push(problem("an event file has a form that this cmdx does not know".into())),
            },
        }
    }
    (processes, problems)
}

fn problem(message: String) -> Problem {
    Problem { location: None, message, hint: None }
}

/// Reads one event file; `None` when it is not one of this version.
pub fn read(bytes: &[u8]) -> Option<ProcessEvents> {
    let mut slots = bytes.chunks_exact(SLOT_BYTES);
    let mut process = read_header(Slot(slots.next()?))?;
    let mut texts: BTreeMap<u32, (u8, Vec<u8>)> = BTreeMap::new();
    for (number, slot) in (1..).zip(slots) {
        let slot = Slot(slot);
        match slot.kind() {
            TEXT => {
                let first = if slot.u32(52) == 0 { number } else { slot.u32(52) };
                let used = usize::from(slot.0[56]).min(TEXT_BYTES);
                let text = texts.entry(first).or_insert_with(|| (slot.0[57], vec![]));
                text.1.extend_from_slice(&slot.0[..used]);
            }
            ACTIVATION => {
                process.activations.insert(number, slot.activation());
            }
            SCOPE => {
                process.scopes.insert(number, slot.scope());
            }
            QUERY => process.queries.extend(slot.query(number)),
            SUMMARY => process.summaries.extend(slot.summary()),
            HANDLE => process.handles.push(slot.handles()),
            CONTAINER => process.containers.push(slot.container()),
            ALLOCATION => process.allocations.push(slot.allocation()),
            _ => {}
        }
    }
    for (number, (class, bytes)) in texts {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match class {
            CLASS_CODE => process.codes.extend(code(&text).map(|code| (number, code))),
            CLASS_NOTE => process.notes.push(text),
            _ => {
                process.texts.insert(number, text);
            }
        }
    }
    Some(process)
}

fn read_header(slot: Slot<'_>) -> Option<ProcessEvents> {
    if slot.kind() != HEADER || slot.0[..8] != MAGIC || slot.u32(8) != VERSION {
        return None;
    }
    let hexversion = slot.u32(20);
    let flags = slot.u32(40);
    Some(ProcessEvents {
        pid: slot.u32(12),
        parent_pid: slot.u32(16),
        python: (hexversion >> 24, hexversion >> 16 & 0xff, hexversion >> 8 & 0xff),
        wall_ns: slot.u64(24),
        clock_ns: slot.u64(32),
        identity: match flags {
            0 => FrameIdentity::Tokens,
            flags if flags & 4 != 0 => FrameIdentity::LinesFreeThreaded,
            flags if flags & 2 != 0 => FrameIdentity::LinesUnknownPython,
            _ => FrameIdentity::Lines,
        },
        ..ProcessEvents::default()
    })
}

fn code(text: &str) -> Option<Code> {
    let mut parts = text.split('\0');
    let (path, name, line) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Code { path: path.to_owned(), name: name.to_owned(), first_line: line.parse().ok()? })
}

/// The bytes of one slot.
#[derive(Clone, Copy)]
struct Slot<'a>(&'a [u8]);

impl Slot<'_> {
    fn kind(self) -> u8 {
        self.0[SLOT_BYTES - 1]
    }

    fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    fn u32(self, at: usize) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }

    fn u64(self, at: usize) -> u64 {
        u64::from(self.u32(at)) | u64::from(self.u32(at + 4)) << 32
    }

    fn activation(self) -> Activation {
        Activation {
            parent: self.u32(0),
            parent_line: self.u32(4),
            code: self.u32(8),
            is_context: self.u32(12) & FLAG_IS_CONTEXT != 0,
        }
    }

    fn scope(self) -> Scope {
        let end = self.u64(8);
        Scope {
            start_ns: self.u64(0),
            end_ns: (end != 0).then_some(end),
            name: self.u32(16),
            parent: self.u32(20),
            kind: self.0[24],
        }
    }

    fn query(self, slot: u32) -> Option<Query> {
        let rows = self.u32(16);
        let flags = self.u16(54);
        Some(Query {
            slot,
            start_ns: self.u64(0),
            duration_ns: self.u64(8),
            n_rows: (rows != UNKNOWN_ROWS).then_some(rows),
            n_parameter_sets: self.u32(20),
            parameters: self.u64(24).cast_signed(),
            activation: self.u32(32),
            line: self.u32(36),
            text: self.u32(40),
            scope: self.u32(44),
            connection: self.u32(48),
            driver: self.u16(52),
            is_failed: flags & 1 != 0,
            is_autocommit: flags & 2 != 0,
            operation: operation(self.0[56])?,
        })
    }

    fn summary(self) -> Option<Summary> {
        Some(Summary {
            n_queries: self.u64(0),
            duration_ns: self.u64(8),
            max_ns: self.u64(16),
            n_rows: self.u64(24),
            n_errors: self.u32(32),
            line: self.u32(36),
            text: self.u32(40),
            code: self.u32(44),
            driver: self.u16(48),
            operation: operation(self.0[50])?,
        })
    }
}

impl Slot<'_> {
    fn handles(self) -> Handles {
        Handles {
            n_opened: self.u64(0),
            n_open: self.u64(8),
            oldest_ns: self.u64(16),
            code: self.u32(24),
            line: self.u32(28),
            type_name: self.u32(32),
            kind: self.0[36],
        }
    }

    fn allocation(self) -> Allocation {
        Allocation {
            bytes: self.u64(0),
            n_blocks: self.u64(8),
            peak_bytes: self.u64(16),
            file: self.u32(24),
            line: self.u32(28),
        }
    }

    fn container(self) -> Container {
        Container {
            first_items: self.u64(0),
            half_items: self.u64(8),
            last_items: self.u64(16),
            bytes: self.u64(24),
            n_shrinks: self.u32(32),
            name: self.u32(36),
            file: self.u32(40),
            kind: self.u32(44),
            keys: self.u32(48),
        }
    }
}

fn operation(number: u8) -> Option<Operation> {
    Some(match number {
        1 => Operation::Execute,
        2 => Operation::ExecuteMany,
        3 => Operation::Script,
        4 => Operation::Commit,
        5 => Operation::Connect,
        6 => Operation::Http,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
