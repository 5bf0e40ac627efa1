//! What the stream that is written to can show, and the few ways text is set apart.
//! Which of them hold for a stream is decided in `ui`.

use std::borrow::Cow;
use std::fmt::Write;

use super::printable::{ascii, printable};

/// What a stream can show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent abilities of a terminal")]
pub struct Style {
    /// Colours and weights.
    pub colour: bool,
    /// The symbols of the tutorial; else ASCII.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
    /// True when long lines are wrapped and shortened to `width`; false when piped: nothing is cut there.
    pub is_fitted: bool,
    /// OSC 8 links for places in files.
    pub hyperlinks: bool,
}

impl Style {
    /// No colour, UTF-8 symbols, nothing cut: what a pipe or a file gets.
    pub fn plain() -> Self {
        Self { colour: false, unicode: true, width: 80, is_fitted: false, hyperlinks: false }
    }

    /// What matters on a line: figures, headings.
    pub fn strong(&self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What may be skipped.
    pub fn secondary(&self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What went wrong or limits what is said.
    pub fn warning(&self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What ended the command.
    pub fn error(&self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// A command line to type.
    pub fn command(&self, text: &str) -> String {
        self.paint("36", text)
    }

    /// A sentence of ours: on one line, its symbols in ASCII where the stream needs that.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let clean = printable(text);
        if self.unicode {
            return clean;
        }
        Cow::Owned(ascii(&clean).into_owned())
    }

    /// The symbol with the space after it, or nothing.
    pub fn symbol(&self, symbol: &str) -> String {
        if self.unicode { format!("{symbol} ") } else { String::new() }
    }

    /// `shown`, which a click opens as the file at `absolute_path` where the stream can do that.
    pub fn link(&self, shown: &str, absolute_path: &str) -> String {
        if !self.hyperlinks {
            return shown.to_string();
        }
        let path = percent_encoded(absolute_path);
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("\u{1b}]8;;file://{slash}{path}\u{1b}\\{shown}\u{1b}]8;;\u{1b}\\")
    }

    fn paint(&self, codes: &str, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_string();
        }
        format!("\u{1b}[{codes}m{text}\u{1b}[0m")
    }
}

/// The path of a URL: all but unreserved characters and `/` as `%XX`.
pub fn percent_encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes every text");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_stream_gets_no_escape_code() {
        let style = Style::plain();
        assert_eq!(style.strong("1500ms") + &style.link("a.py:1", "/a.py"), "1500msa.py:1");
    }

    #[test]
    fn colours_end_where_they_began() {
        let style = Style { colour: true, ..Style::plain() };
        assert_eq!(style.strong("1500ms"), "\u{1b}[1m1500ms\u{1b}[0m");
        assert_eq!(style.strong(""), "");
    }

    #[test]
    fn links_are_percent_encoded() {
        let style = Style { hyperlinks: true, ..Style::plain() };
        let link = style.link("a.py", "/my project/ü\u{7}.py");
        assert_eq!(link, "\u{1b}]8;;file:///my%20project/%C3%BC%07.py\u{1b}\\a.py\u{1b}]8;;\u{1b}\\");
    }
}
