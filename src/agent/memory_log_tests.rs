//! Logs written by hand, byte by byte as the form says, and logs that are none.

use super::*;

/// Writes records as the tracer does.
#[derive(Default)]
struct Log(Vec<u8>);

impl Log {
    fn new() -> Self {
        let mut log = Self::default();
        log.0.push(format::HEADER);
        log.0.extend(format::MAGIC);
        for number in [format::VERSION, 70, 60, 0x30B] {
            log.0.extend(number.to_le_bytes());
        }
        for number in [1000_u64, 5_000] {
            log.0.extend(number.to_le_bytes());
        }
        log
    }

    fn code(mut self, id: u32, file: &str, symbol: &str, table: &[u8]) -> Self {
        self.0.push(format::CODE);
        self.0.extend(id.to_le_bytes());
        self.0.extend(10_u32.to_le_bytes());
        self.0.extend((file.len() as u16).to_le_bytes());
        self.0.extend((symbol.len() as u16).to_le_bytes());
        self.0.extend((table.len() as u32).to_le_bytes());
        self.0.extend(file.as_bytes());
        self.0.extend(symbol.as_bytes());
        self.0.extend(table);
        self
    }

    fn node(mut self, id: u32, parent: u32, code: u32, offset: i32) -> Self {
        self.0.push(format::NODE);
        for number in [id, parent, code, offset.cast_unsigned()] {
            self.0.extend(number.to_le_bytes());
        }
        self
    }

    fn allocation(mut self, kind: u8, id: u32, node: u32, bytes: u64) -> Self {
        self.0.extend([format::ALLOC, kind]);
        self.0.extend(6_000_u64.to_le_bytes());
        self.0.extend(id.to_le_bytes());
        self.0.extend(node.to_le_bytes());
        self.0.extend(bytes.to_le_bytes());
        self
    }

    fn free(mut self, id: u32) -> Self {
        self.0.push(format::FREE);
        self.0.extend(7_000_u64.to_le_bytes());
        self.0.extend(id.to_le_bytes());
        self
    }
}

const TABLE: &[u8] = &[0x80 | (13 << 3) | 1, 2];

#[test]
fn a_log_is_read_as_it_was_written() {
    let log = Log::new()
        .code(1, "/p/größe.py", "load", TABLE)
        .node(16, 0, 1, 2)
        .allocation(format::BY_PYMALLOC, 1, 16, 100)
        .allocation(format::BY_MALLOC | format::EXACT, 2, 16, 5000)
        .free(1);
    let process = read(&log.0).expect("a log");
    assert_eq!((process.pid, process.parent_pid, process.minor, process.start_ns), (70, 60, 11, 5_000));
    assert_eq!(process.frames, [TracedFrame { file: "/p/größe.py".into(), symbol: "load".into(), line: 11 }]);
    assert_eq!(process.nodes[&16], Node { parent: 0, frame: 0 });
    let allocated =
        |id, bytes, source, chance| MemoryEvent::Allocated { at_ns: 6_000, id, node: 16, bytes, source, chance };
    let expected = [
        allocated(1, 100, Source::Pymalloc, 0.1),
        allocated(2, 5000, Source::Malloc, 1.0),
        MemoryEvent::Freed { at_ns: 7_000, id: 1 },
    ];
    assert_eq!(process.events, expected);
}

#[test]
fn a_mean_that_doubles_halves_the_chance_from_there_on() {
    let mut log = Log::new().allocation(format::BY_MALLOC, 1, 0, 100);
    log.0.push(format::MEAN);
    log.0.extend(6_500_u64.to_le_bytes());
    log.0.extend(2000_u64.to_le_bytes());
    let process = read(&log.allocation(format::BY_MALLOC, 2, 0, 100).0).expect("a log");
    let chances: Vec<_> = process
        .events
        .iter()
        .map(|event| match event {
            MemoryEvent::Allocated { chance, .. } => *chance,
            _ => 0.0,
        })
        .collect();
    assert_eq!(chances, [0.1, 0.05]);
}

#[test]
fn a_block_of_the_mean_is_nearly_always_met() {
    assert!((chance(0.5) - 0.5).abs() < 1e-12);
    assert!((chance(1.0) - 0.875).abs() < 1e-12);
    assert!((chance(1.5) - 1.0).abs() < 1e-12);
}

#[test]
fn the_zeros_behind_the_last_record_end_a_chunk() {
    let mut log = Log::new().allocation(format::BY_MALLOC, 1, 0, 10);
    log.0.resize(format::CHUNK, 0);
    let mut second = Log::default().allocation(format::BY_MALLOC, 2, 0, 10).free(1);
    log.0.append(&mut second.0);
    assert_eq!(read(&log.0).expect("a log").events.len(), 3);
}

#[test]
fn what_is_no_log_is_refused_with_the_reason() {
    let check = |log: &[u8], reason: &str| assert_eq!(read(log), Err(reason.to_owned()));
    check(b"\x01GIF89a, truly", "it does not begin like one");
    check(&Log::new().0[..20], "it ends within its header");
    check(&Log::new().allocation(0, 1, 0, 10).0[..50], "it ends within a record");
    check(&[], "it is empty: there was no space for it");
    let mut newer = Log::new();
    newer.0[9] = 9;
    check(&newer.0, "its version is 9, not 1");
    let mut unknown = Log::new();
    unknown.0.push(77);
    check(&unknown.0, "there is no record of kind 77");
}
