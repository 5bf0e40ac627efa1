//! Memory: programs of known sizes, on every interpreter of this machine.

use std::path::Path;

use cmdx::model::{ByteEstimate, MemoryCost, MemoryProfile, MemoryTracer};

use crate::environments;
use crate::profiled::{Answer, Profiled};

/// Sizes are known; lines are named by their marks.
pub(crate) const SIZES: &str = r#"
def big():
    return [bytearray(1 << 20) for _ in range(600)]  # 600 MiB

def passing():
    for _ in range(100):
        block = bytearray(3 << 20)  # freed

def small():
    return [(number, number + 0.5, str(number)) for number in range(600000)]  # small

def dicts():
    return [{"number": number} for number in range(1000000)]  # dicts

passing()
kept = small()
many = dicts()
largest = big()
import sys
def true_size(rows):
    return sum(sys.getsizeof(row) for row in rows)
print(true_size(many) + 16 * len(many), sum(true_size(row) for row in kept) + true_size(kept) + 16 * len(kept))
"#;

/// Minor versions whose memory is traced natively, of those on this machine.
fn traced_interpreters() -> impl Iterator<Item = ((u32, u32), &'static Path)> {
    let known = |(minor, _): &(&environments::Minor, _)| (3, 9) <= **minor && **minor <= (3, 15);
    environments::interpreters().iter().filter(known).map(|(minor, path)| (*minor, path.as_path()))
}

pub(crate) fn memory(answer: &Answer) -> &MemoryProfile {
    let profile = answer.report.profile.as_ref().expect("the workload was run");
    let memory = profile.memory.as_ref().expect("memory was asked for");
    assert_eq!(memory.tracer, MemoryTracer::Native, "{:?}", memory.notes);
    memory
}

/// The cost of the line that ends in `# mark`.
pub(crate) fn line<'a>(memory: &'a MemoryProfile, source: &str, mark: &str) -> &'a MemoryCost {
    let number = crate::traced::line(source, mark);
    let found = memory.lines.iter().find(|cost| cost.location.line == number);
    found.unwrap_or_else(|| panic!("line {number} is not among {:#?}", memory.lines))
}

/// How far an estimate is from the truth, as a part of it.
fn error(estimate: &ByteEstimate, truth: f64) -> f64 {
    (estimate.bytes as f64 - truth).abs() / truth
}

/// Asserts the figures of [`SIZES`].
pub(crate) fn assert_sizes(answer: &Answer, version: &str) {
    const MIB: u64 = 1 << 20;
    let found = memory(answer);
    assert!(found.notes.is_empty(), "{version}: {:?}", found.notes);
    let big = line(found, SIZES, "600 MiB");
    // A bytearray has one byte more than was asked for.
    assert_eq!(big.peak.bytes / MIB, 600, "{version}: {big:#?}");
    assert!(big.peak.bytes < 601 * MIB && big.location.symbol == "big", "{version}: {big:#?}");
    let passing = line(found, SIZES, "freed");
    assert_eq!((passing.peak.bytes, passing.live.bytes), (0, 0), "{version}: {passing:#?}");
    assert_eq!(passing.total.bytes, 300 * MIB + 100, "{version}: {passing:#?}");
    assert!(passing.churn > 0.99, "{version}: {passing:#?}");

    let truths: Vec<f64> = answer.stdout.split_whitespace().map(|word| word.parse().expect("a number")).collect();
    let dicts = line(found, SIZES, "dicts");
    // Beside the dictionaries, whose size Python tells, their list and the numbers beyond the small ones.
    let whole = truths[0] + 1e6 * 32.0;
    assert!(error(&dicts.live, whole) < 0.05, "{version}: {} of {whole} bytes: {dicts:#?}", dicts.live.bytes);
    let small = line(found, SIZES, "small");
    let kept = truths[1];
    assert!(
        (small.live.low_bytes as f64) < kept && kept < small.live.high_bytes as f64,
        "{version}: {kept} is not within {small:#?}"
    );
    // All that was kept is in the peak, and the process cannot have less than what it uses.
    assert!(found.peak.bytes as f64 > 600.0 * MIB as f64 + 0.9 * (whole + kept), "{version}: {found:#?}");
    assert!(found.peak_rss_bytes as f64 > 0.9 * found.peak.bytes as f64, "{version}");
}

#[test]
fn lines_of_known_sizes_are_reported_with_them_by_every_interpreter() {
    let project = Profiled::new(&[("sizes.py", SIZES)]);
    for ((major, minor), python) in traced_interpreters() {
        let answer = project.run(python, &["sizes.py"]);
        assert_sizes(&answer, &format!("{major}.{minor}"));
    }
}

#[test]
fn nothing_is_traced_that_was_not_asked_for() {
    let project = Profiled::new(&[("main.py", "import os\nprint(os.environ.get('LD_PRELOAD'))\n")]);
    for flags in [["--category=algorithm", "--detailed"], ["--category=all", "--no-memory"]] {
        let output = project
            .command(&environments::python())
            .args(flags)
            .args([".", "--"])
            .arg(environments::python())
            .arg("main.py")
            .output()
            .expect("cmdx starts");
        let answer = project.answer(&output);
        assert_eq!(answer.stdout, "None\n", "{flags:?}");
        assert!(answer.report.profile.expect("it ran").memory.is_none(), "{flags:?}");
    }
}
