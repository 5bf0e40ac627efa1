//! `JUnit`'s XML: a suite for each file, a failure for each finding, an error for what could not be read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::words;
use crate::model::{LintFinding, LintReport, Problem};
use crate::report::xml::escaped;

/// Writes one document.
pub(super) fn write(report: &LintReport, out: &mut dyn Write) -> io::Result<()> {
    let mut suites: BTreeMap<&str, Suite> = BTreeMap::new();
    for finding in &report.findings {
        suites.entry(&finding.location.path).or_default().findings.push(finding);
    }
    for problem in &report.problems {
        let path = problem.location.as_ref().map_or("", |location| &location.path);
        suites.entry(path).or_default().problems.push(problem);
    }
    let (n_failures, n_errors) = (report.findings.len(), report.problems.len());
    let n_tests = (n_failures + n_errors).max(1);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _infallible = writeln!(
        text,
        "<testsuites name=\"{}\" tests=\"{n_tests}\" failures=\"{n_failures}\" errors=\"{n_errors}\">",
        escaped(&report.generator)
    );
    if suites.is_empty() {
        // A document without a test is taken for a run that failed.
        let summary = words::summary(report);
        let _infallible = writeln!(
            text,
            "  <testsuite name=\"cmdx\" tests=\"1\" failures=\"0\" errors=\"0\">\n    <testcase name=\"{}\" \
             classname=\"cmdx\"/>\n  </testsuite>",
            escaped(&summary)
        );
    }
    for (path, suite) in &suites {
        suite.write(path, &mut text);
    }
    text.push_str("</testsuites>\n");
    out.write_all(text.as_bytes())
}

/// What there is to say about one file.
#[derive(Default)]
struct Suite<'a> {
    findings: Vec<&'a LintFinding>,
    problems: Vec<&'a Problem>,
}

impl Suite<'_> {
    fn write(&self, path: &str, text: &mut String) {
        let (n_failures, n_errors) = (self.findings.len(), self.problems.len());
        let path = escaped(path);
        let _infallible = writeln!(
            text,
            "  <testsuite name=\"{path}\" tests=\"{}\" failures=\"{n_failures}\" errors=\"{n_errors}\">",
            n_failures + n_errors
        );
        for finding in &self.findings {
            let name = escaped(&format!("{}:{} {}", finding.rule, finding.location.line, finding.location.symbol))
                .into_owned();
            let (message, safety) = (escaped(&finding.message), words::safety(finding.safety));
            let _infallible = writeln!(
                text,
                "    <testcase name=\"{name}\" classname=\"{path}\" file=\"{path}\" line=\"{}\">\n      <failure \
                 type=\"{safety}\" message=\"{message}\">{}</failure>\n    </testcase>",
                finding.location.line,
                escaped(&format!("{}: {}", finding.location, words::sentences(finding)))
            );
        }
        for problem in &self.problems {
            let message = words::problem(problem);
            let _infallible = writeln!(
                text,
                "    <testcase name=\"readable\" classname=\"{path}\" file=\"{path}\">\n      <error \
                 message=\"{}\"/>\n    </testcase>",
                escaped(&message)
            );
        }
        text.push_str("  </testsuite>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::lint::sample;

    fn written(report: &LintReport) -> String {
        let mut out = vec![];
        write(report, &mut out).expect("a vector takes all");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn findings_are_failures_and_problems_errors() {
        let text = written(&sample::report());
        assert!(text.contains("<testsuites name=\"cmdx 0.1.0\" tests=\"4\" failures=\"3\" errors=\"1\">"), "{text}");
        assert!(text.contains("<testsuite name=\"src/a.py\" tests=\"2\" failures=\"2\" errors=\"0\">"), "{text}");
        assert!(text.contains("file=\"src/odd,50%:\\n&lt;/b&gt;.py\" line=\"1\""), "{text}");
        assert!(text.contains("no &lt;generator&gt; &amp; no %."), "{text}");
    }

    #[test]
    fn nothing_found_is_a_test_that_passed() {
        let text = written(&LintReport { findings: vec![], problems: vec![], ..sample::report() });
        assert!(text.contains("tests=\"1\" failures=\"0\" errors=\"0\"") && !text.contains("<failure"), "{text}");
    }
}
