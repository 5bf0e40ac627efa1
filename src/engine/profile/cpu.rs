//! Costs by function and line of the project: time in a library belongs to whoever called the library.

use std::collections::{BTreeMap, HashMap};

use super::charge;
use crate::model::{CpuProfile, FunctionCost, LineCost, Location, ProcessSummary, Recording, Sample, Share, Stack};
use crate::support::statistics;
use crate::syntax::Outline;
use crate::syntax::outline::Function;

/// Callers and libraries kept for a function: what a report can show.
const N_RELATED_MAX: usize = 8;

/// What the costs are charged to.
pub struct Source<'call, 'text> {
    /// True for a file whose functions are charged; other files of the project count as libraries.
    pub is_charged: &'call dyn Fn(&str) -> bool,
    /// The outline of a file, by its path relative to the project root.
    pub outline: &'call dyn Fn(&str) -> Option<&'text Outline>,
}

/// Builds the CPU profile of a recording.
pub fn build(recording: &Recording, source: &Source<'_, '_>) -> CpuProfile {
    let owners = Owners::new(recording, source);
    let chains: Vec<Chain> = recording.stacks.iter().map(|stack| owners.chain(recording, stack)).collect();
    let charged = charge::wall_seconds(&recording.samples, |sample| !chains[sample.stack as usize].links.is_empty());

    let mut tally = Tally::default();
    for (sample, wall_seconds) in recording.samples.iter().zip(&charged) {
        tally.add(sample, *wall_seconds, &chains[sample.stack as usize]);
    }
    let project_seconds: f64 = charged.iter().sum();
    let whole = Whole::of(&charged);
    CpuProfile {
        wall_seconds: recording.wall_seconds,
        cpu_seconds: recording.cpu_seconds,
        n_samples: recording.samples.len() as u64,
        n_failed_samples: recording.n_failed_samples,
        functions: tally.functions(&owners, &whole),
        lines: tally.lines(&owners, &whole),
        frames: recording.frames.clone(),
        stacks: stacks(recording, &charged),
        processes: processes(recording),
        outside_seconds: (recording.wall_seconds - project_seconds).max(0.0),
    }
}

/// Functions of the project that are charged, each with an id.
struct Owners {
    /// The function a frame belongs to, `None` for libraries and uncharged files.
    by_frame: Vec<Option<u32>>,
    locations: Vec<Location>,
}

impl Owners {
    fn new(recording: &Recording, source: &Source<'_, '_>) -> Self {
        let mut ids: HashMap<Location, u32> = HashMap::new();
        let mut locations = vec![];
        let by_frame = recording
            .frames
            .iter()
            .map(|frame| {
                if !frame.is_project || !(source.is_charged)(&frame.path) {
                    return None;
                }
                let location = definition(frame, source);
                Some(*ids.entry(location).or_insert_with_key(|location| {
                    locations.push(location.clone());
                    locations.len() as u32 - 1
                }))
            })
            .collect();
        Self { by_frame, locations }
    }

    /// The charged functions on a stack, innermost first.
    fn chain(&self, recording: &Recording, stack: &[u32]) -> Chain {
        let mut links = vec![];
        let mut library = None;
        for (index, frame) in stack.iter().enumerate().rev() {
            let Some(function) = self.by_frame[*frame as usize] else { continue };
            if links.is_empty() {
                library = stack.get(index + 1).map(|callee| library_of(&recording.frames[*callee as usize].path));
            }
            links.push(Link { function, line: recording.frames[*frame as usize].line });
        }
        Chain { links, library }
    }
}

/// The definition a frame belongs to. Comprehensions and lambdas count as the function around them.
pub(super) fn definition(frame: &crate::model::Frame, source: &Source<'_, '_>) -> Location {
    let unknown = || Location::new(&frame.path, frame.line, &frame.symbol);
    let Some(outline) = (source.outline)(&frame.path) else { return unknown() };
    // CPython 3.11 and later give qualified names: `load.<locals>.<listcomp>`.
    let name = frame.symbol.rsplit('.').next().unwrap_or(&frame.symbol);
    let holds = |function: &&Function| (function.code_line..=function.last_line).contains(&frame.line);
    let named = match name {
        "<module>" => None,
        "<lambda>" => outline.functions.iter().rev().filter(holds).find(|function| function.name != "<lambda>"),
        name => outline.function_named(name, frame.line),
    };
    match named {
        Some(function) => Location::new(&frame.path, function.first_line, &function.qualified_name),
        None if name.starts_with('<') => Location::new(&frame.path, 1, "<module>"),
        None => unknown(),
    }
}

/// The top-level module a library file belongs to: `sqlalchemy`, `json`; `built-in` where there is no file.
fn library_of(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let after = parts
        .iter()
        .rposition(|part| matches!(*part, "site-packages" | "dist-packages"))
        .or_else(|| parts.iter().position(|part| part.starts_with("python3.")));
    let module = match after {
        Some(index) => parts.get(index + 1).copied(),
        None => parts.last().copied(),
    };
    let module = module.unwrap_or_default();
    module.strip_suffix(".py").unwrap_or(module).trim_matches(['<', '>']).to_owned()
}

/// The charged functions of a stack, innermost first, and the library the innermost one was in.
struct Chain {
    links: Vec<Link>,
    library: Option<String>,
}

#[derive(Clone, Copy)]
struct Link {
    function: u32,
    line: u32,
}

/// Sums by function and line.
#[derive(Default)]
struct Tally {
    functions: BTreeMap<u32, FunctionTally>,
    lines: BTreeMap<(u32, u32), Cost>,
}

#[derive(Default)]
struct FunctionTally {
    own: Cost,
    total: Cost,
    libraries: BTreeMap<String, f64>,
    callers: BTreeMap<u32, f64>,
}

#[derive(Clone, Copy, Default)]
struct Cost {
    wall_seconds: f64,
    cpu_seconds: f64,
    n_samples: u64,
}

impl Cost {
    fn add(&mut self, wall_seconds: f64, cpu_seconds: f64) {
        self.wall_seconds += wall_seconds;
        self.cpu_seconds += cpu_seconds;
        self.n_samples += 1;
    }
}

impl Tally {
    fn add(&mut self, sample: &Sample, wall_seconds: f64, chain: &Chain) {
        let Some(innermost) = chain.links.first() else { return };
        if wall_seconds <= 0.0 && sample.cpu_seconds <= 0.0 {
            return;
        }
        let function = self.functions.entry(innermost.function).or_default();
        function.own.add(wall_seconds, sample.cpu_seconds);
        if let Some(library) = &chain.library {
            *function.libraries.entry(library.clone()).or_default() += wall_seconds;
        }
        if let Some(caller) = chain.links.iter().find(|link| link.function != innermost.function) {
            *function.callers.entry(caller.function).or_default() += wall_seconds;
        }
        self.lines.entry((innermost.function, innermost.line)).or_default().add(wall_seconds, sample.cpu_seconds);
        for (index, link) in chain.links.iter().enumerate() {
            // A recursive function is on the stack many times and spends the time once.
            if chain.links[..index].iter().all(|inner| inner.function != link.function) {
                let function = self.functions.entry(link.function).or_default();
                function.total.add(wall_seconds, sample.cpu_seconds);
            }
        }
    }

    fn functions(&self, owners: &Owners, whole: &Whole) -> Vec<FunctionCost> {
        let mut functions: Vec<_> = self
            .functions
            .iter()
            .map(|(id, tally)| FunctionCost {
                location: owners.locations[*id as usize].clone(),
                wall_seconds: tally.own.wall_seconds,
                cpu_seconds: tally.own.cpu_seconds,
                total_wall_seconds: tally.total.wall_seconds,
                total_cpu_seconds: tally.total.cpu_seconds,
                share: whole.share(tally.own.wall_seconds),
                n_samples: tally.own.n_samples,
                dearest_line: self.dearest_line(*id),
                libraries: dearest(tally.libraries.iter().map(|(name, seconds)| (name.clone(), *seconds))),
                callers: dearest(
                    tally.callers.iter().map(|(id, seconds)| (owners.locations[*id as usize].clone(), *seconds)),
                ),
            })
            .collect();
        functions.sort_by(|left, right| {
            right.wall_seconds.total_cmp(&left.wall_seconds).then_with(|| left.location.cmp(&right.location))
        });
        functions
    }

    fn dearest_line(&self, function: u32) -> u32 {
        self.lines
            .range((function, 0)..=(function, u32::MAX))
            .max_by(|(_, left), (_, right)| left.wall_seconds.total_cmp(&right.wall_seconds))
            .map_or(0, |((_, line), _)| *line)
    }

    fn lines(&self, owners: &Owners, whole: &Whole) -> Vec<LineCost> {
        let mut lines: Vec<_> = self
            .lines
            .iter()
            .map(|((function, line), cost)| {
                let owner = &owners.locations[*function as usize];
                LineCost {
                    location: Location::new(&owner.path, *line, &owner.symbol),
                    wall_seconds: cost.wall_seconds,
                    cpu_seconds: cost.cpu_seconds,
                    share: whole.share(cost.wall_seconds),
                    n_samples: cost.n_samples,
                }
            })
            .collect();
        lines.sort_by(|left, right| {
            right.wall_seconds.total_cmp(&left.wall_seconds).then_with(|| left.location.cmp(&right.location))
        });
        lines
    }
}

fn dearest<T: Ord>(costs: impl Iterator<Item = (T, f64)>) -> Vec<(T, f64)> {
    let mut costs: Vec<_> = costs.filter(|(_, seconds)| *seconds > 0.0).collect();
    costs.sort_by(|left, right| right.1.total_cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    costs.truncate(N_RELATED_MAX);
    costs
}

/// The sum of all charged time, and how many independent samples it is worth.
struct Whole {
    seconds: f64,
    /// Kish's effective sample size: equal to the count when all weights are equal, smaller otherwise.
    n_effective: f64,
}

impl Whole {
    fn of(charged: &[f64]) -> Self {
        let seconds: f64 = charged.iter().sum();
        let squares: f64 = charged.iter().map(|seconds| seconds * seconds).sum();
        Self { seconds, n_effective: if squares > 0.0 { seconds * seconds / squares } else { 0.0 } }
    }

    fn share(&self, seconds: f64) -> Share {
        if self.seconds <= 0.0 {
            return Share::default();
        }
        let value = seconds / self.seconds;
        let (low, high) = statistics::wilson_interval(value * self.n_effective, self.n_effective);
        Share { value, low, high }
    }
}

fn stacks(recording: &Recording, charged: &[f64]) -> Vec<Stack> {
    let mut stacks: Vec<Stack> = recording
        .stacks
        .iter()
        .map(|frames| Stack { frames: frames.clone(), wall_seconds: 0.0, cpu_seconds: 0.0, n_samples: 0 })
        .collect();
    for (sample, wall_seconds) in recording.samples.iter().zip(charged) {
        let stack = &mut stacks[sample.stack as usize];
        stack.wall_seconds += wall_seconds;
        stack.cpu_seconds += sample.cpu_seconds;
        stack.n_samples += 1;
    }
    stacks.retain(|stack| stack.n_samples > 0 && !stack.frames.is_empty());
    stacks
}

fn processes(recording: &Recording) -> Vec<ProcessSummary> {
    let mut summaries: Vec<_> = recording
        .processes
        .iter()
        .map(|process| ProcessSummary {
            pid: process.pid,
            command: process.command.clone(),
            python_version: process.python_version.clone(),
            n_samples: 0,
            peak_rss_bytes: process.peak_rss_bytes,
        })
        .collect();
    for sample in &recording.samples {
        summaries[sample.process as usize].n_samples += 1;
    }
    summaries
}
