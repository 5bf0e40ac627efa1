//! `# cmdx: ignore` and `# cmdx: ignore[rule, rule]`: what the author of the source has looked at and wants left alone.

use std::ops::RangeInclusive;

use crate::syntax::{Kind, Node, SourceFile};

/// The comments of a file that ask for something to be left alone.
#[derive(Clone, Debug, Default)]
pub struct Ignores(Vec<Ignore>);

#[derive(Clone, Debug)]
struct Ignore {
    lines: RangeInclusive<u32>,
    /// Names of rules; empty for all.
    rules: Vec<String>,
}

impl Ignores {
    /// Reads the comments. One behind code holds for the statement or header it stands at, one alone on its line for
    /// what begins below it; at a function or class it holds for all of that.
    pub fn of(file: &SourceFile) -> Self {
        if !file.text.contains("cmdx:") {
            return Self::default();
        }
        let statements: Vec<Extent> = file.root().descendants().filter_map(Extent::of).collect();
        let comments = file.root().descendants().filter(|node| node.is(Kind::Comment));
        let ignores = comments.filter_map(|comment| {
            let rules = rules(comment.text())?;
            let line = comment.line();
            let is_alone = file.text[file.line_start(comment.start())..comment.start()].trim().is_empty();
            let lines = if is_alone { below(file, comment, &statements) } else { at(line, &statements) };
            Some(Ignore { lines, rules })
        });
        Self(ignores.collect())
    }

    /// True when what the rule says about the line is to be left alone.
    pub fn covers(&self, rule: &str, line: u32) -> bool {
        let is_meant = |each: &Ignore| each.rules.is_empty() || each.rules.iter().any(|name| name == rule);
        self.0.iter().any(|each| each.lines.contains(&line) && is_meant(each))
    }
}

/// The lines of a statement: of a compound one the header, of a definition all of it.
struct Extent {
    /// Lines at which a comment is the statement's.
    header: RangeInclusive<u32>,
    /// Lines the comment then holds for.
    lines: RangeInclusive<u32>,
}

impl Extent {
    fn of(node: Node<'_>) -> Option<Self> {
        let is_statement = node.parent().is_some_and(|parent| matches!(parent.kind(), Kind::Block | Kind::Module));
        if !is_statement || node.is(Kind::Comment) {
            return None;
        }
        let inner =
            node.children().find(|child| node.is(Kind::Decorated) && !child.is(Kind::Decorator)).unwrap_or(node);
        let last = match inner.children().position(|child| child.is(Kind::Block)) {
            None => node.last_line(),
            Some(0) => node.line(),
            Some(body) => inner.children().nth(body - 1).map_or(node.line(), Node::last_line),
        };
        let header = node.line()..=last.max(inner.line());
        let is_definition = matches!(inner.kind(), Kind::Function | Kind::Class);
        let lines = if is_definition { node.line()..=node.last_line() } else { header.clone() };
        Some(Self { header, lines })
    }
}

/// What a comment behind code holds for: the innermost statement there.
fn at(line: u32, statements: &[Extent]) -> RangeInclusive<u32> {
    let statement = statements.iter().rev().find(|each| each.header.contains(&line));
    statement.map_or(line..=line, |each| each.lines.clone())
}

/// What a comment on a line of its own holds for: the statement that begins below it and below further comments.
fn below(file: &SourceFile, comment: Node<'_>, statements: &[Extent]) -> RangeInclusive<u32> {
    let comments = file.text[file.line_end(comment.start())..].lines().take_while(|line| line.trim().starts_with('#'));
    let line = comment.line() + 1 + comments.count() as u32;
    let statement = statements.iter().find(|each| *each.header.start() == line);
    statement.map_or(line..=line, |each| each.lines.clone())
}

/// The rules that a comment names, empty for all; `None` for any other comment.
fn rules(comment: &str) -> Option<Vec<String>> {
    let words = comment.split('#').find_map(|part| part.trim_start().strip_prefix("cmdx:"))?;
    let rest = words.trim_start().strip_prefix("ignore")?;
    if let Some(list) = rest.trim_start().strip_prefix('[') {
        let (names, _) = list.split_once(']')?;
        let names: Vec<String> =
            names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        return Some(names).filter(|names| !names.is_empty());
    }
    rest.chars().next().is_none_or(char::is_whitespace).then(Vec::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the source at which `rule` is to be left alone.
    fn check(source: &str, rule: &str, expected: &[u32]) {
        let file = SourceFile::parse("a.py", source.as_bytes()).expect("Python");
        let ignores = Ignores::of(&file);
        let n_lines = source.lines().count() as u32;
        let covered: Vec<u32> = (1..=n_lines).filter(|line| ignores.covers(rule, *line)).collect();
        assert_eq!(covered, expected, "{source}");
    }

    #[test]
    fn a_comment_names_rules_or_means_all() {
        check("a = 1  # cmdx: ignore[one, two]\nb = 2\n", "two", &[1]);
        check("a = 1  # cmdx: ignore[one, two]\nb = 2\n", "three", &[]);
        check("a = 1  # noqa: E501  # cmdx:ignore\nb = 2\n", "any", &[1]);
        check("a = 1  # cmdx: ignore because it is small\n", "any", &[1]);
    }

    #[test]
    fn other_comments_and_strings_mean_nothing() {
        for line in ["# cmdx: ignored", "# cmdx: ignore[", "# cmdx: ignore[]", "# see cmdx: ignore", "# cmdx ignore"] {
            check(&format!("a = 1  {line}\n"), "any", &[]);
        }
        check("a = '# cmdx: ignore'\n", "any", &[]);
    }

    #[test]
    fn a_comment_holds_for_its_statement_or_header() {
        check("a = f(\n    1,\n    2,\n)  # cmdx: ignore\nb = 2\n", "any", &[1, 2, 3, 4]);
        check("for x in f(\n    1,\n):  # cmdx: ignore\n    y(x)\n", "any", &[1, 2, 3]);
        check("if a:  # cmdx: ignore\n    y(x)\nelse:\n    z(x)\n", "any", &[1]);
        check("if a:\n    y(x)\nelif b:  # cmdx: ignore\n    z(x)\n", "any", &[3]);
        check("try:  # cmdx: ignore\n    y(x)\nfinally:\n    z(x)\n", "any", &[1]);
    }

    #[test]
    fn a_comment_above_holds_for_what_begins_below() {
        check("# cmdx: ignore\n# why\na = 1\nb = 2\n", "any", &[3]);
        check("# cmdx: ignore\n\na = 1\n", "any", &[2]);
        check("a = [\n    # cmdx: ignore\n    f(1),\n    f(2),\n]\n", "any", &[3]);
    }

    #[test]
    fn at_a_function_or_class_all_of_it_is_meant() {
        check("def f():  # cmdx: ignore\n    a = 1\n    return a\nb = 2\n", "any", &[1, 2, 3]);
        check("# cmdx: ignore\n@d\ndef f(\n    a,\n):\n    return a\nb = 2\n", "any", &[2, 3, 4, 5, 6]);
        check("@d\ndef f(a):  # cmdx: ignore\n    return a\nb = 2\n", "any", &[1, 2, 3]);
        check("class A:  # cmdx: ignore\n    def f(self):\n        pass\n", "any", &[1, 2, 3]);
    }
}
