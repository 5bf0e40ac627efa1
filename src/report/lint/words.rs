//! The words for what a lint report holds, the same in every form.

use crate::model::{LintFinding, LintReport, Location, Problem, Safety};
use crate::support::printable::one_line;
use crate::support::units;

/// `proven`.
pub(super) fn safety(safety: Safety) -> &'static str {
    match safety {
        Safety::Proven => "proven",
        Safety::NeedsRun => "needs-run",
        Safety::ShowOnly => "show-only",
    }
}

/// What is said about the place and what a rewrite of it rests on, a sentence each, on one line.
pub(super) fn sentences(finding: &LintFinding) -> String {
    let mut text = format!("{}.", one_line(&finding.message));
    if finding.is_rewritable {
        text.push_str(match finding.safety {
            Safety::Proven => " cmdx optimize --implement rewrites it with the same behaviour for every input.",
            _ => " cmdx optimize --implement rewrites it where a run shows the same behaviour.",
        });
    }
    for assumption in &finding.assumptions {
        text.push_str(" It rests on this: ");
        text.push_str(&one_line(assumption));
        text.push('.');
    }
    text
}

/// What could not be read, and what to do about it, on one line.
pub(super) fn problem(problem: &Problem) -> String {
    let hint = problem.hint.as_ref().map(|hint| format!(" ({})", one_line(hint))).unwrap_or_default();
    format!("{}{hint}", one_line(&problem.message))
}

/// The path from the root of the repository; absolute where the file lies outside the project.
pub(super) fn path_in_repository(report: &LintReport, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{}{path}", report.prefix) }
}

/// The same place, seen from the root of the repository.
pub(super) fn location_in_repository(report: &LintReport, location: &Location) -> Location {
    Location::new(path_in_repository(report, &location.path), location.line, &location.symbol)
}

/// `12 findings in 5 files (605 lines)`.
pub(super) fn summary(report: &LintReport) -> String {
    let found = match report.findings.len() {
        0 => "No findings".to_owned(),
        n => units::counted(n as u64, "finding", "findings"),
    };
    let files = units::counted(report.n_files, "file", "files");
    let lines = units::counted(report.n_lines, "line", "lines");
    format!("{found} in {files} ({lines})")
}
