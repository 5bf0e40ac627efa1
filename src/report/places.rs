//! How a place in a file is named: as short as it can be typed back.

use std::collections::BTreeSet;

use crate::model::{Location, QueryLoop, Report};

/// The files a report speaks of.
pub(super) struct Places<'a> {
    project: &'a str,
    /// The one directory that was asked about, with its `/`: paths are named relative to it.
    asked: Option<String>,
    paths: BTreeSet<&'a str>,
}

impl<'a> Places<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        Self { project: &report.project, asked: asked_directory(report), paths: paths(report) }
    }

    /// `database.py` for `src/database.py` when `src/` was asked about and no other file is meant by it.
    pub(super) fn path<'p>(&self, path: &'p str) -> &'p str {
        let Some(short) = self.asked.as_ref().and_then(|asked| path.strip_prefix(asked.as_str())) else {
            return path;
        };
        let tail = format!("/{short}");
        let is_ambiguous = self.paths.iter().any(|other| *other != path && (*other == short || other.ends_with(&tail)));
        if is_ambiguous { path } else { short }
    }

    /// `database.py:45`; the path alone where no line is known.
    pub(super) fn place(&self, location: &Location) -> String {
        let path = self.path(&location.path);
        if location.line == 0 { path.to_string() } else { format!("{path}:{}", location.line) }
    }

    /// The line of a loop, and how it is known.
    pub(super) fn looped(&self, repeated_by: &QueryLoop) -> String {
        let guess = if repeated_by.is_measured { "" } else { " (read from the source)" };
        format!("{}{guess}", self.place(&repeated_by.location))
    }

    /// Where the file lies.
    pub(super) fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') || path.get(1..3) == Some(":\\") || path.get(1..3) == Some(":/") {
            return path.to_string();
        }
        format!("{}/{path}", self.project.trim_end_matches(['/', '\\']))
    }
}

fn asked_directory(report: &Report) -> Option<String> {
    let [path] = report.paths.as_slice() else { return None };
    let directory = path.trim_start_matches("./").trim_end_matches('/');
    let is_inside = !directory.is_empty() && directory != "." && !directory.starts_with("..");
    is_inside.then(|| format!("{directory}/"))
}

fn paths(report: &Report) -> BTreeSet<&str> {
    let mut paths = BTreeSet::new();
    paths.extend(report.findings.iter().map(|finding| finding.location.path.as_str()));
    paths.extend(report.problems.iter().filter_map(|problem| Some(problem.location.as_ref()?.path.as_str())));
    let Some(profile) = &report.profile else { return paths };
    paths.extend(profile.cpu.functions.iter().map(|function| function.location.path.as_str()));
    paths.extend(profile.cpu.lines.iter().map(|line| line.location.path.as_str()));
    paths.extend(profile.cpu.frames.iter().filter(|frame| frame.is_project).map(|frame| frame.path.as_str()));
    if let Some(queries) = &profile.queries {
        paths.extend(queries.groups.iter().map(|group| group.site.path.as_str()));
    }
    paths
}
