//! Tells the binary where it comes from, for `cmdx --version -v` and bug reports.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=.git/HEAD");
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-env=CMDX_TARGET={target}");
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    println!("cargo:rustc-env=CMDX_RUSTC={}", first_line(&compiler, &["--version"]));
    println!("cargo:rustc-env=CMDX_COMMIT={}", first_line("git", &["rev-parse", "--short=12", "HEAD"]));
}

/// What a program says first; nothing where it is missing: a build from a packed source has no git.
fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
