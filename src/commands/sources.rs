//! The project's source, read once: for the outlines a profile needs and for the scan.

use std::collections::BTreeMap;
use std::fs;
use std::sync::OnceLock;

use crate::model::Problem;
use crate::project::{Project, SourcePath};
use crate::syntax::Outline;

/// A project with more files is a repository of many; what was asked about then stands for itself.
const N_FILES_AROUND_MAX: usize = 3_000;

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

    /// Path and content of every file.
    pub(super) fn contents(&self) -> Vec<(String, &[u8])> {
        self.files.iter().map(|(path, source)| (path.clone(), source.content.as_slice())).collect()
    }
}

impl Source {
    fn n_lines(&self) -> u64 {
        String::from_utf8_lossy(&self.content).lines().count() as u64
    }
}
