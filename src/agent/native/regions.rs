//! Anonymous mappings that were recorded: unlike blocks they are returned in parts.

use super::format;
use super::log::Log;

/// Mappings watched at one time; more go unrecorded.
const N_MAX: usize = 256;

#[derive(Clone, Copy)]
struct Region {
    start: usize,
    end: usize,
    id: u32,
    node: u32,
}

pub struct Regions {
    regions: [Region; N_MAX],
    pub len: usize,
}

impl Regions {
    pub const fn new() -> Self {
        Self { regions: [Region { start: 0, end: 0, id: 0, node: 0 }; N_MAX], len: 0 }
    }

    /// Notes a new mapping.
    pub fn add(&mut self, log: &mut Log, next_id: &mut u32, start: usize, bytes: usize, node: u32) {
        if self.len == N_MAX {
            return;
        }
        let id = *next_id;
        *next_id += 1;
        self.regions[self.len] = Region { start, end: start.wrapping_add(bytes), id, node };
        self.len += 1;
        log.allocation(format::BY_MMAP | format::EXACT, id, node, bytes);
    }

    /// Notes that `start..start + bytes` is mapped no longer: what is left of a mapping on either side goes on. Gives
    /// the node of what was there.
    pub fn remove(&mut self, log: &mut Log, next_id: &mut u32, start: usize, bytes: usize) -> Option<u32> {
        let end = start.wrapping_add((bytes + 4095) & !4095);
        let mut node = None;
        let mut at = 0;
        while at < self.len {
            let region = self.regions[at];
            if region.end <= start || end <= region.start {
                at += 1;
                continue;
            }
            node = Some(region.node);
            log.free(region.id);
            self.len -= 1;
            self.regions[at] = self.regions[self.len];
            if region.start < start {
                self.add(log, next_id, region.start, start - region.start, region.node);
            }
            if end < region.end {
                self.add(log, next_id, end, region.end - end, region.node);
            }
        }
        node
    }
}
