//! The text as it grows: lines, wrapped paragraphs, headings. Every name passes through here and is made printable.

use unicode_width::UnicodeWidthStr;

use crate::model::{Location, Report};
use crate::report::places::Places;
use crate::report::{Style, words};
use crate::support::units;

/// The column of labels, its margins included.
const LABEL_WIDTH: usize = 15;

/// Paints nothing.
pub(super) fn as_is(_style: &Style, text: &str) -> String {
    text.to_string()
}

/// Text and what it is made from.
pub(super) struct Page<'a> {
    pub report: &'a Report,
    pub style: &'a Style,
    pub places: Places<'a>,
    pub text: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(report: &'a Report, style: &'a Style) -> Self {
        Self { report, style, places: Places::of(report), text: String::new() }
    }

    /// A line that is already clean and painted.
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A heading with its symbol; some have none.
    pub(super) fn heading(&mut self, symbol: &str, words: &str) {
        let symbol = if symbol.is_empty() { String::new() } else { self.style.symbol(symbol) };
        let heading = symbol + &self.style.strong(words);
        self.line(&heading);
    }

    /// A remark under a list.
    pub(super) fn note(&mut self, text: &str) {
        self.paragraph(5, 5, text, Style::secondary);
    }

    /// Sentences, made printable, wrapped at the width where the stream is fitted, then painted.
    pub(super) fn paragraph(&mut self, first: usize, rest: usize, text: &str, paint: fn(&Style, &str) -> String) {
        let text = self.style.text(text).into_owned();
        let mut indent = first;
        for line in self.wrapped(&text, first.max(rest)) {
            let painted = paint(self.style, &line);
            self.line(&format!("{}{painted}", " ".repeat(indent)));
            indent = rest;
        }
    }

    /// A sentence behind a label, in two columns.
    pub(super) fn labelled(&mut self, label: &str, text: &str, paint: fn(&Style, &str) -> String) {
        let start = self.text.len();
        self.paragraph(LABEL_WIDTH, LABEL_WIDTH, text, paint);
        let label = self.style.secondary(&format!("{label:<11}"));
        self.text.replace_range(start..start + LABEL_WIDTH, &format!("  {label}  "));
    }

    fn wrapped(&self, text: &str, indent: usize) -> Vec<String> {
        if !self.style.is_fitted {
            return vec![text.to_string()];
        }
        let width = self.style.width.saturating_sub(indent).max(20);
        let mut lines = vec![];
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && line.width() + 1 + word.width() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
        lines
    }

    /// `1500ms`, as the stream can show it.
    pub(super) fn duration(&self, seconds: f64) -> String {
        self.style.text(&units::duration(seconds)).into_owned()
    }

    /// `database.py:45`, a link where the stream has links.
    pub(super) fn place(&self, location: &Location) -> String {
        let place = self.places.place(location);
        let shown = crate::support::printable::printable(&place);
        self.style.link(&shown, &self.places.absolute(&location.path))
    }

    /// `database.py:45 query_users()`, without a link.
    pub(super) fn place_and_symbol(&self, location: &Location) -> String {
        let place = self.places.place(location);
        let symbol = words::symbol(location);
        let text = if symbol.is_empty() { place } else { format!("{place} {symbol}") };
        self.style.text(&text).into_owned()
    }

    /// The last line: what to do next, and how.
    pub(super) fn next(&mut self, what: &str, command: &str) {
        let command = self.style.text(command).into_owned();
        let line = format!("{what}: {}", self.style.command(&command));
        self.line(&line);
    }
}
