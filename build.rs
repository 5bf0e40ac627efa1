//! Tells the binary where it comes from, for `cmdx --version -v` and bug reports, and compiles the memory tracer that
//! the binary carries.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What decides on the findings of a scan: their cache is asked with a digest of it.
const RULES: &[&str] =
    &["src/engine/rewrite", "src/syntax", "src/model/matching.rs", "src/commands/check_code_quality"];

/// The tracer's sources; its crate root is `lib.rs`.
const TRACER: &str = "src/agent/native";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed={TRACER}");
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-env=CMDX_TARGET={target}");
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    println!("cargo:rustc-env=CMDX_RUSTC={}", first_line(&compiler, &["--version"]));
    println!("cargo:rustc-env=CMDX_COMMIT={}", first_line("git", &["rev-parse", "--short=12", "HEAD"]));
    println!("cargo:rustc-env=CMDX_RULES={:016x}", digest(RULES));
    let output = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("cmdx_memory.so");
    compile_tracer(&compiler, &target, &output);
}

/// Compiles the tracer for the target with the compiler that builds cmdx. Where it cannot run, or cannot be compiled,
/// nothing is embedded: cmdx then does without, and says so in its reports.
fn compile_tracer(compiler: &str, target: &str, output: &Path) {
    let is_supported = target.starts_with("x86_64-") && target.contains("-linux-");
    if is_supported && tracer_compiler(compiler, target, output).status().is_ok_and(|status| status.success()) {
        return;
    }
    if is_supported {
        println!("cargo:warning=the memory tracer could not be compiled for {target}");
    }
    if let Err(error) = std::fs::write(output, b"") {
        println!("cargo:warning=cannot write `{}`: {error}", output.display());
    }
}

fn tracer_compiler(compiler: &str, target: &str, output: &Path) -> Command {
    let mut command = Command::new(compiler);
    command.args(["--edition", "2024", "--crate-name", "cmdx_memory", "--crate-type", "cdylib", "--target", target]);
    command.args(["-C", "opt-level=3", "-C", "panic=abort", "-C", "codegen-units=1", "-C", "strip=symbols"]);
    // A later compiler may warn of more; that must not end a user's build.
    command.args(["-C", "link-arg=-nostartfiles", "--cap-lints", "allow"]);
    if target.ends_with("-musl") {
        // A shared library needs it; no C library is linked in either way.
        command.args(["-C", "target-feature=-crt-static"]);
    }
    if let Some(linker) = std::env::var_os("RUSTC_LINKER") {
        let mut option = OsString::from("linker=");
        option.push(linker);
        command.arg("-C").arg(option);
    }
    command.arg(Path::new(TRACER).join("lib.rs")).arg("-o").arg(output);
    // Flags for the whole build, such as those of a sanitizer or a coverage run, do not belong in the user's program.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// A digest of files and of everything below directories.
fn digest(paths: &[&str]) -> u64 {
    let mut open: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    let mut files = vec![];
    while let Some(path) = open.pop() {
        println!("cargo:rerun-if-changed={}", path.display());
        match std::fs::read_dir(&path) {
            Ok(entries) => open.extend(entries.flatten().map(|entry| entry.path())),
            Err(_) => files.push(path),
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in &files {
        (Path::new(file), std::fs::read(file).unwrap_or_default()).hash(&mut hasher);
    }
    hasher.finish()
}

/// What a program says first; nothing where it is missing: a build from a packed source has no git.
fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
