//! Which functions a page for people lists, and in which order they may be said to be.

use super::ranks::{self, Rank};
use crate::model::{FunctionCost, Report};

/// Functions listed without `--detailed`: a screen has room for them and the rest.
const N_LISTED_MAX: usize = 10;
/// Below this part of wall time on a processor, a function waits, however busy the machine was.
const WAITING_CPU_SHARE: f64 = 0.05;
/// Below this part it may wait, or the machine was busy with something else: other functions tell which.
const MAYBE_WAITING_CPU_SHARE: f64 = 0.25;
/// Fewer samples say too little about the CPU share of a function to compare others with it.
const N_SAMPLES_COMPARED_MIN: u64 = 20;

/// The head of the list.
pub(super) struct Bottlenecks<'a> {
    /// Functions with their ranks, dearest first.
    pub listed: Vec<(&'a FunctionCost, Rank)>,
    /// Functions left out.
    pub n_hidden: usize,
    /// True when some of those listed share a rank.
    pub has_joint: bool,
}

/// The functions that samples met: ten of them, all with `--detailed`.
pub(super) fn of(report: &Report) -> Bottlenecks<'_> {
    let functions = report.profile.iter().flat_map(|profile| &profile.cpu.functions);
    let functions: Vec<_> = functions.filter(|function| function.n_samples > 0).collect();
    let ranks = ranks::joint(&functions);
    let n_all = functions.len();
    let n_listed = if report.is_detailed { n_all } else { n_all.min(N_LISTED_MAX) };
    let listed: Vec<_> = functions.into_iter().zip(ranks).take(n_listed).collect();
    let has_joint = listed.iter().any(|(_, rank)| rank.is_joint);
    Bottlenecks { listed, n_hidden: n_all - n_listed, has_joint }
}

/// True when the run's CPU time is known.
pub(super) fn is_cpu_measured(report: &Report) -> bool {
    report.profile.as_ref().is_some_and(|profile| profile.cpu.cpu_seconds > 0.0)
}

/// CPU time far below wall time, and not because every function had to wait for a processor. Where no CPU time was
/// measured nothing is said.
pub(super) fn is_waiting(report: &Report, function: &FunctionCost) -> bool {
    if !is_cpu_measured(report) || function.wall_seconds <= 0.0 {
        return false;
    }
    let share = cpu_share(function);
    share < WAITING_CPU_SHARE || (share < MAYBE_WAITING_CPU_SHARE && share < 0.5 * largest_cpu_share(report))
}

fn cpu_share(function: &FunctionCost) -> f64 {
    function.cpu_seconds / function.wall_seconds
}

fn largest_cpu_share(report: &Report) -> f64 {
    let functions = report.profile.iter().flat_map(|profile| &profile.cpu.functions);
    let compared = functions.filter(|function| function.n_samples >= N_SAMPLES_COMPARED_MIN);
    compared.map(cpu_share).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// Functions of 1 s wall time with this much CPU time: which of them wait?
    fn check(cpu_seconds: &[f64], expected: &[bool]) {
        let mut report = sample::tutorial();
        let cpu = &mut report.profile.as_mut().expect("the tutorial ran").cpu;
        let cost = |cpu_seconds: &f64| FunctionCost {
            wall_seconds: 1.0,
            cpu_seconds: *cpu_seconds,
            n_samples: 100,
            ..sample::cost(0.1, 0.2)
        };
        cpu.functions = cpu_seconds.iter().map(cost).collect();
        let functions = &report.profile.as_ref().expect("the tutorial ran").cpu.functions;
        let waiting: Vec<_> = functions.iter().map(|function| is_waiting(&report, function)).collect();
        assert_eq!(waiting, expected);
    }

    #[test]
    fn a_function_off_the_processor_waits() {
        check(&[0.2, 0.9, 0.5], &[true, false, false]);
        check(&[0.01], &[true]);
    }

    #[test]
    fn a_busy_machine_is_not_taken_for_waiting() {
        check(&[0.17, 0.2, 0.24], &[false, false, false]);
        check(&[0.02, 0.2, 0.24], &[true, false, false]);
    }

    #[test]
    fn where_no_cpu_time_was_measured_nothing_waits() {
        let report = sample::overlapping();
        let functions = &report.profile.as_ref().expect("it ran").cpu.functions;
        assert!(functions.iter().all(|function| !is_waiting(&report, function)));
    }
}
