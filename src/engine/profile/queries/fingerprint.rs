//! Reduces a statement to what it has in common with its like: constants and comments out, lists to one item.
//! A lexer, not a parser: it has to take any dialect, any placeholder style and truncated text.

/// What a statement does, as far as its first word tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatementKind {
    /// It reads rows.
    Read,
    /// It changes rows.
    Write,
    /// It ends a transaction and keeps its changes.
    Commit,
    /// Transactions, settings, definitions: nothing a loop over rows would repeat.
    Other,
}

/// A statement reduced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The statement with `?` for constants and parameters.
    pub text: String,
    /// What it does.
    pub kind: StatementKind,
    /// `IN` with several values, or several rows of `VALUES`: already a batch.
    pub is_batch: bool,
    /// It limits the number of its rows.
    pub has_limit: bool,
}

/// Which spellings a driver's dialect has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dialect {
    /// `"…"` is a string, `\` escapes in strings, `#` starts a comment.
    is_mysql: bool,
}

/// Stands for the items left out of a list.
const AND_MORE: &str = "…";

/// Fingerprint of `statement` as `driver` (its name) was given it.
pub fn fingerprint(driver: &str, statement: &str) -> Fingerprint {
    let dialect = Dialect { is_mysql: matches!(driver, "pymysql" | "mysqlclient") };
    let mut tokens = Lexer { bytes: statement.as_bytes(), at: 0, dialect, has_space: false }.tokens();
    name_no_savepoint(&mut tokens);
    let mut is_batch = collapse_lists(&mut tokens);
    is_batch |= collapse_groups(&mut tokens);
    Fingerprint { text: join(&tokens), kind: kind(&tokens), is_batch, has_limit: has_limit(&tokens) }
}

/// A piece of a statement and whether it stood apart from the piece before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    text: String,
    has_space: bool,
}

impl Token {
    fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '"' | '`'))
    }
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
    has_space: bool,
}

impl Lexer<'_> {
    fn tokens(mut self) -> Vec<Token> {
        let mut tokens: Vec<Token> = vec![];
        while let Some(byte) = self.peek(0) {
            let start = self.at;
            if self.skip_blank(byte) {
                continue;
            }
            let is_value = self.skip_value(byte, tokens.last());
            if is_value {
                self.skip_cast();
            } else {
                self.skip_other(byte);
            }
            let text = if is_value {
                "?".to_owned()
            } else {
                String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()
            };
            tokens.push(Token { text, has_space: std::mem::take(&mut self.has_space) && start > 0 });
        }
        while tokens.last().is_some_and(|token| token.text == ";") {
            tokens.pop();
        }
        tokens
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        self.bytes[self.at..].starts_with(text.as_bytes())
    }

    /// White space and comments.
    fn skip_blank(&mut self, byte: u8) -> bool {
        if byte.is_ascii_whitespace() {
            self.at += 1;
        } else if self.starts_with("--") || (byte == b'#' && self.dialect.is_mysql) {
            self.skip_while(|byte| byte != b'\n');
        } else if self.starts_with("/*") {
            self.skip_block_comment();
        } else {
            return false;
        }
        self.has_space = true;
        true
    }

    /// `PostgreSQL` nests them; elsewhere the inner opening is text, and such comments are not met.
    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.bytes.len() {
            if self.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += 1;
            }
        }
    }

    /// Constants and placeholders.
    fn skip_value(&mut self, byte: u8, before: Option<&Token>) -> bool {
        match byte {
            b'\'' => self.skip_string(b'\'', self.dialect.is_mysql),
            b'"' if self.dialect.is_mysql => self.skip_string(b'"', true),
            b'0'..=b'9' => self.skip_number(),
            b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) && !is_operand(before) => self.skip_number(),
            b'-' | b'+' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) && !is_operand(before) => {
                self.at += 1;
                self.skip_number();
            }
            b'$' => return self.skip_dollar(),
            b'?' => {
                self.at += 1;
                self.skip_while(|byte| byte.is_ascii_digit());
            }
            b':' if self.peek(1).is_some_and(is_word_byte) && (self.has_space || !is_operand(before)) => {
                self.at += 1;
                self.skip_while(is_word_byte);
            }
            b'@' if !self.dialect.is_mysql && self.peek(1).is_some_and(is_word_byte) => {
                self.at += 1;
                self.skip_while(is_word_byte);
            }
            b'%' => return self.skip_percent(),
            b'e' | b'E' if self.peek(1) == Some(b'\'') => {
                self.at += 1;
                self.skip_string(b'\'', true);
            }
            b'x' | b'X' | b'b' | b'B' | b'n' | b'N' if self.peek(1) == Some(b'\'') => {
                self.at += 1;
                self.skip_string(b'\'', false);
            }
            _ => return false,
        }
        true
    }

    fn skip_string(&mut self, quote: u8, has_escapes: bool) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            if byte == b'\\' && has_escapes {
                self.at += 1;
            } else if byte == quote {
                if self.peek(0) != Some(quote) {
                    return;
                }
                self.at += 1;
            }
        }
        self.at = self.bytes.len();
    }

    fn skip_number(&mut self) {
        let mut before = 0;
        while let Some(byte) = self.peek(0) {
            let is_exponent_sign = matches!(byte, b'+' | b'-') && matches!(before, b'e' | b'E');
            if !(is_word_byte(byte) || byte == b'.' || is_exponent_sign) {
                return;
            }
            before = byte;
            self.at += 1;
        }
    }

    /// `$1`, `$name`, `$$text$$`, `$tag$text$tag$`.
    fn skip_dollar(&mut self) -> bool {
        let rest = &self.bytes[self.at + 1..];
        let end = rest.iter().position(|byte| !is_word_byte(*byte)).unwrap_or(rest.len());
        if rest.get(end) == Some(&b'$') && !rest[..end].first().is_some_and(u8::is_ascii_digit) {
            let tag = self.bytes[self.at..=self.at + 1 + end].to_vec();
            let text = &self.bytes[self.at + tag.len()..];
            let length = text.windows(tag.len()).position(|window| window == tag).unwrap_or(text.len());
            self.at = (self.at + tag.len() + length + tag.len()).min(self.bytes.len());
            return true;
        }
        if end == 0 {
            return false;
        }
        self.at += 1 + end;
        true
    }

    /// `%s`, `%b`, `%t`, `%(name)s`; anything else is the modulo operator.
    fn skip_percent(&mut self) -> bool {
        if let Some(b's' | b'b' | b't') = self.peek(1)
            && !self.peek(2).is_some_and(is_word_byte)
        {
            self.at += 2;
            return true;
        }
        if self.peek(1) != Some(b'(') {
            return false;
        }
        let Some(end) = self.bytes[self.at..].iter().position(|byte| *byte == b')') else { return false };
        if !matches!(self.peek(end + 1), Some(b's' | b'b' | b't')) {
            return false;
        }
        self.at += end + 2;
        true
    }

    /// `::integer`, `::varchar(20)[]` after a value: drivers add them, they do not tell statements apart.
    fn skip_cast(&mut self) {
        while self.starts_with("::") {
            self.at += 2;
            self.skip_while(|byte| is_word_byte(byte) || byte == b'.');
            if self.peek(0) == Some(b'(') {
                self.skip_while(|byte| byte != b')');
                self.at = (self.at + 1).min(self.bytes.len());
            }
            self.skip_while(|byte| matches!(byte, b'[' | b']'));
        }
    }

    /// Words, quoted names, operators.
    fn skip_other(&mut self, byte: u8) {
        match byte {
            b'"' | b'`' => self.skip_string(byte, false),
            b'[' => self.at += 1,
            byte if is_word_byte(byte) => self.skip_while(|byte| is_word_byte(byte) || byte == b'$'),
            _ if self.starts_with("::") => self.at += 2,
            _ => self.at += 1,
        }
    }

    fn skip_while(&mut self, accepts: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&accepts) {
            self.at += 1;
        }
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// True when a sign after this token joins two operands.
fn is_operand(token: Option<&Token>) -> bool {
    token.is_some_and(|token| token.is_word() || matches!(token.text.as_str(), "?" | ")" | "]"))
}

fn name_no_savepoint(tokens: &mut [Token]) {
    let Some(at) = tokens.iter().take(4).position(|token| token.is("savepoint")) else { return };
    if let Some(name) = tokens.get_mut(at + 1) {
        "?".clone_into(&mut name.text);
    }
}

/// `IN (?, ?, ?)` and `ARRAY[?, ?]` become `IN (?, …)`.
fn collapse_lists(tokens: &mut Vec<Token>) -> bool {
    let mut has_collapsed = false;
    let mut at = 0;
    while at + 3 < tokens.len() {
        let opens = (tokens[at].is("in") && tokens[at + 1].text == "(")
            || (tokens[at].is("array") && tokens[at + 1].text == "[");
        let mut end = at + 2;
        if opens && tokens[end].text == "?" {
            while end + 2 < tokens.len() && tokens[end + 1].text == "," && tokens[end + 2].text == "?" {
                end += 2;
            }
            // A statement cut off in the middle of its list is a list all the same.
            let closes = tokens.get(end + 1).is_none_or(|token| matches!(token.text.as_str(), ")" | "]" | ","));
            if end > at + 2 && closes {
                tokens.splice(at + 4..=end, [Token { text: AND_MORE.into(), has_space: true }]);
                has_collapsed = true;
            }
        }
        at += 1;
    }
    has_collapsed
}

/// `(?, ?), (?, ?)` becomes `(?, ?), …`.
fn collapse_groups(tokens: &mut Vec<Token>) -> bool {
    let mut has_collapsed = false;
    let mut at = 0;
    while at < tokens.len() {
        let is_list = at > 0 && (tokens[at - 1].is("values") || tokens[at - 1].text == "(");
        if tokens[at].text != "(" || !is_list {
            at += 1;
            continue;
        }
        let Some(length) = group_length(&tokens[at..]) else { return has_collapsed };
        let mut end = at + length;
        while tokens.get(end).is_some_and(|token| token.text == ",")
            && is_same(tokens.get(end + 1..end + 1 + length), &tokens[at..at + length])
        {
            end += 1 + length;
        }
        if end > at + length {
            let rest = tokens.get(end + 1..).and_then(group_length).is_none() && tokens.get(end).is_some_and(is_comma);
            let cut = if rest { tokens.len() } else { end };
            tokens.splice(at + length + 1..cut, [Token { text: AND_MORE.into(), has_space: true }]);
            has_collapsed = true;
        }
        at += 1;
    }
    has_collapsed
}

fn is_comma(token: &Token) -> bool {
    token.text == ","
}

fn is_same(left: Option<&[Token]>, right: &[Token]) -> bool {
    left.is_some_and(|left| left.iter().zip(right).all(|(left, right)| left.text == right.text))
}

/// Tokens of the parenthesis that `tokens` starts with.
fn group_length(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_i32;
    for (index, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(index + 1);
        }
    }
    None
}

fn join(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens {
        if token.has_space && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&token.text);
    }
    text
}

fn kind(tokens: &[Token]) -> StatementKind {
    let Some(first) = tokens.iter().find(|token| token.text != "(") else { return StatementKind::Other };
    let is_change =
        |token: &Token| ["insert", "update", "delete", "replace", "merge"].iter().any(|word| token.is(word));
    if is_change(first) {
        return StatementKind::Write;
    }
    if first.is("with") {
        let changes = tokens.windows(2).any(|pair| is_change(&pair[0]) && pair[1].is_word() && !pair[0].is("replace"));
        return if changes { StatementKind::Write } else { StatementKind::Read };
    }
    match first.text.to_ascii_lowercase().as_str() {
        "select" | "values" | "table" => StatementKind::Read,
        "commit" | "end" => StatementKind::Commit,
        _ => StatementKind::Other,
    }
}

fn has_limit(tokens: &[Token]) -> bool {
    tokens.iter().any(|token| token.is("limit") || token.is("fetch") || token.is("top") || token.is("rownum"))
}

/// `GET http://host/users/{n}/posts`: the address without its query, with identifiers taken out of the path.
pub fn url_fingerprint(call: &str) -> String {
    let (method, url) = call.split_once(' ').unwrap_or(("", call));
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let path_start = url.find("://").and_then(|at| url[at + 3..].find('/').map(|slash| at + 3 + slash));
    let path_start = path_start.unwrap_or(if url.contains("://") { url.len() } else { 0 });
    let (origin, path) = url.split_at(path_start);
    let segments: Vec<_> =
        path.split('/').map(|segment| if is_identifier(segment) { "{n}" } else { segment }).collect();
    let separator = if method.is_empty() { "" } else { " " };
    format!("{method}{separator}{origin}{}", segments.join("/"))
}

/// Shorter hexadecimal words are words more often than identifiers.
const HEX_DIGITS_MIN: usize = 8;

fn is_identifier(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or_default();
    let n_digits = stem.bytes().filter(u8::is_ascii_digit).count();
    if stem.is_empty() || n_digits == 0 {
        return false;
    }
    let is_hex = stem.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    n_digits == stem.len() || (is_hex && stem.len() >= HEX_DIGITS_MIN)
}

#[cfg(test)]
#[path = "fingerprint_tests.rs"]
mod tests;
