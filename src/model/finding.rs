//! A measured cost joined with what the source shows.

use serde::{Deserialize, Serialize};

use super::{Category, Location, QueryPatternKind, Safety, Share};

/// What kind of problem a finding names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "name")]
pub enum FindingKind {
    /// A pattern of queries.
    Query(QueryPatternKind),
    /// Time that goes to a library with a faster way of use.
    Library(String),
    /// A rewrite rule matched at a place that costs time.
    Rule(String),
}

/// One optimisation opportunity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind.
    #[serde(flatten)]
    pub kind: FindingKind,
    /// What it is about.
    pub category: Category,
    /// One line without a final dot: `N+1 query problem in query_users()`.
    pub title: String,
    /// Where.
    pub location: Location,
    /// Measured cost of the place, `None` when it did not run or was not measured.
    pub seconds: Option<f64>,
    /// Part of the run.
    pub share: Option<Share>,
    /// Sentences without a final dot, most telling first.
    pub evidence: Vec<String>,
    /// What to do, one sentence without a final dot.
    pub advice: Option<String>,
    /// The rules of ours that would rewrite the place, with how sure they are there.
    pub rewrites: Vec<(String, Safety)>,
}
