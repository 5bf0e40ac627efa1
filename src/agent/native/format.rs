//! The bytes of a memory log, defined once: the tracer writes by this file and cmdx reads by it.
//!
//! A log is a row of chunks. A record lies within one chunk; its first byte is its kind and is written last, so a
//! record that a kill tore apart reads as the end of its chunk (0). Little endian.
//!
//! ```text
//! HEADER | 1 | magic 8 | version 4 | pid 4 | parent 4 | hexversion 4 | mean 8 | clock ns 8
//! CODE   | 2 | id 4 | first line 4 | file bytes 2 | name bytes 2 | table bytes 4 | file | name | line table
//! NODE   | 3 | id 4 | parent node 4 | code id 4 | offset of the instruction 4
//! ALLOC  | 4 | kind 1 (bit 7: exact) | clock ns 8 | id 4 | node 4 | bytes 8
//! FREE   | 5 | clock ns 8 | id 4
//! RSS    | 6 | clock ns 8 | bytes 8
//! END    | 7 | clock ns 8
//! NOTE   | 8 | reason 1
//! MEAN   | 9 | clock ns 8 | mean 8
//! ```

/// First bytes of a log, behind the kind of its first record.
pub const MAGIC: [u8; 8] = *b"CMDXMEM\x01";
/// Version of the form above.
pub const VERSION: u32 = 1;
/// Bytes of a chunk.
pub const CHUNK: usize = 256 << 10;

/// Kinds of records.
pub const HEADER: u8 = 1;
pub const CODE: u8 = 2;
pub const NODE: u8 = 3;
pub const ALLOC: u8 = 4;
pub const FREE: u8 = 5;
pub const RSS: u8 = 6;
pub const END: u8 = 7;
pub const NOTE: u8 = 8;
pub const MEAN: u8 = 9;

/// Kinds of allocations: the C library's, pymalloc's, and anonymous mappings.
pub const BY_MALLOC: u8 = 0;
pub const BY_PYMALLOC: u8 = 1;
pub const BY_MMAP: u8 = 2;
/// Set in the kind of an allocation that was recorded whatever the sampling said.
pub const EXACT: u8 = 0x80;

/// Nodes that stand for no frame.
pub const NODE_STARTUP: u32 = 0;
pub const NODE_NO_STACK: u32 = 1;
pub const NODE_CUT: u32 = 2;
/// The first node that stands for a frame.
pub const NODE_FIRST: u32 = 16;

/// Reasons of notes.
pub const UNKNOWN_PYTHON: u8 = 1;
pub const FREE_THREADED: u8 = 2;
pub const SUB_INTERPRETERS: u8 = 3;
pub const FRAMES_NOT_UNDERSTOOD: u8 = 4;
pub const OTHER_ALLOCATOR: u8 = 5;
pub const OUT_OF_SPACE: u8 = 6;
pub const GAVE_UP: u8 = 7;
