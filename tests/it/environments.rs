//! Python interpreters and environments for the tests. Environments are made once under `target/test-environments`
//! and shared by all tests and runs; a test that lacks its interpreter says so loudly and passes on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A CPython minor version: `(3, 11)`.
pub type Minor = (u32, u32);

/// The interpreter most tests use; the machine's default when this one is missing.
const PREFERRED: Minor = (3, 11);

/// Every CPython 3.8 or later of this machine: pyenv's, and `python3.N` on `PATH`.
pub fn interpreters() -> &'static BTreeMap<Minor, PathBuf> {
    static FOUND: OnceLock<BTreeMap<Minor, PathBuf>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut candidates = vec![];
        let pyenv = std::env::var_os("PYENV_ROOT")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
        if let Some(versions) = pyenv.and_then(|root| fs::read_dir(root.join("versions")).ok()) {
            candidates.extend(versions.flatten().map(|entry| entry.path().join("bin/python3")));
        }
        candidates.extend((8..=15).map(|minor| PathBuf::from(format!("python3.{minor}"))));
        candidates.push("python3".into());
        candidates
            .into_iter()
            .filter_map(|path| Some((version_of(&path)?, path)))
            .filter(|(version, _)| *version >= (3, 8))
            .rev()
            .collect()
    })
}

fn version_of(python: &Path) -> Option<Minor> {
    let script = "import sys; print(*sys.version_info[:2]) if sys.implementation.name == 'cpython' else None";
    let output = Command::new(python).args(["-c", script]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The default interpreter.
pub fn python() -> PathBuf {
    let found = interpreters();
    found
        .get(&PREFERRED)
        .or_else(|| found.values().next_back())
        .expect("the tests need a CPython of 3.8 or later")
        .clone()
}

/// The `bin/python` of an environment of the default interpreter with `packages` installed.
pub fn environment(packages: &[&str]) -> PathBuf {
    let found = interpreters();
    let minor = if found.contains_key(&PREFERRED) { PREFERRED } else { *found.keys().next_back().expect("a CPython") };
    environment_of(minor, packages).expect("the default interpreter is there")
}

/// As [`environment`], of a given minor version; `None`, said on standard error, where the machine lacks it.
pub fn environment_of(minor: Minor, packages: &[&str]) -> Option<PathBuf> {
    let Some(python) = interpreters().get(&minor) else {
        eprintln!("SKIPPED: no CPython {}.{} on this machine", minor.0, minor.1);
        return None;
    };
    let mut name = format!("{}.{}", minor.0, minor.1);
    for package in packages {
        name.push('-');
        name.extend(package.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
    }
    if name.len() > 120 {
        let hash = blake3::hash(name.as_bytes()).to_hex();
        name = format!("{}.{}-{}", minor.0, minor.1, &hash[..24]);
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../test-environments");
    fs::create_dir_all(&home).expect("target is writable");
    let directory = home.join(&name);
    let lock = File::create(home.join(format!("{name}.lock"))).expect("target is writable");
    lock.lock().expect("the lock file can be locked");
    let marker = directory.join("complete");
    if !marker.exists() {
        drop(fs::remove_dir_all(&directory));
        run(Command::new(python).args(["-m", "venv"]).arg(&directory));
        if !packages.is_empty() {
            run(Command::new(directory.join("bin/python"))
                .args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input"])
                .args(packages));
        }
        fs::write(&marker, "").expect("target is writable");
    }
    Some(fs::canonicalize(&directory).expect("just made").join("bin/python"))
}

fn run(command: &mut Command) {
    let output = command.output().expect("the interpreter starts");
    assert!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
}
