//! Replays what all processes logged, in the order it happened.

use std::collections::HashMap;

use super::stacks::Stacks;
use super::tally::Tally;
use crate::agent::memory_log::{MemoryEvent, ProcessMemory, Source};
use crate::model::MemoryPoint;

/// Points of the timeline, and of the series that growth is judged by.
pub(super) const N_POINTS: usize = 120;
/// A block that lives less than this part of the run was allocated only to be thrown away.
const SHORT_LIFE: f64 = 0.1;

/// What came of it; vectors are by stack.
pub(super) struct Replay {
    pub at_peak: Vec<Tally>,
    pub total: Vec<Tally>,
    pub live: Vec<Tally>,
    pub short_lived_bytes: Vec<f64>,
    pub peak_at_seconds: f64,
    pub mapped_peak_bytes: u64,
    pub peak_rss_bytes: u64,
    pub timeline: Vec<MemoryPoint>,
    pub n_samples: u64,
    pub seconds: f64,
}

/// An event of one process; `None` is the end of the process.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub at_ns: u64,
    pub process: usize,
    pub event: Option<MemoryEvent>,
}

/// Events of all processes by time. A process that has logged its last gives its memory back.
pub(super) fn steps(processes: &[ProcessMemory]) -> Vec<Step> {
    let mut steps = vec![];
    for (process, memory) in processes.iter().enumerate() {
        let mut at_ns = memory.start_ns;
        for event in &memory.events {
            at_ns = at_ns.max(instant(event));
            steps.push(Step { at_ns, process, event: Some(*event) });
        }
        steps.push(Step { at_ns, process, event: None });
    }
    steps.sort_by_key(|step| step.at_ns);
    steps
}

fn instant(event: &MemoryEvent) -> u64 {
    match event {
        MemoryEvent::Allocated { at_ns, .. }
        | MemoryEvent::Freed { at_ns, .. }
        | MemoryEvent::Resident { at_ns, .. } => *at_ns,
    }
}

/// A recorded block that is alive.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub stack: u32,
    pub bytes: u64,
    pub chance: f64,
    pub at_ns: u64,
}

impl Block {
    pub(super) fn estimate(&self) -> f64 {
        self.bytes as f64 / self.chance
    }
}

/// Live blocks of one process.
type Blocks = HashMap<u32, Block>;

/// Runs through the steps twice: first for the sums and the instant of the peak, then up to it.
pub(super) fn replay(processes: &[ProcessMemory], stacks: &Stacks, steps: &[Step]) -> Replay {
    let n_stacks = stacks.frames.len();
    let mut first = First::new(processes.len(), n_stacks, steps);
    for (number, step) in steps.iter().enumerate() {
        first.take(number, step, stacks);
    }
    let mut at_peak = vec![Tally::default(); n_stacks];
    for block in blocks_after(processes.len(), stacks, &steps[..first.peak_end]) {
        at_peak[block.stack as usize].add(block.bytes, block.chance);
    }
    Replay {
        at_peak,
        peak_at_seconds: steps.get(first.peak_end.saturating_sub(1)).map_or(0.0, |step| first.seconds(step.at_ns)),
        ..first.replay
    }
}

/// Blocks that are alive after some steps.
fn blocks_after(n_processes: usize, stacks: &Stacks, steps: &[Step]) -> Vec<Block> {
    let mut blocks = vec![Blocks::new(); n_processes];
    for step in steps {
        match step.event {
            None => blocks[step.process].clear(),
            Some(MemoryEvent::Allocated { id, source, .. }) if source != Source::Mapping => {
                if let Some(block) = block_of(stacks, step) {
                    blocks[step.process].insert(id, block);
                }
            }
            Some(MemoryEvent::Freed { id, .. }) => {
                blocks[step.process].remove(&id);
            }
            _ => {}
        }
    }
    blocks.into_iter().flat_map(HashMap::into_values).collect()
}

pub(super) fn block_of(stacks: &Stacks, step: &Step) -> Option<Block> {
    let Some(MemoryEvent::Allocated { at_ns, node, bytes, chance, .. }) = step.event else { return None };
    Some(Block { stack: stacks.of(step.process, node), bytes, chance, at_ns })
}

struct First {
    replay: Replay,
    start_ns: u64,
    end_ns: u64,
    blocks: Vec<Blocks>,
    mappings: Vec<HashMap<u32, u64>>,
    rss_bytes: Vec<u64>,
    current: f64,
    mapped: u64,
    peak: f64,
    /// Steps up to and with the one that made the peak.
    peak_end: usize,
}

impl First {
    fn new(n_processes: usize, n_stacks: usize, steps: &[Step]) -> Self {
        let (start_ns, end_ns) =
            (steps.first().map_or(0, |step| step.at_ns), steps.last().map_or(0, |step| step.at_ns));
        let seconds = (end_ns - start_ns) as f64 * 1e-9;
        let point = |number: usize| MemoryPoint {
            at_seconds: seconds * number as f64 / N_POINTS as f64,
            traced_bytes: 0,
            rss_bytes: 0,
        };
        let replay = Replay {
            at_peak: vec![],
            total: vec![Tally::default(); n_stacks],
            live: vec![Tally::default(); n_stacks],
            short_lived_bytes: vec![0.0; n_stacks],
            peak_at_seconds: 0.0,
            mapped_peak_bytes: 0,
            peak_rss_bytes: 0,
            timeline: (0..N_POINTS).map(point).collect(),
            n_samples: 0,
            seconds,
        };
        Self {
            replay,
            start_ns,
            end_ns,
            blocks: vec![Blocks::new(); n_processes],
            mappings: vec![HashMap::new(); n_processes],
            rss_bytes: vec![0; n_processes],
            current: 0.0,
            mapped: 0,
            peak: 0.0,
            peak_end: 0,
        }
    }

    fn seconds(&self, at_ns: u64) -> f64 {
        (at_ns - self.start_ns) as f64 * 1e-9
    }

    fn take(&mut self, number: usize, step: &Step, stacks: &Stacks) {
        match step.event {
            None => self.end(step.process),
            Some(MemoryEvent::Resident { bytes, .. }) => self.rss_bytes[step.process] = bytes,
            Some(MemoryEvent::Freed { id, .. }) => self.free(step, id),
            Some(MemoryEvent::Allocated { id, bytes, source: Source::Mapping, .. }) => {
                self.mapped += bytes;
                self.mappings[step.process].insert(id, bytes);
                self.replay.mapped_peak_bytes = self.replay.mapped_peak_bytes.max(self.mapped);
            }
            Some(MemoryEvent::Allocated { id, .. }) => {
                if let Some(block) = block_of(stacks, step) {
                    self.allocate(step.process, id, block);
                }
            }
        }
        if self.current > self.peak {
            (self.peak, self.peak_end) = (self.current, number + 1);
        }
        self.draw(step.at_ns);
    }

    fn allocate(&mut self, process: usize, id: u32, block: Block) {
        self.replay.n_samples += 1;
        self.replay.total[block.stack as usize].add(block.bytes, block.chance);
        self.current += block.estimate();
        self.blocks[process].insert(id, block);
    }

    fn free(&mut self, step: &Step, id: u32) {
        if let Some(bytes) = self.mappings[step.process].remove(&id) {
            self.mapped -= bytes;
        }
        let Some(block) = self.blocks[step.process].remove(&id) else { return };
        self.current -= block.estimate();
        let life = step.at_ns.saturating_sub(block.at_ns) as f64 * 1e-9;
        if life < SHORT_LIFE * self.replay.seconds {
            self.replay.short_lived_bytes[block.stack as usize] += block.estimate();
        }
    }

    fn end(&mut self, process: usize) {
        for (_, block) in self.blocks[process].drain() {
            self.current -= block.estimate();
            self.replay.live[block.stack as usize].add(block.bytes, block.chance);
        }
        self.mapped -= self.mappings[process].drain().map(|(_, bytes)| bytes).sum::<u64>();
        self.rss_bytes[process] = 0;
    }

    /// The largest values of each part of the time.
    fn draw(&mut self, at_ns: u64) {
        let rss_bytes: u64 = self.rss_bytes.iter().sum();
        self.replay.peak_rss_bytes = self.replay.peak_rss_bytes.max(rss_bytes);
        let part = part_of(at_ns - self.start_ns, self.end_ns - self.start_ns);
        let point = &mut self.replay.timeline[part];
        point.traced_bytes = point.traced_bytes.max(self.current.max(0.0) as u64);
        point.rss_bytes = point.rss_bytes.max(rss_bytes);
    }
}

/// The part of the time an instant lies in.
pub(super) fn part_of(since_ns: u64, whole_ns: u64) -> usize {
    let part = since_ns as f64 / (whole_ns.max(1) as f64) * N_POINTS as f64;
    (part as usize).min(N_POINTS - 1)
}
