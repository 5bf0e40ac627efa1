//! Whose a file is: a generated file carries a checksum of itself, so one that was edited since is known, too.

/// The words before a template's name.
const MARK: &str = "cmdx-template: ";
/// The words before the checksum.
const CHECKSUM: &str = " content:";
/// What stands in the checksum's place while it is computed.
const BLANK: &str = "----------------";

/// Who wrote a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// cmdx, and nobody has touched it since.
    Ours,
    /// cmdx, and somebody has edited it.
    Edited,
    /// Somebody else.
    Foreign,
}

/// Says who wrote a text.
pub fn origin(text: &str) -> Origin {
    let Some((start, checksum)) = checksum_in(text) else { return Origin::Foreign };
    let blank = format!("{}{BLANK}{}", &text[..start], &text[start + checksum.len()..]);
    if checksum == of(&blank) { Origin::Ours } else { Origin::Edited }
}

/// The line that a template begins with, without its comment sign.
pub(super) fn mark(template: &str) -> String {
    format!("{MARK}{template}@1{CHECKSUM}{BLANK}")
}

/// Fills in the checksum.
pub(super) fn signed(text: &str) -> String {
    text.replacen(&format!("{CHECKSUM}{BLANK}"), &format!("{CHECKSUM}{}", of(text)), 1)
}

fn of(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..BLANK.len()].to_owned()
}

fn checksum_in(text: &str) -> Option<(usize, &str)> {
    let mark = text.find(MARK)?;
    let start = mark + text[mark..].find(CHECKSUM)? + CHECKSUM.len();
    let checksum = text.get(start..start + BLANK.len())?;
    let is_on_one_line = !text[mark..start].contains('\n');
    (is_on_one_line && checksum.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some((start, checksum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_text_is_ours_until_it_is_edited() {
        let text = signed(&format!("---\n# {}\na: 1\n", mark("github/performance")));
        assert_eq!(origin(&text), Origin::Ours);
        assert_eq!(origin(&text.replace("a: 1", "a: 2")), Origin::Edited);
        assert_eq!(origin("on: push\n"), Origin::Foreign);
        assert_eq!(origin("# cmdx-template: x\n# content:0123456789abcdef\n"), Origin::Foreign);
    }
}
