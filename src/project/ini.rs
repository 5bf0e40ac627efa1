//! Reads the dialect of `configparser` that tox.ini, setup.cfg and pytest.ini are written in.

use std::collections::BTreeMap;

/// Section, key, value; continuation lines are kept as lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ini(BTreeMap<String, BTreeMap<String, String>>);

impl Ini {
    /// Understands what it can; a line that is neither section, key nor continuation is passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut section = String::new();
        let mut key: Option<String> = None;
        for line in text.lines() {
            let content = line.trim();
            if content.starts_with(['#', ';']) {
                continue;
            }
            if line.starts_with([' ', '\t']) {
                if let Some(value) = key.as_ref().and_then(|key| sections.get_mut(&section)?.get_mut(key)) {
                    value.push('\n');
                    value.push_str(content);
                }
                continue;
            }
            if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                name.trim().clone_into(&mut section);
                sections.entry(section.clone()).or_default();
                key = None;
                continue;
            }
            let Some(split) = content.find(['=', ':']) else { continue };
            let name = content[..split].trim().to_lowercase();
            sections.entry(section.clone()).or_default().insert(name.clone(), content[split + 1..].trim().to_owned());
            key = Some(name);
        }
        Self(sections)
    }

    /// The value, its lines joined by `\n`.
    pub(super) fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.0.get(section)?.get(key).map(String::as_str)
    }

    /// The section's keys.
    pub(super) fn section(&self, section: &str) -> Option<&BTreeMap<String, String>> {
        self.0.get(section)
    }

    /// The lines of a value that say something, comments at their ends cut.
    pub(super) fn lines(&self, section: &str, key: &str) -> Vec<String> {
        let lines = self.get(section, key).unwrap_or_default().lines();
        let cut = lines.map(|line| line.split(" #").next().unwrap_or_default().trim());
        cut.filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Names of all sections.
    pub(super) fn sections(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::Ini;

    #[test]
    fn continuation_lines_belong_to_their_key() {
        let ini = Ini::parse("[testenv]\ndeps =\n    pytest  # runs them\n    # none\n    mock\ncommands = a\n");
        assert_eq!(ini.lines("testenv", "deps"), ["pytest", "mock"]);
        assert_eq!(ini.get("testenv", "commands"), Some("a"));
        assert_eq!(ini.get("testenv", "absent"), None);
    }
}
