//! The answer as GitHub, GitLab and SARIF want it: failures beside the lines they are about.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::format::{label, sentence};
use crate::model::{GateReport, GateStatus, GateVerdict, Location};
use crate::report::sarif::{self, ROOT, SCHEMA};

/// Workflow commands of GitHub Actions.
pub(super) fn write_github(report: &GateReport, out: &mut dyn Write) -> io::Result<()> {
    for verdict in report.verdicts.iter().filter(|verdict| verdict.status != GateStatus::Pass) {
        let command = match verdict.status {
            GateStatus::Fail => "error",
            GateStatus::Waived => "notice",
            _ => "warning",
        };
        let place = place(report, verdict);
        let file = if verdict.location.is_some() {
            format!("file={},line={},", property(&place.path), place.line.max(1))
        } else {
            String::new()
        };
        writeln!(out, "::{command} {file}title=Performance {}::{}", label(verdict.status), data(&sentence(verdict)))?;
    }
    Ok(())
}

/// Paths as the repository has them.
fn place(report: &GateReport, verdict: &GateVerdict) -> Location {
    let location = verdict.location.clone().unwrap_or_else(|| Location::new("cmdx.toml", 1, ""));
    Location { path: format!("{}{}", report.prefix, location.path), ..location }
}

/// What stands behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands behind a `=`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The same for every run of the same gate: GitLab shows the first of equal ones alone.
fn fingerprint(verdict: &GateVerdict) -> String {
    let hash = blake3::hash(format!("{}\0{}", verdict.gate, verdict.benchmark).as_bytes());
    hash.to_hex()[..32].to_owned()
}

/// GitLab's code quality report.
pub(super) fn write_gitlab(report: &GateReport, out: &mut dyn Write) -> io::Result<()> {
    let shown = report.verdicts.iter().filter(|verdict| verdict.status != GateStatus::Pass);
    let issues: Vec<Value> = shown
        .map(|verdict| {
            let place = place(report, verdict);
            json!({
                "type": "issue",
                "check_name": format!("cmdx/{}", verdict.gate),
                "description": sentence(verdict),
                "categories": ["Performance"],
                "severity": if verdict.status == GateStatus::Fail { "major" } else { "info" },
                "fingerprint": fingerprint(verdict),
                "location": { "path": place.path, "lines": { "begin": place.line.max(1) } },
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &issues)?;
    out.write_all(b"\n")
}

/// SARIF 2.1.0.
pub(super) fn write_sarif(report: &GateReport, out: &mut dyn Write) -> io::Result<()> {
    let (name, version) = report.generator.split_once(' ').unwrap_or((&report.generator, ""));
    let rule = |verdict: &GateVerdict| format!("cmdx/perf/{}", verdict.gate.replace('_', "-"));
    let mut rules: Vec<String> = report.verdicts.iter().map(rule).collect();
    rules.sort();
    rules.dedup();
    let shown = report.verdicts.iter().filter(|verdict| verdict.status != GateStatus::Pass);
    let results: Vec<Value> = shown
        .map(|verdict| {
            json!({
                "ruleId": rule(verdict),
                "level": if verdict.status == GateStatus::Fail { "error" } else { "note" },
                "message": { "text": sentence(verdict) },
                "locations": [sarif::location(&place(report, verdict))],
                "partialFingerprints": { "cmdxGate/v1": fingerprint(verdict) },
            })
        })
        .collect();
    let repository = report.project.trim_end_matches('/').strip_suffix(report.prefix.trim_end_matches('/'));
    let root = repository.unwrap_or(&report.project).trim_end_matches('/');
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": name,
                "version": version,
                "rules": rules.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>(),
            } },
            "originalUriBaseIds": { ROOT: { "uri": format!("{}/", sarif::file_uri(root)) } },
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gates::format::{GateFormat, write};
    use crate::support::style::Style;

    fn report() -> GateReport {
        let verdict = |gate: &str, benchmark: &str, status, message: &str| GateVerdict {
            gate: gate.into(),
            benchmark: benchmark.into(),
            status,
            message: message.into(),
            limit: 0.25,
            ..GateVerdict::default()
        };
        let mut failed =
            verdict("absolute.response_time", "GET /users", GateStatus::Fail, "300ms [290ms, 310ms] > 250ms (n=12)");
        failed.location = Some(Location::new("src/a,b.py", 7, ""));
        GateReport {
            schema_version: 1,
            generator: "cmdx 0.1.0".into(),
            project: "/repository/api".into(),
            prefix: "api/".into(),
            verdicts: vec![
                verdict("absolute.memory", "tests", GateStatus::Pass, "480MB <= 600MB (n=8)"),
                failed,
                verdict("absolute.queries", "", GateStatus::Missing, "no query was traced"),
            ],
            ..GateReport::default()
        }
    }

    fn written(format: GateFormat) -> String {
        let mut out = vec![];
        write(&report(), format, &Style::plain(), &mut out).expect("a vector takes all");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn every_form_says_what_failed() {
        assert_eq!(
            written(GateFormat::Text),
            "FAIL          absolute.response_time GET /users: 300ms [290ms, 310ms] > 250ms (n=12)  src/a,b.py:7\n\
             MISSING       absolute.queries: no query was traced\n\
             PASS          absolute.memory tests: 480MB <= 600MB (n=8)\n\
             ❌ 1 passed, 1 failed, 1 missing\n"
        );
        assert_eq!(
            written(GateFormat::Github),
            "::error file=api/src/a%2Cb.py,line=7,title=Performance FAIL::absolute.response_time GET /users: 300ms \
             [290ms, 310ms] > 250ms (n=12)\n\
             ::warning title=Performance MISSING::absolute.queries: no query was traced\n"
        );
        let junit = written(GateFormat::Junit);
        assert!(
            junit.contains(
                "<testsuite name=\"performance gates\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\">"
            )
        );
        assert!(junit.contains("<skipped message=\"MISSING: no query was traced\"/>"), "{junit}");
        let markdown = written(GateFormat::Markdown);
        assert!(markdown.contains("| FAIL | absolute.response_time | GET /users | 300ms [290ms"), "{markdown}");
    }

    #[test]
    fn gitlab_and_sarif_have_stable_fingerprints_and_paths_of_the_repository() {
        let issues: Value = serde_json::from_str(&written(GateFormat::Gitlab)).expect("JSON");
        assert_eq!(issues.as_array().map(Vec::len), Some(2), "{issues:#}");
        assert_eq!(issues[0]["location"]["path"], "api/src/a,b.py");
        assert_ne!(issues[0]["fingerprint"], issues[1]["fingerprint"]);
        let sarif: Value = serde_json::from_str(&written(GateFormat::Sarif)).expect("JSON");
        let results = &sarif["runs"][0]["results"];
        assert_eq!(results[0]["ruleId"], "cmdx/perf/absolute.response-time");
        assert_eq!(results[0]["level"], "error");
        assert_eq!(results[0]["partialFingerprints"]["cmdxGate/v1"], issues[0]["fingerprint"]);
    }
}
