//! Distributions that rewritten code needs: are they there, and where are they declared?

use std::fs;
use std::path::Path;

use super::implement_plan::Texts;
use crate::model::Match;

/// The name in `orjson>=3.6`.
pub(super) fn name_of(requirement: &str) -> &str {
    let end = requirement.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(requirement.len());
    &requirement[..end]
}

/// The modules that the imports of a match bring: what has to be importable.
pub(super) fn modules_of(each: &Match) -> Vec<String> {
    let module = |import: &String| {
        let rest = import.strip_prefix("import ").or_else(|| import.strip_prefix("from "))?;
        let name: String = rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        (!name.is_empty()).then_some(name)
    };
    each.imports.iter().filter_map(module).collect()
}

/// Declares the requirements where the project declares its own; returns those that found no place. The changed file
/// joins `texts`, its old content `originals`.
pub(super) fn declare(root: &Path, requirements: &[String], originals: &mut Texts, texts: &mut Texts) -> Vec<String> {
    let mut homeless = vec![];
    for requirement in requirements {
        let is_done = ["requirements.txt", "requirements.in", "pyproject.toml"].iter().any(|file| {
            let Some(content) = content_of(root, file, texts) else { return false };
            let Some(after) = with_requirement(file, &content, requirement) else { return false };
            if after != content {
                originals.entry((*file).to_owned()).or_insert_with(|| content.into_bytes());
                texts.insert((*file).to_owned(), after.into_bytes());
            }
            true
        });
        if !is_done {
            homeless.push(requirement.clone());
        }
    }
    homeless
}

fn content_of(root: &Path, file: &str, texts: &Texts) -> Option<String> {
    match texts.get(file) {
        Some(content) => String::from_utf8(content.clone()).ok(),
        None => fs::read_to_string(root.join(file)).ok(),
    }
}

/// The content with the requirement, unchanged when it is declared already; `None` when the file is no place for it.
fn with_requirement(file: &str, content: &str, requirement: &str) -> Option<String> {
    let line_break = if content.contains("\r\n") { "\r\n" } else { "\n" };
    if file != "pyproject.toml" {
        if content.lines().any(|line| is_same(line, requirement)) {
            return Some(content.to_owned());
        }
        let gap = if content.is_empty() || content.ends_with('\n') { "" } else { line_break };
        return Some(format!("{content}{gap}{requirement}{line_break}"));
    }
    let table: toml::Table = content.parse().ok()?;
    let declared = table.get("project")?.get("dependencies")?.as_array()?;
    if declared.iter().any(|item| item.as_str().is_some_and(|text| is_same(text, requirement))) {
        return Some(content.to_owned());
    }
    let section = content.find("[project]")?;
    let place = section + content[section..].find("dependencies")?;
    let open = place + content[place..].find('[')? + 1;
    let rest = &content[open..];
    let inserted = match rest.trim_start_matches([' ', '\t']).starts_with(['\n', '\r']) {
        true => {
            let next = rest.trim_start_matches([' ', '\t', '\r', '\n']);
            let indentation = &rest[..rest.len() - next.len()];
            let indentation = indentation.rsplit('\n').next().unwrap_or("    ");
            let indentation = if indentation.is_empty() { "    " } else { indentation };
            format!("{line_break}{indentation}\"{requirement}\",")
        }
        false if declared.is_empty() => format!("\"{requirement}\""),
        false => format!("\"{requirement}\", "),
    };
    let after = format!("{}{inserted}{rest}", &content[..open]);
    // Comments and odd layouts: better no change than a wrong one.
    let check: toml::Table = after.parse().ok()?;
    let n_declared = check.get("project")?.get("dependencies")?.as_array()?.len();
    (n_declared == declared.len() + 1).then_some(after)
}

fn is_same(line: &str, requirement: &str) -> bool {
    let normal = |name: &str| name.to_ascii_lowercase().replace(['_', '.'], "-");
    normal(name_of(line.trim())) == normal(name_of(requirement))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, before: &str, expected: Option<&str>) {
        assert_eq!(with_requirement(file, before, "orjson>=3.6").as_deref(), expected);
    }

    #[test]
    fn requirements_are_added_once() {
        check("requirements.txt", "flask\n", Some("flask\norjson>=3.6\n"));
        check("requirements.txt", "flask", Some("flask\norjson>=3.6\n"));
        check("requirements.txt", "flask\r\n", Some("flask\r\norjson>=3.6\r\n"));
        check("requirements.txt", "orjson==3.9  # fast\n", Some("orjson==3.9  # fast\n"));
    }

    #[test]
    fn the_layout_of_pyproject_is_kept() {
        let before = "[project]\nname = \"a\"\ndependencies = [\n  \"flask\", # web\n]\n";
        let after = "[project]\nname = \"a\"\ndependencies = [\n  \"orjson>=3.6\",\n  \"flask\", # web\n]\n";
        check("pyproject.toml", before, Some(after));
        check(
            "pyproject.toml",
            "[project]\ndependencies = []\n",
            Some("[project]\ndependencies = [\"orjson>=3.6\"]\n"),
        );
        let inline = "[project]\ndependencies = [\"orjson>=3.6\", \"b\"]\n";
        check("pyproject.toml", "[project]\ndependencies = [\"b\"]\n", Some(inline));
        check("pyproject.toml", inline, Some(inline));
        check("pyproject.toml", "[tool.poetry]\n", None);
    }
}
