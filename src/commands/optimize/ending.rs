//! What there is to say about how a run ended, in the workload's own last words.

use std::fs;
use std::path::Path;

use crate::model::{ExitReason, Problem, Recording, Workload, WorkloadKind};
use crate::support::units;

/// Longer last words are cut.
const WORDS_MAX: usize = 200;

/// Says why a run failed or gave no samples; nothing when it did well.
pub(super) fn problems(workload: &Workload, recording: &Recording) -> Vec<Problem> {
    let mut problems = vec![];
    if let ExitReason::Exited(code) = recording.exit
        && code != 0
    {
        let last_words = last_words(workload.kind, recording).map_or(String::new(), |words| format!(": {words}"));
        problems.push(Problem {
            location: None,
            message: format!("the workload ended with exit code {code}{last_words}"),
            hint: None,
        });
    }
    if recording.samples.is_empty() && recording.problems.is_empty() {
        let lasted = units::duration(recording.wall_seconds);
        problems.push(Problem {
            location: None,
            message: format!("the workload was over after {lasted}, before it could be sampled"),
            hint: Some("give it more to do: a larger input, or a loop around it".to_owned()),
        });
    }
    problems
}

/// Test runners sum up on standard output; everything else complains on standard error.
fn last_words(kind: WorkloadKind, recording: &Recording) -> Option<String> {
    let is_test = matches!(kind, WorkloadKind::TestSuite | WorkloadKind::PerformanceTests);
    let (stdout, stderr) = (&recording.stdout_log, &recording.stderr_log);
    let (first, second) = if is_test { (stdout, stderr) } else { (stderr, stdout) };
    last_line(first).or_else(|| last_line(second))
}

fn last_line(log: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&fs::read(log).ok()?).into_owned();
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(WORDS_MAX).collect())
}
