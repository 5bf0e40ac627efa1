//! SARIF 2.1.0: each finding is a result at its line, for code scanning and editors. What was not readable or
//! measurable is a notification of the run.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::words;
use crate::model::{Finding, FindingKind, Location, Problem, QueryPatternKind, Report};
use crate::support::printable::one_line;
use crate::support::style::percent_encoded;
use crate::support::units;

/// The schema of this version, by the name its readers look for.
pub(super) const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// Stands for the project root; readers put their own checkout in its place.
pub(super) const ROOT: &str = "%SRCROOT%";

/// Writes one run.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let rules = rules(report);
    let indexes: BTreeMap<_, _> = rules.keys().enumerate().map(|(index, id)| (id.clone(), index)).collect();
    let (name, version) = report.generator.split_once(' ').unwrap_or((&report.generator, ""));
    let notifications: Vec<_> = report.problems.iter().map(notification).collect();
    let mut driver = json!({ "name": name, "rules": rules.into_values().collect::<Vec<_>>() });
    if !version.is_empty() {
        driver["version"] = json!(version);
    }
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "originalUriBaseIds": { ROOT: { "uri": format!("{}/", file_uri(report.project.trim_end_matches('/'))) } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": notifications }],
            "results": results(report, &indexes),
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

/// The kinds of finding that occur, by name.
fn rules(report: &Report) -> BTreeMap<String, Value> {
    let rule = |finding: &Finding| {
        let id = words::kind_name(&finding.kind).to_string();
        let rule = json!({
            "id": id,
            "shortDescription": { "text": description(&finding.kind) },
            "defaultConfiguration": { "level": "warning" },
            "properties": { "tags": ["performance", words::category_name(finding.category)] },
        });
        (id, rule)
    };
    report.findings.iter().map(rule).collect()
}

fn description(kind: &FindingKind) -> String {
    let words = match kind {
        FindingKind::Rule(name) => return format!("The rewrite rule `{name}` applies here."),
        FindingKind::Library(_) => "Much time goes to a library that has a faster way of use.",
        FindingKind::Query(QueryPatternKind::NPlusOne) => "One query per row of another.",
        FindingKind::Query(QueryPatternKind::Duplicate) => "The same query with the same parameters again and again.",
        FindingKind::Query(QueryPatternKind::MissingIndex) => "A full scan that an index would avoid.",
        FindingKind::Query(QueryPatternKind::UnboundedRead) => "All rows of a table fetched without a limit.",
        FindingKind::Query(QueryPatternKind::CommitPerRow) => "A commit per row.",
        FindingKind::Query(QueryPatternKind::ConnectionPerCall) => "A connection per query.",
        FindingKind::Query(QueryPatternKind::RepeatedByLibrary) => "A library repeats a statement.",
        FindingKind::Query(QueryPatternKind::HttpPerItem) => "An HTTP call per item.",
    };
    words.to_string()
}

fn results(report: &Report, indexes: &BTreeMap<String, usize>) -> Vec<Value> {
    let mut occurrences = BTreeMap::new();
    let mut results = vec![];
    for finding in &report.findings {
        let rule = words::kind_name(&finding.kind);
        let place = format!("{rule}\n{}\n{}", finding.location.path, finding.location.symbol);
        let nth = occurrences.entry(place.clone()).and_modify(|n| *n += 1).or_insert(1);
        let fingerprint = blake3::hash(format!("{place}\n{nth}").as_bytes()).to_hex();
        results.push(json!({
            "ruleId": rule,
            "ruleIndex": indexes[rule],
            // What was measured is a warning; what was only read may cost nothing.
            "level": if finding.seconds.is_some() { "warning" } else { "note" },
            "message": { "text": message(finding) },
            "locations": [location(&finding.location)],
            "partialFingerprints": { "cmdxFinding/v1": &fingerprint[..32] },
            "properties": properties(finding),
        }));
    }
    results
}

/// Title, cost, evidence and advice, a sentence each.
fn message(finding: &Finding) -> String {
    let mut sentences = vec![finding.title.clone()];
    sentences.extend(finding.seconds.map(|seconds| match &finding.share {
        Some(share) => format!("{} ({})", units::duration(seconds), words::share(share)),
        None => units::duration(seconds),
    }));
    sentences.extend(finding.evidence.iter().cloned());
    sentences.extend(finding.advice.clone());
    sentences.iter().map(|sentence| format!("{}.", one_line(sentence))).collect::<Vec<_>>().join(" ")
}

fn properties(finding: &Finding) -> Value {
    let mut properties = Map::new();
    if let Some(seconds) = finding.seconds {
        properties.insert("seconds".to_string(), json!(seconds));
    }
    if let Some(share) = &finding.share {
        properties.insert("share".to_string(), json!(share));
    }
    let rewrites = finding.rewrites.iter().map(|(rule, safety)| json!({ "rule": rule, "safety": safety }));
    properties.insert("rewrites".to_string(), rewrites.collect());
    Value::Object(properties)
}

pub(super) fn location(location: &Location) -> Value {
    let mut physical = json!({ "artifactLocation": artifact(&location.path) });
    if location.line > 0 {
        physical["region"] = json!({ "startLine": location.line });
    }
    let mut value = json!({ "physicalLocation": physical });
    if !location.symbol.is_empty() {
        let name = one_line(&location.symbol);
        value["logicalLocations"] = json!([{ "fullyQualifiedName": name, "kind": "function" }]);
    }
    value
}

/// Relative to the project root, or absolute where the file lies outside it.
fn artifact(path: &str) -> Value {
    if path.starts_with('/') || path.get(1..2) == Some(":") {
        return json!({ "uri": file_uri(path) });
    }
    json!({ "uri": percent_encoded(path), "uriBaseId": ROOT })
}

pub(super) fn file_uri(path: &str) -> String {
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("file://{slash}{}", percent_encoded(path))
}

pub(super) fn notification(problem: &Problem) -> Value {
    let hint = problem.hint.as_ref().map(|hint| format!(" {}.", one_line(hint))).unwrap_or_default();
    let mut notification = json!({
        "level": "warning",
        "message": { "text": format!("{}.{hint}", one_line(&problem.message)) },
    });
    if let Some(place) = &problem.location {
        notification["locations"] = json!([location(place)]);
    }
    notification
}

#[cfg(test)]
mod tests;
