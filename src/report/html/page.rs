//! What the page's template is filled with, section by section.

use std::io;

use serde::Serialize;

use super::compared::Compared;
use super::findings::Findings;
use super::graphs::Graphs;
use super::hot::Hot;
use super::memory::Memory;
use super::method::Method;
use super::queries::Queries;
use super::trends::{Lines, Trends};
use super::verdict::Verdict;
use super::{constants, raw};
use crate::model::{Dashboard, Metric};
use crate::report::places::Places;

/// The whole page.
#[derive(Serialize)]
pub(super) struct Page {
    style: &'static str,
    style_hash: &'static str,
    script: &'static str,
    script_hash: &'static str,
    data: String,
    project: String,
    verdict: Verdict,
    hot: Hot,
    findings: Findings,
    compared: Compared,
    trends: Trends,
    peaks: Lines,
    counts: Lines,
    memory: Memory,
    queries: Queries,
    graphs: Graphs,
    method: Method,
}

impl Page {
    pub(super) fn of(dashboard: &Dashboard) -> io::Result<Self> {
        let report = &dashboard.report;
        let places = Places::of(report);
        let (style, script) = (constants::style(), constants::script());
        Ok(Self {
            style: &style.text,
            style_hash: &style.hash,
            script: &script.text,
            script_hash: &script.hash,
            data: raw::data(dashboard)?,
            project: project_name(&report.project).to_string(),
            verdict: Verdict::of(dashboard, &places),
            hot: Hot::of(dashboard, &places),
            findings: Findings::of(dashboard, &places),
            compared: Compared::of(&dashboard.trends),
            trends: Trends::of(&dashboard.trends),
            peaks: Lines::of(
                &dashboard.trends,
                &[Metric::PeakRss, Metric::TracedPeak],
                ("peak", "Benchmarks by peak memory"),
            ),
            counts: Lines::of(&dashboard.trends, &[Metric::Queries], ("count", "Benchmarks by queries")),
            memory: Memory::of(report, &places),
            queries: Queries::of(report, &places),
            graphs: Graphs::of(report)?,
            method: Method::of(dashboard, &places),
        })
    }
}

/// The last part of the project's path.
fn project_name(path: &str) -> &str {
    path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(path)
}
