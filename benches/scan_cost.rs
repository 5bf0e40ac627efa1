//! What scanning costs beside what parsing alone costs, in CPU seconds, over all Python files of a directory:
//! `cargo bench --bench scan_cost -- DIRECTORY`. `benches/scan_cost.py` fetches a corpus and puts other tools beside it.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use cmdx::engine::rewrite::{self, ScanOptions};
use nix::sys::resource::{UsageWho, getrusage};
use rayon::prelude::*;
use tree_sitter::Parser;
use walkdir::WalkDir;

/// Each figure is the smallest of so many rounds, taken in turns.
const ROUNDS: usize = 3;

type Files = Vec<(String, Vec<u8>)>;

fn files(directory: &Path) -> Files {
    let is_python = |path: &Path| path.extension().is_some_and(|extension| extension == "py");
    let mut files: Files = WalkDir::new(directory)
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file() && is_python(entry.path()))
        .map(|entry| (entry.path().display().to_string(), fs::read(entry.path()).expect("readable")))
        .collect();
    files.sort();
    files
}

/// User and system time of this process and its threads.
fn cpu_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the system tells");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 * 1e-6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn parse_alone(files: &Files) -> usize {
    thread_local! {
        static PARSER: RefCell<Parser> = RefCell::new({
            let mut parser = Parser::new();
            parser.set_language(&tree_sitter_python::LANGUAGE.into()).expect("the grammar fits the library");
            parser
        });
    }
    let parse = |content: &Vec<u8>| PARSER.with_borrow_mut(|parser| parser.parse(content, None)).is_some();
    files.par_iter().with_max_len(1).filter(|(_, content)| parse(content)).count()
}

fn scan(files: &Files) -> usize {
    rewrite::scan(files, &ScanOptions::default()).matches.len()
}

fn main() {
    let Some(directory) = std::env::args().skip(1).find(|word| !word.starts_with('-')) else {
        println!("give a directory: cargo bench --bench scan_cost -- DIRECTORY");
        return;
    };
    let files = files(Path::new(&directory));
    let n_bytes: usize = files.iter().map(|(_, content)| content.len()).sum();
    println!("{} files, {:.1} MB", files.len(), n_bytes as f64 / 1e6);
    let (mut parsing, mut scanning, mut n_matches) = (f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..ROUNDS {
        let start = cpu_seconds();
        parse_alone(&files);
        let middle = cpu_seconds();
        n_matches = scan(&files);
        parsing = parsing.min(middle - start);
        scanning = scanning.min(cpu_seconds() - middle);
    }
    let n_rules = rewrite::rules().count();
    println!("tree-sitter alone     {parsing:6.2} s CPU");
    println!(
        "scan with {n_rules:3} rules   {scanning:6.2} s CPU, {:.2} times, {n_matches} matches",
        scanning / parsing
    );
}
