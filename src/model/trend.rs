//! How the figures of benchmarks moved over the runs on record.

use serde::{Deserialize, Serialize};

use super::{Metric, RunRecord};

/// The history of a project, as far as it says something about movement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trends {
    /// Runs that measured something, oldest first.
    pub runs: Vec<TrendRun>,
    /// Environments in the order they were first seen; the runs refer to them by index.
    pub environments: Vec<String>,
    /// One line for each benchmark and metric, those that moved most first.
    pub lines: Vec<Trend>,
    /// The newest run that was compared with a run before, without its samples.
    pub compared: Option<RunRecord>,
    /// The newest run of tests or benchmarks, without its samples.
    pub newest: Option<RunRecord>,
    /// Records that could not be read, one sentence each.
    pub problems: Vec<String>,
}

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrendRun {
    /// Its name in the history.
    pub id: String,
    /// `20261122T211500` in UTC.
    pub started: String,
    /// The first letters of the commit; empty outside of a repository.
    pub commit: String,
    /// True with changes that are not committed.
    pub is_dirty: bool,
    /// Index into `Trends::environments`.
    pub environment: u32,
    /// True for the first run after code was rewritten.
    pub is_rewritten: bool,
}

/// One metric of one benchmark.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// `GET /users`.
    pub name: String,
    /// What.
    pub metric: Metric,
    /// In the order of the runs.
    pub points: Vec<TrendPoint>,
    /// Where the level changed for good: indexes into `points`.
    pub shifts: Vec<u32>,
    /// The newest figure against the one before in the same environment: 1.1 is a tenth more.
    pub change: Option<f64>,
}

/// One figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrendPoint {
    /// Index into `Trends::runs`.
    pub run: u32,
    /// Median.
    pub value: f64,
    /// Lower end of its interval; equal to the median where there is none.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
}
