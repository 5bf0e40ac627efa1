//! Reports built by hand for the tests of all renderers: the tutorial's project, and harder ones.

use std::path::PathBuf;

use crate::model::*;

pub(super) fn share(value: f64, margin: f64) -> Share {
    Share { value, low: (value - margin).max(0.0), high: (value + margin).min(1.0) }
}

/// A function whose share lies in this interval.
pub(super) fn cost(low: f64, high: f64) -> FunctionCost {
    let value = f64::midpoint(low, high);
    function(Location::new("a.py", 1, "f"), (value, value), Share { value, low, high })
}

fn function(location: Location, seconds: (f64, f64), share: Share) -> FunctionCost {
    let (wall_seconds, cpu_seconds) = seconds;
    FunctionCost {
        dearest_line: location.line,
        location,
        wall_seconds,
        cpu_seconds,
        total_wall_seconds: wall_seconds,
        total_cpu_seconds: cpu_seconds,
        share,
        n_samples: (wall_seconds * 1000.0) as u64,
        libraries: vec![],
        callers: vec![],
    }
}

fn frame(path: &str, symbol: &str, line: u32) -> Frame {
    Frame { path: path.into(), symbol: symbol.into(), line, is_project: !path.starts_with('/') }
}

/// Nothing asked, nothing run, nothing found.
pub(super) fn empty() -> Report {
    Report {
        schema_version: 1,
        generator: "cmdx 0.1.0".into(),
        project: "/projects/slow-api".into(),
        paths: vec!["src".into()],
        typed_paths: vec!["src".into()],
        categories: vec![Category::Algorithm, Category::Io, Category::Memory],
        interpreter: None,
        workload: None,
        not_run_because: Some("there are no tests, no entry point and no command after `--`".into()),
        n_files: 12,
        n_lines: 1204,
        profile: None,
        findings: vec![],
        problems: vec![],
        is_detailed: false,
    }
}

fn ran(report: &mut Report) {
    report.not_run_because = None;
    report.interpreter = Some(Interpreter {
        path: PathBuf::from("/projects/slow-api/.venv/bin/python"),
        source: InterpreterSource::ProjectEnvironment(".venv".into()),
        version: (3, 11, 7),
        implementation: "cpython".into(),
        prefix: PathBuf::from("/projects/slow-api/.venv"),
        is_free_threaded: false,
        has_pytest: true,
    });
    report.workload = Some(WorkloadSummary {
        kind: WorkloadKind::PerformanceTests,
        title: "the performance tests (pytest tests/test_performance.py)".into(),
        argv: ["python", "-m", "pytest", "tests/test_performance.py"].map(String::from).into(),
        exit: ExitReason::Exited(0),
        stdout_log: ".cmdx/runs/1/stdout.log".into(),
        stderr_log: ".cmdx/runs/1/stderr.log".into(),
    });
}

/// Ran, but no sample met the project's code.
pub(super) fn nothing_found() -> Report {
    let mut report = empty();
    ran(&mut report);
    let cpu = CpuProfile {
        wall_seconds: 0.05,
        cpu_seconds: 0.041,
        n_samples: 48,
        outside_seconds: 0.05,
        ..CpuProfile::default()
    };
    report.profile = Some(Profile { cpu, queries: Some(QueryProfile::default()), memory: None });
    report
}

/// The tutorial's project: three bottlenecks, an N+1, a rewrite, a missing index.
pub(super) fn tutorial() -> Report {
    let mut report = empty();
    ran(&mut report);
    report.profile = Some(Profile { cpu: tutorial_cpu(), queries: Some(tutorial_queries()), memory: None });
    report.findings = tutorial_findings();
    report
}

/// The tutorial's analysis of memory.
pub(super) fn memory() -> Report {
    let mut report = tutorial();
    report.categories = vec![Category::Memory];
    report.findings.clear();
    report.profile.as_mut().expect("the tutorial ran").memory = Some(tutorial_memory());
    report
}

/// The tutorial's project: a dataset, a cache, connections.
pub(super) fn tutorial_memory() -> MemoryProfile {
    let lines = tutorial_allocations();
    let [dataset, cache, _] = lines.clone();
    MemoryProfile {
        tracer: MemoryTracer::Native,
        notes: vec![],
        n_processes: 2,
        mean_bytes: 131_072,
        n_samples: 2152,
        peak: ByteEstimate { bytes: 1_700_000_000, low_bytes: 1_689_000_000, high_bytes: 1_711_000_000 },
        peak_at_seconds: 12.5,
        total: exactly(4_000_000_000),
        live: cache.live,
        mapped_peak_bytes: 67_108_864,
        peak_rss_bytes: 1_750_000_000,
        functions: vec![dataset],
        lines: lines.to_vec(),
        stacks: vec![MemoryStack { frames: vec![0], peak_bytes: 1, total_bytes: 2, live_bytes: 0 }],
        timeline: vec![MemoryPoint { at_seconds: 0.0, traced_bytes: 1, rss_bytes: 2 }],
        growth: vec![GrowingSite {
            location: cache.location.clone(),
            verdict: GrowthVerdict::Leak,
            start_bytes: 120_000_000,
            end_bytes: 500_000_000,
            bytes_per_second: 2e7,
            evidence: "120MB at a quarter of the run, 500MB at its end; grew by 20MB/s to the end".into(),
        }],
        caches: vec![GrowingCache {
            location: cache.location,
            name: "cache.cache".into(),
            kind: "dict".into(),
            start_items: 10,
            end_items: 81_000,
            keys: "str".into(),
            bytes: Some(498_000_000),
        }],
        handles: vec![UnclosedHandle {
            location: Location::new("src/websocket.py", 34, "Server.accept"),
            kind: HandleKind::Connection,
            type_name: "socket.socket".into(),
            n_opened: 240,
            n_open: 200,
            oldest_seconds: 24.0,
        }],
    }
}

fn exactly(bytes: u64) -> ByteEstimate {
    ByteEstimate { bytes, low_bytes: bytes, high_bytes: bytes }
}

/// A line that is exact, one that was sampled, and one that rests on too few samples to be shown.
fn tutorial_allocations() -> [MemoryCost; 3] {
    let dataset = MemoryCost {
        location: Location::new("src/data_processor.py", 67, "process_data"),
        what: Some("Loads entire dataset into memory".into()),
        peak: exactly(1_200_000_000),
        total: exactly(1_200_000_000),
        live: exactly(0),
        n_allocations: 1200,
        n_samples: 1200,
        is_exact: true,
        churn: 0.0,
    };
    let estimate = ByteEstimate { bytes: 500_000_000, low_bytes: 489_000_000, high_bytes: 511_000_000 };
    let cache = MemoryCost {
        location: Location::new("src/cache.py", 89, "get_cached"),
        what: Some("cache[key] = value".into()),
        peak: estimate,
        total: estimate,
        live: estimate,
        n_samples: 950,
        is_exact: false,
        ..dataset.clone()
    };
    let rare = MemoryCost { n_samples: 2, location: Location::new("src/api.py", 9, "rare"), ..cache.clone() };
    [dataset, cache, rare]
}

/// As [`tutorial`], with `--detailed`.
pub(super) fn detailed() -> Report {
    Report { is_detailed: true, ..tutorial() }
}

fn tutorial_cpu() -> CpuProfile {
    let users = Location::new("src/database.py", 45, "query_users");
    let mut functions = vec![
        function(users.clone(), (1.5, 0.25), share(0.75, 0.03)),
        function(Location::new("src/api.py", 23, "serialize_response"), (0.4, 0.39), share(0.20, 0.028)),
        function(Location::new("src/cache.py", 12, "Cache.get_from_cache"), (0.1, 0.098), share(0.05, 0.015)),
    ];
    functions[0].dearest_line = 48;
    functions[0].libraries = vec![("sqlalchemy".into(), 0.9), ("sqlite3".into(), 0.45)];
    functions[0].callers =
        vec![(Location::new("src/api.py", 61, "list_users"), 1.4), (Location::new("src/cli.py", 9, "<module>"), 0.1)];
    functions[1].libraries = vec![("json".into(), 0.3)];
    let line = |path: &str, line, symbol: &str, seconds: (f64, f64), part| LineCost {
        location: Location::new(path, line, symbol),
        wall_seconds: seconds.0,
        cpu_seconds: seconds.1,
        share: share(part, 0.03),
        n_samples: (seconds.0 * 1000.0) as u64,
    };
    CpuProfile {
        wall_seconds: 2.12,
        cpu_seconds: 0.86,
        n_samples: 2000,
        n_failed_samples: 3,
        functions,
        lines: vec![
            line("src/database.py", 48, "query_users", (1.45, 0.22), 0.725),
            line("src/api.py", 27, "serialize_response", (0.4, 0.39), 0.2),
            line("src/database.py", 46, "query_users", (0.0005, 0.0004), 0.0003),
        ],
        frames: vec![
            frame("tests/test_performance.py", "test_list", 8),
            frame("src/api.py", "list_users", 61),
            frame("src/database.py", "query_users", 48),
            frame("src/database.py", "query_users", 46),
            frame("/projects/slow-api/.venv/lib/python3.11/site-packages/sqlalchemy/orm/query.py", "all", 2675),
            frame("src/api.py", "serialize_response", 27),
        ],
        stacks: vec![
            Stack { frames: vec![0, 1, 2, 4], wall_seconds: 1.45, cpu_seconds: 0.22, n_samples: 1450 },
            Stack { frames: vec![0, 1, 3, 4], wall_seconds: 0.05, cpu_seconds: 0.03, n_samples: 50 },
            Stack { frames: vec![0, 1, 5], wall_seconds: 0.4, cpu_seconds: 0.39, n_samples: 400 },
        ],
        processes: vec![
            ProcessSummary {
                pid: 4242,
                command: "python -m pytest tests/test_performance.py".into(),
                python_version: Some("3.11.7".into()),
                n_samples: 1996,
                peak_rss_bytes: 1_200_000_000,
            },
            ProcessSummary {
                pid: 4250,
                command: "git rev-parse HEAD".into(),
                python_version: None,
                n_samples: 4,
                peak_rss_bytes: 0,
            },
        ],
        outside_seconds: 0.12,
    }
}

fn tutorial_queries() -> QueryProfile {
    let users = Location::new("src/database.py", 45, "query_users");
    let site = Location::new("src/database.py", 48, "query_users");
    let group = |fingerprint: &str, site: &Location, n_queries, seconds, n_rows| QueryGroup {
        fingerprint: fingerprint.into(),
        driver: "sqlite3".into(),
        site: site.clone(),
        callers: vec![Caller { location: Location::new("src/api.py", 61, "list_users") }],
        repeated_by: None,
        n_queries,
        n_identical: 0,
        seconds,
        max_seconds: 0.004,
        n_rows,
        n_errors: 0,
        scopes: vec![0],
    };
    let mut posts = group(
        "SELECT posts.id AS posts_id, posts.title AS posts_title, posts.user_id AS posts_user_id\nFROM posts\nWHERE posts.user_id = ?",
        &site,
        1000,
        1.35,
        Some(3000),
    );
    posts.repeated_by = Some(QueryLoop {
        location: Location::new("src/database.py", 47, "query_users"),
        body_line: 48,
        per_call: 1000.0,
        n_calls: 1,
        is_measured: true,
    });
    let index = IndexAdvice {
        statement: "CREATE INDEX ix_posts_user_id ON posts (user_id)".into(),
        plan_before: "SCAN posts".into(),
        plan_after: "SEARCH posts USING INDEX ix_posts_user_id (user_id=?)".into(),
        seconds: Some((0.00135, 0.000_012)),
    };
    QueryProfile {
        n_queries: 1001,
        seconds: 1.4,
        drivers: vec!["sqlite3".into()],
        scopes: vec![ScopeSummary {
            kind: ScopeKind::Test,
            name: "tests/test_performance.py::test_list".into(),
            n_runs: 1,
            n_queries: 1001,
            n_queries_max: 1001,
            query_seconds: 1.4,
            wall_seconds: 2.0,
        }],
        groups: vec![posts, group("SELECT users.id, users.name FROM users", &users, 1, 0.05, None)],
        patterns: vec![
            QueryPattern {
                kind: QueryPatternKind::NPlusOne,
                site: site.clone(),
                loop_location: Some(Location::new("src/database.py", 47, "query_users")),
                function: "query_users".into(),
                seconds: 1.35,
                n_queries: 1000,
                evidence: "1000 queries per call, from the loop at line 47".into(),
                group: 0,
                index: None,
            },
            QueryPattern {
                kind: QueryPatternKind::MissingIndex,
                site,
                loop_location: None,
                function: "query_users".into(),
                seconds: 1.35,
                n_queries: 1000,
                evidence: "SCAN posts reads every row".into(),
                group: 0,
                index: Some(index),
            },
        ],
        notes: vec![],
    }
}

fn tutorial_findings() -> Vec<Finding> {
    vec![
        Finding {
            kind: FindingKind::Query(QueryPatternKind::NPlusOne),
            category: Category::Algorithm,
            title: "N+1 query problem in query_users()".into(),
            location: Location::new("src/database.py", 48, "query_users"),
            seconds: Some(1.5),
            share: Some(share(0.75, 0.03)),
            evidence: vec![
                "1000 queries per call, from the loop at line 47".into(),
                "SELECT posts.id, posts.title, posts.user_id FROM posts WHERE posts.user_id = ?".into(),
            ],
            advice: Some("Load the posts of all users in one query".into()),
            rewrites: vec![("n-plus-one".into(), Safety::NeedsRun)],
        },
        Finding {
            kind: FindingKind::Rule("json-dumps".into()),
            category: Category::Io,
            title: "Inefficient JSON serialization".into(),
            location: Location::new("src/api.py", 27, "serialize_response"),
            seconds: Some(0.4),
            share: Some(share(0.2, 0.028)),
            evidence: vec!["json.dumps took 300ms of serialize_response()".into()],
            advice: None,
            rewrites: vec![("orjson".into(), Safety::ShowOnly)],
        },
        Finding {
            kind: FindingKind::Rule("list-membership".into()),
            category: Category::Algorithm,
            title: "A list is searched item by item in allowed()".into(),
            location: Location::new("src/auth.py", 8, "allowed"),
            seconds: None,
            share: None,
            evidence: vec![],
            advice: None,
            rewrites: vec![("list-membership".into(), Safety::Proven)],
        },
    ]
}

/// Found by reading alone.
pub(super) fn static_only() -> Report {
    let mut report = empty();
    report.findings = tutorial_findings().split_off(2);
    report.problems = vec![Problem {
        location: Some(Location::new("src/broken.py", 7, "")),
        message: "cannot be parsed: the parenthesis opened here is never closed".into(),
        hint: Some("the file was left out".into()),
    }];
    report
}

/// Few samples: only the last function is certainly cheaper than the others.
pub(super) fn overlapping() -> Report {
    let mut report = tutorial();
    report.findings.clear();
    let profile = report.profile.as_mut().expect("the tutorial ran");
    profile.queries = None;
    profile.cpu.n_samples = 40;
    profile.cpu.cpu_seconds = 0.0;
    let functions = &mut profile.cpu.functions;
    functions[0].share = share(0.45, 0.15);
    functions[1].share = share(0.38, 0.15);
    functions[2].share = share(0.05, 0.04);
    report
}

/// The run failed, samples were lost, events too.
pub(super) fn failed() -> Report {
    let mut report = tutorial();
    let workload = report.workload.as_mut().expect("the tutorial ran");
    workload.exit = ExitReason::Signaled(9);
    let profile = report.profile.as_mut().expect("the tutorial ran");
    profile.cpu.n_failed_samples = 1500;
    let queries = profile.queries.as_mut().expect("the tutorial has queries");
    queries.notes = vec!["2 worker processes ended without writing their last events".into()];
    report.problems =
        vec![Problem { location: None, message: "process 4250 has no Python that is known".into(), hint: None }];
    report
}

/// Names that try to leave their place in the page, the table, the document or the terminal.
pub(super) fn hostile() -> Report {
    let mut report = detailed();
    let evil = "src/</script>|\u{1b}[31m*a*\n`b`\u{fffd}\u{202e}&<b>.py";
    let profile = report.profile.as_mut().expect("the tutorial ran");
    profile.cpu.functions[0].location = Location::new(evil, 45, "f|;g</script>\u{7}");
    profile.cpu.lines[0].location = Location::new(evil, 48, "f|;g</script>\u{7}");
    profile.cpu.frames[2] =
        Frame { path: evil.into(), symbol: "f|;g</script>\u{7}\n".into(), line: 48, is_project: true };
    profile.cpu.processes[0].command = "python -c 'print(\"\u{1b}]0;owned\u{7}\")'".into();
    profile.queries.as_mut().expect("the tutorial has queries").scopes[0].name =
        "GET /<script>alert(1)</script>|x\r\n".into();
    report.findings[0].location.path = evil.into();
    report.findings[0].title = "N+1 query problem in `f|g`</summary><img src=x onerror=alert(1)>\u{1b}[2J".into();
    report
}

/// A large project.
pub(super) fn many() -> Report {
    let mut report = tutorial();
    report.paths = vec![".".into()];
    report.typed_paths = vec![".".into()];
    let cpu = &mut report.profile.as_mut().expect("the tutorial ran").cpu;
    cpu.functions = (0..300)
        .map(|index| {
            let location = Location::new(format!("src/package_{index}/models.py"), index + 1, format!("load_{index}"));
            let part = 0.5 / f64::from(1 + index);
            function(location, (2.0 * part, 2.0 * part), share(part, part / 10.0))
        })
        .collect();
    report
}
