//! Gathers what the page shows beside the report: the source lines that cost time, and what the run depended on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::SystemTime;

use crate::commands::sources::Sources;
use crate::engine::bench::{history, trends};
use crate::model::{Dashboard, Report, SourceExcerpt, SourceLine, Trends};
use crate::project::Project;
use crate::support::units;

/// Lines shown before and after one that cost time.
const N_LINES_AROUND: u32 = 4;
/// Files whose lines are shown, dearest first; a page with more is too large to send.
const N_FILES_MAX: usize = 30;
/// Lines of one file that are shown with those around them, dearest first.
const N_HOT_LINES_MAX: usize = 60;
/// Longer lines are data, and no one reads their end.
const LINE_LENGTH_MAX: usize = 240;

/// The report with what surrounds it.
pub(super) fn of(report: Report, project: &Project, sources: &Sources) -> Dashboard {
    Dashboard {
        measured_at: units::moment(SystemTime::now()),
        command: command(),
        sources: excerpts(&report, sources),
        trends: trends(project),
        rewriting: None,
        surroundings: surroundings(project),
        report,
    }
}

/// The history as lines; records that cannot be read are named in the page.
fn trends(project: &Project) -> Trends {
    let history = history::read(&project.root.join(".cmdx"));
    let mut trends = trends::of(&history.runs);
    trends.problems = history.problems.into_iter().map(|problem| problem.message).collect();
    trends
}

/// The words that were typed; the program by its name alone.
fn command() -> Vec<String> {
    let mut words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(program) = words.first_mut() {
        *program = program.rsplit('/').next().unwrap_or("cmdx").to_owned();
    }
    words
}

/// The dear lines of the dearest files, with their surroundings and the head of their function.
fn excerpts(report: &Report, sources: &Sources) -> Vec<SourceExcerpt> {
    let Some(profile) = &report.profile else { return vec![] };
    let mut by_path = BTreeMap::<&str, (f64, BTreeSet<u32>)>::new();
    for cost in &profile.cpu.lines {
        let (seconds, lines) = by_path.entry(&cost.location.path).or_default();
        *seconds += cost.wall_seconds;
        if lines.len() < N_HOT_LINES_MAX {
            lines.insert(cost.location.line);
        }
    }
    for function in &profile.cpu.functions {
        if let Some((_, lines)) = by_path.get_mut(function.location.path.as_str()) {
            lines.insert(function.location.line);
        }
    }
    let mut files: Vec<_> = by_path.into_iter().collect();
    files.sort_by(|(path, one), (other_path, other)| other.0.total_cmp(&one.0).then(path.cmp(other_path)));
    let excerpt = |(path, (_, lines)): (&str, (f64, BTreeSet<u32>))| excerpt(path, &lines, &sources.text(path)?);
    files.into_iter().take(N_FILES_MAX).filter_map(excerpt).collect()
}

fn excerpt(path: &str, hot: &BTreeSet<u32>, text: &str) -> Option<SourceExcerpt> {
    let near = |line: &u32| line.saturating_sub(N_LINES_AROUND)..=line.saturating_add(N_LINES_AROUND);
    let wanted: BTreeSet<u32> = hot.iter().filter(|line| **line > 0).flat_map(near).collect();
    let numbered = text.lines().zip(1..);
    let lines: Vec<SourceLine> = numbered
        .filter(|(_, number)| wanted.contains(number))
        .map(|(line, number)| SourceLine { number, text: shortened(line) })
        .collect();
    let n_lines = text.lines().count() as u32;
    (!lines.is_empty()).then(|| SourceExcerpt { path: path.to_owned(), n_lines, lines, is_changed: false })
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LINE_LENGTH_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// What times depend on, as far as the system tells.
fn surroundings(project: &Project) -> Vec<(String, String)> {
    let mut found = vec![];
    let mut add = |name: &str, value: Option<String>| {
        found.extend(value.filter(|value| !value.is_empty()).map(|value| (name.to_owned(), value)));
    };
    let n_processors = thread::available_parallelism().map_or(0, usize::from) as u64;
    let processor = value_of("/proc/cpuinfo", "model name", ':').unwrap_or_default();
    let count = units::counted(n_processors, "processor", "processors");
    add("machine", Some(if processor.is_empty() { count } else { format!("{count}, {processor}") }));
    let system = value_of("/etc/os-release", "PRETTY_NAME", '=').map(|name| name.trim_matches('"').to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned());
    let system = system.unwrap_or_else(|| std::env::consts::OS.to_owned());
    add("system", Some(kernel.map_or(system.clone(), |kernel| format!("{system}, kernel {kernel}"))));
    let load = fs::read_to_string("/proc/loadavg").ok();
    add("load", load.and_then(|text| Some(format!("{} in the minute before the report", text.split(' ').next()?))));
    add("project", Some(project.root.display().to_string()));
    found
}

/// The value of a name in a file of the system, one a line.
fn value_of(path: &str, name: &str, separator: char) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(separator)?;
        (found.trim() == name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(hot: &[u32], n_lines: usize) -> Vec<u32> {
        let text = "x = 1\n".repeat(n_lines);
        let found = excerpt("a.py", &hot.iter().copied().collect(), &text);
        found.map(|found| found.lines.iter().map(|line| line.number).collect()).unwrap_or_default()
    }

    #[test]
    fn a_line_is_shown_with_those_around_it_and_gaps_stay_gaps() {
        assert_eq!(numbers(&[2, 20], 22), [1, 2, 3, 4, 5, 6, 16, 17, 18, 19, 20, 21, 22]);
    }

    #[test]
    fn a_line_that_the_file_no_longer_has_shows_nothing() {
        assert_eq!(numbers(&[90], 3), Vec::<u32>::new());
        assert_eq!(numbers(&[0], 3), Vec::<u32>::new());
    }

    #[test]
    fn a_line_of_data_is_cut_between_characters() {
        let line = shortened(&"ä".repeat(LINE_LENGTH_MAX + 1));
        assert_eq!(line.chars().count(), LINE_LENGTH_MAX + 1);
        assert!(line.ends_with('…'));
    }
}
