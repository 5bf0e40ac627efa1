//! The manual of the rules, as the catalogue has it, and of the one finding that is no rewrite rule.

use std::fmt::Write as _;

use crate::engine::rewrite::{self, Rule};
use crate::model::{Category, LintRule};
use crate::support::style::Style;

/// The name under which complex functions are reported.
pub(in crate::commands) const COMPLEXITY: &str = "complexity";

const COMPLEXITY_PAGE: &str = "\
## What it finds
Functions through which more ways lead than `--max-complexity` allows, counted after McCabe as ruff's C901 does.
## Why it matters
Every way wants a test; a function with more than ten is hard to read and to change.
## How it is counted
One for the function, and one for every `if`, `elif`, `for`, `while`, `except`, `case` that does not take everything,
`else` of a `try`, and function inside it, with the branches of that. Boolean operators, conditional expressions,
comprehensions, `with` and `assert` do not count.
";

/// Every name that `--rule` takes.
pub(super) fn names() -> Vec<&'static str> {
    rewrite::rules().map(|rule| rule.name).chain([COMPLEXITY]).collect()
}

/// The page of a rule.
pub(super) fn page(name: &str, style: &Style) -> String {
    let (category, documentation) = match rewrite::rules().find(|rule| rule.name == name) {
        Some(rule) => (category_name(Some(rule.category)), documentation(rule)),
        None => (category_name(None), COMPLEXITY_PAGE.to_owned()),
    };
    let mut text = format!("{} ({category})\n", style.strong(name));
    let mut is_code = false;
    for line in documentation.lines() {
        if let Some(words) = line.strip_prefix("```") {
            is_code = !is_code;
            let label = words.strip_prefix("python").unwrap_or_default().trim();
            let label = if label.is_empty() { String::new() } else { style.secondary(&format!("  {label}:")) };
            text.push_str(&label);
            text.push('\n');
        } else if let Some(heading) = line.strip_prefix("## ") {
            let _infallible = writeln!(text, "\n{}", style.strong(heading));
        } else {
            let indent = if is_code && !line.is_empty() { "    " } else { "" };
            let _infallible = writeln!(text, "{indent}{}", style.text(line));
        }
    }
    text
}

/// All rules, a line each.
pub(super) fn list(style: &Style) -> String {
    let width = names().iter().map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in names().into_iter().map(described) {
        let name = style.strong(&format!("{:<width$}", rule.name));
        let category = style.secondary(&format!("{:<10}", category_name(rule.category)));
        let _infallible = writeln!(text, "{name}  {category}  {}", style.text(&rule.summary));
    }
    text
}

/// What a rule is about.
pub(super) fn described(name: &str) -> LintRule {
    let (category, documentation) = match rewrite::rules().find(|rule| rule.name == name) {
        Some(rule) => (Some(rule.category), documentation(rule)),
        None => (None, COMPLEXITY_PAGE.to_owned()),
    };
    LintRule { name: name.to_owned(), category, summary: summary(&documentation) }
}

/// The first sentence below the first heading.
fn summary(documentation: &str) -> String {
    let lines = documentation.lines().skip_while(|line| !line.starts_with("## ")).skip(1);
    let paragraph: Vec<&str> = lines.take_while(|line| !line.starts_with("## ") && !line.starts_with("```")).collect();
    let paragraph = paragraph.join(" ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    paragraph[..end].trim().to_owned()
}

/// The documentation without the blank that a doc comment puts before every line.
fn documentation(rule: &Rule) -> String {
    let strip = |line: &'static str| line.strip_prefix(' ').unwrap_or(line);
    rule.documentation.lines().map(strip).fold(String::new(), |page, line| page + line + "\n")
}

fn category_name(category: Option<Category>) -> &'static str {
    match category {
        Some(Category::Algorithm) => "algorithm",
        Some(Category::Io) => "io",
        Some(Category::Memory) => "memory",
        None => "complexity",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_summary_and_a_page() {
        for name in names() {
            let rule = described(name);
            assert!(rule.summary.len() > 10 && !rule.summary.contains("```"), "{name}: {}", rule.summary);
            let page = page(name, &Style::plain());
            assert!(page.starts_with(name) && page.contains("\nWhat it finds\n"), "{page}");
            assert!(!page.contains("```") && !page.contains("## "), "{page}");
        }
    }
}
