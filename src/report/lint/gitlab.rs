//! GitLab's code quality report: the part of the Code Climate format that GitLab reads.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::fingerprint::Fingerprints;
use super::words;
use crate::model::{LintReport, Safety};

/// Writes one list.
pub(super) fn write(report: &LintReport, out: &mut dyn Write) -> io::Result<()> {
    let mut fingerprints = Fingerprints::default();
    let mut issues: Vec<Value> = vec![];
    for finding in &report.findings {
        let place = words::location_in_repository(report, &finding.location);
        issues.push(json!({
            "type": "issue",
            "check_name": finding.rule,
            "description": words::sentences(finding),
            "categories": [if finding.category.is_some() { "Performance" } else { "Complexity" }],
            "severity": severity(finding.safety),
            "fingerprint": fingerprints.of(&finding.rule, &place),
            "location": { "path": place.path, "lines": { "begin": place.line, "end": finding.end_line } },
        }));
    }
    for problem in &report.problems {
        let place = problem.location.clone().unwrap_or_default();
        issues.push(json!({
            "type": "issue",
            "check_name": "unreadable",
            "description": words::problem(problem),
            "categories": ["Bug Risk"],
            "severity": "critical",
            "fingerprint": fingerprints.of_problem(problem),
            "location": {
                "path": words::path_in_repository(report, &place.path),
                "lines": { "begin": place.line.max(1) },
            },
        }));
    }
    serde_json::to_writer_pretty(&mut *out, &issues)?;
    out.write_all(b"\n")
}

/// The surer the cure, the less there is to say for leaving it.
fn severity(safety: Safety) -> &'static str {
    match safety {
        Safety::Proven => "major",
        Safety::NeedsRun => "minor",
        Safety::ShowOnly => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::lint::sample;

    #[test]
    fn each_finding_is_an_issue_with_a_fingerprint_of_its_own() {
        let mut out = vec![];
        write(&sample::report(), &mut out).expect("a vector takes all");
        let issues: Vec<Value> = serde_json::from_slice(&out).expect("a list");
        let column = |name: &str| issues.iter().map(|issue| issue[name].as_str().expect("text")).collect::<Vec<_>>();
        assert_eq!(column("check_name"), ["list-membership", "n-plus-one", "complexity", "unreadable"]);
        assert_eq!(column("severity"), ["major", "minor", "info", "critical"]);
        let mut fingerprints = column("fingerprint");
        fingerprints.sort_unstable();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), 4);
        assert_eq!(issues[0]["location"], json!({ "path": "api/src/a.py", "lines": { "begin": 3, "end": 4 } }));
        assert_eq!(issues[2]["location"]["path"], format!("api/{}", sample::ODD));
    }
}
