//! How long cmdx itself takes: outlines and the scan for rewrites, over generated source of ordinary shape.

use std::fmt::Write as _;
use std::hint::black_box;

use cmdx::engine::rewrite::{self, ScanOptions};
use cmdx::syntax::Outline;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const N_FILES: usize = 40;
const N_CLASSES: usize = 25;

/// A module of classes with loops, comprehensions, calls and strings.
fn module(seed: usize) -> String {
    let mut text = String::from("\"\"\"Orders and their lines.\"\"\"\nimport json\nimport re\n\n\n");
    for class in 0..N_CLASSES {
        let name = seed * N_CLASSES + class;
        write!(
            text,
            "class Order{name}:
    \"\"\"One order.\"\"\"

    def __init__(self, number, lines=None):
        self.number = number
        self.lines = list(lines or [])

    def total(self, rates):
        result = 0
        for line in self.lines:
            if line.kind in [\"a\", \"b\", \"c\"]:
                result += line.amount * rates.get(line.currency, 1.0)
            elif re.match(r\"^x[0-9]+$\", line.code):
                result -= line.amount
        return result

    def as_text(self):
        text = \"\"
        for index, line in enumerate(self.lines):
            text += \"%d: %s\\n\" % (index, json.dumps({{\"code\": line.code, \"amount\": line.amount}}))
        return text

    @property
    def codes(self):
        return sorted({{line.code for line in self.lines if line.amount > {class}}})


"
        )
        .expect("a string takes every text");
    }
    text
}

fn scan(criterion: &mut Criterion) {
    let files: Vec<(String, Vec<u8>)> =
        (0..N_FILES).map(|seed| (format!("src/orders_{seed}.py"), module(seed).into_bytes())).collect();
    let n_bytes = files.iter().map(|(_, content)| content.len() as u64).sum();
    let mut group = criterion.benchmark_group("source");
    group.sample_size(10).throughput(Throughput::Bytes(n_bytes));
    group.bench_function("outline", |bencher| {
        bencher
            .iter(|| files.iter().map(|(_, content)| Outline::of(black_box(content)).functions.len()).sum::<usize>());
    });
    group.bench_function("scan with all rules", |bencher| {
        bencher.iter(|| rewrite::scan(black_box(&files), &ScanOptions::default()).matches.len());
    });
}

criterion_group!(benches, scan);
criterion_main!(benches);
