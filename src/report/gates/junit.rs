//! The answer as `JUnit`'s XML: one suite, a case a gate; what has no clear answer is skipped with its reason.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::format::label;
use crate::model::{GateReport, GateStatus};
use crate::report::xml::escaped;

/// Writes one document.
pub(super) fn write(report: &GateReport, out: &mut dyn Write) -> io::Result<()> {
    let n_failed = report.verdicts.iter().filter(|verdict| verdict.status == GateStatus::Fail).count();
    let is_open = |status: GateStatus| !matches!(status, GateStatus::Fail | GateStatus::Pass);
    let n_skipped = report.verdicts.iter().filter(|verdict| is_open(verdict.status)).count();
    let counts =
        format!("tests=\"{}\" failures=\"{n_failed}\" errors=\"0\" skipped=\"{n_skipped}\"", report.verdicts.len());
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" {counts}>\n  <testsuite name=\"performance \
         gates\" {counts}>\n",
        escaped(&report.generator)
    );
    for verdict in &report.verdicts {
        let (gate, name) = (escaped(&verdict.gate), escaped(&verdict.benchmark));
        let name = if name.is_empty() { gate.clone() } else { name };
        let message = escaped(&verdict.message);
        let inner = match verdict.status {
            GateStatus::Pass => String::new(),
            GateStatus::Fail => format!("<failure message=\"{message}\"/>"),
            other => format!("<skipped message=\"{}: {message}\"/>", label(other)),
        };
        let _infallible = writeln!(text, "    <testcase classname=\"{gate}\" name=\"{name}\">{inner}</testcase>");
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    out.write_all(text.as_bytes())
}
