//! Looks that a new text differs from the old one by its edits and imports alone.

use crate::model::Match;

/// `Err` says what else changed. `matches` are the rewrites that led from `before` to `after`.
pub fn only_edits_changed(before: &[u8], after: &[u8], matches: &[&Match]) -> Result<(), String> {
    let expected = spliced(before, matches)?;
    if expected == after {
        return Ok(());
    }
    let imports: Vec<&str> = matches.iter().flat_map(|each| each.imports.iter().map(|line| line.trim())).collect();
    // Imports are whole lines that were added; everything else must be there in its order.
    let mut wanted = expected.split_inclusive(|byte| *byte == b'\n').peekable();
    for line in after.split_inclusive(|byte| *byte == b'\n') {
        if wanted.peek().is_some_and(|next| without_mark(next) == without_mark(line)) {
            wanted.next();
            continue;
        }
        let text = String::from_utf8_lossy(without_mark(line));
        let text = text.trim();
        if !text.is_empty() && !imports.contains(&text) {
            return Err(format!("the line `{text}` changed without an edit"));
        }
    }
    match wanted.next() {
        None => Ok(()),
        Some(lost) => Err(format!("the line `{}` is lost", String::from_utf8_lossy(lost).trim())),
    }
}

fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

fn spliced(before: &[u8], matches: &[&Match]) -> Result<Vec<u8>, String> {
    let mut edits: Vec<_> = matches.iter().flat_map(|each| &each.edits).collect();
    edits.sort();
    edits.dedup();
    let is_latin1 = std::str::from_utf8(before).is_err();
    let mut text = Vec::with_capacity(before.len());
    let mut at = 0;
    for edit in edits {
        if edit.start < at || edit.end < edit.start || edit.end > before.len() {
            return Err("two edits overlap".into());
        }
        text.extend_from_slice(&before[at..edit.start]);
        if is_latin1 {
            text.extend(edit.replacement.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')));
        } else {
            text.extend_from_slice(edit.replacement.as_bytes());
        }
        at = edit.end;
    }
    text.extend_from_slice(&before[at..]);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, Location, Safety, TextEdit};

    fn rewrite(start: usize, end: usize, replacement: &str, imports: &[&str]) -> Match {
        Match {
            rule: "r".into(),
            category: Category::Algorithm,
            location: Location::new("a.py", 1, ""),
            column: 1,
            function_line: 0,
            end_line: 1,
            message: String::new(),
            assumptions: vec![],
            safety: Safety::Proven,
            edits: vec![TextEdit { start, end, replacement: replacement.into() }],
            imports: imports.iter().map(|&line| line.to_owned()).collect(),
            requirements: vec![],
        }
    }

    #[test]
    fn edits_and_their_imports_are_fine() {
        let each = rewrite(4, 6, "deque()", &["from collections import deque"]);
        let before = b"x = []\ny = 1\n";
        assert_eq!(only_edits_changed(before, b"x = deque()\ny = 1\n", &[&each]), Ok(()));
        let after = b"from collections import deque\n\nx = deque()\ny = 1\n";
        assert_eq!(only_edits_changed(before, after, &[&each]), Ok(()));
    }

    #[test]
    fn anything_else_is_told() {
        let each = rewrite(4, 6, "deque()", &["from collections import deque"]);
        let before = b"x = []\ny = 1\n";
        let changed = only_edits_changed(before, b"x = deque()\ny = 2\n", &[&each]);
        assert_eq!(changed, Err("the line `y = 2` changed without an edit".into()));
        let lost = only_edits_changed(before, b"x = deque()\n", &[&each]);
        assert_eq!(lost, Err("the line `y = 1` is lost".into()));
        let foreign = only_edits_changed(before, b"import os\nx = deque()\ny = 1\n", &[&each]);
        assert!(foreign.is_err());
    }
}
