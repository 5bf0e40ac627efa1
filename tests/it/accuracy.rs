//! Programs that know their own truth: what cmdx reports about them is compared with their own clocks, read in the same
//! run. A profiler that disturbed the program would move that truth as well.

use std::path::Path;

use crate::environments::interpreters;
use crate::profiled::{Answer, Profiled};

/// Three functions take turns in pieces of some 30 ms, always the one that is furthest behind its share. What they
/// took is printed, by the thread's CPU clock and by the wall clock.
pub(crate) const SPLIT: &str = r#"
import random
import sys
import time

def compute(n):
    total = 0
    for i in range(n):
        total = (total * 31 + i) % 1000003
    return total

VALUES = [random.random() for _ in range(4000)]

def csort(n):
    for _ in range(n):
        sorted(VALUES)

def tiny(x):
    return x + 1

def manycalls(n):
    x = 0
    for _ in range(n):
        x = tiny(x)
    return x

SHARES = {compute: 0.7, csort: 0.2, manycalls: 0.1}

def size_of_piece(work):
    n = 16
    while True:
        start = time.thread_time()
        work(n)
        seconds = time.thread_time() - start
        if seconds > 0.004:
            return max(1, int(n * 0.03 / seconds))
        n *= 4

def main(seconds):
    cpu = dict.fromkeys(SHARES, 0.0)
    wall = dict.fromkeys(SHARES, 0.0)
    sizes = {}
    for work in SHARES:
        start = time.thread_time(), time.perf_counter()
        sizes[work] = size_of_piece(work)
        cpu[work] += time.thread_time() - start[0]
        wall[work] += time.perf_counter() - start[1]
    while sum(cpu.values()) < seconds:
        total = sum(cpu.values())
        work = max(SHARES, key=lambda work: SHARES[work] * total - cpu[work])
        start = time.thread_time(), time.perf_counter()
        work(sizes[work])
        cpu[work] += time.thread_time() - start[0]
        wall[work] += time.perf_counter() - start[1]
    for work in SHARES:
        print(work.__name__ + ".cpu", cpu[work])
        print(work.__name__ + ".wall", wall[work])

main(float(sys.argv[1]))
"#;

/// Functions of [`SPLIT`] with those that work for them.
const PARTS: [(&str, &[&str]); 3] =
    [("compute", &["compute"]), ("csort", &["csort"]), ("manycalls", &["manycalls", "tiny"])];

/// Asserts that shares by CPU and by wall time are the program's own within `points` of a hundred.
pub(crate) fn assert_split(answer: &Answer, points: f64, what: &str) {
    let charged: Vec<(f64, f64)> = PARTS.iter().map(|(_, names)| answer.seconds(names)).collect();
    let truth: Vec<(f64, f64)> = PARTS
        .iter()
        .map(|(name, _)| (answer.printed(&format!("{name}.wall")), answer.printed(&format!("{name}.cpu"))))
        .collect();
    let shares = |pairs: &[(f64, f64)], pick: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        let sum: f64 = pairs.iter().map(pick).sum();
        pairs.iter().map(|pair| pick(pair) / sum * 100.0).collect()
    };
    for (clock, pick) in [("wall", (|pair| pair.0) as fn(&(f64, f64)) -> f64), ("cpu", |pair| pair.1)] {
        let (said, true_shares) = (shares(&charged, pick), shares(&truth, pick));
        for (index, (name, _)) in PARTS.iter().enumerate() {
            assert!(
                (said[index] - true_shares[index]).abs() <= points,
                "{what}: {name} by {clock}: said {said:.1?}, truth {true_shares:.1?}, {} samples, {} failed",
                answer.cpu().n_samples,
                answer.cpu().n_failed_samples
            );
        }
    }
    // The whole as well as the parts: nothing of the program's time is lost, but what comes before the first sample and
    // after the last, or counted twice.
    let (said, true_sum): (f64, f64) = (charged.iter().map(|p| p.1).sum(), truth.iter().map(|p| p.1).sum());
    assert!(
        (said - true_sum).abs() < 0.1 + 0.05 * true_sum,
        "{what}: {said:.3} s of {true_sum:.3} s of CPU time were charged"
    );
}

/// Asserts that the time of a function whose work stands on one line is charged to that line.
pub(crate) fn assert_lines(answer: &Answer, what: &str) {
    for (name, text) in [("compute", "total = (total * 31"), ("csort", "sorted(VALUES)")] {
        let line = SPLIT.lines().position(|line| line.contains(text)).expect("there") as u32 + 1;
        let of_function = answer.cpu().lines.iter().filter(|cost| cost.location.symbol == name);
        let (mut at_line, mut whole) = (0.0, 0.0);
        for cost in of_function {
            // The head of the loop stands on the line before.
            let is_there = (line - 1..=line).contains(&cost.location.line);
            at_line += if is_there { cost.cpu_seconds } else { 0.0 };
            whole += cost.cpu_seconds;
        }
        assert!(at_line > 0.95 * whole, "{what}: {at_line:.3} s of {whole:.3} s of {name} at line {line}");
        let dearest = answer.function(name).expect("named").dearest_line;
        assert_eq!(dearest, line, "{what}: {name}");
    }
}

fn split_of(python: &Path, seconds: &str) -> Answer {
    Profiled::new(&[("split.py", SPLIT)]).run(python, &["split.py", seconds])
}

/// Four standard errors of the share that is hardest to tell, in points: the tests compare some fifty shares, and of
/// fifty right ones two or three lie beyond two standard errors.
pub(crate) fn points_allowed(answer: &Answer) -> f64 {
    (400.0 * (0.21 / answer.cpu().n_samples as f64).sqrt()).max(2.0)
}

#[test]
fn a_known_split_is_reported_within_two_points() {
    let (minor, python) = interpreters().iter().next_back().expect("a CPython");
    // Six seconds are some 700 samples, whose standard error is 1.7 points: a second run, of twice the length, tells
    // bad luck from a wrong answer.
    let short = split_of(python, "6");
    if std::panic::catch_unwind(|| assert_split(&short, 2.0, &format!("{minor:?}"))).is_err() {
        assert_split(&split_of(python, "12"), 2.0, &format!("{minor:?}, second run"));
    }
}

#[test]
fn every_interpreter_reports_the_split_within_what_its_samples_allow() {
    for (minor, python) in interpreters() {
        let answer = split_of(python, "1.5");
        assert!(answer.cpu().n_samples >= 120, "{minor:?}: {} samples", answer.cpu().n_samples);
        assert_split(&answer, points_allowed(&answer), &format!("{minor:?}"));
        assert_lines(&answer, &format!("{minor:?}"));
        let version = answer.cpu().processes[0].python_version.clone().unwrap_or_default();
        assert!(version.starts_with(&format!("{}.{}.", minor.0, minor.1)), "{version}");
        assert!(answer.report.problems.is_empty(), "{minor:?}: {:?}", answer.report.problems);
    }
}

const WAITING: &str = r"
import time

def wait():
    time.sleep(0.5)

def work(seconds):
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        sum(range(2000))

def measured(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start

waited = worked = 0.0
for _ in range(3):
    waited += measured(wait)
    worked += measured(work, 0.25)
print('waited', waited)
print('worked', worked)
";

#[test]
fn waiting_is_wall_time_and_no_cpu_time() {
    for (minor, python) in interpreters() {
        let answer = Profiled::new(&[("main.py", WAITING)]).run(python, &["main.py"]);
        let ((waited, idle), (worked, busy)) = (answer.seconds(&["wait"]), answer.seconds(&["work"]));
        let names = answer.names();
        // On a machine that is busy with other things a sampler, too, has to wait for its turn.
        let is_near = |said: f64, truth: f64| (said - truth).abs() < 0.1 + 0.1 * truth;
        assert!(is_near(waited, answer.printed("waited")), "{minor:?}: {names:?}\n{}", answer.stdout);
        assert!(is_near(worked, answer.printed("worked")), "{minor:?}: {names:?}\n{}", answer.stdout);
        assert!((busy - 0.75).abs() < 0.08, "{minor:?}: {names:?}");
        assert!(idle < 0.06, "{minor:?}: {names:?}");
    }
}
