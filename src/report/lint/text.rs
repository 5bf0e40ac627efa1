//! For people: a line for each finding, as `path:line: rule [safety] message`, files apart by an empty line.

use std::io::{self, Write};

use super::words;
use crate::model::{FunctionComplexity, LintFinding, LintReport, Location, Problem, Safety};
use crate::report::Style;
use crate::report::words::shell_words;
use crate::support::units;

/// McCabe's own limit: a function above it is worth a look.
const COMPLEXITY_SHOWN_MIN: u32 = 11;
/// So many of them are named.
const N_FUNCTIONS_SHOWN_MAX: usize = 5;

/// Writes the whole text at once.
pub(super) fn write(report: &LintReport, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { report, style, text: String::new() };
    findings(&mut page);
    problems(&mut page);
    functions(&mut page);
    summary(&mut page);
    out.write_all(page.text.as_bytes())
}

struct Page<'a> {
    report: &'a LintReport,
    style: &'a Style,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// `path:line`, a link where the stream has links.
    fn place(&self, location: &Location) -> String {
        let place = if location.line == 0 { location.path.clone() } else { location.to_string() };
        let project = self.report.project.trim_end_matches('/');
        let absolute =
            if location.path.starts_with('/') { location.path.clone() } else { format!("{project}/{}", location.path) };
        self.style.strong(&self.style.link(&self.style.text(&place), &absolute))
    }
}

fn findings(page: &mut Page) {
    let mut path = None;
    for finding in &page.report.findings {
        if path.is_some_and(|path| path != &finding.location.path) {
            page.line("");
        }
        path = Some(&finding.location.path);
        let line = finding_line(page, finding);
        page.line(&line);
    }
    if !page.report.findings.is_empty() {
        page.line("");
    }
}

fn finding_line(page: &Page, finding: &LintFinding) -> String {
    let style = page.style;
    let safety = format!("[{}]", words::safety(finding.safety));
    let safety = match finding.safety {
        Safety::Proven => style.command(&safety),
        Safety::NeedsRun => style.warning(&safety),
        Safety::ShowOnly => style.secondary(&safety),
    };
    format!(
        "{}: {} {safety} {}",
        page.place(&finding.location),
        style.text(&finding.rule),
        style.text(&finding.message)
    )
}

fn problems(page: &mut Page) {
    for problem in &page.report.problems {
        let line = problem_line(page, problem);
        page.line(&line);
    }
    if !page.report.problems.is_empty() {
        page.line("");
    }
}

fn problem_line(page: &Page, problem: &Problem) -> String {
    let place = problem.location.as_ref().map(|location| format!("{}: ", page.place(location))).unwrap_or_default();
    let label = page.style.error("error:");
    format!("{place}{label} {}", page.style.text(&words::problem(problem)))
}

fn functions(page: &mut Page) {
    let report = page.report;
    // Those above the limit that was asked for stand among the findings.
    if report.max_complexity.is_some() {
        return;
    }
    let is_worth = |function: &&FunctionComplexity| function.complexity >= COMPLEXITY_SHOWN_MIN;
    let complex: Vec<&FunctionComplexity> = report.functions.iter().filter(is_worth).collect();
    if complex.is_empty() {
        return;
    }
    page.line(&page.style.strong("Most complex functions:"));
    for function in complex.iter().take(N_FUNCTIONS_SHOWN_MAX) {
        let name = page.style.text(&function.location.symbol).into_owned();
        let line = format!("  {:>4}  {} {name}()", function.complexity, page.place(&function.location));
        page.line(&line);
    }
    let n_more = complex.len().saturating_sub(N_FUNCTIONS_SHOWN_MAX) as u64;
    if n_more > 0 {
        let more = units::counted(n_more, "more function", "more functions");
        let line = format!("        {more} above {}: --max-complexity={0}", COMPLEXITY_SHOWN_MIN - 1);
        page.line(&page.style.secondary(&line));
    }
    page.line("");
}

fn summary(page: &mut Page) {
    let report = page.report;
    let mut parts = vec![page.style.strong(&words::summary(report))];
    let n_rewritable = report.findings.iter().filter(|finding| finding.is_rewritable).count() as u64;
    if n_rewritable > 0 {
        let command = format!("cmdx optimize --implement {}", shell_words(&report.paths));
        let command = page.style.command(&page.style.text(&command));
        parts.push(format!("{} can be rewritten: {command}", units::count(n_rewritable)));
    }
    if report.n_ignored > 0 {
        parts.push(format!("{} ignored by comments", units::count(report.n_ignored)));
    }
    if !report.problems.is_empty() {
        let n = units::counted(report.problems.len() as u64, "file or directory", "files or directories");
        parts.push(page.style.error(&format!("{n} could not be read")));
    }
    page.line(&parts.join("; "));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::lint::sample;

    fn written(report: &LintReport, style: &Style) -> String {
        let mut out = vec![];
        write(report, style, &mut out).expect("a vector takes all");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn each_finding_is_a_line_and_files_stand_apart() {
        assert_eq!(
            written(&sample::report(), &Style::plain()),
            "\
src/a.py:3: list-membership [proven] every `in` searches the list
src/a.py:9: n-plus-one [needs-run] one query per row

src/odd,50%:\\n</b>.py:1: complexity [show-only] f() has a complexity of 12, above 10

broken.py:2: error: not scanned: syntax error in line 2

3 findings in 4 files (1,605 lines); 2 can be rewritten: cmdx optimize --implement src 'my dir'; \
2 ignored by comments; 1 file or directory could not be read
"
        );
    }

    #[test]
    fn complex_functions_are_named_where_no_limit_was_given() {
        let report =
            LintReport { findings: vec![], problems: vec![], n_ignored: 0, max_complexity: None, ..sample::report() };
        let text = written(&report, &Style::plain());
        assert_eq!(
            text,
            "Most complex functions:\n    12  src/odd,50%:\\n</b>.py:1 f()\n\nNo findings in 4 files (1,605 lines)\n"
        );
    }

    #[test]
    fn colour_and_hostile_names_do_no_harm() {
        let style = Style { colour: true, ..Style::plain() };
        let mut report = sample::report();
        report.findings[0].location.path = "\u{1b}[2J.py".to_owned();
        let text = written(&report, &style);
        assert!(text.contains("\\x1b[2J.py:3") && text.contains("\u{1b}[36m[proven]\u{1b}[0m"), "{text}");
    }
}
