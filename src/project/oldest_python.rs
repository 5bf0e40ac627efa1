//! The oldest Python that a project's code has to run on: what it declares, else the interpreter it is run with.

use toml::{Table, Value};

use super::{Project, interpreter};

/// The oldest version when nothing says otherwise: the oldest that cmdx serves.
const OLDEST: (u32, u32) = (3, 8);

/// What the project declares, else the version of its interpreter.
pub fn of_run(project: &Project) -> (u32, u32) {
    declared(project).unwrap_or_else(|| {
        interpreter::find(project).map_or(OLDEST, |found| (found.interpreter.version.0, found.interpreter.version.1))
    })
}

/// What the project declares, else the oldest there is: starts no interpreter.
pub fn of_source(project: &Project) -> (u32, u32) {
    declared(project).unwrap_or(OLDEST)
}

/// `requires-python` of pyproject.toml, poetry's `python`, or `python_requires` of setup.cfg.
fn declared(project: &Project) -> Option<(u32, u32)> {
    let text = |name: &str| std::fs::read_to_string(project.root.join(name)).ok();
    let table: Table = text("pyproject.toml").and_then(|text| toml::from_str(&text).ok()).unwrap_or_default();
    let value = |path: &[&str]| {
        let (last, first) = path.split_last()?;
        let inner = first.iter().try_fold(&table, |table, name| table.get(*name).and_then(Value::as_table))?;
        inner.get(*last).and_then(Value::as_str)
    };
    let in_toml =
        value(&["project", "requires-python"]).or_else(|| value(&["tool", "poetry", "dependencies", "python"]));
    if let Some(lowest) = in_toml.and_then(lowest) {
        return Some(lowest);
    }
    let setup = text("setup.cfg")?;
    let line = setup.lines().find_map(|line| line.trim().strip_prefix("python_requires"))?;
    let range = line.trim_start().strip_prefix('=')?;
    lowest(range.trim())
}

/// The lower bound of `>=3.9,<4`, `^3.10`, `~=3.11` or `3.12.*`.
fn lowest(range: &str) -> Option<(u32, u32)> {
    range.split([',', ' ']).find_map(|part| {
        let part = part.trim();
        if part.starts_with(['<', '!']) {
            return None;
        }
        let mut numbers = part.trim_start_matches(['>', '=', '^', '~', ' ']).split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next().map_or(Some(0), |minor| minor.parse().ok())?))
    })
}

#[cfg(test)]
mod tests {
    use super::lowest;

    #[test]
    fn the_lower_bound_of_a_range_counts() {
        for (range, expected) in [
            (">=3.9,<4", (3, 9)),
            ("^3.10", (3, 10)),
            ("~=3.11", (3, 11)),
            ("<4,>=3.8.1", (3, 8)),
            ("== 3.12.*", (3, 12)),
        ] {
            let range = range.replace("== ", "==");
            assert_eq!(lowest(&range), Some(expected), "{range}");
        }
        assert_eq!(lowest("<4"), None);
    }
}
