//! The page of the report in a real browser: Debian's Chromium, driven by `playwright-core`, checked by `axe-core`.
//! Where one of them cannot be had the test says so loudly and passes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cmdx::model::{Dashboard, Metric, Report, SourceExcerpt, SourceLine, Trend, TrendPoint, TrendRun, Trends};
use serde_json::Value;

use crate::environments;
use crate::profiled::Profiled;

/// What is installed under `target/`, exactly.
const PACKAGES: [&str; 2] = ["playwright-core@1.65.1", "axe-core@4.14.1"];
/// What the issue asks of 500 benchmarks with 1,000 runs.
const LARGE_LOAD_MS_MAX: f64 = 1_000.0;

/// Time in two functions, and queries in a loop.
const SCRIPT: &str = "import sqlite3\nimport time\n\n\ndef busy():\n    end = time.perf_counter() + 0.4\n    while time.perf_counter() < end:\n        sum(range(1000))\n\n\ndef load(database):\n    for number in range(20_000):\n        database.execute('SELECT ?', (number,)).fetchone()\n\n\nload(sqlite3.connect(':memory:'))\nbusy()\n";

/// Chromium and the folder with the packages, installed once; `None`, said on standard error, where that cannot be.
fn browser() -> Option<(PathBuf, PathBuf)> {
    let is_there =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    let chromium = ["chromium", "chromium-browser", "google-chrome"].into_iter().filter(is_there).find_map(path_of);
    let Some(chromium) = chromium else {
        eprintln!("SKIPPED: no Chromium on this machine (apt-get install chromium)");
        return None;
    };
    if !["node", "npm"].iter().all(is_there) {
        eprintln!("SKIPPED: no node and npm on this machine (apt-get install nodejs npm)");
        return None;
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../test-browser");
    fs::create_dir_all(&home).expect("target is writable");
    let lock = fs::File::create(home.join("lock")).expect("target is writable");
    lock.lock().expect("the lock file can be locked");
    let marker = home.join(PACKAGES.join("-").replace('@', "_"));
    if !marker.exists() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&home).args(PACKAGES);
        let output = npm.output().expect("npm starts");
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            eprintln!("SKIPPED: npm could not install {}: {said}", PACKAGES.join(" and "));
            return None;
        }
        fs::write(&marker, "").expect("target is writable");
    }
    Some((chromium, fs::canonicalize(home).expect("just made")))
}

/// Where a program lies; the driver wants its whole path.
fn path_of(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|path| path.is_file())
}

fn report() -> Report {
    let project = Profiled::new(&[("run.py", SCRIPT)]);
    project.run(&environments::python(), &["run.py"]).report
}

/// Lines of a history with names that try to leave their place.
fn history(n_lines: u32, n_runs: u32) -> Trends {
    let run = |number: u32| TrendRun {
        id: number.to_string(),
        started: format!("2026{:02}{:02}T{:02}0000", 1 + number / 672 % 12, 1 + number / 24 % 28, number % 24),
        commit: format!("{:08x}", number.wrapping_mul(2_654_435_761)),
        environment: u32::from(number % 10 == 9),
        is_rewritten: number == n_runs / 2,
        is_dirty: false,
    };
    let line = |number: u32| {
        let point = |run: u32| {
            let value = 0.1 + f64::from((run * 7919 + number * 104_729) % 97) / 2000.0;
            TrendPoint { run, value, low: value * 0.97, high: value * 1.04 }
        };
        Trend {
            name: format!("tests/test_api.py::test_{number}[</script><img src=x onerror=alert(1)>]"),
            metric: [Metric::WallTime, Metric::PeakRss, Metric::Queries][number as usize % 3],
            points: (0..n_runs).map(point).collect(),
            shifts: vec![n_runs / 2],
            change: Some(1.02),
        }
    };
    Trends {
        runs: (0..n_runs).map(run).collect(),
        environments: ["a", "b"].map(String::from).into(),
        lines: (0..n_lines).map(line).collect(),
        ..Trends::default()
    }
}

fn written(report: &Report, trends: Trends, path: &Path) {
    let lines = SCRIPT.lines().zip(1..).map(|(text, number)| SourceLine { number, text: text.into() });
    let sources = vec![SourceExcerpt { path: "run.py".into(), n_lines: 18, lines: lines.collect(), is_changed: false }];
    let dashboard = Dashboard { sources, trends, ..Dashboard::alone(report.clone()) };
    let mut page = vec![];
    cmdx::report::write_page(&dashboard, &mut page).expect("memory takes every text");
    fs::write(path, page).expect("writable");
}

/// What the browser saw; pictures and the printed page stay beside it for people to look at.
fn seen() -> Option<Value> {
    let (chromium, packages) = browser()?;
    let report = report();
    let (page, large) = (packages.join("page.html"), packages.join("large.html"));
    written(&report, history(24, 40), &page);
    written(&report, history(1_500, 1_000), &large);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/browser.js");
    let mut node = Command::new("node");
    node.arg(script).arg(chromium).arg(packages.join("node_modules/axe-core/axe.min.js")).arg(page).arg(large);
    let output = node.arg(&packages).env("NODE_PATH", packages.join("node_modules")).output().expect("node starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("one document"))
}

#[test]
fn the_page_works_in_a_browser_without_network_and_is_accessible() {
    let Some(seen) = seen() else { return };
    assert_eq!(seen["console"], Value::Array(vec![]), "messages on the console");
    assert_eq!(seen["requests"], Value::Array(vec![]), "requests to a network");
    for (view, violations) in seen["axe"].as_object().expect("views") {
        assert_eq!(*violations, Value::Array(vec![]), "{view}");
    }
    for (width, overflow) in seen["overflow"].as_object().expect("widths") {
        assert!(overflow.as_i64().is_some_and(|pixels| pixels <= 0), "{width} pixels wide: {overflow} too many");
    }
    let checks = &seen["checks"];
    for name in [
        "sortedDown",
        "sortedUp",
        "sortSaid",
        "themeSwitched",
        "themeSwitchedBack",
        "chartOnDemand",
        "cellOpensLines",
        "zoomedIsWide",
        "zoomSaid",
        "focusIsRoot",
        "focusMoved",
        "tabSwitched",
    ] {
        assert_eq!(checks[name], Value::Bool(true), "{name}: {checks}");
    }
    let count = |name: &str| checks[name].as_u64().unwrap_or_else(|| panic!("{name}: {checks}"));
    assert_eq!((count("rowsBefore"), count("rowsFiltered")), (8, 1), "{checks}");
    assert!(count("framesZoomed") < count("frames") && count("framesReset") == count("frames"), "{checks}");
    assert!(count("searchHits") >= 1 && checks["searchShare"].as_str().is_some_and(|text| text.ends_with("% matched")));
    assert_eq!(checks["searchWrong"], "not a regular expression");
    assert!(count("pages") >= 3, "{checks}");
    assert!(count("bareRows") >= 2 && count("bareFigures") >= 40 && count("bareGraphs") >= 2, "{checks}");
    assert_eq!((count("bareButtons"), count("largeRows")), (0, 50), "{checks}");
    let loads = seen["large"].as_array().expect("rounds").iter().filter_map(Value::as_f64);
    let fastest = loads.fold(f64::INFINITY, f64::min);
    assert!(fastest < LARGE_LOAD_MS_MAX, "500 benchmarks with 1,000 runs took {fastest} ms");
}
