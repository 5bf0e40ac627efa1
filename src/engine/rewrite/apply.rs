//! Plans and applies matches to a set of files: overlaps resolved, every new text parsed again, rounds until nothing
//! is left. Pure: bytes in, bytes out.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::model::{Match, Problem, Safety, TextEdit};
use crate::syntax::{Encoding, Kind, Node, SourceFile, encode, encoding_of};

use super::scan::{ScanOptions, scan};

/// Which matches are applied.
#[derive(Clone, Debug)]
pub struct Application {
    /// The scan that finds them.
    pub scan: ScanOptions,
    /// The least sure rewrites that are applied.
    pub least: Safety,
    /// Rounds at most: a rewrite may make place for another.
    pub rounds_max: u32,
}

impl Default for Application {
    fn default() -> Self {
        Self { scan: ScanOptions::default(), least: Safety::Proven, rounds_max: 10 }
    }
}

/// A file with its new content.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// Relative to the project root.
    pub path: String,
    /// Its content before.
    pub before: Vec<u8>,
    /// Its content after.
    pub after: Vec<u8>,
    /// What was applied, in the order of application; lines are those of the text at that time.
    pub applied: Vec<Match>,
}

/// A match that was not applied, and why.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// The match.
    pub dropped: Match,
    /// One sentence without a final dot.
    pub reason: String,
}

/// What an application did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The files that changed.
    pub files: Vec<Rewritten>,
    /// The matches that could not be applied.
    pub dropped: Vec<Dropped>,
    /// Files that could not be read.
    pub problems: Vec<Problem>,
    /// Distributions that the new code needs.
    pub requirements: BTreeSet<String>,
}

/// Applies every match that is sure enough, round by round, until none is found.
pub fn apply(files: &[(String, Vec<u8>)], how: &Application) -> Applied {
    let mut current: BTreeMap<String, Vec<u8>> = files.iter().cloned().collect();
    let mut seen: HashSet<blake3::Hash> = current.values().map(|bytes| blake3::hash(bytes)).collect();
    let mut result = Applied::default();
    let mut applied: BTreeMap<String, Vec<Match>> = BTreeMap::new();
    let mut refused: HashSet<(String, String, u32)> = HashSet::new();
    for _ in 0..how.rounds_max {
        let list: Vec<(String, Vec<u8>)> = current.iter().map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
        let found = scan(&list, &how.scan);
        result.problems = found.problems;
        let mut by_path: BTreeMap<String, Vec<Match>> = BTreeMap::new();
        for each in found.matches {
            let key = (each.location.path.clone(), each.rule.clone(), each.location.line);
            if each.safety <= how.least && !each.edits.is_empty() && !refused.contains(&key) {
                by_path.entry(each.location.path.clone()).or_default().push(each);
            }
        }
        let mut is_changed = false;
        for (path, matches) in by_path {
            let before = &current[&path];
            let round = one_round(&path, before, matches, &mut seen);
            for dropped in round.dropped {
                let each = &dropped.dropped;
                refused.insert((each.location.path.clone(), each.rule.clone(), each.location.line));
                result.dropped.push(dropped);
            }
            if round.applied.is_empty() {
                continue;
            }
            is_changed = true;
            applied.entry(path.clone()).or_default().extend(round.applied);
            current.insert(path, round.after);
        }
        if !is_changed {
            break;
        }
    }
    for (path, matches) in applied {
        let before = files.iter().find(|(each, _)| *each == path).map(|(_, bytes)| bytes.clone()).unwrap_or_default();
        result.requirements.extend(matches.iter().flat_map(|each| each.requirements.iter().cloned()));
        let after = current.remove(&path).unwrap_or_default();
        result.files.push(Rewritten { path, before, after, applied: matches });
    }
    result
}

struct Round {
    after: Vec<u8>,
    applied: Vec<Match>,
    dropped: Vec<Dropped>,
}

/// Applies what does not overlap; what makes a text that does not parse, or one that was there before, is left out.
fn one_round(path: &str, before: &[u8], matches: Vec<Match>, seen: &mut HashSet<blake3::Hash>) -> Round {
    let chosen = without_overlaps(matches);
    if let Ok(after) = apply_matches(path, before, &chosen)
        && seen.insert(blake3::hash(&after))
    {
        return Round { after, applied: chosen, dropped: vec![] };
    }
    let mut round = Round { after: before.to_vec(), applied: vec![], dropped: vec![] };
    for each in chosen {
        let mut tried = round.applied.clone();
        tried.push(each.clone());
        match apply_matches(path, before, &tried) {
            Ok(after) if seen.insert(blake3::hash(&after)) => {
                round.after = after;
                round.applied = tried;
            }
            Ok(_) => round
                .dropped
                .push(Dropped { dropped: each, reason: "it leads back to a text that was there before".into() }),
            Err(reason) => round.dropped.push(Dropped { dropped: each, reason }),
        }
    }
    round
}

/// The surest first, then in the order of the text; a match stays out when its lines meet those of a chosen one.
fn without_overlaps(mut matches: Vec<Match>) -> Vec<Match> {
    matches.sort_by_key(|each| (each.safety, span(each)));
    let mut chosen: Vec<Match> = vec![];
    for each in matches {
        let (start, end) = span(&each);
        let lines = each.location.line..=each.end_line;
        let meets = |other: &Match| {
            let (other_start, other_end) = span(other);
            let is_apart = end < other_start || other_end < start;
            let are_lines_apart = *lines.end() < other.location.line || other.end_line < *lines.start();
            !(is_apart && (are_lines_apart || other.safety == Safety::Proven && each.safety == Safety::Proven))
        };
        if !chosen.iter().any(meets) {
            chosen.push(each);
        }
    }
    chosen.sort_by_key(span);
    chosen
}

fn span(each: &Match) -> (usize, usize) {
    let start = each.edits.first().map_or(0, |edit| edit.start);
    let end = each.edits.iter().map(|edit| edit.end).max().unwrap_or(start);
    (start, end)
}

/// The content of a file with the edits and imports of some of its matches. The matches must come from a scan of
/// these very bytes.
pub fn apply_matches(path: &str, before: &[u8], matches: &[Match]) -> Result<Vec<u8>, String> {
    let encoding = encoding_of(before).unwrap_or(Encoding::Utf8);
    let mut edits: Vec<&TextEdit> = vec![];
    for edit in matches.iter().flat_map(|each| &each.edits) {
        if !edits.contains(&edit) {
            edits.push(edit);
        }
    }
    edits.sort_by_key(|edit| (edit.start, edit.end));
    let mut after = Vec::with_capacity(before.len() + 256);
    let mut at = 0;
    for edit in edits {
        if edit.start < at || edit.end > before.len() {
            return Err("it overlaps another rewrite".into());
        }
        after.extend_from_slice(&before[at..edit.start]);
        after.extend(encode(&edit.replacement, encoding).ok_or("the file's encoding lacks a character it needs")?);
        at = edit.end;
    }
    after.extend_from_slice(&before[at..]);
    let mut imports: Vec<&str> = matches.iter().flat_map(|each| each.imports.iter().map(String::as_str)).collect();
    imports.sort_unstable();
    imports.dedup();
    let after = with_imports(path, after, &imports)?;
    SourceFile::parse(path, &after).map_err(|problem| format!("the new text does not parse: {}", problem.message))?;
    Ok(after)
}

/// Adds import statements after the last one at the top of the file.
fn with_imports(path: &str, bytes: Vec<u8>, imports: &[&str]) -> Result<Vec<u8>, String> {
    if imports.is_empty() {
        return Ok(bytes);
    }
    let file = SourceFile::parse(path, &bytes)
        .map_err(|problem| format!("the new text does not parse: {}", problem.message))?;
    let present: HashSet<&str> = file.root().children().map(|statement| statement.text().trim()).collect();
    let wanted: Vec<&&str> = imports.iter().filter(|import| !present.contains(**import)).collect();
    if wanted.is_empty() {
        return Ok(bytes);
    }
    let line_break = file.line_break();
    let (at, has_gap) = import_place(&file);
    let mut text = String::new();
    if at > 0 && !file.text[..at].ends_with('\n') && file.text[..at] != *"\u{feff}" {
        text.push_str(line_break);
    }
    for import in wanted {
        text.push_str(import);
        text.push_str(line_break);
    }
    if has_gap {
        text.push_str(line_break);
    }
    let at = file.byte_offset(at);
    let mut after = bytes[..at].to_vec();
    after.extend(encode(&text, file.encoding).ok_or("the file's encoding lacks a character it needs")?);
    after.extend_from_slice(&bytes[at..]);
    Ok(after)
}

/// Where a new import goes, and whether an empty line must follow: after the last import of the first run of imports,
/// else after the docstring and `__future__`, else at the top below the comments that begin the file.
fn import_place(file: &SourceFile) -> (usize, bool) {
    let mut place: Option<usize> = None;
    let mut has_import = false;
    for statement in file.root().children() {
        let is_import = matches!(statement.kind(), Kind::Import | Kind::ImportFrom | Kind::FutureImport);
        let is_docstring = place.is_none() && super::index::is_docstring(statement);
        if !is_import && !is_docstring {
            break;
        }
        has_import |= is_import;
        place = Some(file.line_end(statement.end() - 1));
    }
    if let Some(place) = place {
        return (place, !has_import);
    }
    let first = file.root().children().next();
    (file.line_start(first.map_or(file.text.len(), Node::start)), true)
}
