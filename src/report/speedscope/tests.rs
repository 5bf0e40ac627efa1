use super::*;
use crate::report::sample;

fn document(report: &Report) -> Value {
    let mut out = vec![];
    write(report, &mut out).expect("memory takes every text");
    serde_json::from_slice(&out).expect("JSON")
}

#[test]
fn the_document_has_wall_and_cpu_time() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&document(&sample::tutorial())).expect("JSON"));
}

/// What the format asks of a sampled profile (`src/lib/file-format-spec.ts` of speedscope).
#[test]
fn the_document_keeps_the_rules_of_the_format() {
    for report in
        [sample::tutorial(), sample::hostile(), sample::many(), sample::overlapping(), sample::nothing_found()]
    {
        let document = document(&report);
        assert_eq!(document["$schema"], SCHEMA);
        let n_frames = document["shared"]["frames"].as_array().expect("a list").len() as u64;
        for profile in document["profiles"].as_array().expect("a list") {
            assert_eq!((&profile["type"], &profile["unit"]), (&json!("sampled"), &json!("seconds")));
            let samples = profile["samples"].as_array().expect("a list");
            let weights = profile["weights"].as_array().expect("a list");
            assert_eq!(samples.len(), weights.len());
            let sum: f64 = weights.iter().filter_map(Value::as_f64).sum();
            assert!((profile["endValue"].as_f64().expect("a number") - sum).abs() < 1e-9);
            for index in samples.iter().flat_map(|sample| sample.as_array().expect("a list")) {
                assert!(index.as_u64().expect("an index") < n_frames);
            }
        }
    }
}

#[test]
fn cpu_time_that_was_not_measured_is_no_profile() {
    assert_eq!(document(&sample::overlapping())["profiles"].as_array().expect("a list").len(), 1);
    assert_eq!(document(&sample::static_only())["profiles"], json!([]));
}
