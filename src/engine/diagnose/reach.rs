//! What a range of lines cost, everything called from it included.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{CpuProfile, Share};
use crate::support::statistics;

/// Stacks of a profile by the lines on them.
pub(super) struct Reach<'a> {
    profile: &'a CpuProfile,
    by_line: BTreeMap<(&'a str, u32), Vec<usize>>,
    project_seconds: f64,
}

impl<'a> Reach<'a> {
    pub(super) fn new(profile: &'a CpuProfile) -> Self {
        let mut by_line: BTreeMap<(&str, u32), Vec<usize>> = BTreeMap::new();
        for (index, stack) in profile.stacks.iter().enumerate() {
            for frame in &stack.frames {
                let frame = &profile.frames[*frame as usize];
                if frame.is_project {
                    by_line.entry((&frame.path, frame.line)).or_default().push(index);
                }
            }
        }
        let project_seconds = profile.functions.iter().map(|function| function.wall_seconds).sum();
        Self { profile, by_line, project_seconds }
    }

    /// Wall time with one of the lines `first..=last` of `path` on the stack, and its share of the project's time.
    pub(super) fn cost(&self, path: &str, first: u32, last: u32) -> (f64, Share) {
        let lines = self.by_line.range((path, first)..=(path, last));
        let stacks: BTreeSet<usize> = lines.flat_map(|(_, stacks)| stacks.iter().copied()).collect();
        let seconds: f64 = stacks.iter().map(|index| self.profile.stacks[*index].wall_seconds).sum();
        (seconds, self.share(seconds))
    }

    /// `seconds` as a share of the project's time.
    pub(super) fn share(&self, seconds: f64) -> Share {
        if self.project_seconds <= 0.0 {
            return Share::default();
        }
        let value = (seconds / self.project_seconds).min(1.0);
        let n = self.profile.n_samples as f64;
        let (low, high) = statistics::wilson_interval(value * n, n);
        Share { value, low, high }
    }
}
