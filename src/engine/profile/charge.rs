//! Shares the wall time of a run out among its threads.
//!
//! Adding up the time every thread spends somewhere counts a thread that waits for another as dear as the one that
//! works. Here an instant belongs to the threads that run in it, by the CPU time they use; when none runs, to those that
//! would if another program had not taken the core; and only then to those that wait, in equal parts. A thread that sleeps in the database while nothing else runs is thus
//! charged in full, and a main thread that joins its workers is not charged at all.

use crate::model::Sample;

/// Width of the slots in which threads are compared: half the usual sampling period.
const SLOT_SECONDS: f64 = 0.005;

/// What happened in one slot.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_field_names, reason = "the unit is part of every name")]
struct Slot {
    /// CPU time used by all contenders.
    cpu_seconds: f64,
    /// Wall time covered by contenders that had no core, summed over threads.
    queued_seconds: f64,
    /// Wall time covered by contenders that waited, summed over threads.
    waiting_seconds: f64,
    /// Wall time covered by at least one contender, at most the slot's width.
    covered_seconds: f64,
}

/// Returns the wall time charged to each sample, in the order of `samples`. Samples for which `contends` is false
/// (nothing of the project on the stack) are charged nothing and take nothing from the others.
pub fn wall_seconds(samples: &[Sample], contends: impl Fn(&Sample) -> bool) -> Vec<f64> {
    let end = samples.iter().map(|sample| sample.at_seconds).fold(0.0, f64::max);
    let mut slots = vec![Slot::default(); (end / SLOT_SECONDS) as usize + 2];
    for sample in samples.iter().filter(|sample| contends(sample)) {
        for (index, overlap, part) in overlaps(sample) {
            let slot = &mut slots[index];
            slot.cpu_seconds += running_seconds(sample) * part;
            match sample {
                sample if sample.cpu_seconds > 0.0 => {}
                Sample { is_queued: true, .. } => slot.queued_seconds += overlap,
                _ => slot.waiting_seconds += overlap,
            }
            slot.covered_seconds = (slot.covered_seconds + overlap).min(SLOT_SECONDS);
        }
    }
    samples.iter().map(|sample| if contends(sample) { charge(sample, &slots) } else { 0.0 }).collect()
}

fn charge(sample: &Sample, slots: &[Slot]) -> f64 {
    let mut charged = 0.0;
    for (index, overlap, part) in overlaps(sample) {
        let slot = slots[index];
        if slot.cpu_seconds > 0.0 {
            // Two threads on two cores use more CPU time than the clock shows: both are charged what they used.
            charged += running_seconds(sample) * part / slot.cpu_seconds * slot.covered_seconds.max(slot.cpu_seconds);
        } else if slot.queued_seconds > 0.0 {
            charged += if sample.is_queued { overlap / slot.queued_seconds * slot.covered_seconds } else { 0.0 };
        } else if slot.waiting_seconds > 0.0 {
            charged += overlap / slot.waiting_seconds * slot.covered_seconds;
        }
    }
    charged
}

/// The scheduler's counter moves in steps of its tick, so that a short sample may show more CPU time than it lasted.
fn running_seconds(sample: &Sample) -> f64 {
    sample.cpu_seconds.min(sample.wall_seconds)
}

/// The slots a sample stands for: index, seconds in it, and that part of the sample's wall time.
fn overlaps(sample: &Sample) -> impl Iterator<Item = (usize, f64, f64)> {
    let (start, end) = ((sample.at_seconds - sample.wall_seconds).max(0.0), sample.at_seconds);
    let length = end - start;
    let first = (start / SLOT_SECONDS) as usize;
    let last = (end / SLOT_SECONDS) as usize;
    (first..=last).filter_map(move |index| {
        let slot_start = index as f64 * SLOT_SECONDS;
        let overlap = end.min(slot_start + SLOT_SECONDS) - start.max(slot_start);
        (overlap > 0.0 && length > 0.0).then(|| (index, overlap, overlap / length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(thread: u64, at_seconds: f64, wall_seconds: f64, cpu_seconds: f64) -> Sample {
        Sample { process: 0, thread, stack: 0, at_seconds, wall_seconds, cpu_seconds, is_queued: false }
    }

    fn charged(samples: &[Sample]) -> Vec<f64> {
        let wall = wall_seconds(samples, |_| true);
        wall.into_iter().map(|seconds| (seconds * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn a_lone_thread_is_charged_its_wall_time_whether_it_works_or_waits() {
        assert_eq!(charged(&[sample(1, 0.01, 0.01, 0.01), sample(1, 0.02, 0.01, 0.0)]), [0.01, 0.01]);
        assert_eq!(charged(&[sample(1, 0.02, 0.02, 0.002)]), [0.02]);
    }

    #[test]
    fn who_waits_for_a_worker_is_charged_nothing() {
        assert_eq!(charged(&[sample(1, 0.01, 0.01, 0.0), sample(2, 0.01, 0.01, 0.01)]), [0.0, 0.01]);
    }

    #[test]
    fn who_waits_for_a_worker_without_a_core_is_charged_nothing() {
        let queued = Sample { is_queued: true, ..sample(2, 0.01, 0.01, 0.0) };
        assert_eq!(charged(&[sample(1, 0.01, 0.01, 0.0), queued]), [0.0, 0.01]);
        assert_eq!(charged(&[queued, Sample { thread: 3, ..queued }]), [0.005, 0.005]);
        assert_eq!(charged(&[queued, sample(1, 0.01, 0.01, 0.01)]), [0.0, 0.01]);
    }

    #[test]
    fn threads_that_wait_together_share_the_time() {
        assert_eq!(charged(&[sample(1, 0.01, 0.01, 0.0), sample(2, 0.01, 0.01, 0.0)]), [0.005, 0.005]);
    }

    #[test]
    fn two_cores_count_twice_and_one_lock_once() {
        assert_eq!(charged(&[sample(1, 0.01, 0.01, 0.01), sample(2, 0.01, 0.01, 0.01)]), [0.01, 0.01]);
        assert_eq!(charged(&[sample(1, 0.01, 0.01, 0.005), sample(2, 0.01, 0.01, 0.005)]), [0.005, 0.005]);
    }

    #[test]
    fn what_does_not_contend_takes_nothing() {
        let samples = [sample(1, 0.01, 0.01, 0.0), sample(2, 0.01, 0.01, 0.01)];
        assert_eq!(wall_seconds(&samples, |sample| sample.thread == 1), [0.01, 0.0]);
    }
}
