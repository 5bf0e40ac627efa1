//! The project's source, read once: for the outlines a profile needs and for the scan.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::sync::OnceLock;

use crate::model::Problem;
use crate::project::{Project, SourcePath};
use crate::syntax::Outline;

/// A project with more files is a repository of many; what was asked about then stands for itself.
const N_FILES_AROUND_MAX: usize = 3_000;

/// Up to so many files are looked at with their surroundings alone.
const N_ASKED_FEW: usize = 20;
/// Re-exports are followed so far.
const IMPORTS_FOLLOWED: usize = 3;
/// Words that a file with a database model has.
const MODEL_WORDS: &[&str] =
    &["relationship", "mapped_column", "ForeignKey", "ForeignKeyField", "ManyToManyField", "DeclarativeBase"];

/// Files by their path relative to the root.
pub(super) struct Sources {
    files: BTreeMap<String, Source>,
    pub problems: Vec<Problem>,
    pub n_lines: u64,
}

struct Source {
    content: Vec<u8>,
    outline: OnceLock<Outline>,
}

impl Sources {
    /// Reads the files asked about, and with them the rest of the project where that is not too much: a model, a helper
    /// or a measured line may lie in any other file.
    pub(super) fn read(project: &Project) -> Self {
        let (targets, problems) = project.files();
        let mut sources = Self { files: BTreeMap::new(), problems, n_lines: 0 };
        for file in &targets {
            sources.add(file);
        }
        let others = project.all_files();
        if others.len() <= N_FILES_AROUND_MAX {
            for file in others {
                sources.add(file);
            }
        }
        let lines = |file: &SourcePath| sources.files.get(&file.relative).map_or(0, Source::n_lines);
        sources.n_lines = targets.iter().map(lines).sum();
        sources
    }

    fn add(&mut self, file: &SourcePath) {
        if self.files.contains_key(&file.relative) {
            return;
        }
        match fs::read(&file.path) {
            Ok(content) => {
                self.files.insert(file.relative.clone(), Source { content, outline: OnceLock::new() });
            }
            Err(error) => self.problems.push(Problem {
                location: Some(crate::model::Location::new(&file.relative, 0, "")),
                message: format!("cannot be read: {error}"),
                hint: None,
            }),
        }
    }

    /// The outline of a file, parsed when first asked for.
    pub(super) fn outline(&self, path: &str) -> Option<&Outline> {
        let source = self.files.get(path)?;
        Some(source.outline.get_or_init(|| Outline::of(&source.content)))
    }

    /// The text of a file; bytes that are no text are replaced.
    pub(super) fn text(&self, path: &str) -> Option<std::borrow::Cow<'_, str>> {
        self.files.get(path).map(|source| String::from_utf8_lossy(&source.content))
    }

    /// Path and content of the files asked about and, when those are few, of the others that may bear on them: that
    /// import what they import from, define a model, or mention a name that they define.
    pub(super) fn around(&self, asked: &BTreeSet<String>) -> Vec<(String, &[u8])> {
        let mut contents = self.contents();
        if asked.len() <= N_ASKED_FEW && contents.len() > N_ASKED_FEW {
            let related = Related::of(&contents, asked);
            contents.retain(|(path, content)| asked.contains(path) || related.concerns(path, content));
        }
        contents
    }

    /// Path and content of every file.
    pub(super) fn contents(&self) -> Vec<(String, &[u8])> {
        self.files.iter().map(|(path, source)| (path.clone(), source.content.as_slice())).collect()
    }
}

impl Source {
    fn n_lines(&self) -> u64 {
        let n_ends = self.content.split(|byte| *byte == b'\n').count().saturating_sub(1) as u64;
        n_ends + u64::from(self.content.last().is_some_and(|byte| *byte != b'\n'))
    }
}

/// What makes another file matter to the files asked about; found in the bytes, without parsing.
struct Related<'a> {
    /// Names that the files asked about define.
    defined: HashSet<&'a [u8]>,
    /// Last parts of the modules that may be imported from.
    modules: HashSet<&'a [u8]>,
}

impl<'a> Related<'a> {
    fn of(contents: &[(String, &'a [u8])], asked: &BTreeSet<String>) -> Self {
        let mut related = Self { defined: HashSet::new(), modules: HashSet::new() };
        let mut open: Vec<&'a [u8]> = vec![];
        for (_, content) in contents.iter().filter(|(path, _)| asked.contains(path)) {
            related.defined.extend(definitions(content));
            open.push(*content);
        }
        for _ in 0..IMPORTS_FOLLOWED {
            let fresh: HashSet<&[u8]> = open.iter().flat_map(|content| imported(content)).collect();
            let is_new = |path: &str| {
                let name = module_name(path);
                fresh.contains(name) && !related.modules.contains(name)
            };
            open = contents.iter().filter(|(path, _)| is_new(path)).map(|(_, content)| *content).collect();
            related.modules.extend(fresh);
        }
        related
    }

    fn concerns(&self, path: &str, content: &[u8]) -> bool {
        self.modules.contains(module_name(path))
            || words(content)
                .any(|word| self.defined.contains(word) || MODEL_WORDS.iter().any(|model| model.as_bytes() == word))
    }
}

/// `models` for `shop/models.py`, `shop` for `shop/__init__.py`.
fn module_name(path: &str) -> &[u8] {
    let path = path.trim_end_matches(".py");
    path.trim_end_matches("/__init__").rsplit('/').next().unwrap_or(path).as_bytes()
}

fn words(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content
        .split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80))
        .filter(|word| !word.is_empty())
}

/// Names behind `def` and `class`, and those of modules, classes and objects that are given a value; names with meaning
/// to Python itself say nothing.
fn definitions(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = content.split(|byte| *byte == b'\n');
    lines.flat_map(defined_in).filter(|name| !name.starts_with(b"__"))
}

fn defined_in(line: &[u8]) -> Vec<&[u8]> {
    let mut first = words(line).skip_while(|word| *word == b"async");
    if matches!(first.next(), Some(b"def" | b"class")) {
        return first.next().into_iter().collect();
    }
    let Some(end) = line.iter().position(|byte| *byte == b'=') else { return vec![] };
    let target = &line[..end];
    // Deeper names are locals, unless an object holds them.
    let is_shallow = target.iter().take_while(|byte| byte.is_ascii_whitespace()).count() <= 4;
    if is_shallow || target.contains(&b'.') { words(target).collect() } else { vec![] }
}

/// Words of the import statements, further lines of those in parentheses included.
fn imported(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut is_open = false;
    let lines = content.split(|byte| *byte == b'\n').filter(move |line| {
        let is_import = is_open || matches!(words(line).next(), Some(b"from" | b"import"));
        is_open = is_import && !line.contains(&b')') && (is_open || line.contains(&b'('));
        is_import
    });
    lines.flat_map(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(files: &[(&str, &str)], asked: &str) -> Vec<String> {
        let mut sources = Sources { files: BTreeMap::new(), problems: vec![], n_lines: 0 };
        for (path, content) in files {
            let source = Source { content: content.as_bytes().to_vec(), outline: OnceLock::new() };
            sources.files.insert((*path).to_owned(), source);
        }
        // Fillers make the project large enough for a choice.
        for number in 0..N_ASKED_FEW {
            let source = Source { content: b"x = 1\n".to_vec(), outline: OnceLock::new() };
            sources.files.insert(format!("filler/f{number}.py"), source);
        }
        let asked = BTreeSet::from([asked.to_owned()]);
        sources.around(&asked).into_iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn a_single_file_brings_what_it_imports_its_callers_and_the_models() {
        let files = [
            ("api.py", "from shop import (\n    load,\n)\nkept = {}\n\ndef rows():\n    return []\n"),
            ("shop/__init__.py", "from .loading import load\n"),
            ("shop/loading.py", "def load():\n    return 1\n"),
            ("caller.py", "import api\nfor row in api.rows():\n    pass\n"),
            ("db/models.py", "user_id = Column(ForeignKey('user.id'))\n"),
            ("reader.py", "from shop import kept\nprint(kept)\n"),
            ("other.py", "def something():\n    pass\n"),
        ];
        assert_eq!(
            around(&files, "api.py"),
            ["api.py", "caller.py", "db/models.py", "reader.py", "shop/__init__.py", "shop/loading.py"]
        );
    }

    #[test]
    fn lines_are_counted_with_and_without_an_end() {
        for (content, n_lines) in [("", 0), ("a", 1), ("a\n", 1), ("a\n\nb", 3), ("a\r\n", 1)] {
            let source = Source { content: content.as_bytes().to_vec(), outline: OnceLock::new() };
            assert_eq!(source.n_lines(), n_lines, "{content:?}");
        }
    }
}
