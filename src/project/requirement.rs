//! One line of a requirement (PEP 508): name, extras, specifier and the environments it is meant for.

use crate::model::Interpreter;

/// A requirement as somebody declared it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Requirement {
    /// Normalised: lower case, `-` between words.
    pub(super) name: String,
    /// As declared, without its marker and comments.
    pub(super) text: String,
    /// The condition after `;`.
    pub(super) marker: Option<String>,
}

/// The name as indexes compare it.
pub(super) fn normalized(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '-' | '_' | '.' if text.ends_with('-') => {}
            '-' | '_' | '.' => text.push('-'),
            _ => text.extend(character.to_lowercase()),
        }
    }
    text
}

impl Requirement {
    /// `None` for anything that names no package: options, paths, comments, substitutions.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let line = line.split(" #").next().unwrap_or_default().trim().trim_end_matches('\\').trim();
        let line = line.split(" --").next().unwrap_or_default().trim();
        let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(line.len());
        let name = &line[..end];
        let rest = line[end..].trim_start();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && (rest.is_empty() || rest.starts_with(['[', '(', '<', '>', '=', '!', '~', ';', '@']));
        if !is_name || rest.starts_with("://") {
            return None;
        }
        let (text, marker) = match line.split_once(';') {
            Some((text, marker)) => (text.trim(), Some(marker.trim().to_owned())),
            None => (line, None),
        };
        Some(Self { name: normalized(name), text: text.to_owned(), marker: marker.filter(|marker| !marker.is_empty()) })
    }

    /// The requirement without its version, extras kept.
    pub(super) fn unpinned(&self) -> String {
        let end = self.text.find(['<', '>', '=', '!', '~', '(', '@', ' ']).unwrap_or(self.text.len());
        self.text[..end].to_owned()
    }

    /// True when it applies to `interpreter` with `extra` asked for (none: `""`).
    pub(super) fn applies(&self, interpreter: &Interpreter, extra: &str) -> bool {
        self.marker.as_ref().is_none_or(|marker| Marker::new(marker, interpreter, extra).holds())
    }
}

/// True when `marker` describes the environment of `interpreter`.
pub(super) fn holds(marker: &str, interpreter: &Interpreter) -> bool {
    Marker::new(marker, interpreter, "").holds()
}

/// A marker being read; what cannot be understood counts as true, so that nothing needed is left out.
struct Marker<'a> {
    tokens: Vec<String>,
    position: usize,
    interpreter: &'a Interpreter,
    extra: &'a str,
}

impl<'a> Marker<'a> {
    fn new(text: &str, interpreter: &'a Interpreter, extra: &'a str) -> Self {
        Self { tokens: tokens(text), position: 0, interpreter, extra }
    }

    fn holds(mut self) -> bool {
        self.any()
    }

    fn any(&mut self) -> bool {
        let mut result = self.all();
        while self.take("or") {
            result |= self.all();
        }
        result
    }

    fn all(&mut self) -> bool {
        let mut result = self.one();
        while self.take("and") {
            result &= self.one();
        }
        result
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let result = self.any();
            self.take(")");
            return result;
        }
        let (Some(left), Some(mut operator)) = (self.next(), self.next()) else { return true };
        if operator == "not" {
            operator = format!("not {}", self.next().unwrap_or_default());
        }
        let Some(right) = self.next() else { return true };
        let is_version = left.contains("version") || right.contains("version");
        match (self.value(&left), self.value(&right)) {
            (Some(left), Some(right)) => compare(&left, &operator, &right, is_version),
            _ => true,
        }
    }

    fn value(&self, token: &str) -> Option<String> {
        if let Some(text) = token.strip_prefix('"') {
            return Some(text.to_owned());
        }
        let (major, minor, micro) = self.interpreter.version;
        Some(match token {
            "python_version" => format!("{major}.{minor}"),
            "python_full_version" | "implementation_version" => format!("{major}.{minor}.{micro}"),
            "extra" => self.extra.to_owned(),
            "implementation_name" => self.interpreter.implementation.clone(),
            "platform_python_implementation" | "python_implementation" => "CPython".to_owned(),
            "os_name" => (if cfg!(windows) { "nt" } else { "posix" }).to_owned(),
            "sys_platform" | "sys.platform" => match std::env::consts::OS {
                "macos" => "darwin",
                "windows" => "win32",
                other => other,
            }
            .to_owned(),
            "platform_system" => match std::env::consts::OS {
                "macos" => "Darwin",
                "windows" => "Windows",
                _ => "Linux",
            }
            .to_owned(),
            "platform_machine" => std::env::consts::ARCH.to_owned(),
            _ => return None,
        })
    }

    fn next(&mut self) -> Option<String> {
        self.position += 1;
        self.tokens.get(self.position - 1).cloned()
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.tokens.get(self.position).is_some_and(|token| token == word);
        self.position += usize::from(is_next);
        is_next
    }
}

/// Words, operators and brackets; a quoted text is marked by a leading `"`.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = vec![];
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => {
                let end = rest[1..].find(first).map_or(rest.len(), |end| end + 1);
                tokens.push(format!("\"{}", &rest[1..end]));
                (end + 1).min(rest.len())
            }
            '(' | ')' => {
                tokens.push(first.to_string());
                1
            }
            _ => {
                let is_operator = |c: char| "<>=!~".contains(c);
                let same = |c: char| !c.is_whitespace() && !"()'\"".contains(c) && is_operator(c) == is_operator(first);
                let end = rest.find(|c| !same(c)).unwrap_or(rest.len()).max(first.len_utf8());
                tokens.push(rest[..end].to_owned());
                end
            }
        };
        rest = rest[length..].trim_start();
    }
    tokens
}

fn compare(left: &str, operator: &str, right: &str, is_version: bool) -> bool {
    let order = if is_version { numbers(left).cmp(&numbers(right)) } else { left.cmp(right) };
    match operator {
        "==" | "===" if right.ends_with(".*") => left.starts_with(right.trim_end_matches('*')),
        "==" | "===" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" | "~=" => order.is_ge(),
        "in" => right.split([',', ' ', '|']).any(|item| item == left) || (!is_version && right.contains(left)),
        "not in" => !right.contains(left),
        _ => true,
    }
}

fn numbers(version: &str) -> Vec<u32> {
    let mut numbers: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InterpreterSource;

    fn interpreter() -> Interpreter {
        Interpreter {
            path: "python".into(),
            source: InterpreterSource::Path,
            version: (3, 11, 7),
            implementation: "cpython".into(),
            prefix: "".into(),
            is_free_threaded: false,
            has_pytest: false,
        }
    }

    #[test]
    fn lines_that_name_a_package_are_requirements() {
        let parsed = Requirement::parse("Typing_Extensions[a,b] >= 4.0 ; python_version < '3.11'  # why").expect("one");
        assert_eq!(parsed.name, "typing-extensions");
        assert_eq!(parsed.text, "Typing_Extensions[a,b] >= 4.0");
        assert_eq!(parsed.marker.as_deref(), Some("python_version < '3.11'"));
        assert_eq!(parsed.unpinned(), "Typing_Extensions[a,b]");
        assert_eq!(Requirement::parse("a==1 --hash=sha256:00 \\").map(|r| r.text), Some("a==1".into()));
        assert_eq!(Requirement::parse("pkg @ https://example.org/a.whl").map(|r| r.unpinned()), Some("pkg".into()));
    }

    #[test]
    fn lines_that_name_none_are_not() {
        for line in [
            "",
            "# a",
            "-r base.txt",
            "-e .",
            ".[test]",
            "./local",
            "{posargs}",
            "https://example.org/a.zip",
            "two words",
        ] {
            assert_eq!(Requirement::parse(line), None, "{line}");
        }
    }

    #[test]
    fn markers_are_judged_for_the_interpreter() {
        let check = |marker: &str, extra: &str, expected: bool| {
            let requirement = Requirement::parse(&format!("a ; {marker}")).expect("a requirement");
            assert_eq!(requirement.applies(&interpreter(), extra), expected, "{marker} with `{extra}`");
        };
        check("python_version < '3.9'", "", false);
        check("python_version >= \"3.9\"", "", true);
        check("python_version<'3.11'", "", false);
        check("python_full_version <= '3.11.0a6'", "", false);
        check("extra == 'test'", "", false);
        check("extra == 'test'", "test", true);
        check("(python_version < '3' or os_name == 'posix') and extra == 'test'", "test", cfg!(unix));
        check("platform_python_implementation != 'CPython'", "", false);
        check("sys_platform == 'win32'", "", cfg!(windows));
        check("python_version in '3.10, 3.11'", "", true);
        check("python_version == '3.*'", "", true);
        check("something_else == 'x'", "", true);
    }
}
