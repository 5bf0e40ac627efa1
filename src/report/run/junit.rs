//! A run as `JUnit`'s XML: a suite a file, a case a test, the figures of a test as properties.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::words;
use crate::model::{RunRecord, TestOutcome, TestRecord};
use crate::report::xml::escaped;

/// Writes one document.
pub(super) fn write(run: &RunRecord, out: &mut dyn Write) -> io::Result<()> {
    let mut suites: BTreeMap<&str, Vec<&TestRecord>> = BTreeMap::new();
    for test in &run.tests {
        suites.entry(suite_of(&test.name)).or_default().push(test);
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<&TestRecord> = run.tests.iter().collect();
    let _infallible = writeln!(text, "<testsuites name=\"{}\" {}>", escaped(&run.generator), counts(&all));
    for (name, tests) in &suites {
        let _infallible = writeln!(text, "  <testsuite name=\"{}\" {}>", escaped(name), counts(tests));
        for test in tests {
            case(run, name, test, &mut text);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    out.write_all(text.as_bytes())
}

fn suite_of(name: &str) -> &str {
    name.split_once("::").map_or_else(|| name.rsplit_once('.').map_or(name, |(suite, _)| suite), |(file, _)| file)
}

fn counts(tests: &[&TestRecord]) -> String {
    let count = |wanted: &[TestOutcome]| tests.iter().filter(|test| wanted.contains(&test.outcome)).count();
    let seconds: f64 = tests.iter().map(|test| test.seconds).sum();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\"",
        tests.len(),
        count(&[TestOutcome::Failed, TestOutcome::Timeout]),
        count(&[TestOutcome::Error, TestOutcome::Crashed]),
        count(&[TestOutcome::Skipped, TestOutcome::Xfailed]),
    )
}

fn case(run: &RunRecord, suite: &str, test: &TestRecord, out: &mut String) {
    let own = test.name.strip_prefix(suite).map_or(test.name.as_str(), |rest| rest.trim_start_matches([':', '.']));
    let own = if own.is_empty() { test.name.as_str() } else { own };
    let place = test.location.as_ref().map_or_else(String::new, |location| {
        format!(" file=\"{}\" line=\"{}\"", escaped(&location.path), location.line)
    });
    let _infallible = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\"{place} time=\"{:.3}\">",
        escaped(suite),
        escaped(own),
        test.seconds
    );
    let properties = properties(run, test);
    if !properties.is_empty() {
        let _infallible = write!(out, "\n      <properties>{properties}\n      </properties>");
    }
    let message = escaped(&test.message);
    let element = match test.outcome {
        TestOutcome::Failed | TestOutcome::Timeout => "failure",
        TestOutcome::Error | TestOutcome::Crashed => "error",
        TestOutcome::Skipped | TestOutcome::Xfailed => "skipped",
        TestOutcome::Passed | TestOutcome::Xpassed | TestOutcome::Flaky => {
            out.push_str("</testcase>\n");
            return;
        }
    };
    let details: Vec<_> = test.details.lines().map(escaped).collect();
    let _infallible =
        writeln!(out, "\n      <{element} message=\"{message}\">{}</{element}>\n    </testcase>", details.join("\n"));
}

fn properties(run: &RunRecord, test: &TestRecord) -> String {
    let mut found = String::new();
    if test.outcome == TestOutcome::Flaky {
        let _infallible =
            write!(found, "\n        <property name=\"cmdx.flaky\" value=\"{}\"/>", escaped(&test.message));
    }
    for benchmark in run.benchmarks.iter().filter(|benchmark| benchmark.name == test.name) {
        for series in &benchmark.series {
            let value = words::median(&series.after);
            let name = series.metric.name();
            let _infallible = write!(found, "\n        <property name=\"cmdx.{name}\" value=\"{value}\"/>");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::run::sample;

    #[test]
    fn every_test_is_a_case_and_markup_stays_text() {
        let mut out = vec![];
        write(&sample::tested(), &mut out).expect("a vector takes all");
        insta::assert_snapshot!(String::from_utf8(out).expect("text"));
    }
}
