//! Which of the matches are tried: by mode, rule, category; and which of those at once.

use std::collections::{BTreeMap, BTreeSet};

use super::args::{Implement, Trust};
use crate::engine::rewrite;
use crate::model::{Category, LeftRewrite, Match, Safety};

/// The files as they are, or would be, by path.
pub(super) type Texts = BTreeMap<String, Vec<u8>>;

/// What a match is recognised by when the lines around it have moved.
pub(super) type MatchKey = (String, String, String, Vec<u8>);

/// The key of a match in the text it was found in.
pub(super) fn key(each: &Match, texts: &Texts) -> MatchKey {
    let text = texts.get(&each.location.path).map(Vec::as_slice).unwrap_or_default();
    let first = each.location.line.saturating_sub(1) as usize;
    let n_lines = (each.end_line.max(each.location.line) - each.location.line + 1) as usize;
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').skip(first).take(n_lines).collect();
    (each.location.path.clone(), each.rule.clone(), each.location.symbol.clone(), lines.concat())
}

/// Parts the matches into those to try and those that are left, with the reason. `ignored` are those that a comment
/// in the source asks to leave.
pub(super) fn parted(
    matches: Vec<Match>,
    ignored: Vec<Match>,
    how: &Implement,
    categories: &[Category],
) -> (Vec<Match>, Vec<LeftRewrite>) {
    let is_chosen = |each: &Match| {
        (how.rules.is_empty() || how.rules.contains(&each.rule))
            && !how.ignored.contains(&each.rule)
            && categories.contains(&each.category)
    };
    let ignored = ignored.into_iter().filter(is_chosen);
    let reason = "a comment says to ignore it";
    let mut left: Vec<LeftRewrite> =
        ignored.map(|rewrite| LeftRewrite { rewrite, reason: reason.to_owned(), is_rolled_back: false }).collect();
    let mut tried = vec![];
    for each in matches.into_iter().filter(is_chosen) {
        match reason_to_leave(&each, how.trust) {
            None => tried.push(each),
            Some(reason) => left.push(LeftRewrite { rewrite: each, reason, is_rolled_back: false }),
        }
    }
    (tried, left)
}

fn reason_to_leave(each: &Match, trust: Trust) -> Option<String> {
    if each.edits.is_empty() || each.safety == Safety::ShowOnly {
        return Some("it is for you to decide: cmdx only shows it".into());
    }
    if each.safety == Safety::NeedsRun && trust == Trust::SafeOnly {
        return Some("it needs a run to be sure, and --safe-only was given".into());
    }
    None
}

/// Those that can be applied together: no two touch the same lines. The others find their place in a later round.
pub(super) fn without_overlaps(mut matches: Vec<Match>) -> Vec<Match> {
    matches.sort_by_key(|each| (each.safety, each.location.clone()));
    let mut taken: BTreeMap<String, Vec<(usize, usize, u32, u32)>> = BTreeMap::new();
    let mut chosen = vec![];
    for each in matches {
        let start = each.edits.iter().map(|edit| edit.start).min().unwrap_or(0);
        let end = each.edits.iter().map(|edit| edit.end).max().unwrap_or(0);
        let span = (start, end, each.location.line, each.end_line.max(each.location.line));
        let spans = taken.entry(each.location.path.clone()).or_default();
        let meets = |other: &(usize, usize, u32, u32)| {
            (span.0 <= other.1 && other.0 <= span.1) || (span.2 <= other.3 && other.2 <= span.3)
        };
        if !spans.iter().any(meets) {
            spans.push(span);
            chosen.push(each);
        }
    }
    chosen.sort_by(|left, right| (&left.location, &left.rule).cmp(&(&right.location, &right.rule)));
    chosen
}

/// The files with the chosen matches applied. A file to which they cannot be applied together is left out.
pub(super) fn built(matches: &[Match], chosen: &[usize], texts: &Texts) -> Texts {
    let mut by_path: BTreeMap<&str, Vec<Match>> = BTreeMap::new();
    for index in chosen {
        by_path.entry(&matches[*index].location.path).or_default().push(matches[*index].clone());
    }
    let apply = |(path, list): (&str, Vec<Match>)| {
        let after = rewrite::apply_matches(path, texts.get(path)?, &list).ok()?;
        Some((path.to_owned(), after))
    };
    by_path.into_iter().filter_map(apply).collect()
}

/// Lines that a match changes, in the file as it was scanned: those its edits touch, and the one it is reported at.
pub(super) fn lines_of(each: &Match, text: &[u8]) -> Vec<u32> {
    let mut lines: BTreeSet<u32> = BTreeSet::from([each.location.line]);
    for edit in &each.edits {
        let before = &text[..edit.start.min(text.len())];
        lines.insert(before.split(|byte| *byte == b'\n').count() as u32);
    }
    lines.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Location, TextEdit};

    fn rewrite(line: u32, end_line: u32, start: usize) -> Match {
        Match {
            rule: "list-membership".into(),
            category: Category::Algorithm,
            location: Location::new("a.py", line, "f"),
            column: 1,
            function_line: 1,
            end_line,
            message: String::new(),
            assumptions: vec![],
            safety: Safety::Proven,
            edits: vec![TextEdit { start, end: start + 1, replacement: "x".into() }],
            imports: vec![],
            requirements: vec![],
        }
    }

    #[test]
    fn matches_on_the_same_lines_wait_for_the_next_round() {
        let chosen = without_overlaps(vec![rewrite(1, 3, 0), rewrite(3, 4, 50), rewrite(5, 5, 90)]);
        let lines: Vec<u32> = chosen.iter().map(|each| each.location.line).collect();
        assert_eq!(lines, [1, 5]);
    }

    #[test]
    fn lines_are_those_of_the_edits_and_the_reported_one() {
        assert_eq!(lines_of(&rewrite(3, 3, 4), b"a\nb\nc\nd\n"), [3]);
        assert_eq!(lines_of(&rewrite(3, 3, 0), b"a\nb\nc\nd\n"), [1, 3]);
    }
}
