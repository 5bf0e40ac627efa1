//! Samples the stacks of one Python process from outside, without ever stopping it.
//!
//! py-spy reads the interpreter's memory (nonblocking: its blocking mode would take the child's exit status away);
//! wall and CPU time of every thread are recorded together, the latter from the scheduler's own counter.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use py_spy::config::LockingStrategy;
use py_spy::{Config, PythonSpy, StackTrace};

use super::frame_paths::FramePaths;
use super::process_tree::{self, CpuCounter};
use super::refusal::Refusal;
use crate::agent;
use crate::model::{Frame, Sample, SampledProcess};

/// Short runs are sampled more often: up to each age of the process, the factor on the nominal rate.
const EARLY_RATES: [(f64, f64); 2] = [(0.3, 3.0), (1.0, 1.5)];
/// An interpreter is ready to be read 10 to 60 ms after its start, and an attempt costs 5 to 20 ms of CPU: the first
/// is made after this long, and the pause grows with every one that fails.
const ATTACH_INTERVALS: (Duration, Duration) = (Duration::from_millis(15), Duration::from_millis(200));
/// A process that is no readable interpreter after this long never becomes one.
const ATTACH_DEADLINE: Duration = Duration::from_secs(5);
/// One in so many reads looks at every thread, whatever the others say.
const FULL_READ_EVERY: u64 = 8;
/// Counters kept open for a process; a program with a thousand threads must not use up cmdx's file descriptors.
const N_OPEN_COUNTERS_MAX: usize = 32;
/// Reads that fail in a row before the process is taken to have become another program (`exec`).
const FAILURES_MAX: u32 = 10;
/// The kernel brings a running thread's CPU time up to date at its tick, 4 ms on most systems: over this long a
/// counter that stands still means that the thread did not run, and so that its stack is what it was.
const STILL_SECONDS: f64 = 0.008;
/// A thread that wants a core and got less than this part of the time between two samples is starved,
const STARVED_PART: f64 = 0.3;
/// and read again after this long at the latest.
const STARVED_SECONDS_MAX: f64 = 0.1;
/// Attempts after a read that failed.
const N_RETRIES: u32 = 3;
/// Resident set size is read once in this many samples.
const RSS_EVERY: u64 = 8;
/// `struct pthread` of glibc on x86-64 keeps the kernel's thread id here, since 2004; believed only when the process
/// has such a thread. CPython before 3.11 tells only the address of this structure.
const PTHREAD_TID_OFFSET: usize = 0x2d0;

/// What one process gave.
#[derive(Debug, Default)]
pub(super) struct ProcessSamples {
    pub process: Option<SampledProcess>,
    pub frames: Vec<Frame>,
    pub stacks: Vec<Vec<u32>>,
    /// `process` is left 0.
    pub samples: Vec<Sample>,
    pub n_failed: u64,
    /// Why it was not sampled, or not to its end.
    pub refusal: Option<Refusal>,
}

/// What every sampler of a run shares.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// Start of the run: zero of `Sample::at_seconds`.
    pub start: Instant,
    /// Nominal rate.
    pub rate_hz: f64,
    /// Set when the run is over.
    pub is_over: Arc<AtomicBool>,
    /// Files below the root are shown relative to it.
    pub root: PathBuf,
    /// Files below are the agents': their time is nobody's.
    pub agent_directory: Option<PathBuf>,
}

/// Samples `pid` until it ends. `seen` is when the process was first met, in seconds since the start of the run; `None`
/// for an interpreter that is just starting, whose own start is nobody's time.
pub(super) fn sample_process(pid: i32, seen: Option<f64>, shared: &Shared) -> ProcessSamples {
    let mut sampler = Sampler::new(pid, seen, shared);
    while let Some(spy) = sampler.attach() {
        if sampler.run(spy) == End::OfProcess {
            break;
        }
    }
    sampler.result
}

/// The start of the names of sampler threads: a panic in one is caught, and no bug of ours to report.
pub const THREAD_NAME: &str = "sampler";

/// py-spy trusts what it reads; memory that the program was just changing can make it compute nonsense and panic.
/// Such a read has failed like any other.
fn stacks_of(spy: &mut PythonSpy) -> Result<Vec<StackTrace>, anyhow::Error> {
    catch_unwind(AssertUnwindSafe(|| spy.get_stack_traces()))
        .unwrap_or_else(|_| Err(anyhow::anyhow!("the memory changed while it was read")))
}

/// Why reading came to an end.
#[derive(PartialEq)]
enum End {
    /// The process is gone, or the run over.
    OfProcess,
    /// The process is there and no longer what it was.
    OfProgram,
}

struct Sampler<'a> {
    pid: i32,
    seen: Option<f64>,
    shared: &'a Shared,
    born: Instant,
    names: FrameNames,
    stack_ids: HashMap<Vec<u32>, u32>,
    threads: HashMap<u64, ThreadClock>,
    /// Samples of the latest successful read, by thread: repeated while nothing runs.
    latest: Vec<(u64, u32)>,
    /// Threads of the process at the latest read of all of them.
    n_threads: u64,
    n_reads: u64,
    random: u64,
    result: ProcessSamples,
}

/// A thread's counters at its previous sample.
struct ThreadClock {
    /// Kept open for the first threads of a process.
    counter: Option<CpuCounter>,
    cpu_seconds: f64,
    at_seconds: f64,
    /// It ran, or was kept from it by others, when it was last looked at.
    is_runnable: bool,
}

impl<'a> Sampler<'a> {
    fn new(pid: i32, seen: Option<f64>, shared: &'a Shared) -> Self {
        Self {
            pid,
            seen,
            shared,
            born: Instant::now(),
            names: FrameNames::new(shared, process_tree::working_directory(pid)),
            stack_ids: HashMap::new(),
            threads: HashMap::new(),
            latest: vec![],
            n_threads: 0,
            n_reads: 0,
            random: 0x9e37_79b9_7f4a_7c15 ^ u64::from(pid.cast_unsigned()),
            result: ProcessSamples::default(),
        }
    }

    fn attach(&mut self) -> Option<PythonSpy> {
        if let Some(reason) = process_tree::runtime(self.pid).refusal() {
            self.result.refusal = Some(reason);
            return None;
        }
        let config = Config {
            blocking: LockingStrategy::NonBlocking,
            include_idle: true,
            collect_thread_names: false,
            full_filenames: true,
            ..Config::default()
        };
        let deadline = Instant::now() + ATTACH_DEADLINE;
        let mut refusal = Refusal::EndedEarly;
        let mut pause = ATTACH_INTERVALS.0;
        loop {
            thread::sleep(pause);
            if self.is_over() || process_tree::parent_of_living(self.pid).is_none() {
                break;
            }
            let attempt = PythonSpy::new(self.pid, &config).and_then(|mut spy| {
                let traces = stacks_of(&mut spy)?;
                Ok((spy, traces))
            });
            match attempt {
                Ok((spy, traces)) => {
                    self.introduce(&spy);
                    self.keep(&traces);
                    return Some(spy);
                }
                Err(error) => refusal = Refusal::of(&error),
            }
            if refusal.is_final() || Instant::now() > deadline {
                break;
            }
            pause = (pause * 2).min(ATTACH_INTERVALS.1);
        }
        if self.result.samples.is_empty() {
            self.result.refusal = Some(refusal);
        }
        None
    }

    fn introduce(&mut self, spy: &PythonSpy) {
        let version = &spy.version;
        self.result.process = Some(SampledProcess {
            pid: self.pid,
            parent_pid: process_tree::parent_of_living(self.pid).unwrap_or(0),
            command: process_tree::command_line(self.pid),
            python_version: Some(format!("{}.{}.{}", version.major, version.minor, version.patch)),
            peak_rss_bytes: process_tree::resident_bytes(self.pid),
        });
    }

    fn run(&mut self, mut spy: PythonSpy) -> End {
        let mut n_ticks = 0_u64;
        let mut n_failures = 0;
        while !self.is_over() {
            let gap = self.gap();
            thread::sleep(gap);
            n_ticks += 1;
            if n_ticks.is_multiple_of(RSS_EVERY) {
                self.note_resident_bytes();
            }
            if self.repeat_latest() || self.is_starved(gap) {
                continue;
            }
            match self.read(&mut spy) {
                Ok(traces) => {
                    n_failures = 0;
                    self.keep(&traces);
                }
                Err(error) if has_ended(&error) || process_tree::parent_of_living(self.pid).is_none() => break,
                Err(error) => {
                    tracing::debug!("process {} could not be read: {error:#}", self.pid);
                    self.result.n_failed += 1;
                    n_failures += 1;
                    let refusal = Refusal::of(&error);
                    if refusal.is_final() {
                        self.result.refusal = Some(refusal);
                        return End::OfProcess;
                    }
                    if n_failures > FAILURES_MAX {
                        return End::OfProgram;
                    }
                }
            }
        }
        End::OfProcess
    }

    fn is_over(&self) -> bool {
        self.shared.is_over.load(Ordering::Relaxed)
    }

    /// The time to the next sample: uniform from half to one and a half periods, so that a program with a rhythm of
    /// its own is not always met at the same beat.
    fn gap(&mut self) -> Duration {
        let age = self.born.elapsed().as_secs_f64();
        let factor = EARLY_RATES.iter().find(|(until, _)| age < *until).map_or(1.0, |(_, factor)| *factor);
        // xorshift64: G. Marsaglia, Journal of Statistical Software 8 (2003).
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let jitter = 0.5 + (self.random >> 11) as f64 / (1_u64 << 53) as f64;
        Duration::from_secs_f64(jitter / (self.shared.rate_hz * factor))
    }

    fn note_resident_bytes(&mut self) {
        let bytes = process_tree::resident_bytes(self.pid);
        if let Some(process) = &mut self.result.process {
            process.peak_rss_bytes = process.peak_rss_bytes.max(bytes);
        }
    }

    /// When no thread ran since the latest read, all stacks are what they were: takes them again without reading the
    /// process, and says so. Only a running thread of Python's starts another, or one of a library that the next full
    /// read finds.
    fn repeat_latest(&mut self) -> bool {
        let now = self.shared.start.elapsed().as_secs_f64();
        self.n_reads += 1;
        if self.latest.is_empty() || self.n_reads.is_multiple_of(FULL_READ_EVERY) {
            return false;
        }
        let stands_still = self.latest.iter().all(|(thread, _)| {
            self.threads.get(thread).is_some_and(|clock| {
                now - clock.at_seconds >= STILL_SECONDS && self.cpu_seconds(*thread) == Some(clock.cpu_seconds)
            })
        });
        if !stands_still {
            return false;
        }
        for (thread, stack) in std::mem::take(&mut self.latest) {
            self.add(thread, stack, now);
            self.latest.push((thread, stack));
        }
        true
    }

    /// True when others had the cores since the latest read, and the process hardly came on: reading it again would
    /// cost as much and tell next to nothing. The next sample stands for this time as well.
    fn is_starved(&self, gap: Duration) -> bool {
        let now = self.shared.start.elapsed().as_secs_f64();
        let [(thread, _)] = self.latest[..] else { return false };
        self.threads.get(&thread).is_some_and(|clock| {
            let used_seconds = self.cpu_seconds(thread).unwrap_or(f64::MAX) - clock.cpu_seconds;
            now - clock.at_seconds < STARVED_SECONDS_MAX
                && used_seconds < STARVED_PART * gap.as_secs_f64()
                && process_tree::is_runnable(self.pid, thread)
        })
    }

    /// The process runs on while it is read: a frame that returns in the middle tears the chain, and the next attempt,
    /// some ten microseconds later, meets a whole one. Not trying again would lose deep stacks more often than flat
    /// ones.
    fn read(&mut self, spy: &mut PythonSpy) -> Result<Vec<StackTrace>, anyhow::Error> {
        let n_threads = process_tree::n_threads(self.pid);
        let is_alone = self.latest.len() == 1 && n_threads == self.n_threads;
        self.n_threads = n_threads;
        if is_alone && !self.n_reads.is_multiple_of(FULL_READ_EVERY) {
            // The one thread has the interpreter's lock, or waits: finding it by the lock saves a look at every thread.
            spy.config.gil_only = true;
            let answer = stacks_of(spy);
            spy.config.gil_only = false;
            if let Ok(traces) = answer
                && !traces.is_empty()
            {
                return Ok(traces);
            }
        }
        let mut answer = stacks_of(spy);
        for _ in 0..N_RETRIES {
            if answer.is_ok() {
                break;
            }
            answer = stacks_of(spy);
        }
        answer
    }

    /// Turns one read of the process into samples.
    fn keep(&mut self, traces: &[StackTrace]) {
        let now = self.shared.start.elapsed().as_secs_f64();
        self.latest.clear();
        for trace in traces {
            let thread = self.thread_of(trace, traces.len());
            let stack = self.stack_of(trace);
            self.add(thread, stack, now);
            self.latest.push((thread, stack));
        }
        if self.threads.len() > self.latest.len() {
            let latest = &self.latest;
            self.threads.retain(|thread, _| latest.iter().any(|(sampled, _)| sampled == thread));
        }
    }

    fn add(&mut self, thread: u64, stack: u32, now: f64) {
        let mut clock = self.threads.remove(&thread).unwrap_or_else(|| self.first_clock(thread, now));
        if clock.counter.is_none() {
            clock.counter = CpuCounter::open(self.pid, thread);
        }
        let cpu_seconds = clock.counter.as_ref().and_then(CpuCounter::seconds).unwrap_or(clock.cpu_seconds);
        let used_seconds = (cpu_seconds - clock.cpu_seconds).max(0.0);
        // A thread that ran a moment ago and stands still has gone to sleep, or its core was given to another program.
        let is_queued = used_seconds <= 0.0 && clock.is_runnable && process_tree::is_runnable(self.pid, thread);
        self.result.samples.push(Sample {
            process: 0,
            thread,
            stack,
            at_seconds: now,
            wall_seconds: (now - clock.at_seconds).max(0.0),
            cpu_seconds: used_seconds,
            is_queued,
        });
        let counter = clock.counter.filter(|_| self.threads.len() < N_OPEN_COUNTERS_MAX);
        let is_runnable = used_seconds > 0.0 || is_queued;
        self.threads.insert(thread, ThreadClock { counter, cpu_seconds, at_seconds: now, is_runnable });
    }

    /// A thread's first sample stands for all its time so far: it began after the previous read of its process, or
    /// with it. Only what the interpreter of the workload did before it could be read is left out.
    fn first_clock(&self, thread: u64, now: f64) -> ThreadClock {
        let counter = CpuCounter::open(self.pid, thread);
        let (cpu_seconds, at_seconds) = match (self.result.samples.last(), self.seen) {
            (Some(previous), _) => (0.0, previous.at_seconds),
            (None, Some(seen)) => (0.0, seen),
            (None, None) => (counter.as_ref().and_then(CpuCounter::seconds).unwrap_or(0.0), now),
        };
        ThreadClock { counter, cpu_seconds, at_seconds, is_runnable: true }
    }

    fn cpu_seconds(&self, thread: u64) -> Option<f64> {
        match self.threads.get(&thread).and_then(|clock| clock.counter.as_ref()) {
            Some(counter) => counter.seconds(),
            None => CpuCounter::open(self.pid, thread)?.seconds(),
        }
    }

    /// The kernel's id of a sampled thread: told by CPython 3.11 and later, else read from the C library's thread
    /// structure; the address itself (no CPU time then) when neither works.
    fn thread_of(&self, trace: &StackTrace, n_traces: usize) -> u64 {
        if let Some(id) = trace.os_thread_id {
            return id;
        }
        let mut bytes = [0; 4];
        let remote = RemoteIoVec { base: trace.thread_id as usize + PTHREAD_TID_OFFSET, len: bytes.len() };
        let local = &mut [std::io::IoSliceMut::new(&mut bytes)];
        let read = process_vm_readv(Pid::from_raw(self.pid), local, &[remote]);
        let id = u64::from(u32::from_ne_bytes(bytes));
        if read == Ok(4) && (self.threads.contains_key(&id) || CpuCounter::open(self.pid, id).is_some()) {
            return id;
        }
        match process_tree::threads(self.pid)[..] {
            [only] if n_traces == 1 => only,
            _ => trace.thread_id,
        }
    }

    fn stack_of(&mut self, trace: &StackTrace) -> u32 {
        let mut frames = Vec::with_capacity(trace.frames.len());
        for frame in trace.frames.iter().rev() {
            frames.push(self.names.intern(frame, &mut self.result.frames));
        }
        if let Some(id) = self.stack_ids.get(&frames) {
            return *id;
        }
        let id = self.result.stacks.len() as u32;
        self.result.stacks.push(frames.clone());
        self.stack_ids.insert(frames, id);
        id
    }
}

/// True for what the system says about the memory of a process that is about to be gone.
fn has_ended(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.raw_os_error() == Some(nix::errno::Errno::ESRCH as i32))
    })
}

/// Turns py-spy's frames into ours: paths made relative to the project, each distinct frame once.
struct FrameNames {
    files: FramePaths,
    agent_directory: Option<PathBuf>,
    ids: HashMap<Frame, u32>,
}

impl FrameNames {
    fn new(shared: &Shared, working_directory: Option<PathBuf>) -> Self {
        Self {
            files: FramePaths::new(&shared.root, working_directory),
            agent_directory: shared.agent_directory.clone(),
            ids: HashMap::new(),
        }
    }

    fn intern(&mut self, frame: &py_spy::Frame, frames: &mut Vec<Frame>) -> u32 {
        let line = u32::try_from(frame.line).unwrap_or(0);
        let frame = match self.in_agent(&frame.filename) {
            Some(path) if agent::calls_through(path, line) => agent_frame(CALLS_THROUGH),
            Some(_) => agent_frame(""),
            None => {
                let (path, is_project) = self.files.of(&frame.filename);
                Frame { path, symbol: frame.name.clone(), line, is_project }
            }
        };
        *self.ids.entry(frame).or_insert_with_key(|frame| {
            frames.push(frame.clone());
            frames.len() as u32 - 1
        })
    }

    /// The path of an agent's file within the agent.
    fn in_agent<'name>(&self, file_name: &'name str) -> Option<&'name Path> {
        Path::new(file_name).strip_prefix(self.agent_directory.as_ref()?).ok()
    }
}

/// The path that stands for every file of the agents.
const AGENT_PATH: &str = "<cmdx agent>";
/// The symbol of an agent's frame whose time is the wrapped driver's.
const CALLS_THROUGH: &str = "calls through";

fn agent_frame(symbol: &str) -> Frame {
    Frame { path: AGENT_PATH.to_owned(), symbol: symbol.to_owned(), line: 0, is_project: false }
}

/// True for a frame of the agents.
pub(super) fn is_agent(frame: &Frame) -> bool {
    frame.path == AGENT_PATH
}

/// True for a frame of the agents in which time is spent for their own sake.
pub(super) fn is_agent_at_work(frame: &Frame) -> bool {
    is_agent(frame) && frame.symbol != CALLS_THROUGH
}
