//! Makes names from the user's project safe to print: nothing in them may steer the terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// Our own symbols with what stands for them where only ASCII can be shown.
const ASCII_SYMBOLS: &[(char, &str)] = &[
    ('µ', "u"),
    ('±', "+-"),
    ('×', "x"),
    ('≤', "<="),
    ('≥', ">="),
    ('→', "->"),
    ('…', "..."),
    ('–', "-"),
    ('—', "-"),
    ('·', "-"),
    ('•', "*"),
    ('═', "="),
    ('─', "-"),
    ('━', "="),
    ('²', "^2"),
    ('‘', "'"),
    ('’', "'"),
    ('“', "\""),
    ('”', "\""),
    ('\u{a0}', " "),
];

/// The text on one line, with control characters and those that reorder a line written out (`\x1b`, `\n`, `\u{202e}`).
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_steering) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => clean.push_str("\\n"),
            '\r' => clean.push_str("\\r"),
            '\t' => clean.push_str("\\t"),
            _ if !is_steering(character) => clean.push(character),
            _ if u32::from(character) < 0x100 => {
                write!(clean, "\\x{:02x}", u32::from(character)).expect("a string takes every text");
            }
            _ => clean.extend(character.escape_unicode()),
        }
    }
    Cow::Owned(clean)
}

/// As [`printable`], with runs of white space as one space: for statements that were written over several lines.
pub fn one_line(text: &str) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    printable(&joined).into_owned()
}

/// Replaces the symbols of our own sentences; letters of any script stay.
pub fn ascii(text: &str) -> Cow<'_, str> {
    let replacement = |character| ASCII_SYMBOLS.iter().find(|(symbol, _)| *symbol == character);
    if text.is_ascii() || !text.chars().any(|character| replacement(character).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match replacement(character) {
            Some((_, words)) => plain.push_str(words),
            None => plain.push(character),
        }
    }
    Cow::Owned(plain)
}

/// Control characters, line separators, and the marks that change the direction of what follows.
pub fn is_steering(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || character == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_codes_are_written_out() {
        assert_eq!(printable("a\u{1b}[31mred\u{7}\u{9b}2J.py"), "a\\x1b[31mred\\x07\\x9b2J.py");
        assert_eq!(printable("two\nlines\r\t"), "two\\nlines\\r\\t");
        assert_eq!(printable("txt\u{202e}yp.exe"), "txt\\u{202e}yp.exe");
    }

    #[test]
    fn ordinary_names_of_any_script_stay() {
        for name in ["src/database.py", "größe.py", "数据.py", "שלום.py", "e\u{301}.py", "\u{fffd}.py"] {
            assert!(matches!(printable(name), Cow::Borrowed(same) if same == name));
        }
    }

    #[test]
    fn statements_are_put_on_one_line() {
        assert_eq!(one_line("SELECT *\n    FROM users\t\n WHERE id = ?"), "SELECT * FROM users WHERE id = ?");
    }

    #[test]
    fn symbols_have_ascii_forms_and_letters_stay() {
        assert_eq!(ascii("840µs ±3 → größe…"), "840us +-3 -> größe...");
        assert!(matches!(ascii("größe"), Cow::Borrowed(_)));
    }
}
