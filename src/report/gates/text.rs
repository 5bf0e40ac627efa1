//! The answer for people, as lines and as Markdown.

use std::io::{self, Write};

use super::format::{label, sentence};
use crate::model::{GateReport, GateStatus};
use crate::support::printable::printable;
use crate::support::style::Style;

/// Widest of the labels.
const LABEL_COLUMNS: usize = 12;

/// Writes a line for each gate, what fails first, and the sum.
pub(super) fn write(report: &GateReport, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut verdicts: Vec<_> = report.verdicts.iter().collect();
    verdicts.sort_by_key(|verdict| verdict.status);
    for verdict in verdicts {
        let name = format!("{:<LABEL_COLUMNS$}", label(verdict.status));
        let name = match verdict.status {
            GateStatus::Fail => style.error(&name),
            GateStatus::Pass => name,
            _ => style.warning(&name),
        };
        let place = verdict.location.as_ref().map(|location| format!("  {location}")).unwrap_or_default();
        writeln!(out, "{name}  {}{}", style.text(&sentence(verdict)), style.secondary(&style.text(&place)))?;
    }
    for problem in &report.problems {
        writeln!(out, "{} {}", style.warning("note:"), style.text(problem))?;
    }
    let n_failed = count(report, GateStatus::Fail);
    let is_all_fine = report.verdicts.iter().all(|verdict| is_fine(verdict.status));
    let mark = match (n_failed > 0, is_all_fine) {
        (true, _) => style.symbol("❌"),
        (false, true) => style.symbol("✅"),
        _ => String::new(),
    };
    writeln!(out, "{mark}{}", sum(report))
}

fn is_fine(status: GateStatus) -> bool {
    matches!(status, GateStatus::Pass | GateStatus::Waived)
}

fn count(report: &GateReport, status: GateStatus) -> usize {
    report.verdicts.iter().filter(|verdict| verdict.status == status).count()
}

/// `2 passed, 1 failed, 1 missing`.
pub(super) fn sum(report: &GateReport) -> String {
    let parts = [
        (GateStatus::Pass, "passed"),
        (GateStatus::Fail, "failed"),
        (GateStatus::Inconclusive, "inconclusive"),
        (GateStatus::Missing, "missing"),
        (GateStatus::Stale, "stale"),
        (GateStatus::Waived, "waived"),
    ];
    let said: Vec<String> = parts
        .iter()
        .map(|(status, word)| (count(report, *status), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    if said.is_empty() { "nothing was validated".to_owned() } else { said.join(", ") }
}

/// Writes a table.
pub(super) fn write_markdown(report: &GateReport, out: &mut dyn Write) -> io::Result<()> {
    let cell = |text: &str| printable(text).replace('|', "\\|").replace('<', "&lt;").replace('@', "\\@");
    writeln!(out, "### Gates\n\n{}\n\n| | gate | benchmark | |\n|---|---|---|---|", sum(report))?;
    for verdict in &report.verdicts {
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            label(verdict.status),
            cell(&verdict.gate),
            cell(&verdict.benchmark),
            cell(&verdict.message)
        )?;
    }
    for problem in &report.problems {
        writeln!(out, "\n> {}", cell(problem))?;
    }
    Ok(())
}
