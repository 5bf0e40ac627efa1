//! One recorded run: starts the workload, samples every Python process of its tree, ends it in time.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

use super::child::{self, Running};
use super::error::HarnessError;
use super::process_tree;
use super::refusal::Refusal;
use super::sampler::{self, ProcessSamples, Shared};
use crate::model::{ExitReason, Problem, Recording, Workload};
use crate::support::interrupt;

/// How often the end of the workload is looked for, as a part of the time it has run: the error of the wall time.
const WAIT_PART: f64 = 0.003;
/// And how often at most and at least.
const WAIT_INTERVALS: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(20));
/// How often new processes are looked for.
const TREE_INTERVAL: Duration = Duration::from_millis(50);
/// Children that end sooner are not worth the 20 to 50 ms of CPU it takes to learn their memory layout.
const CHILD_AGE_MIN: Duration = Duration::from_millis(100);

/// How to record.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// Samples per second and process.
    pub rate_hz: f64,
    /// The run is ended after this long.
    pub deadline: Duration,
    /// Where logs are written; must exist.
    pub directory: PathBuf,
    /// Project root: paths are relative to it.
    pub root: PathBuf,
    /// Variables that make the workload load the agents, on top of its own.
    pub agent_variables: Vec<(String, OsString)>,
    /// Where the agents' files lie, when an agent runs.
    pub agent_directory: Option<PathBuf>,
    /// Where the agents write their events, when an agent runs.
    pub events_directory: Option<PathBuf>,
}

/// What happens during a run, for whoever shows progress.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The workload has run this long.
    Running {
        /// Seconds since its start.
        elapsed_seconds: f64,
        /// Processes sampled so far.
        n_processes: usize,
    },
}

/// Runs `workload` once and records it. Whatever happens to the workload, what was recorded of it is returned; no
/// process of its tree is left behind.
///
/// # Errors
/// When it could not be started or its logs could not be written.
pub fn record(
    workload: &Workload,
    options: &RecordOptions,
    progress: &mut dyn FnMut(Event),
) -> Result<Recording, HarnessError> {
    let stdout_log = options.directory.join("stdout.log");
    let stderr_log = options.directory.join("stderr.log");
    for log in [&stdout_log, &stderr_log] {
        child::touch(log).map_err(|source| HarnessError::NotWritable { path: log.clone(), source })?;
    }
    child::adopt_orphans();
    let cpu_before = child::children_cpu_seconds();
    let shared = Shared {
        start: Instant::now(),
        rate_hz: options.rate_hz,
        is_over: Arc::new(AtomicBool::new(false)),
        root: canonical(&options.root),
        agent_directory: options.agent_directory.as_deref().map(canonical),
    };
    let mut running = child::start(workload, &options.agent_variables, &stdout_log, &stderr_log)?;
    let mut crew = Crew::new(running.pid(), shared.clone());
    let exit = wait(&mut running, &mut crew, options.deadline, progress);
    let wall_seconds = shared.start.elapsed().as_secs_f64();
    shared.is_over.store(true, Ordering::Relaxed);
    let log_errors = running.finish();
    let cpu_seconds = child::children_cpu_seconds() - cpu_before;

    let mut recording = Recording {
        exit,
        wall_seconds,
        cpu_seconds,
        rate_hz: options.rate_hz,
        processes: vec![],
        frames: vec![],
        stacks: vec![],
        samples: vec![],
        n_failed_samples: 0,
        events_directory: options.events_directory.clone(),
        stdout_log,
        stderr_log,
        problems: log_errors
            .iter()
            .map(|error| problem(format!("the workload's output could not be kept: {error}"), None))
            .collect(),
    };
    crew.join_into(&mut recording);
    Ok(recording)
}

fn wait(running: &mut Running, crew: &mut Crew, deadline: Duration, progress: &mut dyn FnMut(Event)) -> ExitReason {
    let start = crew.shared.start;
    let mut next_look = Duration::ZERO;
    loop {
        if let Some(status) = running.try_wait() {
            return reason_of(status);
        }
        let elapsed = start.elapsed();
        if interrupt::is_requested() {
            running.stop(Signal::SIGINT);
            return ExitReason::Interrupted;
        }
        if elapsed >= deadline {
            running.stop(Signal::SIGTERM);
            return ExitReason::DeadlinePassed;
        }
        if elapsed >= next_look {
            crew.look();
            next_look = elapsed + TREE_INTERVAL;
            let elapsed_seconds = elapsed.as_secs_f64();
            progress(Event::Running { elapsed_seconds, n_processes: crew.samplers.len() });
        }
        thread::sleep(elapsed.mul_f64(WAIT_PART).clamp(WAIT_INTERVALS.0, WAIT_INTERVALS.1));
    }
}

pub(super) fn reason_of(status: ExitStatus) -> ExitReason {
    match (status.code(), status.signal()) {
        (Some(code), _) => ExitReason::Exited(code),
        (None, signal) => ExitReason::Signaled(signal.unwrap_or(0)),
    }
}

fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

fn problem(message: String, hint: Option<String>) -> Problem {
    Problem { location: None, message, hint }
}

/// The samplers of a run, one thread a process.
struct Crew {
    leader: i32,
    shared: Shared,
    first_seen: BTreeMap<i32, Instant>,
    passed_over: BTreeSet<i32>,
    samplers: BTreeMap<i32, JoinHandle<ProcessSamples>>,
}

impl Crew {
    fn new(leader: i32, shared: Shared) -> Self {
        let mut crew = Self {
            leader,
            shared,
            first_seen: BTreeMap::new(),
            passed_over: BTreeSet::new(),
            samplers: BTreeMap::new(),
        };
        if process_tree::is_python(leader) {
            crew.sample(leader, None);
        }
        crew
    }

    /// Finds processes that have appeared since and samples those that run Python.
    fn look(&mut self) {
        let own = std::process::id().cast_signed();
        for pid in process_tree::descendants(own) {
            if self.samplers.contains_key(&pid) || self.passed_over.contains(&pid) {
                continue;
            }
            let age = self.first_seen.entry(pid).or_insert_with(Instant::now).elapsed();
            // The leader may be a shell or a launcher that is about to become Python.
            if pid != self.leader && age < CHILD_AGE_MIN {
                continue;
            }
            if process_tree::is_python(pid) {
                let seen = self.shared.start.elapsed().saturating_sub(age);
                self.sample(pid, Some(seen.as_secs_f64()));
            } else if age > 20 * CHILD_AGE_MIN {
                self.passed_over.insert(pid);
            }
        }
    }

    fn sample(&mut self, pid: i32, seen: Option<f64>) {
        let shared = self.shared.clone();
        let named = thread::Builder::new().name(format!("{}-{pid}", sampler::THREAD_NAME));
        // Where no thread can be had, the process goes unsampled; the report then shows no samples of it.
        if let Ok(sampler) = named.spawn(move || sampler::sample_process(pid, seen, &shared)) {
            self.samplers.insert(pid, sampler);
        }
    }

    fn join_into(self, recording: &mut Recording) {
        let leader = self.leader;
        let mut merge = Merge { recording, frames: BTreeMap::new(), refusals: vec![] };
        for (pid, sampler) in self.samplers {
            match sampler.join() {
                Ok(samples) => merge.add(pid == leader, samples),
                Err(_) => merge
                    .recording
                    .problems
                    .push(problem(format!("process {pid} was not sampled: its memory could not be understood"), None)),
            }
        }
        merge.tell_refusals();
        recording.samples.sort_by(|left, right| left.at_seconds.total_cmp(&right.at_seconds));
    }
}

/// Joins the samples of several processes; each had its own numbering.
struct Merge<'a> {
    recording: &'a mut Recording,
    frames: BTreeMap<crate::model::Frame, u32>,
    refusals: Vec<Refusal>,
}

impl Merge<'_> {
    /// Each reason once, however many processes gave it.
    fn tell_refusals(&mut self) {
        let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
        self.refusals.dedup();
        let problems = self.refusals.iter().map(|refusal| refusal.problem(&scope));
        self.recording.problems.extend(problems);
    }

    fn add(&mut self, is_leader: bool, part: ProcessSamples) {
        self.recording.n_failed_samples += part.n_failed;
        if let Some(refusal) = part.refusal
            && (refusal.is_final() || (is_leader && part.samples.is_empty()))
        {
            self.refusals.push(refusal);
        }
        let Some(process) = part.process else { return };
        let process_id = self.recording.processes.len() as u32;
        self.recording.processes.push(process);
        let mut frame_ids = Vec::with_capacity(part.frames.len());
        let is_agent: Vec<bool> = part.frames.iter().map(sampler::is_agent).collect();
        let is_at_work: Vec<bool> = part.frames.iter().map(sampler::is_agent_at_work).collect();
        for frame in part.frames {
            let recording = &mut *self.recording;
            frame_ids.push(*self.frames.entry(frame).or_insert_with_key(|frame| {
                recording.frames.push(frame.clone());
                recording.frames.len() as u32 - 1
            }));
        }
        let first_stack = self.recording.stacks.len() as u32;
        let is_in_agent: Vec<bool> =
            part.stacks.iter().map(|stack| stack.last().is_some_and(|frame| is_at_work[*frame as usize])).collect();
        for stack in part.stacks {
            // The agents' wrappers between the program and its driver are nobody's business.
            let kept = stack.into_iter().filter(|frame| !is_agent[*frame as usize]);
            self.recording.stacks.push(kept.map(|frame| frame_ids[frame as usize]).collect());
        }
        for sample in part.samples {
            if !is_in_agent[sample.stack as usize] {
                self.recording.samples.push(crate::model::Sample {
                    process: process_id,
                    stack: first_stack + sample.stack,
                    ..sample
                });
            }
        }
    }
}
