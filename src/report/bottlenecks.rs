//! Which functions a page for people lists, and in which order they may be said to be.

use super::ranks::{self, Rank};
use crate::model::{FunctionCost, Report};

/// Functions listed without `--detailed`: a screen has room for them and the rest.
const N_LISTED_MAX: usize = 10;
/// Below this part of wall time on a processor, a function is called one that waits.
const WAITING_CPU_SHARE_MAX: f64 = 0.25;

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

/// CPU time far below wall time: the processor is not what it lacks. Where no CPU time was measured nothing is said.
pub(super) fn is_waiting(report: &Report, function: &FunctionCost) -> bool {
    is_cpu_measured(report) && function.cpu_seconds < WAITING_CPU_SHARE_MAX * function.wall_seconds
}
