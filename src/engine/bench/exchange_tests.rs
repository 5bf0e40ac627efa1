use super::*;

fn samples(run: &RunRecord) -> Vec<(String, Vec<f64>)> {
    run.benchmarks.iter().map(|each| (each.name.clone(), each.series[0].after.clone())).collect()
}

#[test]
fn documents_of_other_tools_are_told_apart_by_their_keys() {
    let pytest = r#"{"machine_info": {"python_version": "3.11.7"}, "commit_info": {"id": "abc", "dirty": true}, "version": "5.1.0",
        "benchmarks": [{"name": "test_a", "fullname": "t.py::test_a", "stats": {"median": 2.0, "data": [1.0, 2.0, 3.0]}},
                       {"name": "test_b", "fullname": "t.py::test_b", "stats": {"median": 4.0}}]}"#;
    let run = import(pytest).expect("a run");
    assert_eq!(run.generator, "pytest-benchmark 5.1.0");
    assert_eq!((run.revision.commit.as_str(), run.revision.is_dirty), ("abc", true));
    assert_eq!(samples(&run), [("t.py::test_a".into(), vec![1.0, 2.0, 3.0]), ("t.py::test_b".into(), vec![4.0])]);

    let pyperf = r#"{"version": "1.0", "metadata": {"name": "lonely", "unit": "second"}, "benchmarks": [
        {"runs": [{"warmups": [[1, 0.5]]}, {"values": [0.1, 0.2]}, {"values": [0.3]}]}]}"#;
    assert_eq!(samples(&import(pyperf).expect("a run")), [("lonely".into(), vec![0.1, 0.2, 0.3])]);

    let hyperfine = r#"{"results": [{"command": "sleep 1", "times": [1.0, 1.1], "memory_usage_byte": [4096, 4096]}]}"#;
    let run = import(hyperfine).expect("a run");
    assert_eq!(samples(&run), [("sleep 1".into(), vec![1.0, 1.1])]);
    assert_eq!(run.benchmarks[0].series[1].metric, Metric::PeakRss);
}

#[test]
fn anything_else_is_refused_with_its_reason() {
    assert!(import("{").expect_err("no JSON").starts_with("it is not JSON"));
    assert_eq!(import("{}").expect_err("nothing"), "it is no document of pytest-benchmark, pyperf or hyperfine");
    let empty = r#"{"version": "1.0", "metadata": {"name": "a"}, "benchmarks": [{"runs": []}]}"#;
    assert_eq!(import(empty).expect_err("nothing"), "it holds no samples");
}

#[test]
fn what_is_exported_reads_back() {
    let hyperfine = r#"{"results": [{"command": "run \"x\" </script>", "times": [1.0, 3.0, 2.0]}]}"#;
    let run = import(hyperfine).expect("a run");
    for form in [Export::PytestBenchmark, Export::Pyperf] {
        assert_eq!(samples(&import(&export(&run, form)).expect("a run")), samples(&run), "{}", form.name());
    }
    let document: Value = serde_json::from_str(&export(&run, Export::PytestBenchmark)).expect("JSON");
    let stats = &document["benchmarks"][0]["stats"];
    assert_eq!(
        (stats["mean"].as_f64(), stats["stddev"].as_f64(), stats["q1"].as_f64()),
        (Some(2.0), Some(1.0), Some(1.5))
    );
    let action: Value = serde_json::from_str(&export(&run, Export::GithubAction)).expect("JSON");
    assert_eq!((action[0]["unit"].as_str(), action[0]["value"].as_f64()), (Some("seconds"), Some(2.0)));
    assert_eq!(
        export(&run, Export::OpenMetrics),
        "# TYPE cmdx_wall_seconds gauge\ncmdx_wall_seconds{benchmark=\"run \\\"x\\\" </script>\"} 2\n# EOF\n"
    );
}
