//! The `[rules]` table of the configuration: which rules the project wants, and where it does not.

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use toml::Value;

use super::check_code_quality::COMPLEXITY;
use super::{Failure, FailureKind};
use crate::engine::rewrite;
use crate::model::Category;
use crate::project::Project;

/// Keys of the table.
const KEYS: &[&str] = &["select", "ignore", "per-file-ignores"];

/// What the table says; everything is wanted where it says nothing.
#[derive(Debug, Default)]
pub(super) struct RuleChoice {
    select: Vec<String>,
    ignore: Vec<String>,
    per_file: Vec<PerFile>,
}

/// Rules that are not wanted in some files.
#[derive(Debug)]
struct PerFile {
    files: Gitignore,
    rules: Vec<String>,
}

impl RuleChoice {
    /// Reads the table.
    ///
    /// # Errors
    /// When a key, a rule or a pattern is none.
    pub(super) fn of(project: &Project) -> Result<Self, Failure> {
        let Some(table) = project.config.tables.get("rules") else { return Ok(Self::default()) };
        let mut choice = Self::default();
        for (key, value) in table {
            match key.as_str() {
                "select" => choice.select = names(key, value)?,
                "ignore" => choice.ignore = names(key, value)?,
                "per-file-ignores" => {
                    let Value::Table(files) = value else {
                        return Err(wrong(&format!("`rules.{key}` is not a table of file patterns")));
                    };
                    for (pattern, value) in files {
                        let rules = names(&format!("{key}.\"{pattern}\""), value)?;
                        choice.per_file.push(PerFile { files: matcher(&project.root, pattern)?, rules });
                    }
                }
                _ => {
                    let message = format!("`rules.{key}` is no setting; there are {}", KEYS.join(", "));
                    return Err(wrong(&message));
                }
            }
        }
        Ok(choice)
    }

    /// True when findings of the rule are wanted in the file, given relative to the root.
    pub(super) fn wants(&self, rule: &str, category: Option<Category>, path: &str) -> bool {
        let names = |list: &[String]| list.iter().any(|name| name == rule || Some(name.as_str()) == category.map(word));
        let is_spared = |each: &PerFile| {
            names(&each.rules) && each.files.matched_path_or_any_parents(Path::new(path), false).is_ignore()
        };
        (self.select.is_empty() || names(&self.select)) && !names(&self.ignore) && !self.per_file.iter().any(is_spared)
    }
}

fn word(category: Category) -> &'static str {
    match category {
        Category::Algorithm => "algorithm",
        Category::Io => "io",
        Category::Memory => "memory",
    }
}

/// Rules and categories by name.
fn names(key: &str, value: &Value) -> Result<Vec<String>, Failure> {
    let list = value.as_array().map(|items| items.iter().map(Value::as_str).collect::<Option<Vec<&str>>>());
    let Some(Some(list)) = list else { return Err(wrong(&format!("`rules.{key}` is not a list of names"))) };
    let known: Vec<&str> =
        rewrite::rules().map(|rule| rule.name).chain(["algorithm", "io", "memory"]).chain([COMPLEXITY]).collect();
    for name in &list {
        if known.contains(name) {
            continue;
        }
        let near = known
            .iter()
            .max_by(|left, right| strsim::jaro_winkler(name, left).total_cmp(&strsim::jaro_winkler(name, right)));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        let message = format!("`rules.{key}` names `{name}`, which is neither a rule nor a category");
        return Err(Failure { kind: FailureKind::Usage, message, hint });
    }
    Ok(list.into_iter().map(str::to_owned).collect())
}

fn matcher(root: &Path, pattern: &str) -> Result<Gitignore, Failure> {
    let mut builder = GitignoreBuilder::new(root);
    let built = builder.add_line(None, pattern).map(|_| ()).and_then(|()| builder.build());
    built.map_err(|error| wrong(&format!("`rules.per-file-ignores` has the pattern `{pattern}`: {error}")))
}

fn wrong(message: &str) -> Failure {
    Failure { kind: FailureKind::Usage, message: message.to_owned(), hint: None }
}
