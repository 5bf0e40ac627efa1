//! The files of other benchmark tools, read into records and written from them: pytest-benchmark, pyperf, hyperfine,
//! github-action-benchmark and `OpenMetrics`.

use serde_json::{Value, json};

use crate::model::{Benchmark, BenchmarkKind, Metric, RunKind, RunRecord, Series};

/// A form that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// `pytest-benchmark compare` reads it.
    PytestBenchmark,
    /// `pyperf compare_to` reads it.
    Pyperf,
    /// `customSmallerIsBetter` of github-action-benchmark.
    GithubAction,
    /// Prometheus and GitLab's metrics report read it.
    OpenMetrics,
}

impl Export {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::PytestBenchmark, Self::Pyperf, Self::GithubAction, Self::OpenMetrics];

    /// As the command line names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PytestBenchmark => "pytest-benchmark",
            Self::Pyperf => "pyperf",
            Self::GithubAction => "github-action-benchmark",
            Self::OpenMetrics => "openmetrics",
        }
    }
}

/// Reads a document of pytest-benchmark, pyperf or hyperfine; which one it is shows in its keys.
///
/// # Errors
/// A sentence that says why it is none of them.
pub fn import(text: &str) -> Result<RunRecord, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let (generator, benchmarks) = if document.get("machine_info").is_some() && document["benchmarks"].is_array() {
        let version = document["version"].as_str().unwrap_or_default();
        (format!("pytest-benchmark {version}"), of_pytest_benchmark(&document)?)
    } else if document["benchmarks"].is_array() && document.get("version").is_some() {
        ("pyperf".to_owned(), of_pyperf(&document)?)
    } else if document["results"].is_array() && document["results"][0].get("times").is_some() {
        ("hyperfine".to_owned(), of_hyperfine(&document)?)
    } else {
        return Err("it is no document of pytest-benchmark, pyperf or hyperfine".to_owned());
    };
    if benchmarks.is_empty() {
        return Err("it holds no samples".to_owned());
    }
    let mut run = RunRecord { kind: RunKind::Imported, generator, benchmarks, ..RunRecord::default() };
    let commit = &document["commit_info"];
    commit["id"].as_str().unwrap_or_default().clone_into(&mut run.revision.commit);
    commit["branch"].as_str().unwrap_or_default().clone_into(&mut run.revision.branch);
    run.revision.is_dirty = commit["dirty"].as_bool().unwrap_or_default();
    let machine = &document["machine_info"];
    machine["cpu"]["brand_raw"].as_str().unwrap_or_default().clone_into(&mut run.environment.processor);
    machine["python_version"].as_str().unwrap_or_default().clone_into(&mut run.environment.python);
    Ok(run)
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).filter(|number| number.is_finite()).collect()
}

fn one(name: &str, kind: BenchmarkKind, series: Vec<(Metric, Vec<f64>)>) -> Option<Benchmark> {
    let series: Vec<Series> = series
        .into_iter()
        .filter(|(_, after)| !after.is_empty())
        .map(|(metric, after)| Series { metric, after, ..Series::default() })
        .collect();
    (!series.is_empty()).then(|| Benchmark { name: name.to_owned(), kind, series, ..Benchmark::default() })
}

fn name_of<'a>(value: &'a Value, keys: &[&str]) -> Result<&'a str, String> {
    keys.iter().find_map(|key| value[*key].as_str()).ok_or_else(|| format!("a benchmark lacks its `{}`", keys[0]))
}

fn of_pytest_benchmark(document: &Value) -> Result<Vec<Benchmark>, String> {
    let mut found = vec![];
    for benchmark in document["benchmarks"].as_array().into_iter().flatten() {
        let name = name_of(benchmark, &["fullname", "name"])?;
        let mut samples = numbers(&benchmark["stats"]["data"]);
        if samples.is_empty() {
            // Without --benchmark-save-data only the figures are kept.
            samples.extend(benchmark["stats"]["median"].as_f64());
        }
        found.extend(one(name, BenchmarkKind::Iteration, vec![(Metric::WallTime, samples)]));
    }
    Ok(found)
}

fn of_pyperf(document: &Value) -> Result<Vec<Benchmark>, String> {
    let mut found = vec![];
    for benchmark in document["benchmarks"].as_array().into_iter().flatten() {
        // A document with one benchmark keeps its name outside of it.
        let metadata = if benchmark["metadata"]["name"].is_string() { benchmark } else { document };
        let name = name_of(&metadata["metadata"], &["name"])?;
        // Runs that only calibrate have no values.
        let runs = benchmark["runs"].as_array().into_iter().flatten();
        let samples: Vec<f64> = runs.flat_map(|run| numbers(&run["values"])).collect();
        let unit = metadata["metadata"]["unit"].as_str().or(document["metadata"]["unit"].as_str());
        let metric = if unit == Some("byte") { Metric::PeakRss } else { Metric::WallTime };
        found.extend(one(name, BenchmarkKind::Command, vec![(metric, samples)]));
    }
    Ok(found)
}

fn of_hyperfine(document: &Value) -> Result<Vec<Benchmark>, String> {
    let mut found = vec![];
    for result in document["results"].as_array().into_iter().flatten() {
        let name = name_of(result, &["command"])?;
        let series = vec![
            (Metric::WallTime, numbers(&result["times"])),
            (Metric::PeakRss, numbers(&result["memory_usage_byte"])),
        ];
        found.extend(one(name, BenchmarkKind::Command, series));
    }
    Ok(found)
}

/// Writes a run.
pub fn export(run: &RunRecord, form: Export) -> String {
    match form {
        Export::PytestBenchmark => pretty(&to_pytest_benchmark(run)),
        Export::Pyperf => pretty(&to_pyperf(run)),
        Export::GithubAction => pretty(&to_github_action(run)),
        Export::OpenMetrics => to_open_metrics(run),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Benchmarks with their wall times.
fn timed(run: &RunRecord) -> impl Iterator<Item = (&Benchmark, &[f64])> {
    run.benchmarks.iter().filter_map(|benchmark| {
        let times = benchmark.series.iter().find(|series| series.metric == Metric::WallTime)?;
        (!times.after.is_empty()).then_some((benchmark, times.after.as_slice()))
    })
}

/// `2026-11-22T21:15:00+00:00`.
fn iso(started: &str) -> String {
    let part = |from: usize, to: usize| started.get(from..to).unwrap_or("00");
    format!(
        "{}-{}-{}T{}:{}:{}+00:00",
        started.get(..4).unwrap_or("0000"),
        part(4, 6),
        part(6, 8),
        part(9, 11),
        part(11, 13),
        part(13, 15)
    )
}

fn to_pytest_benchmark(run: &RunRecord) -> Value {
    let benchmarks: Vec<Value> = timed(run)
        .map(|(benchmark, samples)| {
            let stats = Statistics::of(samples);
            json!({
                "group": null,
                "name": benchmark.name.rsplit("::").next().unwrap_or(&benchmark.name),
                "fullname": benchmark.name,
                "params": null,
                "param": null,
                "extra_info": {},
                "options": {},
                "stats": {
                    "min": stats.min, "max": stats.max, "mean": stats.mean, "stddev": stats.deviation,
                    "rounds": samples.len(), "median": stats.median, "iqr": stats.q3 - stats.q1, "q1": stats.q1,
                    "q3": stats.q3, "iqr_outliers": 0, "stddev_outliers": 0, "outliers": "0;0",
                    "ld15iqr": stats.min, "hd15iqr": stats.max, "ops": 1.0 / stats.mean, "total": stats.total,
                    "iterations": 1, "data": samples,
                },
            })
        })
        .collect();
    json!({
        "machine_info": {
            "node": "", "machine": "", "system": run.environment.system, "release": run.environment.kernel,
            "python_version": run.environment.python, "python_implementation": "CPython",
            "cpu": { "brand_raw": run.environment.processor, "count": run.environment.n_processors },
        },
        "commit_info": {
            "id": run.revision.commit, "branch": run.revision.branch, "dirty": run.revision.is_dirty,
            "time": iso(&run.started), "author_time": iso(&run.started), "project": "",
        },
        "benchmarks": benchmarks,
        "datetime": iso(&run.started),
        "version": "5.1.0",
    })
}

fn to_pyperf(run: &RunRecord) -> Value {
    let benchmarks: Vec<Value> = timed(run)
        .map(|(benchmark, samples)| {
            let runs: Vec<Value> = samples.iter().map(|sample| json!({ "values": [sample] })).collect();
            json!({ "metadata": { "name": benchmark.name, "unit": "second", "loops": 1 }, "runs": runs })
        })
        .collect();
    json!({
        "version": "1.0",
        "metadata": { "python_version": run.environment.python, "cpu_model_name": run.environment.processor },
        "benchmarks": benchmarks,
    })
}

fn to_github_action(run: &RunRecord) -> Value {
    let all = run.benchmarks.iter().flat_map(|each| each.series.iter().map(move |series| (each, series)));
    let entries = all.filter(|(_, series)| !series.after.is_empty()).map(|(benchmark, series)| {
        let stats = Statistics::of(&series.after);
        json!({
            "name": format!("{} ({})", benchmark.name, series.metric.name()),
            "unit": unit(series.metric),
            "value": stats.median,
            "range": format!("{}", stats.max - stats.min),
        })
    });
    Value::Array(entries.collect())
}

fn unit(metric: Metric) -> &'static str {
    match metric {
        Metric::WallTime | Metric::CpuTime => "seconds",
        Metric::PeakRss | Metric::TracedPeak => "bytes",
        Metric::Queries => "queries",
        Metric::Instructions => "instructions",
    }
}

fn to_open_metrics(run: &RunRecord) -> String {
    let label = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut text = String::new();
    for metric in Metric::ALL {
        let name = match metric {
            Metric::WallTime => "cmdx_wall_seconds",
            Metric::CpuTime => "cmdx_cpu_seconds",
            Metric::PeakRss => "cmdx_peak_rss_bytes",
            Metric::TracedPeak => "cmdx_traced_peak_bytes",
            Metric::Queries => "cmdx_queries",
            Metric::Instructions => "cmdx_instructions",
        };
        let mut lines = String::new();
        for benchmark in &run.benchmarks {
            let of_metric = benchmark.series.iter().find(|series| series.metric == metric && !series.after.is_empty());
            let Some(series) = of_metric else { continue };
            let value = Statistics::of(&series.after).median;
            lines = format!("{lines}{name}{{benchmark=\"{}\"}} {value}\n", label(&benchmark.name));
        }
        if !lines.is_empty() {
            text = format!("{text}# TYPE {name} gauge\n{lines}");
        }
    }
    text + "# EOF\n"
}

/// What other tools keep of samples.
struct Statistics {
    min: f64,
    max: f64,
    mean: f64,
    median: f64,
    q1: f64,
    q3: f64,
    deviation: f64,
    total: f64,
}

impl Statistics {
    /// Of samples that are there.
    fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let total: f64 = sorted.iter().sum();
        let mean = total / sorted.len() as f64;
        let squares: f64 = sorted.iter().map(|sample| (sample - mean).powi(2)).sum();
        let deviation = if sorted.len() > 1 { (squares / (sorted.len() - 1) as f64).sqrt() } else { 0.0 };
        let at = |part: f64| {
            let place = part * (sorted.len() - 1) as f64;
            let (low, high) = (place.floor() as usize, place.ceil() as usize);
            sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
        };
        Self {
            min: sorted[0],
            max: sorted[sorted.len() - 1],
            mean,
            median: at(0.5),
            q1: at(0.25),
            q3: at(0.75),
            deviation,
            total,
        }
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
