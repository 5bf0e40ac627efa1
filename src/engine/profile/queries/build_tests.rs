use super::*;
use crate::agent::wire::{Activation, Code, Scope};
use crate::model::QueryPatternKind;

const SOURCE: &str = "\
def fetch(n):
    return run(n)

def report():
    for n in range(9):
        fetch(n)
    list(map(fetch, range(9)))
    flush()
";

/// Events in the making: a module that calls `report`.
struct Events {
    process: ProcessEvents,
    next: u32,
}

impl Events {
    fn new() -> Self {
        let mut process = ProcessEvents { python: (3, 11, 7), ..ProcessEvents::default() };
        for (number, name, first_line) in [(1, "<module>", 1), (2, "report", 4), (3, "fetch", 1)] {
            process.codes.insert(number, Code { path: "app.py".into(), name: name.into(), first_line });
        }
        Self { process, next: 100 }
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn activation(&mut self, code: u32, parent: u32, parent_line: u32) -> u32 {
        let number = self.number();
        self.process.activations.insert(number, Activation { parent, parent_line, code, is_context: false });
        number
    }

    fn query(&mut self, text: &str, parameters: i64, activation: u32, line: u32) -> &mut Query {
        let (slot, text_number) = (self.number(), self.number());
        let known = self.process.texts.iter().find(|(_, known)| *known == text).map(|(number, _)| *number);
        let text_number = known.unwrap_or(text_number);
        self.process.texts.insert(text_number, text.to_owned());
        self.process.queries.push(Query {
            slot,
            start_ns: u64::from(slot),
            duration_ns: 1_000_000,
            n_rows: Some(1),
            n_parameter_sets: 0,
            parameters,
            activation,
            line,
            text: text_number,
            scope: 0,
            connection: 0,
            driver: 1,
            is_failed: false,
            is_autocommit: false,
            operation: Operation::Execute,
        });
        self.process.queries.last_mut().expect("just pushed")
    }

    fn profile(&self) -> QueryProfile {
        build(std::slice::from_ref(&self.process), &|_| Some(Outline::of(SOURCE.as_bytes())))
    }
}

fn shown(profile: &QueryProfile) -> Vec<(QueryPatternKind, &str)> {
    profile.patterns.iter().map(|pattern| (pattern.kind, pattern.evidence.as_str())).collect()
}

/// `n` calls of `fetch` from a line of one call of `report`.
fn calls_of_fetch(events: &mut Events, n: i64, line: u32, change: impl Fn(&mut Query)) {
    let report = events.activation(2, 0, 0);
    for parameters in 1..=n {
        let fetch = events.activation(3, report, line);
        change(events.query("select * from t where id = ?", parameters, fetch, 2));
    }
}

#[test]
fn one_query_per_iteration_is_counted_per_call_of_the_function_with_the_loop() {
    let mut events = Events::new();
    calls_of_fetch(&mut events, 9, 6, |_| ());
    calls_of_fetch(&mut events, 9, 6, |_| ());
    let profile = events.profile();
    assert_eq!(shown(&profile), [(QueryPatternKind::NPlusOne, "9 queries per call, from the loop at line 5")]);
    let group = &profile.groups[0];
    assert_eq!(group.site, Location::new("app.py", 2, "fetch"));
    let found = group.repeated_by.as_ref().expect("a loop");
    assert_eq!((found.location.clone(), found.body_line), (Location::new("app.py", 5, "report"), 6));
    assert_eq!((found.n_calls, group.n_queries, group.n_identical), (2, 18, 9));
    assert!((profile.seconds - 0.018).abs() < 1e-9);
}

#[test]
fn two_iterations_show_nothing() {
    let mut events = Events::new();
    calls_of_fetch(&mut events, 2, 6, |_| ());
    assert_eq!(shown(&events.profile()), []);
}

#[test]
fn calls_made_by_a_builtin_are_told_from_a_loop() {
    let mut events = Events::new();
    calls_of_fetch(&mut events, 9, 7, |_| ());
    let profile = events.profile();
    assert_eq!(shown(&profile), [(QueryPatternKind::NPlusOne, "9 queries per call, from the calls made at line 7")]);
}

#[test]
fn what_a_library_repeats_within_one_call_is_not_an_n_plus_one() {
    let mut events = Events::new();
    let report = events.activation(2, 0, 0);
    for parameters in 1..=40 {
        events.query("insert into t values (?)", parameters, report, 8);
    }
    let profile = events.profile();
    let expected = "40 queries per call, repeated inside the library call at line 8";
    assert_eq!(shown(&profile), [(QueryPatternKind::RepeatedByLibrary, expected)]);
}

#[test]
fn the_same_parameters_again_are_a_duplicate_unless_something_was_written() {
    let mut events = Events::new();
    calls_of_fetch(&mut events, 9, 6, |query| query.parameters = 7);
    let profile = events.profile();
    let expected = "8 of 9 queries had been sent before with the same parameters, from the loop at line 5";
    assert_eq!(shown(&profile), [(QueryPatternKind::Duplicate, expected)]);

    let mut events = Events::new();
    let report = events.activation(2, 0, 0);
    for _ in 0..9 {
        events.query("select 1", 7, report, 6);
        events.query("update t set a = ?", 1, report, 6);
    }
    assert_eq!(events.profile().groups[0].n_identical + events.profile().groups[1].n_identical, 0);
}

#[test]
fn a_loop_around_requests_repeats_none_of_their_queries() {
    let mut events = Events::new();
    events.process.texts.insert(50, "GET /a/5".into());
    let report = events.activation(2, 0, 0);
    for n in 0..9_u32 {
        let scope = Scope { kind: 1, name: 50, parent: 0, start_ns: 0, end_ns: Some(5_000_000) };
        events.process.scopes.insert(60 + n, scope);
        let fetch = events.activation(3, report, 6);
        events.query("select * from t where id = ?", n.into(), fetch, 2).scope = 60 + n;
    }
    let profile = events.profile();
    assert_eq!(shown(&profile), []);
    let scope = &profile.scopes[0];
    assert_eq!((scope.name.as_str(), scope.n_runs, scope.n_queries_max), ("GET /a/{n}", 9, 1));
    assert_eq!(profile.groups[0].scopes, [0]);
}

#[test]
fn commits_connections_and_calls_in_a_loop_have_their_own_names() {
    let kind_of = |operation, is_autocommit, text: &str| {
        let mut events = Events::new();
        let report = events.activation(2, 0, 0);
        for parameters in 1..=5 {
            let query = events.query(text, parameters, report, 6);
            query.operation = operation;
            query.is_autocommit = is_autocommit;
        }
        events.profile().patterns.first().map(|pattern| (pattern.kind, pattern.evidence.clone()))
    };
    let named = |kind, noun| Some((kind, format!("5 {noun} per call, from the loop at line 5")));
    assert_eq!(kind_of(Operation::Commit, false, "COMMIT"), named(QueryPatternKind::CommitPerRow, "commits"));
    assert_eq!(kind_of(Operation::Execute, false, "commit"), named(QueryPatternKind::CommitPerRow, "commits"));
    let autocommitted = named(QueryPatternKind::CommitPerRow, "writes with a commit each");
    assert_eq!(kind_of(Operation::Execute, true, "insert into t values (?)"), autocommitted);
    assert_eq!(kind_of(Operation::Execute, false, "insert into t values (?)"), None);
    assert_eq!(kind_of(Operation::Connect, false, "/a.db"), named(QueryPatternKind::ConnectionPerCall, "connections"));
    assert_eq!(kind_of(Operation::Http, false, "GET http://h/1"), named(QueryPatternKind::HttpPerItem, "HTTP calls"));
    assert_eq!(kind_of(Operation::Execute, false, "pragma foreign_keys"), None);
    assert_eq!(kind_of(Operation::Execute, false, "select * from t where id in (?, ?, ?)"), None);
}

#[test]
fn many_rows_without_a_limit_are_unbounded() {
    for (text, is_unbounded) in [("select * from t", true), ("select * from t limit 20000", false)] {
        let mut events = Events::new();
        let report = events.activation(2, 0, 0);
        events.query(text, 1, report, 8).n_rows = Some(12_000);
        assert_eq!(shown(&events.profile()).len(), usize::from(is_unbounded), "{text}");
    }
}

#[test]
fn damaged_events_do_no_harm() {
    let mut events = Events::new();
    let own_parent = events.number();
    let cycle = Activation { parent: own_parent, parent_line: 1, code: 2, is_context: false };
    events.process.activations.insert(own_parent, cycle);
    events.query("select 1", 0, own_parent, 6);
    events.query("select 1", 0, 9999, 6).text = 12345;
    let profile = events.profile();
    assert_eq!(profile.n_queries, 2);
    assert!(shown(&profile).is_empty());
}
