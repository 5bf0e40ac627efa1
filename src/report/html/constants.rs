//! The style and the script of the page: the same in every report, so the page can forbid all others by their hashes.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

const OWN_STYLE: &str = include_str!("../../../templates/html/style.css");
const OWN_SCRIPT: &str = include_str!("../../../templates/html/script.js");
const CHART_STYLE: &str = include_str!("../../../templates/html/vendor/uplot.css");
const CHART_SCRIPT: &str = include_str!("../../../templates/html/vendor/uplot.js");
const CHART_LICENCE: &str = include_str!("../../../templates/html/vendor/uplot.LICENSE");

/// A text of the page and the words by which its security policy allows it.
pub(super) struct Allowed {
    pub text: String,
    /// `sha256-…`.
    pub hash: String,
}

impl Allowed {
    fn new(text: String) -> Self {
        let hash = format!("sha256-{}", base64(&Sha256::digest(text.as_bytes())));
        Self { text, hash }
    }
}

/// What stands between `<style>` and `</style>`.
pub(super) fn style() -> &'static Allowed {
    static STYLE: OnceLock<Allowed> = OnceLock::new();
    STYLE.get_or_init(|| Allowed::new(format!("{}\n{OWN_STYLE}", CHART_STYLE.trim_end())))
}

/// What stands between `<script>` and `</script>`.
pub(super) fn script() -> &'static Allowed {
    static SCRIPT: OnceLock<Allowed> = OnceLock::new();
    SCRIPT.get_or_init(|| {
        let licence = CHART_LICENCE.trim().replace("*/", "* /");
        Allowed::new(format!("/* uPlot:\n{licence}\n*/\n{}\n{OWN_SCRIPT}", CHART_SCRIPT.trim_end()))
    })
}

/// Base64 with padding, as security policies want it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0_u32, |word, index| word << 8 | u32::from(*chunk.get(index).unwrap_or(&0)));
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let texts = ["", "f", "fo", "foo", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(texts, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYmFy"]);
    }

    #[test]
    fn the_constants_cannot_end_their_element() {
        assert!(!style().text.contains("</"));
        assert!(!script().text.to_ascii_lowercase().contains("</script"));
        assert!(!script().text.contains("<!--"));
    }
}
