use super::*;
use crate::report::sample;

fn document(report: &Report) -> Value {
    let mut out = vec![];
    write(report, &mut out).expect("memory takes every text");
    serde_json::from_slice(&out).expect("JSON")
}

fn pretty(report: &Report) -> String {
    serde_json::to_string_pretty(&document(report)).expect("JSON")
}

#[test]
fn each_finding_is_a_result_at_its_line() {
    insta::assert_snapshot!(pretty(&sample::tutorial()));
}

#[test]
fn problems_are_notifications_and_not_results() {
    insta::assert_snapshot!(pretty(&sample::static_only()));
}

#[test]
fn results_refer_to_their_rules() {
    for report in [sample::tutorial(), sample::hostile(), sample::static_only(), sample::empty()] {
        let document = document(&report);
        let run = &document["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("a list");
        for result in run["results"].as_array().expect("a list") {
            let index = result["ruleIndex"].as_u64().expect("an index") as usize;
            assert_eq!(rules[index]["id"], result["ruleId"]);
        }
    }
}

#[test]
fn addresses_are_relative_to_the_root_and_encoded() {
    let document = document(&sample::hostile());
    let run = &document["runs"][0];
    let artifact = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(artifact["uriBaseId"], ROOT);
    let uri = artifact["uri"].as_str().expect("text");
    assert!(uri.starts_with("src/%3C/script%3E%7C%1B%5B31m"), "{uri}");
    assert_eq!(run["originalUriBaseIds"][ROOT]["uri"], "file:///projects/slow-api/");
}

#[test]
fn a_place_without_a_line_has_no_region() {
    let mut report = sample::tutorial();
    report.findings[0].location.line = 0;
    report.findings[0].location.path = "/usr/lib/python3/other.py".into();
    let document = document(&report);
    let place = &document["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place, &json!({ "artifactLocation": { "uri": "file:///usr/lib/python3/other.py" } }));
}

#[test]
fn findings_of_one_rule_in_one_function_have_fingerprints_of_their_own() {
    let mut report = sample::tutorial();
    report.findings.push(report.findings[0].clone());
    let document = document(&report);
    let print = |index: usize| document["runs"][0]["results"][index]["partialFingerprints"].clone();
    assert_ne!(print(0), print(3));
}
