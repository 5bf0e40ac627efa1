//! Says what was rewritten, with which proof and gain, and what was left and why.

use std::io::{self, Write};

use similar::TextDiff;

use super::implement_plan::Texts;
use crate::model::{AppliedRewrite, Implementation, LeftRewrite, Match, MeasuredGain, Safety, Verdict};
use crate::support::style::Style;
use crate::support::units;

/// Left rewrites of one reason that are listed one by one; more are counted.
const LEFT_SHOWN: usize = 12;

/// A unified diff of every file that differs.
pub(super) fn diff(before: &Texts, after: &Texts) -> String {
    let mut text = String::new();
    for (path, new) in after {
        let old = before.get(path).map(Vec::as_slice).unwrap_or_default();
        if old != new.as_slice() {
            text.push_str(&diff_of(path, old, new));
        }
    }
    text
}

fn diff_of(path: &str, old: &[u8], new: &[u8]) -> String {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let diff = TextDiff::from_lines(old.as_ref(), new.as_ref());
    diff.unified_diff().context_radius(3).header(&format!("a/{path}"), &format!("b/{path}")).to_string()
}

/// Writes what `--dry-run` shows: every rewrite with its reason, and the diff, which `patch -p1` takes.
pub(super) fn write_preview(
    answer: &Implementation,
    gains: &dyn Fn(&str) -> Option<String>,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    for each in &answer.applied {
        let Match { rule, location, message, safety, assumptions, .. } = &each.rewrite;
        writeln!(out, "# {location}  {rule} ({})", safety_word(*safety))?;
        writeln!(out, "#   reason: {}", style.text(message))?;
        if !assumptions.is_empty() {
            writeln!(out, "#   same behaviour if: {}", style.text(&assumptions.join("; ")))?;
        }
        if let Some(gain) = gains(rule) {
            writeln!(out, "#   expected gain: {}", style.text(&gain))?;
        }
    }
    for line in answer.diff.split_inclusive('\n') {
        write!(out, "{}", coloured(line, style))?;
    }
    write_left(&answer.left, "# ", style, out)?;
    let n_rewrites = answer.applied.len() as u64;
    let rewrites = units::counted(n_rewrites, "rewrite", "rewrites");
    let files = units::counted(answer.files.len() as u64, "file", "files");
    writeln!(out, "# {rewrites} in {files}; nothing was written")
}

fn coloured(line: &str, style: &Style) -> String {
    let body = line.trim_end_matches(['\n', '\r']);
    let end = &line[body.len()..];
    let shown = match body.chars().next() {
        Some('@') => style.secondary(body),
        Some('-' | '+') if body.starts_with("---") || body.starts_with("+++") => style.strong(body),
        _ => body.to_owned(),
    };
    format!("{shown}{end}")
}

/// Writes the summary of a rewriting.
pub(super) fn write_summary(answer: &Implementation, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let files = units::counted(answer.files.len() as u64, "file", "files");
    let rewrites = units::counted(answer.applied.len() as u64, "rewrite", "rewrites");
    if answer.applied.is_empty() {
        writeln!(out, "Nothing was rewritten.")?;
    } else {
        writeln!(out, "{}", style.strong(&format!("{rewrites} applied in {files}")))?;
    }
    for each in &answer.applied {
        write_applied(each, style, out)?;
    }
    write_left(&answer.left, "", style, out)?;
    super::implement_figures::write(&answer.figures, style, out)?;
    if !answer.checks.is_empty() {
        writeln!(out, "\nChecked with:")?;
    }
    for check in &answer.checks {
        writeln!(out, "  {}", style.text(check))?;
    }
    if !answer.requirements.is_empty() {
        writeln!(out, "\nThe new code needs: {}", answer.requirements.join(", "))?;
    }
    if let Some(backup) = &answer.backup {
        writeln!(out, "\nThe originals are in .cmdx/backups/{backup}; `cmdx optimize --rollback` restores them.")?;
    }
    Ok(())
}

fn write_applied(each: &AppliedRewrite, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let Match { rule, location, message, assumptions, .. } = &each.rewrite;
    writeln!(out, "\n  {location}  {}", style.strong(rule))?;
    writeln!(out, "    {}", style.text(message))?;
    let proof = match (&each.verdict, each.rewrite.safety) {
        (Verdict::Same { checks }, Safety::Proven) => format!("same for every input; {}", checks.join("; ")),
        (Verdict::Same { checks }, _) => checks.join("; "),
        (Verdict::NotChecked { why }, Safety::Proven) => format!("same for every input (not run: {why})"),
        (Verdict::NotChecked { why }, _) => format!("none, as --unsafe allows: {why}"),
        (Verdict::Differs { first }, _) => first.clone(),
    };
    writeln!(out, "    proof: {}", style.text(&proof))?;
    if !assumptions.is_empty() {
        writeln!(out, "    rests on: {}", style.text(&assumptions.join("; ")))?;
    }
    match &each.gain {
        Some(gain) => writeln!(out, "    gain: {} ({})", gain_words(gain), style.text(&gain.what)),
        None => writeln!(out, "    gain: not measurable with what was run"),
    }
}

fn gain_words(gain: &MeasuredGain) -> String {
    let (before, after) = (units::duration(gain.before_seconds), units::duration(gain.after_seconds));
    let interval = match gain.interval {
        Some((low, high)) => format!("{low:.2} to {high:.2} at 99 %"),
        None => format!("{}, too few for an interval", units::counted(u64::from(gain.n_pairs), "pair", "pairs")),
    };
    format!("{:.2}x, {before} to {after} ({interval})", gain.factor)
}

fn write_left(left: &[LeftRewrite], prefix: &str, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    writeln!(out, "{prefix}")?;
    writeln!(out, "{prefix}Left as it is:")?;
    for each in left.iter().filter(|each| each.is_rolled_back) {
        writeln!(
            out,
            "{prefix}  {}  {}: rolled back: {}",
            each.rewrite.location,
            each.rewrite.rule,
            style.text(&each.reason)
        )?;
    }
    let others: Vec<&LeftRewrite> = left.iter().filter(|each| !each.is_rolled_back).collect();
    for each in others.iter().take(LEFT_SHOWN) {
        writeln!(out, "{prefix}  {}  {}: {}", each.rewrite.location, each.rewrite.rule, style.text(&each.reason))?;
    }
    if others.len() > LEFT_SHOWN {
        writeln!(out, "{prefix}  and {} more; --json lists them all", others.len() - LEFT_SHOWN)?;
    }
    Ok(())
}

fn safety_word(safety: Safety) -> &'static str {
    match safety {
        Safety::Proven => "proven",
        Safety::NeedsRun => "needs a run",
        Safety::ShowOnly => "shown only",
    }
}
