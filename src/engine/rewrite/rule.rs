//! What a rule is: its manual page, where it is tried, and what it says about a place.

use crate::model::{Category, Match, Safety};
use crate::syntax::{Kind, Node};

use super::assumption::Assumption;
use super::context::Context;
use super::edits::Edits;

/// A rewrite rule.
pub struct Rule {
    /// As `--rule` takes it.
    pub name: &'static str,
    /// What it is about.
    pub category: Category,
    /// Manual page and tests: Markdown with fixed headings and fenced examples.
    pub documentation: &'static str,
    pub(crate) triggers: &'static [Trigger],
    pub(crate) find: for<'a> fn(&Context<'a>, Node<'a>) -> Option<Rewrite<'a>>,
}

/// Where a rule is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trigger {
    /// At every node of the kind.
    Kind(Kind),
    /// At every call whose callee has this last name.
    Call(&'static str),
}

/// What a rule says about a place.
pub(crate) struct Rewrite<'a> {
    pub(crate) at: Node<'a>,
    pub(crate) last: Node<'a>,
    pub(crate) message: String,
    pub(crate) assumptions: Vec<Assumption>,
    pub(crate) edits: Edits<'a>,
    pub(crate) imports: Vec<String>,
    pub(crate) requirements: Vec<String>,
}

impl<'a> Rewrite<'a> {
    /// A match at a node; its edits are added to it.
    pub(crate) fn new(at: Node<'a>, message: impl Into<String>) -> Self {
        Self {
            at,
            last: at,
            message: message.into(),
            assumptions: vec![],
            edits: Edits::of(at.file()),
            imports: vec![],
            requirements: vec![],
        }
    }

    /// Adds what the rewrite rests on; the same one twice counts once.
    pub(crate) fn assume(&mut self, assumption: Assumption) {
        if !self.assumptions.contains(&assumption) {
            self.assumptions.push(assumption);
        }
    }

    /// The match extends to another node.
    pub(crate) fn until(&mut self, last: Node<'a>) {
        self.last = last;
    }

    fn safety(&self) -> Safety {
        if self.edits.is_empty() {
            return Safety::ShowOnly;
        }
        self.assumptions.iter().map(Assumption::safety).max().unwrap_or(Safety::Proven)
    }

    /// True when the new text names a builtin that means something else in this file.
    fn takes_shadowed_builtin(&self) -> bool {
        let root = self.at.file().root().scope();
        BUILTINS.iter().any(|name| {
            let is_shadowed = self.at.scope().lookup(name).is_some() || root.variable(name).is_some();
            is_shadowed && self.edits.mention(name)
        })
    }

    /// The noun the other rooms know; `None` when the edits overlap or lie outside whole statements.
    pub(crate) fn into_match(self, rule: &Rule) -> Option<Match> {
        if self.takes_shadowed_builtin() {
            return None;
        }
        let safety = self.safety();
        let location = super::facts::location(self.at);
        let file = self.at.file();
        let line_start = file.line_start(self.at.start());
        let column = file.text[line_start..self.at.start()].chars().count() as u32 + 1;
        let function_line = super::facts::function_line(self.at);
        let end_line = crate::syntax::statement_of(self.last).last_line().max(location.line);
        Some(Match {
            rule: rule.name.to_owned(),
            category: rule.category,
            location,
            column,
            function_line,
            end_line,
            message: self.message,
            assumptions: self.assumptions.iter().map(Assumption::text).collect(),
            safety,
            edits: self.edits.into_text_edits()?,
            imports: self.imports,
            requirements: self.requirements,
        })
    }
}

/// Builtins that rules write.
const BUILTINS: &[&str] = &["list", "set", "dict", "sum", "min", "max", "enumerate", "range", "len"];

/// Declares the rule of a file; the doc comment is help text, manual page and test at once.
macro_rules! rule {
    ($(#[doc = $line:literal])* $name:literal, $category:ident, [$($trigger:expr),+ $(,)?] => $find:path) => {
        pub(crate) static RULE: $crate::engine::rewrite::Rule = $crate::engine::rewrite::Rule {
            name: $name,
            category: $crate::model::Category::$category,
            documentation: concat!($($line, "\n"),*),
            triggers: &[$($trigger),+],
            find: $find,
        };
    };
}
pub(crate) use rule;

/// All rules, in the order of the catalogue.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    super::rules::ALL.iter().flat_map(|category| category.iter().copied())
}
