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

/// Columns that painted text takes: escape codes and addresses of links take none.
fn shown_width(text: &str) -> usize {
    let codes = text.split('\u{1b}');
    let shown = codes.enumerate().map(|(index, part)| match part {
        _ if index == 0 => part.width(),
        part if part.starts_with('[') => part.split_once('m').map_or(0, |(_, after)| after.width()),
        part => part.strip_prefix('\\').map_or(0, UnicodeWidthStr::width),
    });
    shown.sum()
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

    /// A line and a few words that go with it, on a line of their own where the first leaves no room.
    pub(super) fn line_with_remark(&mut self, text: &str, remark: &str) {
        if remark.is_empty() {
            return self.line(text);
        }
        if self.style.is_fitted && shown_width(text) + 2 + remark.width() > self.style.width {
            self.line(text);
            return self.note(remark);
        }
        self.line(&format!("{text}, {remark}"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_codes_take_no_columns() {
        let style = Style { colour: true, hyperlinks: true, ..Style::plain() };
        let text = format!("{} at {}", style.strong("12ms"), style.link("a.py:1", "/m/a.py"));
        assert_eq!(shown_width(&text), "12ms at a.py:1".len());
        assert_eq!(shown_width("größe 数"), 8);
    }
}
