//! Reads the process tree and its counters from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use super::refusal::Runtime;

/// Kernel page size: statm counts in pages. Every Linux target that the sampler knows uses this.
const PAGE_BYTES: u64 = 4096;

/// All living descendants of `root`, `root` excluded. Zombies are left out: they only wait to be reaped.
pub(super) fn descendants(root: i32) -> Vec<i32> {
    // A kernel built without the lists of children leaves the search of all processes, which costs milliseconds.
    let everyone = children(root).is_none().then(children_of_everyone);
    let children_of = |pid: i32| match &everyone {
        Some(everyone) => everyone.get(&pid).cloned().unwrap_or_default(),
        None => children(pid).unwrap_or_default(),
    };
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        for child in children_of(pid) {
            if parent_of_living(child).is_some() && found.insert(child) {
                open.push(child);
            }
        }
    }
    found.into_iter().collect()
}

/// The children that each thread of a process started; `None` where the kernel does not tell.
fn children(pid: i32) -> Option<Vec<i32>> {
    let mut found = vec![];
    let mut is_told = false;
    for thread in threads(pid) {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/task/{thread}/children")) else { continue };
        is_told = true;
        found.extend(text.split_ascii_whitespace().filter_map(|word| word.parse::<i32>().ok()));
    }
    is_told.then_some(found)
}

/// The children of every process of the system.
fn children_of_everyone() -> BTreeMap<i32, Vec<i32>> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = parent_of_living(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

/// The parent of a process that is neither gone nor a zombie.
pub(super) fn parent_of_living(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name stands in parentheses and may contain any character, parentheses and blanks included.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.next()?.parse().ok()
}

/// True for a thread that runs or would if it had a core.
pub(super) fn is_runnable(pid: i32, thread: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat")).unwrap_or_default();
    stat.rfind(')').is_some_and(|end| stat[end + 1..].trim_start().starts_with('R'))
}

/// True when the process runs a Python interpreter: by the name of its executable, or by the library it mapped.
pub(super) fn is_python(pid: i32) -> bool {
    let Ok(executable) = fs::read_link(format!("/proc/{pid}/exe")) else { return false };
    let name = executable.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if name.contains("python") || name.contains("pypy") {
        return true;
    }
    fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|maps| maps.contains("libpython"))
}

/// The executable and the Python libraries that a process runs.
pub(super) fn runtime(pid: i32) -> Runtime {
    let mut files: Vec<PathBuf> = fs::read_link(format!("/proc/{pid}/exe")).into_iter().collect();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let libraries = maps.lines().filter_map(|line| line.find('/').map(|at| PathBuf::from(&line[at..])));
    files.extend(libraries.filter(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        name.starts_with("libpython") || name.starts_with("libpypy")
    }));
    files.dedup();
    Runtime { files }
}

/// The command line, blanks between arguments.
pub(super) fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    words.join(" ").trim_end().to_owned()
}

/// The working directory.
pub(super) fn working_directory(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// Resident set size.
pub(super) fn resident_bytes(pid: i32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE_BYTES
}

/// A thread's CPU time, from the scheduler's own counter. Exact to the scheduler's tick while the thread runs.
#[derive(Debug)]
pub(super) struct CpuCounter {
    file: File,
}

impl CpuCounter {
    /// `None` when there is no such thread.
    pub(super) fn open(pid: i32, thread: u64) -> Option<Self> {
        File::open(format!("/proc/{pid}/task/{thread}/schedstat")).ok().map(|file| Self { file })
    }

    /// CPU time since the thread's start; `None` once it is gone.
    pub(super) fn seconds(&self) -> Option<f64> {
        let mut bytes = [0; 64];
        // Reading from the start again makes the kernel write the file anew, without opening it again.
        let n = self.file.read_at(&mut bytes, 0).ok()?;
        let text = std::str::from_utf8(&bytes[..n]).ok()?;
        let nanoseconds: u64 = text.split_ascii_whitespace().next()?.parse().ok()?;
        Some(nanoseconds as f64 * 1e-9)
    }
}

/// Threads of a process.
pub(super) fn threads(pid: i32) -> Vec<u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Number of threads of a process, without reading the directory: a link for each, and two of its own.
pub(super) fn n_threads(pid: i32) -> u64 {
    fs::metadata(format!("/proc/{pid}/task")).map_or(0, |directory| directory.nlink().saturating_sub(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_find_children_agree() {
        let own = std::process::id().cast_signed();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let pid = child.id().cast_signed();
        if let Some(told) = children(own) {
            assert!(told.contains(&pid), "{told:?}");
        }
        assert!(children_of_everyone()[&own].contains(&pid));
        assert!(descendants(own).contains(&pid));
        child.kill().expect("still there");
        child.wait().expect("a child");
        assert!(!descendants(own).contains(&pid));
    }

    #[test]
    fn a_counter_moves_on_while_its_thread_works_and_the_number_of_threads_is_told() {
        let own = std::process::id().cast_signed();
        let (sender, receiver) = std::sync::mpsc::channel();
        let before = n_threads(own);
        let worker = std::thread::spawn(move || {
            sender.send(nix::unistd::gettid().as_raw()).expect("the test listens");
            let start = std::time::Instant::now();
            while start.elapsed().as_secs_f64() < 0.05 {}
        });
        let thread = receiver.recv().expect("sent").cast_unsigned().into();
        let counter = CpuCounter::open(own, thread).expect("running");
        assert!(is_runnable(own, thread));
        assert_eq!(n_threads(own), threads(own).len() as u64);
        assert!(before >= 1);
        let first = counter.seconds().expect("running");
        while !worker.is_finished() && counter.seconds().is_some_and(|seconds| seconds <= first) {}
        worker.join().expect("it ends");
        assert!(CpuCounter::open(own, 1 << 40).is_none());
    }
}
