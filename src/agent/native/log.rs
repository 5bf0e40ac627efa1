//! Writes the log, a shared file mapping: what was written survives `_exit`, SIGKILL and crashes.

use core::ptr::{copy_nonoverlapping, null_mut};
use core::sync::atomic::{AtomicU8, Ordering};

use super::turn_off::{self, LARGE};
use super::{format, system};

/// Longest directory name that is taken.
const DIRECTORY_MAX: usize = 900;
/// A log of this size doubles the mean; so does each further step. Twelve steps make a mean of half a gigabyte.
const LOG_BYTES_FREE: usize = 24 << 20;
const LOG_BYTES_STEP: usize = 8 << 20;
/// No log grows beyond this.
const LOG_BYTES_MAX: usize = 256 << 20;
/// Bytes of a note with its kind.
const NOTE_BYTES: usize = 2;
/// The mean for programs that allocate little, and the one for all others.
pub const MEAN_SMALL: usize = 128 << 10;
pub const MEAN_USUAL: usize = 512 << 10;
/// So many samples tell a program that allocates much: two gigabytes at the small mean.
const N_SAMPLES_SMALL: u32 = 16_384;

pub struct Log {
    chunk: *mut u8,
    used: usize,
    start: usize,
    mean_fixed: usize,
    mean: usize,
    version: u32,
    directory: [u8; DIRECTORY_MAX],
    directory_len: usize,
    path: [u8; DIRECTORY_MAX + 64],
}

/// Fills a record field by field; its kind is written when it is complete.
struct Record {
    start: *mut u8,
    at: usize,
}

impl Record {
    fn put(mut self, bytes: &[u8]) -> Self {
        // SAFETY: `Log::record` made sure that all fields have room.
        unsafe { copy_nonoverlapping(bytes.as_ptr(), self.start.add(self.at), bytes.len()) };
        self.at += bytes.len();
        self
    }

    fn u32(self, value: u32) -> Self {
        self.put(&value.to_le_bytes())
    }

    fn u64(self, value: u64) -> Self {
        self.put(&value.to_le_bytes())
    }

    fn finish(self, kind: u8) {
        unsafe { AtomicU8::from_ptr(self.start) }.store(kind, Ordering::Release);
    }
}

impl Log {
    pub const fn new() -> Self {
        Self {
            chunk: null_mut(),
            used: 0,
            start: 0,
            mean_fixed: 0,
            mean: MEAN_SMALL,
            version: 0,
            directory: [0; DIRECTORY_MAX],
            directory_len: 0,
            path: [0; DIRECTORY_MAX + 64],
        }
    }

    /// Where logs go, for which version of Python, and a mean if it must not change by itself. False for a name that
    /// is too long.
    pub fn configure(&mut self, directory: &[u8], version: u32, mean: usize) -> bool {
        if directory.is_empty() || directory.len() > DIRECTORY_MAX {
            return false;
        }
        self.directory[..directory.len()].copy_from_slice(directory);
        self.directory_len = directory.len();
        self.version = version;
        self.mean_fixed = mean;
        true
    }

    /// Begins a new file for this process.
    pub fn begin(&mut self) -> bool {
        self.chunk = null_mut();
        (self.used, self.start) = (0, 0);
        self.mean = if self.mean_fixed > 0 { self.mean_fixed } else { MEAN_SMALL };
        let clock = system::now();
        self.name_file(clock);
        let Some(record) = self.record(40) else { return false };
        LARGE.store(self.mean, Ordering::Relaxed);
        record
            .put(&format::MAGIC)
            .u32(format::VERSION)
            .u32(system::pid())
            .u32(system::parent_pid())
            .u32(self.version)
            .u64(self.mean as u64)
            .u64(clock)
            .finish(format::HEADER);
        true
    }

    /// `DIRECTORY/PID-CLOCK.mem`: a number of a process may come twice, an instant does not.
    fn name_file(&mut self, clock: u64) {
        let n = self.directory_len;
        self.path[..n].copy_from_slice(&self.directory[..n]);
        let mut at = n;
        for (before, value) in [(b'/', u64::from(system::pid())), (b'-', clock)] {
            self.path[at] = before;
            at = append_number(&mut self.path, at + 1, value);
        }
        for byte in *b".mem\0" {
            self.path[at] = byte;
            at += 1;
        }
    }

    /// Room for a record of `bytes` behind its kind; a last note always has room.
    fn record(&mut self, bytes: usize) -> Option<Record> {
        let needed = bytes + 1;
        if needed + NOTE_BYTES > format::CHUNK {
            return None;
        }
        if (self.chunk.is_null() || self.used + needed + NOTE_BYTES > format::CHUNK) && !self.next_chunk() {
            return None;
        }
        let start = unsafe { self.chunk.add(self.used) };
        self.used += needed;
        Some(Record { start, at: 1 })
    }

    fn next_chunk(&mut self) -> bool {
        let next = if self.chunk.is_null() { 0 } else { self.start + format::CHUNK };
        let mapped = if next < LOG_BYTES_MAX { system::map_file(&self.path, next, format::CHUNK) } else { null_mut() };
        if mapped.is_null() {
            turn_off::end();
            if !self.chunk.is_null() {
                let start = unsafe { self.chunk.add(self.used) };
                Record { start, at: 1 }.put(&[format::OUT_OF_SPACE]).finish(format::NOTE);
                self.used = format::CHUNK;
            }
            return false;
        }
        if !self.chunk.is_null() {
            unsafe { system::unmap(self.chunk, format::CHUNK) };
        }
        (self.chunk, self.start, self.used) = (mapped, next, 0);
        if next >= LOG_BYTES_FREE && (next - LOG_BYTES_FREE).is_multiple_of(LOG_BYTES_STEP) {
            self.set_mean(self.mean * 2);
        }
        true
    }

    fn set_mean(&mut self, mean: usize) {
        self.mean = mean;
        LARGE.store(mean, Ordering::Relaxed);
        if let Some(record) = self.record(16) {
            record.u64(system::now()).u64(mean as u64).finish(format::MEAN);
        }
    }

    /// Has a program that allocates much sampled less often, after so many samples.
    pub fn reconsider_mean(&mut self, n_sampled: u32) {
        if n_sampled == N_SAMPLES_SMALL && self.mean_fixed == 0 && self.mean < MEAN_USUAL {
            self.set_mean(MEAN_USUAL);
        }
    }

    pub fn code(&mut self, id: u32, first_line: u32, file: &[u8], name: &[u8], table_len: usize) -> Option<*mut u8> {
        let record = self.record(16 + file.len() + name.len() + table_len)?;
        let record = record
            .u32(id)
            .u32(first_line)
            .put(&(file.len() as u16).to_le_bytes())
            .put(&(name.len() as u16).to_le_bytes())
            .u32(table_len as u32)
            .put(file)
            .put(name);
        // The table is copied by the caller, from memory that may not be there; its bytes are zero until then.
        let table = unsafe { record.start.add(record.at) };
        record.finish(format::CODE);
        Some(table)
    }

    pub fn node(&mut self, id: u32, parent: u32, code: u32, offset: u32) {
        if let Some(record) = self.record(16) {
            record.u32(id).u32(parent).u32(code).u32(offset).finish(format::NODE);
        }
    }

    pub fn allocation(&mut self, kind: u8, id: u32, node: u32, bytes: usize) {
        if let Some(record) = self.record(25) {
            record.put(&[kind]).u64(system::now()).u32(id).u32(node).u64(bytes as u64).finish(format::ALLOC);
        }
    }

    pub fn free(&mut self, id: u32) {
        if let Some(record) = self.record(12) {
            record.u64(system::now()).u32(id).finish(format::FREE);
        }
    }

    pub fn resident(&mut self, bytes: u64) {
        if let Some(record) = self.record(16) {
            record.u64(system::now()).u64(bytes).finish(format::RSS);
        }
    }

    pub fn end(&mut self) {
        if let Some(record) = self.record(8) {
            record.u64(system::now()).finish(format::END);
        }
    }

    pub fn note(&mut self, reason: u8) {
        if let Some(record) = self.record(1) {
            record.put(&[reason]).finish(format::NOTE);
        }
    }
}

fn append_number(text: &mut [u8], at: usize, value: u64) -> usize {
    let mut digits = [0_u8; 20];
    let mut n = 0;
    let mut rest = value;
    loop {
        digits[n] = b'0' + (rest % 10) as u8;
        n += 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    for index in 0..n {
        text[at + index] = digits[n - 1 - index];
    }
    at + n
}
