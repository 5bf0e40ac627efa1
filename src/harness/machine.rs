//! What can be said of the machine: figures of different machines are never joined.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::time::Instant;

use crate::model::RunEnvironment;

/// Rounds of the fixed piece of work: some ten milliseconds on machines of today.
const SPEED_ROUNDS: u64 = 5_000_000;

/// The machine, with the Python version and the packages that the project runs with.
pub fn environment(python: &str, packages: &BTreeMap<String, String>) -> RunEnvironment {
    let processor = processor();
    let n_processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let system = system();
    let packages_hash = hash(packages.iter().map(|(name, version)| format!("{name}=={version}")));
    let minor: Vec<&str> = python.split('.').take(2).collect();
    let fingerprint = hash(
        [processor.clone(), n_processors.to_string(), system.clone(), minor.join("."), packages_hash.clone()]
            .into_iter(),
    );
    RunEnvironment {
        fingerprint,
        processor,
        n_processors,
        system,
        kernel: read("/proc/sys/kernel/osrelease"),
        python: python.to_owned(),
        packages_hash,
        load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        speed_seconds: speed_seconds(),
        seed: 0,
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn processor() -> String {
    let text = read("/proc/cpuinfo");
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn system() -> String {
    let text = read("/etc/os-release");
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned())
}

fn hash(parts: impl Iterator<Item = String>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update(b"\0");
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// The best of three, so that a busy machine does not pass for a slow one.
fn speed_seconds() -> f64 {
    let once = || {
        let start = Instant::now();
        let mut value = 1_u64;
        for round in 0..SPEED_ROUNDS {
            value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round));
        }
        black_box(value);
        start.elapsed().as_secs_f64()
    };
    (0..3).map(|_| once()).fold(f64::MAX, f64::min)
}
