use super::*;
use crate::engine::bench::{Band, judge};

fn gates(text: &str) -> Gates {
    Gates::read(&text.parse().expect("TOML")).expect("gates")
}

fn error(text: &str) -> GateError {
    Gates::read(&text.parse().expect("TOML")).expect_err("no gates")
}

fn benchmark(name: &str, kind: BenchmarkKind, metric: Metric, before: &[f64], after: &[f64]) -> Benchmark {
    let mut series = Series { metric, before: before.to_vec(), after: after.to_vec(), ..Series::default() };
    series.comparison = judge(&series, 0.99, &Band { part: 0.03 });
    Benchmark { name: name.into(), kind, series: vec![series], ..Benchmark::default() }
}

fn request(after: &[f64]) -> RunRecord {
    let benchmarks = vec![benchmark("GET /users", BenchmarkKind::Request, Metric::WallTime, &[], after)];
    RunRecord { benchmarks, ..RunRecord::default() }
}

fn status(gates: &Gates, run: &RunRecord) -> Vec<GateStatus> {
    gates.judge(run, "2026-11-22").into_iter().map(|verdict| verdict.status).collect()
}

const TUTORIAL: &str = "[absolute]\nresponse_time = \"250 ms\"\n";

#[test]
fn a_gate_fails_only_with_its_whole_interval() {
    let gates = gates(TUTORIAL);
    assert_eq!(status(&gates, &request(&[0.2; 12])), [GateStatus::Pass]);
    assert_eq!(status(&gates, &request(&[0.3; 12])), [GateStatus::Fail]);
    let straddling = [0.2, 0.2, 0.21, 0.22, 0.23, 0.24, 0.26, 0.27, 0.28, 0.29, 0.3, 0.31];
    let verdict = &gates.judge(&request(&straddling), "2026-11-22")[0];
    assert_eq!(verdict.status, GateStatus::Inconclusive);
    assert!(verdict.message.starts_with("240ms [200ms, 300ms] vs 250ms (n=12)"), "{}", verdict.message);
    assert_eq!(status(&gates, &request(&[0.3; 3])), [GateStatus::Inconclusive], "three samples prove nothing");
}

#[test]
fn no_figure_is_missing_and_no_gate_is_empty() {
    let verdict = &gates("[absolute]\nqueries = 10\n").judge(&request(&[0.2; 12]), "2026-11-22")[0];
    assert_eq!(verdict.status, GateStatus::Missing);
    assert!(verdict.message.contains("no query was traced"), "{}", verdict.message);
    assert!(gates("confidence = 0.95\n").is_empty());
    assert!(!gates(TUTORIAL).is_empty());
}

#[test]
fn queries_and_memory_are_judged_by_every_sample() {
    let queries = |n: f64| RunRecord {
        benchmarks: vec![benchmark("GET /users", BenchmarkKind::Request, Metric::Queries, &[], &[n, n])],
        ..RunRecord::default()
    };
    let gates_of_queries = gates("[absolute]\nqueries = 10\n");
    assert_eq!(status(&gates_of_queries, &queries(10.0)), [GateStatus::Pass]);
    assert_eq!(status(&gates_of_queries, &queries(11.0)), [GateStatus::Fail]);
    let memory = |values: &[f64]| RunRecord {
        benchmarks: vec![benchmark("tests", BenchmarkKind::Process, Metric::PeakRss, &[], values)],
        ..RunRecord::default()
    };
    let gates_of_memory = gates("[absolute]\nmemory = \"600 MB\"\n");
    assert_eq!(status(&gates_of_memory, &memory(&[599e6, 600e6])), [GateStatus::Pass]);
    assert_eq!(status(&gates_of_memory, &memory(&[601e6, 602e6])), [GateStatus::Fail]);
    assert_eq!(status(&gates_of_memory, &memory(&[599e6, 602e6])), [GateStatus::Inconclusive]);
    assert_eq!(status(&gates("[absolute]\nmemory = \"600 MiB\"\n"), &memory(&[629e6])), [GateStatus::Pass]);
}

#[test]
fn relative_gates_need_a_base_and_an_effect_that_matters() {
    let run = |before: f64, after: f64| RunRecord {
        benchmarks: vec![benchmark("t", BenchmarkKind::Test, Metric::CpuTime, &[before; 12], &[after; 12])],
        ..RunRecord::default()
    };
    let gates = gates("[relative]\ntime = \"5%\"\n");
    assert_eq!(status(&gates, &run(1.0, 1.04)), [GateStatus::Pass]);
    assert_eq!(status(&gates, &run(1.0, 1.2)), [GateStatus::Fail]);
    assert_eq!(status(&gates, &run(1e-4, 1.2e-4)), [GateStatus::Pass], "20 µs are nobody's business");
    assert_eq!(status(&gates, &request(&[0.2; 12])), [GateStatus::Missing]);
}

#[test]
fn the_last_rule_wins_and_a_waiver_ends() {
    let text = format!(
        "{TUTORIAL}[[rule]]\nmatch = \"GET *\"\nresponse_time = \"100 ms\"\n[[rule]]\nmatch = \"GET /users\"\nresponse_time = \"400 ms\"\n"
    );
    assert_eq!(status(&gates(&text), &request(&[0.3; 12])), [GateStatus::Pass]);
    let waived = |day: &str| {
        let text =
            format!("{TUTORIAL}[[waive]]\nmatch = \"GET *\"\nuntil = {day}\nreason = \"new parser, issue 41\"\n");
        gates(&text).judge(&request(&[0.3; 12]), "2026-11-22").remove(0)
    };
    assert_eq!(waived("2026-11-22").status, GateStatus::Waived);
    assert_eq!(waived("\"2026-11-22\"").status, GateStatus::Waived);
    let ended = waived("2026-11-21");
    assert_eq!(ended.status, GateStatus::Fail);
    assert!(ended.message.ends_with("its waiver ended on 2026-11-21: new parser, issue 41"), "{}", ended.message);
}

#[test]
fn percentiles_need_enough_samples() {
    let gates = gates("[absolute]\nresponse_time = \"p95: 250 ms\"\n");
    assert_eq!(status(&gates, &request(&[0.2; 40])), [GateStatus::Inconclusive], "40 samples hold no upper end of p95");
    assert_eq!(status(&gates, &request(&[0.2; 200])), [GateStatus::Pass]);
    assert_eq!(status(&gates, &request(&[0.3; 40])), [GateStatus::Fail]);
}

#[test]
fn slips_of_the_keyboard_are_errors() {
    for (text, message, hint) in [
        ("[absolute]\nrespons_time = \"1s\"\n", "unknown key `respons_time`", "did you mean `response_time`?"),
        ("[absolut]\nmemory = \"1 MB\"\n", "unknown key `absolut`", "did you mean `absolute`?"),
        ("[absolute]\nmemory = \"600\"\n", "`600` has no unit of memory", "use B, KB, MB, GB, KiB, MiB or GiB"),
        ("[relative]\ntime = \"5\"\n", "`5` is no share", "write it like \"5%\""),
        ("[absolute]\nresponse_time = \"p200: 1s\"\n", "`p200` is no percentile", "write it like `p95: 250 ms`"),
    ] {
        let found = error(text);
        assert_eq!((found.message.as_str(), found.hint.as_deref()), (message, Some(hint)));
    }
    assert_eq!(error("on_missing = \"ignore\"\n").message, "`on_missing` must be \"fail\", \"warn\" or \"pass\"");
    assert!(error("[[waive]]\nmatch = \"*\"\nuntil = 2026-12-31\n").message.contains("`reason` must be"));
    assert!(error("[[waive]]\nmatch = \"*\"\nuntil = \"soon\"\nreason = \"x\"\n").message.contains("`until` must be"));
}
