//! The main job on the sample projects, each run as a user would: what the report names, against `expected.toml`.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::runs::{cmdx, fixture, say};

/// `optimize` on a copy of a fixture, as its JSON document. The copy is kept until the test ends.
fn optimize(name: &str, words: &[&str]) -> (TempDir, Value) {
    let project = fixture(name);
    let said = say(cmdx(project.path()).args(["optimize", "--profile", "--json", "--install"]).args(words));
    assert_eq!(said.code, 0, "{}\n{}", said.stderr, said.stdout);
    let document = serde_json::from_str(&said.stdout).expect("one document");
    (project, document)
}

fn expected(name: &str) -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).join("expected.toml");
    std::fs::read_to_string(path).expect("every fixture has one").parse().expect("TOML")
}

fn problem<'a>(expected: &'a toml::Table, id: &str) -> &'a toml::Table {
    let problems = expected["problem"].as_array().expect("a list");
    problems.iter().filter_map(toml::Value::as_table).find(|each| each["id"].as_str() == Some(id)).expect("listed")
}

fn findings<'a>(document: &'a Value, title: &str) -> Vec<&'a Value> {
    let all = document["findings"].as_array().expect("a list");
    all.iter().filter(|finding| finding["title"].as_str().is_some_and(|text| text.contains(title))).collect()
}

fn function<'a>(document: &'a Value, symbol: &str) -> &'a Value {
    let functions = document["profile"]["cpu"]["functions"].as_array().expect("a list");
    let found = functions.iter().find(|function| function["location"]["symbol"] == symbol);
    found.unwrap_or_else(|| panic!("{symbol} is not among {functions:#?}"))
}

fn share(cost: &Value) -> f64 {
    cost["share"]["value"].as_f64().expect("a number")
}

#[test]
fn the_slow_api_names_its_bottlenecks_its_n_plus_one_and_its_json() {
    let (_kept, document) = optimize("slow-api-example", &["src"]);
    let truth = expected("slow-api-example");
    assert_eq!(document["workload"]["kind"], "performance-tests");

    let repeated = problem(&truth, "n-plus-one-query-users");
    let found = findings(&document, "N+1 query problem in query_users()");
    assert_eq!(found.len(), 1, "{:#?}", document["findings"]);
    assert_eq!(found[0]["location"]["path"].as_str(), repeated["file"].as_str());
    assert_eq!(found[0]["location"]["line"].as_i64(), repeated["loop"].as_integer());
    let evidence = found[0]["evidence"].to_string();
    assert!(evidence.contains("1000 queries per call, from the loop at line 51"), "{evidence}");
    assert!(share(found[0]) > 0.3, "{}", share(found[0]));

    let groups = document["profile"]["queries"]["groups"].as_array().expect("a list");
    let group = groups.iter().find(|group| group["site"]["symbol"] == "load_posts").expect("its query");
    assert_eq!(group["site"]["line"].as_i64(), repeated["query_line"].as_integer());
    assert_eq!(group["repeated_by"]["is_measured"], true);
    assert!((group["repeated_by"]["per_call"].as_f64().expect("a number") - 1000.0).abs() < 1e-9);

    // Library time belongs to whoever called the library: the helper around the query comes first.
    let first = &document["profile"]["cpu"]["functions"][0];
    assert_eq!(first["location"]["symbol"], "load_posts");
    let serialization = function(&document, "serialize_response");
    assert!(serialization["location"]["line"] == 23 && share(serialization) > 0.05);
    assert!(!findings(&document, "Inefficient JSON serialization in serialize_response()").is_empty());
    assert!(function(&document, "get_from_cache")["location"]["line"] == 12);
}

#[test]
fn a_sample_is_found_from_the_top_of_the_repository() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let words = ["optimize", "--json", "fixtures/slow-processor", "--", "true"];
    let said = say(cmdx(repository).args(words));
    let document: Value = serde_json::from_str(&said.stdout).expect("one document");
    let project = document["project"].as_str().expect("a path");
    assert!(project.ends_with("fixtures/slow-processor"), "{project}");
}

#[test]
fn the_database_heavy_api_names_the_loops_behind_its_fifty_queries() {
    let (_kept, document) = optimize("db-heavy-api", &["."]);
    let scopes = document["profile"]["queries"]["scopes"].as_array().expect("a list");
    let requests: Vec<_> = scopes
        .iter()
        .filter(|scope| scope["kind"] == "request" && scope["n_queries"] == 50 * scope["n_runs"].as_u64().unwrap_or(0))
        .collect();
    assert!(requests.len() >= 4, "{scopes:#?}");
    assert!(findings(&document, "N+1 query problem").len() >= 4, "{:#?}", document["findings"]);
}

#[test]
fn the_slow_processor_names_its_quadratic_parts() {
    let (_kept, document) = optimize("slow-processor", &[".", "--", "python3", "processor.py", "--rows", "8000"]);
    let functions = document["profile"]["cpu"]["functions"].as_array().expect("a list");
    assert!(share(&functions[0]) > 0.3, "{functions:#?}");
    let rewrites: usize = document["findings"].as_array().expect("a list").len();
    assert!(rewrites >= 3, "{:#?}", document["findings"]);
}

#[test]
fn the_leaking_app_is_profiled_while_it_runs() {
    let words = [".", "--", "python3", "-m", "leakapp", "--seconds", "4"];
    let (_kept, document) = optimize("memory-leak-app", &words);
    assert!(document["profile"]["cpu"]["n_samples"].as_u64().expect("a number") > 50);
    let peak = document["profile"]["cpu"]["processes"][0]["peak_rss_bytes"].as_u64().expect("a number");
    assert!(peak > 30_000_000, "{peak}");
}
