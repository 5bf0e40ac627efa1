//! Builds edits of a file that keep its comments, quotes, indentation and line ends.

use crate::model::TextEdit;
use crate::syntax::{Kind, Node, SourceFile};

/// Edits of one file, by places of its text.
pub(crate) struct Edits<'a> {
    file: &'a SourceFile,
    list: Vec<TextEdit>,
}

impl<'a> Edits<'a> {
    pub(crate) fn of(file: &'a SourceFile) -> Self {
        Self { file, list: vec![] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// True when a replacement has the word.
    pub(crate) fn mention(&self, word: &str) -> bool {
        let is_word = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|each| each == word);
        self.list.iter().any(|edit| is_word(&edit.replacement))
    }

    /// Puts `text` in the place of a node.
    pub(crate) fn replace(&mut self, node: Node<'a>, text: impl Into<String>) {
        self.replace_range(node.start(), node.end(), text);
    }

    /// Puts `text` in the place of some bytes.
    pub(crate) fn replace_range(&mut self, start: usize, end: usize, text: impl Into<String>) {
        let replacement = self.with_line_breaks(&text.into());
        self.list.push(TextEdit { start, end, replacement });
    }

    /// Writes statements on lines of their own before a statement, indented like it.
    pub(crate) fn insert_before(&mut self, statement: Node<'a>, lines: &[String]) {
        let start = self.file.line_start(statement.start());
        let text = self.block(statement, lines);
        self.replace_range(start, start, text);
    }

    /// Writes statements on lines of their own after a statement, indented like it.
    pub(crate) fn insert_after(&mut self, statement: Node<'a>, lines: &[String]) {
        let end = self.file.line_end(statement.end().max(statement.start() + 1) - 1);
        let text = self.block(statement, lines);
        if self.file.text[..end].ends_with('\n') {
            self.replace_range(end, end, text);
        } else {
            self.replace_range(end, end, format!("\n{}", text.trim_end_matches('\n')));
        }
    }

    fn block(&self, statement: Node<'a>, lines: &[String]) -> String {
        let indentation = self.file.indentation(statement.start());
        lines.iter().fold(String::new(), |text, line| text + indentation + line + "\n")
    }

    /// Removes whole lines with a statement and what follows it there.
    pub(crate) fn remove(&mut self, statement: Node<'a>) {
        let start = self.file.line_start(statement.start());
        let end = self.file.line_end(statement.end() - 1);
        self.replace_range(start, end, "");
    }

    fn with_line_breaks(&self, text: &str) -> String {
        let line_break = self.file.line_break();
        if line_break == "\n" { text.to_owned() } else { text.replace("\r\n", "\n").replace('\n', line_break) }
    }

    /// The edits in order, by bytes of the file; `None` when two of them overlap.
    pub(crate) fn into_text_edits(mut self) -> Option<Vec<TextEdit>> {
        self.list.sort_by_key(|edit| (edit.start, edit.end));
        self.list.dedup();
        self.list = merged(std::mem::take(&mut self.list));
        if self.list.windows(2).any(|pair| pair[0].end > pair[1].start) {
            return None;
        }
        for edit in &mut self.list {
            edit.start = self.file.byte_offset(edit.start);
            edit.end = self.file.byte_offset(edit.end);
        }
        Some(self.list)
    }
}

/// Joins insertions at the same place in the order they were made.
fn merged(list: Vec<TextEdit>) -> Vec<TextEdit> {
    let mut merged: Vec<TextEdit> = vec![];
    for edit in list {
        match merged.last_mut() {
            Some(before) if before.start == before.end && (edit.start, edit.end) == (before.start, before.end) => {
                before.replacement.push_str(&edit.replacement);
            }
            _ => merged.push(edit),
        }
    }
    merged
}

/// One step of indentation as the file has it: that of its first indented block, else four spaces.
pub(crate) fn indentation_unit(file: &SourceFile) -> String {
    let block = file
        .root()
        .descendants()
        .find(|node| node.is(Kind::Block) && node.line() > node.parent().map_or(0, Node::line));
    let Some(block) = block else { return "    ".into() };
    let inner = file.indentation(block.start());
    let outer = block.parent().map_or("", |parent| file.indentation(parent.start()));
    inner.strip_prefix(outer).filter(|unit| !unit.is_empty()).unwrap_or("    ").to_owned()
}

/// True when the statement stands alone on its lines: no `;`, no `if x: y`.
pub(crate) fn is_alone(statement: Node<'_>) -> bool {
    let file = statement.file();
    let before = &file.text[file.line_start(statement.start())..statement.start()];
    let after = file.text[statement.end()..file.line_end(statement.end().max(1) - 1).max(statement.end())].trim_start();
    before.trim_matches([' ', '\t']).is_empty() && (after.is_empty() || after.starts_with('#'))
}

/// The source of an expression as an argument or item: in parentheses where it needs them.
pub(crate) fn argument(node: Node<'_>) -> String {
    match node.kind() {
        Kind::Yield | Kind::ExpressionList | Kind::Named => format!("({})", node.text()),
        _ => node.text().to_owned(),
    }
}

/// The iterable or condition of a comprehension: in parentheses where it needs them.
pub(crate) fn clause(node: Node<'_>) -> String {
    match node.kind() {
        Kind::Yield | Kind::ExpressionList | Kind::Named | Kind::Lambda | Kind::Conditional => {
            format!("({})", node.text())
        }
        _ => node.text().to_owned(),
    }
}

/// Moves lines of source one level out or in: replaces the indentation `from` by `to` at the start of every line but
/// the first. `None` when a line does not begin with `from` or a string spans lines.
pub(crate) fn reindented(node: Node<'_>, from: &str, to: &str) -> Option<String> {
    let spans_lines = |string: Node<'_>| string.is(Kind::String) && string.text().contains('\n');
    if node.descendants().any(spans_lines) {
        return None;
    }
    let mut lines = node.text().split('\n');
    let mut text = lines.next()?.to_owned();
    for line in lines {
        text.push('\n');
        if line.trim().is_empty() {
            text.push_str(line.trim_start_matches([' ', '\t']));
        } else {
            text.push_str(to);
            text.push_str(line.strip_prefix(from)?);
        }
    }
    Some(text)
}
