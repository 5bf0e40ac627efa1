//! Database queries and HTTP calls of a run: who issued them, how often, from which loop.

use serde::{Deserialize, Serialize};

use super::Location;

/// All that was traced.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct QueryProfile {
    /// Statements executed (an `executemany` counts once).
    pub n_queries: u64,
    /// Time spent in them, fetching included.
    pub seconds: f64,
    /// Drivers and clients that were traced (`sqlite3`, `psycopg2`).
    pub drivers: Vec<String>,
    /// Requests, tests and iterations that issued queries, most queries first.
    pub scopes: Vec<ScopeSummary>,
    /// Statements by fingerprint, call site and loop, dearest first.
    pub groups: Vec<QueryGroup>,
    /// What is wrong with them, dearest first.
    pub patterns: Vec<QueryPattern>,
    /// Events that were lost, by reason; empty when all are there.
    pub notes: Vec<String>,
}

/// What a scope stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeKind {
    /// An HTTP request handled by a web framework.
    Request,
    /// A test.
    Test,
    /// One round of a benchmark.
    Iteration,
    /// A background task.
    Task,
}

/// One kind of scope by name: all requests of `GET /users`, all runs of one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScopeSummary {
    /// What it is.
    pub kind: ScopeKind,
    /// `GET /users`, `tests/test_api.py::test_list`.
    pub name: String,
    /// How often it ran.
    pub n_runs: u64,
    /// Queries of all runs.
    pub n_queries: u64,
    /// Most queries in one run.
    pub n_queries_max: u64,
    /// Time in queries, all runs.
    pub query_seconds: f64,
    /// Duration of all runs.
    pub wall_seconds: f64,
}

/// Statements that are alike, from one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryGroup {
    /// The statement with its constants taken out; `GET http://host/users/{n}` for HTTP.
    pub fingerprint: String,
    /// Driver or client.
    pub driver: String,
    /// Innermost line of the project that issued it.
    pub site: Location,
    /// Lines of the project that lead to the site, innermost first, the site excluded.
    pub callers: Vec<Caller>,
    /// The loop that repeats it, when one was found.
    pub repeated_by: Option<QueryLoop>,
    /// Executions.
    pub n_queries: u64,
    /// Executions whose statement and parameters had been sent before in the same scope.
    pub n_identical: u64,
    /// Total time.
    pub seconds: f64,
    /// Slowest execution.
    pub max_seconds: f64,
    /// Rows fetched, where the driver tells.
    pub n_rows: Option<u64>,
    /// Executions that raised.
    pub n_errors: u64,
    /// Indexes into `QueryProfile::scopes`.
    pub scopes: Vec<u32>,
}

/// A line of the project on the way to a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    /// The line and its function.
    pub location: Location,
}

/// The frame whose one activation issued many alike queries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryLoop {
    /// The line of the `for`, `while` or comprehension; its function.
    pub location: Location,
    /// Line inside the loop from which the queries come.
    pub body_line: u32,
    /// Mean queries per activation of the function that holds the loop.
    pub per_call: f64,
    /// Activations of that function.
    pub n_calls: u64,
    /// True when counted at run time by frame identity, false when concluded from the source.
    pub is_measured: bool,
}

/// What is wrong with a group of queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueryPatternKind {
    /// One query per row of another.
    NPlusOne,
    /// The same statement with the same parameters again and again.
    Duplicate,
    /// A full scan that an index would avoid.
    MissingIndex,
    /// All rows of a table fetched without a limit.
    UnboundedRead,
    /// A commit per row.
    CommitPerRow,
    /// A connection per query.
    ConnectionPerCall,
    /// A library repeats the statement (an ORM flush): bulk operations.
    RepeatedByLibrary,
    /// An HTTP call per item.
    HttpPerItem,
}

/// A named problem with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryPattern {
    /// Which problem.
    pub kind: QueryPatternKind,
    /// The line to look at: the query's site.
    pub site: Location,
    /// The line of the loop, when there is one.
    pub loop_location: Option<Location>,
    /// The function a report names (the one that holds the loop, else the site's).
    pub function: String,
    /// Time that this pattern accounts for.
    pub seconds: f64,
    /// Queries that it accounts for.
    pub n_queries: u64,
    /// One sentence without a final dot: `1000 queries per call, from the loop at line 47`.
    pub evidence: String,
    /// Index into `QueryProfile::groups`.
    pub group: u32,
    /// For a missing index: what to create, and what it brought on a copy.
    pub index: Option<IndexAdvice>,
}

/// An index that the planner uses once it exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexAdvice {
    /// `CREATE INDEX … ON …`.
    pub statement: String,
    /// Plan line before.
    pub plan_before: String,
    /// Plan line with the index.
    pub plan_after: String,
    /// Time of one execution before and after on the copy, when it was run.
    pub seconds: Option<(f64, f64)>,
}

/// A statement of which the database's planner is asked whether an index would help.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanQuestion {
    /// Index into `QueryProfile::groups`.
    pub group: u32,
    /// Driver that executed it.
    pub driver: String,
    /// Path of a SQLite file; `postgresql://user@host:port/name` without a password.
    pub database: String,
    /// The statement as it was sent, with its placeholders.
    pub statement: String,
}

/// What the planner said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanAnswer {
    /// Index into `QueryProfile::groups`.
    pub group: u32,
    /// The index it would use; `None` when none would help.
    pub advice: Option<IndexAdvice>,
    /// Why it could not be asked.
    pub problem: Option<String>,
}
