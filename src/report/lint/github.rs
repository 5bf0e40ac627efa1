//! Workflow commands of GitHub Actions: `::warning file=…,line=…::message`, shown beside the lines of a pull request.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::words;
use crate::model::{LintReport, Location};

/// Writes a command for each finding and each problem.
pub(super) fn write(report: &LintReport, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        let mut properties = place(report, &finding.location);
        if finding.end_line > finding.location.line {
            let _infallible = write!(properties, ",endLine={}", finding.end_line);
        }
        if finding.column > 0 {
            let _infallible = write!(properties, ",col={}", finding.column);
        }
        let title = property(&format!("{} ({})", finding.rule, words::safety(finding.safety)));
        writeln!(out, "::warning {properties},title=cmdx {title}::{}", data(&words::sentences(finding)))?;
    }
    for problem in &report.problems {
        let properties = problem.location.as_ref().map(|location| format!("{},", place(report, location)));
        let message = data(&words::problem(problem));
        writeln!(out, "::error {}title=cmdx::{message}", properties.unwrap_or_default())?;
    }
    Ok(())
}

fn place(report: &LintReport, location: &Location) -> String {
    let file = property(&words::path_in_repository(report, &location.path));
    if location.line == 0 { format!("file={file}") } else { format!("file={file},line={}", location.line) }
}

/// What stands behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands behind a `=`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::lint::sample;

    #[test]
    fn each_finding_is_a_command_with_its_special_characters_escaped() {
        let mut out = vec![];
        write(&sample::report(), &mut out).expect("a vector takes all");
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(
            lines[0],
            "::warning file=api/src/a.py,line=3,endLine=4,title=cmdx list-membership (proven)::every `in` searches \
             the list. cmdx optimize --implement rewrites it with the same behaviour for every input."
        );
        assert!(lines[1].ends_with("no <generator> & no %25."), "{text}");
        assert!(lines[2].starts_with("::warning file=api/src/odd%2C50%25%3A%0A</b>.py,line=1,"), "{text}");
        assert_eq!(lines[3], "::error file=api/broken.py,line=2,title=cmdx::not scanned: syntax error in line 2");
    }
}
