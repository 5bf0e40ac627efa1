//! Which lines kept growing, and what that amounts to.
//!
//! Growth is judged by the second half of a line's time, by the smallest values of ten blocks of it: warm-up, caches
//! that fill, garbage collection and a staircase of buffers rise as well, and are over by then.

use std::collections::HashMap;

use super::replay::{Block, N_POINTS, Step, block_of, part_of};
use super::stacks::Stacks;
use super::tally::Tally;
use crate::agent::memory_log::{MemoryEvent, Source};
use crate::model::{GrowingSite, GrowthVerdict};
use crate::support::{statistics, units};

/// Less than this is not worth a word.
const BYTES_MIN: u64 = 1_000_000;
/// So many samples at least must have made the rise.
const N_SAMPLES_MIN: u64 = 8;
/// Blocks of the second half.
const N_BLOCKS: usize = 10;
/// A one-sided test at one percent.
const Z_MIN: f64 = 2.33;
/// The rise must be this part of the level,
const RISE_MIN: f64 = 0.01;
/// and so many times the spread that sampling gives it.
const NOISE_FACTOR: f64 = 3.0;
/// The last quarter must rise at this part of the pace of the one before: what slows down comes to an end.
const PACE_MIN: f64 = 0.4;
/// A shorter time tells nothing.
const SECONDS_MIN: f64 = 3.0;
/// A program that was ended from outside is believed to have gone on like this after so long.
const SECONDS_SURE: f64 = 10.0;

/// The lines that grew to the end, most first.
pub(super) fn sites(stacks: &Stacks, steps: &[Step], live: &[Tally], has_ended: bool) -> Vec<GrowingSite> {
    let mut at_end = vec![Tally::default(); stacks.lines.len()];
    for (tally, line) in live.iter().zip(&stacks.line_of) {
        if let Some(line) = line {
            at_end[*line as usize].merge(tally);
        }
    }
    let is_candidate: Vec<bool> =
        at_end.iter().map(|tally| tally.bytes() >= BYTES_MIN && tally.n_samples >= N_SAMPLES_MIN).collect();
    if !is_candidate.contains(&true) {
        return vec![];
    }
    let series = series(stacks, steps, &is_candidate);
    let seconds = steps.last().map_or(0.0, |last| (last.at_ns - steps[0].at_ns) as f64 * 1e-9);
    let mut sites: Vec<GrowingSite> = series
        .iter()
        .filter_map(|(line, series)| {
            let weight = at_end[*line as usize].bytes() as f64 / at_end[*line as usize].n_samples as f64;
            let rise = rise_of(&series.minima, weight)?;
            Some(site(&stacks.lines[*line as usize], series, &rise, seconds, has_ended))
        })
        .collect();
    sites.sort_by(|left, right| right.end_bytes.cmp(&left.end_bytes).then(left.location.cmp(&right.location)));
    sites
}

/// Live bytes of a line: the smallest value of each part of the time, and the last.
struct Series {
    minima: Vec<f64>,
    last: f64,
}

/// The series of the candidates.
fn series(stacks: &Stacks, steps: &[Step], is_candidate: &[bool]) -> HashMap<u32, Series> {
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return HashMap::new() };
    let whole_ns = last.at_ns - first.at_ns;
    let mut lines: HashMap<u32, (f64, Vec<f64>)> = HashMap::new();
    let mut blocks: HashMap<(usize, u32), Block> = HashMap::new();
    let mut part = 0;
    for step in steps {
        let now = part_of(step.at_ns - first.at_ns, whole_ns);
        while part < now {
            for (current, values) in lines.values_mut() {
                values.resize(part + 1, *current);
                values.push(*current);
            }
            part += 1;
        }
        let (id, change) = match step.event {
            Some(MemoryEvent::Allocated { id, source, .. }) if source != Source::Mapping => {
                (id, block_of(stacks, step))
            }
            Some(MemoryEvent::Freed { id, .. }) => (id, None),
            _ => continue,
        };
        let key = (step.process, id);
        let (line, bytes) = match change {
            Some(block) => {
                blocks.insert(key, block);
                (stacks.line_of[block.stack as usize], block.estimate())
            }
            None => match blocks.remove(&key) {
                Some(block) => (stacks.line_of[block.stack as usize], -block.estimate()),
                None => continue,
            },
        };
        let Some(line) = line.filter(|line| is_candidate[*line as usize]) else { continue };
        let (current, values) = lines.entry(line).or_default();
        values.resize(part + 1, *current);
        *current += bytes;
        values[part] = values[part].min(*current);
    }
    let finish = |(line, (current, mut values)): (u32, (f64, Vec<f64>))| {
        values.resize(N_POINTS, current);
        (line, Series { minima: values, last: current })
    };
    lines.into_iter().map(finish).collect()
}

/// What a series that rises to its end rises by.
struct Rise {
    /// Over the second half.
    bytes: f64,
    z: f64,
}

/// `None` unless the second half rises, by more than chance would, and does not slow down.
fn rise_of(series: &[f64], sample_weight: f64) -> Option<Rise> {
    let half = &series[series.len() / 2..];
    let minima: Vec<f64> = half
        .chunks(half.len().div_ceil(N_BLOCKS))
        .map(|block| block.iter().copied().fold(f64::INFINITY, f64::min))
        .collect();
    let z = statistics::mann_kendall_z(&minima);
    let bytes = statistics::theil_sen_slope(&minima) * (minima.len() - 1) as f64;
    let level = minima.iter().sum::<f64>() / minima.len() as f64;
    let noise = (bytes.max(0.0) * sample_weight).sqrt();
    if z <= Z_MIN || bytes <= (RISE_MIN * level).max(NOISE_FACTOR * noise) {
        return None;
    }
    let (before, last) = minima.split_at(minima.len() / 2);
    let pace = statistics::theil_sen_slope(last);
    (pace >= PACE_MIN * statistics::theil_sen_slope(before)).then_some(Rise { bytes, z })
}

fn site(location: &crate::model::Location, series: &Series, rise: &Rise, seconds: f64, has_ended: bool) -> GrowingSite {
    let verdict = if seconds < SECONDS_MIN {
        GrowthVerdict::Inconclusive
    } else if has_ended || seconds >= SECONDS_SURE {
        GrowthVerdict::Leak
    } else {
        GrowthVerdict::Growth
    };
    let bytes_per_second = rise.bytes / (seconds / 2.0).max(1e-9);
    let start_bytes = series.minima[N_POINTS / 4].max(0.0) as u64;
    let end_bytes = series.last.max(0.0) as u64;
    let pace = format!("{}/s", units::bytes(bytes_per_second as u64));
    let figures =
        format!("{} at a quarter of the run, {} at its end", units::bytes(start_bytes), units::bytes(end_bytes));
    let evidence = match verdict {
        GrowthVerdict::Leak | GrowthVerdict::Growth => {
            format!("{figures}; grew by {pace} to the end (trend z = {:.1})", rise.z)
        }
        GrowthVerdict::Inconclusive => {
            format!("{figures}; a run of {} is too short to call it a leak", units::duration(seconds))
        }
    };
    GrowingSite { location: location.clone(), verdict, start_bytes, end_bytes, bytes_per_second, evidence }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series_of(value: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..N_POINTS).map(|point| value(point as f64 / N_POINTS as f64)).collect()
    }

    fn is_rising(value: impl Fn(f64) -> f64) -> bool {
        rise_of(&series_of(value), 1e5).is_some()
    }

    #[test]
    fn a_line_that_rises_to_the_end_is_found() {
        assert!(is_rising(|at| 1e8 * at));
        assert!(is_rising(|at| 5e7 + 2e7 * at), "on top of a level");
        assert!(is_rising(|at| 1e8 * at + 4e6 * (at * 200.0).sin()), "with a ripple");
        assert!(is_rising(|at| 3e7 * (at * 10.0).min(1.0) + 5e7 * at), "after a warm-up");
    }

    #[test]
    fn warm_up_bounded_caches_and_sawteeth_are_no_leaks() {
        assert!(!is_rising(|_| 1e8));
        assert!(!is_rising(|at| 1e8 * (1.0 - (-12.0 * at).exp())), "saturating");
        assert!(!is_rising(|at| 1e8 * (at * 3.0).min(1.0)), "a cache that is full after a third");
        assert!(!is_rising(|at| 2e7 * (at * 4.0).floor().min(2.0)), "a staircase that ends");
        assert!(!is_rising(|at| 5e7 * (at * 13.0).fract()), "a sawtooth");
        assert!(!is_rising(|at| 1e8 * (1.0 - at)), "what is given back");
    }

    #[test]
    fn a_rise_of_a_few_samples_is_chance() {
        assert!(rise_of(&series_of(|at| 1e6 + 4e5 * at), 1e5).is_none());
    }
}
