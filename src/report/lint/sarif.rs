//! SARIF 2.1.0, as the report of a run has it: findings are results, what could not be read is a notification.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::fingerprint::Fingerprints;
use super::words;
use crate::model::{LintReport, LintRule, Safety};
use crate::report::sarif::{self, ROOT, SCHEMA};
use crate::report::words::category_name;

/// Writes one run.
pub(super) fn write(report: &LintReport, out: &mut dyn Write) -> io::Result<()> {
    let (name, version) = report.generator.split_once(' ').unwrap_or((&report.generator, ""));
    let repository = report.project.trim_end_matches('/').strip_suffix(report.prefix.trim_end_matches('/'));
    let root = repository.unwrap_or(&report.project).trim_end_matches('/');
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": name,
                "version": version,
                "rules": report.rules.iter().map(rule).collect::<Vec<_>>(),
            } },
            "originalUriBaseIds": { ROOT: { "uri": format!("{}/", sarif::file_uri(root)) } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": notifications(report) }],
            "results": results(report),
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

fn rule(rule: &LintRule) -> Value {
    let tags = match rule.category {
        Some(category) => vec!["performance", category_name(category)],
        None => vec!["maintainability"],
    };
    json!({
        "id": rule.name,
        "shortDescription": { "text": rule.summary },
        "help": { "text": format!("cmdx check-code-quality --explain {}", rule.name) },
        "defaultConfiguration": { "level": "warning" },
        "properties": { "tags": tags },
    })
}

fn results(report: &LintReport) -> Vec<Value> {
    let mut fingerprints = Fingerprints::default();
    let mut results = vec![];
    for finding in &report.findings {
        let place = words::location_in_repository(report, &finding.location);
        let mut location = sarif::location(&place);
        if place.line > 0 {
            location["physicalLocation"]["region"]["endLine"] = json!(finding.end_line.max(place.line));
            if finding.column > 0 {
                location["physicalLocation"]["region"]["startColumn"] = json!(finding.column);
            }
        }
        results.push(json!({
            "ruleId": finding.rule,
            "ruleIndex": report.rules.iter().position(|rule| rule.name == finding.rule),
            "level": if finding.safety == Safety::ShowOnly { "note" } else { "warning" },
            "message": { "text": words::sentences(finding) },
            "locations": [location],
            "partialFingerprints": { "cmdxFinding/v1": fingerprints.of(&finding.rule, &place) },
            "properties": { "safety": finding.safety },
        }));
    }
    results
}

fn notifications(report: &LintReport) -> Vec<Value> {
    let moved = |problem: &crate::model::Problem| {
        let mut problem = problem.clone();
        problem.location = problem.location.map(|location| words::location_in_repository(report, &location));
        sarif::notification(&problem)
    };
    report.problems.iter().map(moved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::lint::sample;

    #[test]
    fn results_lie_at_their_lines_below_the_repository() {
        let mut out = vec![];
        write(&sample::report(), &mut out).expect("a vector takes all");
        let document: Value = serde_json::from_slice(&out).expect("one document");
        let run = &document["runs"][0];
        assert_eq!(run["originalUriBaseIds"]["%SRCROOT%"]["uri"], "file:///home/me/shop/");
        assert_eq!(run["results"].as_array().map(Vec::len), Some(3));
        let physical = &run["results"][2]["locations"][0]["physicalLocation"];
        assert_eq!(physical["artifactLocation"]["uri"], "api/src/odd%2C50%25%3A%0A%3C/b%3E.py");
        assert_eq!(physical["region"], json!({ "startLine": 1, "endLine": 2 }));
        assert_eq!(run["results"][2]["ruleIndex"], 0);
        assert_eq!(run["results"][0]["level"], "warning");
        let notifications = &run["invocations"][0]["toolExecutionNotifications"];
        assert_eq!(notifications[0]["message"]["text"], "not scanned: syntax error in line 2.");
    }
}
