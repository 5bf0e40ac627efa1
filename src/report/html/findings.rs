//! What could be done, dearest first, and what was done already.

use serde::Serialize;

use crate::model::{AppliedRewrite, Dashboard, Finding, LeftRewrite, MeasuredGain, Report, Safety, Verdict};
use crate::report::places::Places;
use crate::report::{facts, words};
use crate::support::units;

/// The section.
#[derive(Serialize)]
pub(super) struct Findings {
    nothing: Option<String>,
    items: Vec<Item>,
    applied: Vec<Applied>,
    left: Vec<Left>,
    workload: Option<Gain>,
    checks: Vec<String>,
    files: String,
    diff: Vec<DiffLine>,
    backup: Option<String>,
    has_rewriting: bool,
}

#[derive(Serialize)]
struct Item {
    title: String,
    kind: String,
    category: &'static str,
    place: String,
    cost: String,
    seconds: f64,
    is_measured: bool,
    evidence: Vec<String>,
    statement: Option<String>,
    advice: Option<String>,
    rewrites: Vec<Rewrite>,
    command: Option<String>,
}

#[derive(Serialize)]
struct Rewrite {
    rule: String,
    safety: &'static str,
    mark: &'static str,
    class: &'static str,
}

#[derive(Serialize)]
struct Applied {
    rule: String,
    place: String,
    message: String,
    /// `same`, `differs`, `unchecked`.
    class: &'static str,
    verdict: &'static str,
    proof: Vec<String>,
    assumptions: Vec<String>,
    gain: Option<Gain>,
}

#[derive(Serialize)]
struct Gain {
    what: String,
    before: String,
    after: String,
    factor: String,
    interval: String,
    n_pairs: String,
}

#[derive(Serialize)]
struct Left {
    rule: String,
    place: String,
    reason: String,
    is_rolled_back: bool,
}

#[derive(Serialize)]
struct DiffLine {
    class: &'static str,
    text: String,
}

impl Findings {
    pub(super) fn of(dashboard: &Dashboard, places: &Places) -> Self {
        let report = &dashboard.report;
        let rewriting = dashboard.rewriting.as_ref();
        let applied = rewriting.iter().flat_map(|rewriting| &rewriting.applied);
        let left = rewriting.iter().flat_map(|rewriting| &rewriting.left);
        let diff = rewriting.map(|rewriting| rewriting.diff.as_str()).unwrap_or_default();
        Self {
            nothing: report.findings.is_empty().then(|| facts::no_opportunities(report)),
            items: report.findings.iter().map(|finding| item(report, places, finding)).collect(),
            applied: applied.map(|each| applied_rewrite(each, places)).collect(),
            left: left.map(|each| left_rewrite(each, places)).collect(),
            workload: rewriting.and_then(|rewriting| rewriting.workload_gain.as_ref()).map(gain),
            checks: rewriting.map(|rewriting| rewriting.checks.clone()).unwrap_or_default(),
            files: rewriting.map(|rewriting| rewriting.files.join(", ")).unwrap_or_default(),
            diff: diff.lines().map(diff_line).collect(),
            backup: rewriting.and_then(|rewriting| rewriting.backup.clone()),
            has_rewriting: rewriting.is_some(),
        }
    }
}

fn item(report: &Report, places: &Places, finding: &Finding) -> Item {
    let (statements, evidence): (Vec<_>, Vec<_>) = finding.evidence.iter().cloned().partition(|text| is_sql(text));
    let rewrites = finding.rewrites.iter().map(|(rule, safety)| rewrite(rule, *safety)).collect();
    let rule = finding.rewrites.iter().find(|(_, safety)| *safety != Safety::ShowOnly);
    Item {
        title: finding.title.clone(),
        kind: words::kind_name(&finding.kind).to_string(),
        category: words::category_name(finding.category),
        place: places.place(&finding.location),
        cost: words::cost(report, finding),
        seconds: finding.seconds.unwrap_or(0.0),
        is_measured: finding.seconds.is_some(),
        evidence,
        statement: (!statements.is_empty()).then(|| statements.join("\n")),
        advice: finding.advice.clone(),
        rewrites,
        command: rule.map(|(rule, _)| {
            let path = words::shell_words([&finding.location.path]);
            format!("cmdx optimize --implement --rule={rule} {path}")
        }),
    }
}

/// A line of evidence that is a statement is shown as code.
fn is_sql(text: &str) -> bool {
    let starts = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", "CREATE "];
    starts.iter().any(|start| text.starts_with(start))
}

fn rewrite(rule: &str, safety: Safety) -> Rewrite {
    let (mark, class) = match safety {
        Safety::Proven => ("✓", "proven"),
        Safety::NeedsRun => ("◐", "needs-run"),
        Safety::ShowOnly => ("○", "show-only"),
    };
    Rewrite { rule: rule.to_string(), safety: words::safety(safety), mark, class }
}

fn applied_rewrite(applied: &AppliedRewrite, places: &Places) -> Applied {
    let (class, verdict, proof) = match &applied.verdict {
        Verdict::Same { checks } => ("same", "behaves the same", checks.clone()),
        Verdict::Differs { first } => ("differs", "behaves differently", vec![first.clone()]),
        Verdict::NotChecked { why } => match applied.rewrite.safety {
            Safety::Proven => ("same", "the same for every input", vec![]),
            _ => ("unchecked", "not checked", vec![why.clone()]),
        },
    };
    Applied {
        rule: applied.rewrite.rule.clone(),
        place: places.place(&applied.rewrite.location),
        message: applied.rewrite.message.clone(),
        class,
        verdict,
        proof,
        assumptions: applied.rewrite.assumptions.clone(),
        gain: applied.gain.as_ref().map(gain),
    }
}

fn gain(gain: &MeasuredGain) -> Gain {
    let interval = match gain.interval {
        Some((low, high)) => format!("{low:.2}× to {high:.2}×, 99% interval"),
        None => "too few pairs for an interval".to_string(),
    };
    Gain {
        what: gain.what.clone(),
        before: units::duration(gain.before_seconds),
        after: units::duration(gain.after_seconds),
        factor: format!("{:.2}×", gain.factor),
        interval,
        n_pairs: units::counted(u64::from(gain.n_pairs), "pair", "pairs"),
    }
}

fn left_rewrite(left: &LeftRewrite, places: &Places) -> Left {
    Left {
        rule: left.rewrite.rule.clone(),
        place: places.place(&left.rewrite.location),
        reason: left.reason.clone(),
        is_rolled_back: left.is_rolled_back,
    }
}

fn diff_line(text: &str) -> DiffLine {
    let class = match text.as_bytes() {
        [b'+', b'+', ..] | [b'-', b'-', ..] => "file",
        [b'@', ..] => "hunk",
        [b'+', ..] => "added",
        [b'-', ..] => "removed",
        _ => "kept",
    };
    DiffLine { class, text: text.to_string() }
}
