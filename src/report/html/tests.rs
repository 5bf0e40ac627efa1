use super::*;
use crate::model::{Metric, Report, SourceExcerpt, SourceLine, Trend, TrendPoint, TrendRun, Trends};
use crate::report::run::sample as runs;
use crate::report::sample;

/// The page of a report, with a source file for the tutorial's dearest lines.
fn page(report: &Report) -> String {
    let text = |number| if number == 48 { "        posts = load(user)  # </script><!--" } else { "\tpass" };
    let excerpt = SourceExcerpt {
        path: "src/database.py".into(),
        n_lines: 90,
        lines: (44..=50).chain(80..=82).map(|number| SourceLine { number, text: text(number).into() }).collect(),
        is_changed: false,
    };
    let dashboard = Dashboard {
        measured_at: "2026-01-31 23:59 UTC".into(),
        command: ["cmdx", "optimize", "--report=html", "a b"].map(String::from).into(),
        sources: vec![excerpt],
        surroundings: vec![("machine".into(), "2 processors".into())],
        ..Dashboard::alone(report.clone())
    };
    rendered(&dashboard)
}

/// A history of so many benchmarks and runs; the last fifth was measured on another machine.
fn history(n_benchmarks: u32, n_runs: u32) -> Trends {
    let run = |number: u32| TrendRun {
        id: format!("run-{number}"),
        started: format!("2026{:02}{:02}T{:02}0000", 1 + number / 672 % 12, 1 + number / 24 % 28, number % 24),
        commit: format!("{:08x}", number.wrapping_mul(2_654_435_761)),
        is_dirty: false,
        environment: u32::from(number >= n_runs / 5 * 4),
        is_rewritten: number == n_runs / 2,
    };
    let line = |number: u32| {
        let metric = [Metric::WallTime, Metric::PeakRss, Metric::Queries][number as usize % 3];
        let scale = [0.2, 4e8, 40.0][number as usize % 3];
        let point = |run: u32| {
            let noise = f64::from((run * 7919 + number * 104_729) % 97) / 970.0;
            let level = if run > n_runs / 2 { 1.0 } else { 2.0 };
            let value = scale * (level + noise + f64::from(number % 11) / 5.0);
            TrendPoint { run, value, low: value * 0.96, high: value * 1.05 }
        };
        Trend {
            name: format!("tests/test_api.py::test_{number}[</script>]"),
            metric,
            points: (0..n_runs).map(point).collect(),
            shifts: if n_runs > 12 { vec![n_runs / 2 + 1] } else { vec![] },
            change: Some(1.0 + f64::from(number % 9) / 40.0 - 0.1),
        }
    };
    Trends {
        runs: (0..n_runs).map(run).collect(),
        environments: ["a", "b"].map(String::from).into(),
        lines: (0..n_benchmarks).map(line).collect(),
        compared: Some(runs::compared()),
        newest: Some(runs::tested()),
        problems: vec!["`x.json` was passed over: it is damaged".into()],
    }
}

fn rendered(dashboard: &Dashboard) -> String {
    let mut out = vec![];
    write(dashboard, &mut out).expect("memory takes every text");
    String::from_utf8(out).expect("text is UTF-8")
}

/// Every state a page can be in, by name.
fn states() -> Vec<(&'static str, Report)> {
    vec![
        ("empty", sample::empty()),
        ("static_only", sample::static_only()),
        ("nothing_found", sample::nothing_found()),
        ("tutorial", sample::tutorial()),
        ("detailed", sample::detailed()),
        ("overlapping", sample::overlapping()),
        ("failed", sample::failed()),
        ("hostile", sample::hostile()),
        ("many", sample::many()),
        ("memory", sample::memory()),
    ]
}

/// The page without its constants and data: what the templates made.
fn markup(page: &str) -> String {
    let (head, rest) = page.split_once("<style>").expect("a style");
    let (_, body) = rest.split_once("</style>").expect("its end");
    let (body, _) = body.split_once("<script type=\"application/json\"").expect("a data block");
    format!("{head}{body}")
}

#[test]
fn the_page_loads_nothing_and_keeps_to_its_own_policy() {
    for (name, report) in states() {
        let page = page(&report);
        let markup = markup(&page);
        for forbidden in ["src=", "http://", "https://", "url(", "@import", " style=", "<style", "<script", "<iframe"] {
            assert!(!markup.contains(forbidden), "{name}: {forbidden}");
        }
        let has_handler = |part: &str| part.starts_with("on") && part.contains("=\"");
        assert!(!markup.split('<').any(|tag| tag.split(' ').skip(1).any(has_handler)), "{name}: a handler");
        assert_eq!(page.matches("<script").count(), 2, "{name}");
        assert_eq!(page.matches("</script>").count(), 2, "{name}");
        assert!(page.contains("default-src 'none'") && page.contains("base-uri 'none'; form-action 'none'"));
        assert!(page.chars().all(|c| c.is_whitespace() || !c.is_control()), "{name}: a control character");
    }
}

#[test]
fn identifiers_are_unique_and_links_lead_somewhere() {
    for (name, report) in states() {
        let markup = markup(&page(&report));
        let values = |attribute: &str| -> Vec<String> {
            let parts = markup.split(attribute).skip(1);
            parts.filter_map(|part| part.split_once('"').map(|(value, _)| value.to_string())).collect()
        };
        let ids = values(" id=\"");
        let mut unique = ids.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(ids.len(), unique.len(), "{name}: {ids:?}");
        for link in values(" href=\"#") {
            assert!(unique.contains(&link), "{name}: #{link} leads nowhere");
        }
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    assert_eq!(page(&sample::tutorial()), page(&sample::tutorial()));
}

#[test]
fn the_data_block_holds_the_report_but_for_its_stacks() {
    let mut report = sample::hostile();
    let page = page(&report);
    let (_, data) = page.split_once("id=\"cmdx-data\">").expect("a data block");
    let (data, _) = data.split_once("</script>").expect("its end");
    let data: serde_json::Value = serde_json::from_str(data).expect("one document");
    let cpu = &mut report.profile.as_mut().expect("it ran").cpu;
    cpu.stacks.clear();
    cpu.frames.clear();
    assert_eq!(data["report"], serde_json::to_value(&report).expect("JSON"));
}

#[test]
fn the_head_answers_with_the_dearest_function_and_its_interval() {
    let page = page(&sample::tutorial());
    assert!(page.contains("75% of the time goes to <code>query_users()</code>"));
    assert!(page.contains("1500ms, most of it waiting; 95% interval 72% to 78%"));
    assert!(page.contains("<code class=\"command\">cmdx optimize --implement --dry-run src</code>"));
    assert!(page.contains("cmdx optimize --report&#x3D;html &#x27;a b&#x27;"));
}

#[test]
fn what_was_not_measured_is_said_and_never_zero() {
    let nothing = markup(&page(&sample::nothing_found()));
    assert!(nothing.contains("No database seen: the program loaded no database driver"));
    assert!(nothing.contains("none seen"));
    assert!(!nothing.contains(">0 queries"));
    let empty = markup(&page(&sample::empty()));
    assert!(empty.contains("No times are known"));
    assert_eq!(empty.matches("<span class=\"tile-value\">not measured</span>").count(), 3);
    let overlapping = markup(&page(&sample::overlapping()));
    assert!(overlapping.contains("Queries were not traced in this run"));
    assert!(overlapping.contains("so which of them costs most is not certain"));
    assert!(overlapping.contains("<td class=\"num\" data-v=\"-1.0\">not measured</td>"));
}

#[test]
fn a_run_that_failed_says_so_at_the_head() {
    let page = page(&sample::failed());
    assert!(page.contains("The run did not end well (ended by SIGKILL): all figures are of the part that ran."));
    assert!(page.contains("2 worker processes ended without writing their last events."));
}

#[test]
fn hostile_names_stay_text_in_tables_and_graphs() {
    let page = page(&sample::hostile());
    assert!(page.contains("<title>f|:g&lt;/script&gt;"));
    assert!(page.contains("GET /&lt;script&gt;alert(1)&lt;/script&gt;|x\\r\\n"));
    assert!(page.contains("&lt;img src&#x3D;x onerror&#x3D;alert(1)&gt;"));
    assert!(!page.contains("<img") && !page.contains("\u{202e}"));
}

#[test]
fn a_heat_cell_leads_to_its_line_and_gaps_in_the_source_are_marked() {
    let page = page(&sample::tutorial());
    assert!(page.contains("<a class=\"cell h13\" href=\"#s0-48\""), "query_users() has 75%");
    assert!(page.contains("<tr id=\"s0-80\" class=\"gap\">"));
    assert!(page.contains("<td class=\"num h13\">1450ms</td>"));
}

#[test]
fn every_frame_of_the_graph_stands_below_its_caller() {
    let page = page(&sample::tutorial());
    let (_, graph) = page.split_once("id=\"flame-wall\"").expect("a graph");
    let (graph, _) = graph.split_once("</figure>").expect("its end");
    assert!(graph.contains("<title>all: 1900ms, 100%</title>"));
    assert!(
        graph.contains("y=\"60\" width=\"78.947%\" height=\"20\"><title>query_users (src/database.py): 1500ms, 79%")
    );
}

#[test]
fn the_history_is_shown_with_its_figures_and_its_failed_tests() {
    let page = rendered(&Dashboard { trends: history(9, 40), ..Dashboard::alone(sample::tutorial()) });
    let markup = markup(&page);
    assert!(markup.contains("2 different environments: figures are joined and compared within one of them only."));
    assert!(markup.contains("tests failed: 1 passed, 1 failed, 1 timed out, 1 flaky"));
    assert!(markup.contains("test_no[&lt;/script&gt;\\x1b[31m]"));
    assert_eq!(markup.matches("<figure class=\"chart\"").count(), 9);
    assert!(markup.contains("<span class=\"tag\">level changed</span>"));
    assert!(markup.contains("API response time") && markup.contains("10x faster"));
}

#[test]
fn short_histories_say_when_trends_start() {
    let page = |n_runs| rendered(&Dashboard { trends: history(1, n_runs), ..Dashboard::alone(sample::tutorial()) });
    assert!(page(1).contains("1 run recorded; trends start at 3."));
    assert!(page(2).contains("2 runs recorded; trends start at 3."));
    assert!(!page(3).contains("trends start at"));
    assert!(rendered(&Dashboard::alone(sample::empty())).contains("No run is on record yet."));
}

/// The charts are part of what is promised for 500 benchmarks: three lines each.
#[test]
fn five_hundred_benchmarks_with_a_thousand_runs_stay_below_two_megabytes() {
    let dashboard = Dashboard { trends: history(1_500, 1_000), ..Dashboard::alone(sample::many()) };
    let page = rendered(&dashboard);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

#[test]
fn memory_has_its_lines_at_the_peak_in_all_and_at_the_end_and_its_own_graphs() {
    let traced = page(&sample::memory());
    for words in ["By line", "At the peak", "Allocated in all", "Live at the end", "High memory usage"] {
        assert!(traced.contains(words), "{words}");
    }
    assert!(traced.contains("Loads entire dataset into memory"));
    let times_only = page(&sample::tutorial());
    assert!(times_only.contains("Allocations were not traced, so which lines hold the memory is not known."));
    assert!(!times_only.contains("flame-peak"));
}
