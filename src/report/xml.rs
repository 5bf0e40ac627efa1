//! Text as XML holds it.

use std::borrow::Cow;

use crate::support::printable::printable;

/// Markup and quotes as entities; characters that XML cannot hold written out.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let clean = printable(text);
    if !clean.contains(['&', '<', '>', '"', '\'', '\u{fffe}', '\u{ffff}']) {
        return clean;
    }
    let mut safe = String::with_capacity(clean.len() + 16);
    for character in clean.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_xml_cannot_hold_are_written_out() {
        assert_eq!(escaped("a\u{1b}\u{0}\u{ffff}'"), "a\\x1b\\x00\u{fffd}&apos;");
    }
}
