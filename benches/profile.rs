//! How long cmdx itself takes: a profile from a recording of a million samples.

use std::hint::black_box;
use std::path::PathBuf;

use cmdx::engine::profile::cpu::{self, Source};
use cmdx::model::{ExitReason, Frame, Recording, Sample, SampledProcess};
use criterion::{Criterion, criterion_group, criterion_main};

const N_SAMPLES: u32 = 1_000_000;
const N_FUNCTIONS: u32 = 2_000;
const N_STACKS: u32 = 20_000;
const DEPTH: u32 = 30;

/// Four threads of one process, in project code and libraries by turns, with the stacks of a deep web application.
fn recording() -> Recording {
    let frame = |function: u32| Frame {
        path: format!("src/module_{}.py", function % 97),
        symbol: format!("function_{function}"),
        line: function % 400 + 1,
        is_project: !function.is_multiple_of(3),
    };
    let stack = |id: u32| (0..DEPTH).map(|depth| (id * 31 + depth * 17 + depth * id) % N_FUNCTIONS).collect();
    let sample = |index: u32| Sample {
        process: 0,
        thread: u64::from(index % 4),
        stack: index * 7 % N_STACKS,
        at_seconds: f64::from(index / 4) * 0.01,
        wall_seconds: 0.01,
        cpu_seconds: if index.is_multiple_of(4) { 0.0098 } else { 0.0 },
        is_queued: false,
    };
    Recording {
        exit: ExitReason::Exited(0),
        wall_seconds: f64::from(N_SAMPLES / 4) * 0.01,
        cpu_seconds: f64::from(N_SAMPLES / 4) * 0.01,
        rate_hz: 100.0,
        processes: vec![SampledProcess {
            pid: 1,
            parent_pid: 0,
            command: "python app.py".into(),
            python_version: Some("3.11.7".into()),
            peak_rss_bytes: 0,
        }],
        frames: (0..N_FUNCTIONS).map(frame).collect(),
        stacks: (0..N_STACKS).map(stack).collect(),
        samples: (0..N_SAMPLES).map(sample).collect(),
        n_failed_samples: 0,
        events_directory: None,
        stdout_log: PathBuf::new(),
        stderr_log: PathBuf::new(),
        problems: vec![],
    }
}

fn build(criterion: &mut Criterion) {
    let recording = recording();
    let source = Source { is_charged: &|_| true, outline: &|_| None };
    let mut group = criterion.benchmark_group("profile");
    group.sample_size(10);
    group.bench_function("build from 1 M samples", |bencher| {
        bencher.iter(|| cpu::build(black_box(&recording), &source));
    });
}

criterion_group!(benches, build);
criterion_main!(benches);
