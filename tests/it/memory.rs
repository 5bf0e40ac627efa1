//! Memory: programs of known sizes, on every interpreter of this machine.

use std::path::Path;

use cmdx::model::{ByteEstimate, GrowthVerdict, HandleKind, MemoryCost, MemoryProfile, MemoryTracer};

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
    // Small objects of the line may be drawn as well, each for the mean distance of samples.
    assert!((300 * MIB + 100..302 * MIB).contains(&passing.total.bytes), "{version}: {passing:#?}");
    assert!(passing.churn > 0.99, "{version}: {passing:#?}");

    let truths: Vec<f64> = answer.stdout.split_whitespace().map(|word| word.parse().expect("a number")).collect();
    let dicts = line(found, SIZES, "dicts");
    // Beside the dictionaries, whose size Python tells, their list and the numbers beyond the small ones.
    let whole = truths[0] + 1e6 * 32.0;
    assert!(error(&dicts.live, whole) < 0.08, "{version}: {} of {whole} bytes: {dicts:#?}", dicts.live.bytes);
    let small = line(found, SIZES, "small");
    let kept = truths[1];
    // Twice the printed interval: over many interpreters one in twenty would miss it by chance.
    let (low, high) = (small.live.low_bytes as f64, small.live.high_bytes as f64);
    let slack = (high - low) / 2.0;
    assert!(low - slack < kept && kept < high + slack, "{version}: {kept} is not within {small:#?}");
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

#[test]
fn the_leaking_hub_is_told_what_grows_and_what_it_left_open() {
    let project = crate::runs::fixture("memory-leak-app");
    let python = environments::python();
    let output = crate::runs::cmdx(project.path())
        .args(["optimize", "--profile", "--category=memory", "--format=json", "-qq", "--python"])
        .arg(&python)
        .args([".", "--"])
        .arg(&python)
        .args(["-m", "leakapp", "--seconds", "6", "--rate", "2"])
        .output()
        .expect("cmdx starts");
    let report: cmdx::model::Report = serde_json::from_slice(&output.stdout).expect("a report");
    let memory = report.profile.expect("it ran").memory.expect("memory was asked for");
    assert_eq!(memory.tracer, MemoryTracer::Native, "{:?}", memory.notes);

    let handle = |path: &str, line| {
        let found =
            memory.handles.iter().find(|handle| (handle.location.path.as_str(), handle.location.line) == (path, line));
        found.unwrap_or_else(|| panic!("{path}:{line} is not among {:#?}", memory.handles))
    };
    assert_eq!(handle("leakapp/sessions.py", 24).kind, HandleKind::Socket);
    assert_eq!(handle("leakapp/storage.py", 27).kind, HandleKind::File);
    assert_eq!(handle("leakapp/storage.py", 19).kind, HandleKind::Connection);
    // The temporary folder was taken away; nothing else is open.
    assert_eq!(memory.handles.len(), 3, "{:#?}", memory.handles);

    let frames = memory.caches.iter().find(|cache| cache.name == "leakapp.render._frames");
    let frames = frames.unwrap_or_else(|| panic!("{:#?}", memory.caches));
    assert_eq!((frames.location.path.as_str(), frames.location.line), ("leakapp/render.py", 28));
    assert_eq!((frames.kind.as_str(), frames.keys.as_str()), ("dict", "(str, int)"));
    let innocent = ["backlog", "_counts", "sessions"];
    assert!(memory.caches.iter().all(|cache| !innocent.iter().any(|name| cache.name.ends_with(name))));

    // The texts of the frames are made in `draw` and `_bar`, for the line that keeps them.
    let grows = memory.growth.iter().find(|site| site.location.path == "leakapp/render.py");
    let grows = grows.unwrap_or_else(|| panic!("{:#?}", memory.growth));
    assert_eq!(grows.verdict, GrowthVerdict::Leak, "{grows:#?}");
    assert!(grows.end_bytes > 10_000_000, "{grows:#?}");
}

const TIDY: &str = r#"
import socket, sqlite3, tempfile
from concurrent.futures import ThreadPoolExecutor

TABLE = {number: str(number) for number in range(5000)}

def work():
    with open(__file__) as source, sqlite3.connect(":memory:") as connection:
        source.read()
        connection.execute("select 1")
    connection.close()
    left, right = socket.socketpair()
    left.close()
    right.close()
    with ThreadPoolExecutor(2) as pool, tempfile.TemporaryDirectory(), tempfile.NamedTemporaryFile():
        return sum(pool.map(len, [[0] * 1000 for _ in range(50)]))

for _ in range(60):
    work()
print("done")
"#;

#[test]
fn a_tidy_program_has_neither_leaks_nor_open_handles() {
    let project = Profiled::new(&[("main.py", TIDY)]);
    for (version, python) in traced_interpreters() {
        let answer = project.run(python, &["main.py"]);
        let found = memory(&answer);
        assert_eq!((answer.stdout.as_str(), answer.stderr.as_str()), ("done\n", ""), "{version:?}");
        assert!(found.handles.is_empty() && found.caches.is_empty(), "{version:?}: {found:#?}");
        assert!(found.growth.iter().all(|site| site.verdict == GrowthVerdict::Inconclusive), "{version:?}: {found:#?}");
    }
}

/// Threads, children of every kind, recursion, finalisers, `MemoryError`, endings by signals.
const ROUGH: &str = include_str!("memory_rough.py");

#[test]
fn a_rough_program_says_and_ends_the_same_with_and_without_the_tracer() {
    let project = Profiled::new(&[("rough.py", ROUGH)]);
    for (version, python) in traced_interpreters() {
        let run = |flag: &str| {
            let mut command = project.command(python);
            let output = command.args([flag, ".", "--"]).arg(python).args(["-W", "ignore", "rough.py"]).output();
            project.answer(&output.expect("cmdx starts"))
        };
        let (bare, traced) = (run("--no-memory"), run("--category=memory"));
        assert_eq!(bare.stdout, traced.stdout, "{version:?}");
        assert_eq!(bare.stderr, traced.stderr, "{version:?}");
        let exit = |answer: &Answer| answer.report.workload.as_ref().map(|workload| workload.exit);
        assert_eq!(exit(&traced), Some(cmdx::model::ExitReason::Exited(5)), "{version:?}: {}", traced.stderr);
        assert_eq!(exit(&bare), exit(&traced), "{version:?}");
        let found = memory(&traced);
        assert!(found.notes.is_empty() && found.n_processes >= 20, "{version:?}: {:?}", found.notes);
    }
}

#[test]
fn where_the_native_tracer_refuses_python_traces_itself_and_the_report_says_so() {
    let Some(python) = environments::interpreters().get(&(3, 8)) else {
        eprintln!("SKIPPED: no CPython 3.8 on this machine");
        return;
    };
    let source = "kept = [bytearray(100000) for _ in range(200)]  # kept\nprint(len(kept))\n";
    let project = Profiled::new(&[("main.py", source)]);
    let answer = project.run(python, &["main.py"]);
    assert_eq!(answer.stdout, "200\n");
    let found = answer.report.profile.as_ref().expect("it ran").memory.as_ref().expect("asked for");
    assert_eq!(found.tracer, MemoryTracer::Tracemalloc);
    assert_eq!(found.notes, ["the native tracer did not run, because it knows CPython 3.9 to 3.15, not 3.8"]);
    let kept = line(found, source, "kept");
    assert!(kept.live.bytes > 20_000_000 && kept.live.bytes < 20_100_000, "{kept:#?}");
    assert!(found.peak.bytes > 20_000_000, "{found:#?}");
}
