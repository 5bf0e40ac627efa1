//! The manual of the rules, made of the rules themselves.

use std::fmt::Write;

use crate::model::Category;

use super::rule::{Rule, rules};

/// A fenced block of a rule's documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The words after `python`: `before`, `after`, `unchanged`, and the safety it must have.
    pub words: Vec<String>,
    /// The code.
    pub code: String,
}

/// The fenced Python blocks of a rule's documentation, in their order.
pub fn examples(rule: &Rule) -> Vec<Example> {
    let mut examples = vec![];
    let mut open: Option<Example> = None;
    for line in page(rule).lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(words)) => {
                let words = words.split_whitespace().skip(1).map(str::to_owned).collect();
                open = Some(Example { words, code: String::new() });
            }
            (Some(_), Some(_)) => examples.extend(open.take()),
            (Some(example), None) => {
                example.code.push_str(line);
                example.code.push('\n');
            }
            (None, None) => {}
        }
    }
    examples
}

/// The documentation without the blank that a doc comment puts before every line.
pub(crate) fn page(rule: &Rule) -> String {
    let strip = |line: &'static str| line.strip_prefix(' ').unwrap_or(line);
    rule.documentation.lines().map(strip).fold(String::new(), |page, line| page + line + "\n")
}

/// The catalogue of all rules as Markdown.
pub fn catalogue() -> String {
    let mut text = String::from(
        "# Rewrite rules\n\n\
         What `cmdx optimize` looks for in the source. Each example is a test: *before* becomes exactly *after*, and what\n\
         is listed under *Left alone* stays as it is. A rewrite is **proven** when the code itself shows that nothing\n\
         changes; **needs a run** when it rests on the assumptions it names, so it is applied only where tests or a replay\n\
         agree; **shown only** when it is reported and left to you.\n",
    );
    for (category, title) in [
        (Category::Algorithm, "Algorithms and databases"),
        (Category::Io, "Input and output"),
        (Category::Memory, "Memory"),
    ] {
        let _infallible = write!(text, "\n## {title}\n");
        for rule in rules().filter(|rule| rule.category == category) {
            let _infallible = write!(text, "\n### {}\n", rule.name);
            for line in page(rule).lines() {
                if let Some(words) = line.strip_prefix("```python") {
                    text.push_str(match words.split_whitespace().next() {
                        Some("before") => "Before:\n```python\n",
                        Some("after") => "\nAfter:\n```python\n",
                        Some("reported") => "Reported:\n```python\n",
                        _ => "```python\n",
                    });
                } else if let Some(heading) = line.strip_prefix("## ") {
                    let _infallible = writeln!(text, "\n#### {heading}\n");
                } else {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    text
}
