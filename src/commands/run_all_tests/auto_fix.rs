//! `--auto-fix`: which of the changes of the last `--implement` break tests? The smallest set is taken back, the rest
//! stays. Everything is tried in a tree of its own; the project's files are written once, through the journal.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::before::{AUTO_FIX, Origin, Trees, last_implement};
use super::setting::Setting;
use super::suite::{self, SuiteResult};
use crate::commands::{Failure, refused};
use crate::engine::journal::{self, Change, Original};
use crate::engine::verify::guilty;
use crate::harness::{self, SuiteOptions};
use crate::model::{Before, ExitReason, Workload};
use crate::support::{atomic_file, units};

/// Sets of changes that are taken back one after the other before everything is.
const ROUNDS_MAX: usize = 3;

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Fixed {
    /// One sentence each without a final dot.
    pub said: Vec<String>,
    /// True when files were written.
    pub is_written: bool,
}

/// One run of lines that `--implement` changed.
struct Hunk {
    /// Index of the file.
    file: usize,
    /// Lines before it, and what it replaces them by.
    old: std::ops::Range<usize>,
    new: Vec<String>,
    /// First line of it in the file as it is now.
    line: usize,
}

struct File {
    target: PathBuf,
    relative: String,
    current: Vec<u8>,
    old_lines: Vec<String>,
}

/// The changes of the last `--implement`, and the tree in which choices of them are tried.
struct Trial<'a> {
    setting: &'a Setting<'a>,
    workload: Workload,
    trees: Trees,
    files: Vec<File>,
    hunks: Vec<Hunk>,
    n_runs: u32,
    is_interrupted: bool,
}

/// Finds and takes back what breaks the tests of `result`; `result` is that of the files as they are.
pub(super) fn fix(setting: &Setting<'_>, suite: &Workload, result: &SuiteResult) -> anyhow::Result<Fixed> {
    let mut fixed = Fixed::default();
    let failing: BTreeSet<String> =
        result.tests.values().filter(|test| test.outcome.is_failure()).map(|test| test.name.clone()).collect();
    if failing.is_empty() {
        return Ok(fixed);
    }
    let state = setting.project.state_directory().map_err(refused)?;
    let Some((backup, is_fixed)) = last_implement(&state) else {
        fixed.said.push("no rewrites of cmdx are in place: there is nothing to take back".to_owned());
        return Ok(fixed);
    };
    let originals = journal::originals(&backup).map_err(Failure::from)?;
    let (current, changed): (Vec<Original>, Vec<Original>) =
        originals.into_iter().partition(|each| is_fixed || each.is_current);
    for each in changed {
        let path = setting.project.relative(&each.target);
        fixed.said.push(format!("{path} was changed since it was rewritten: it is left as it is"));
    }
    let _lock = journal::lock(&state, AUTO_FIX).map_err(Failure::from)?;
    let mut trial = Trial::new(setting, suite, current)?;
    trial.search(failing, &state, &mut fixed)?;
    Ok(fixed)
}

impl<'a> Trial<'a> {
    fn new(setting: &'a Setting<'a>, suite: &Workload, originals: Vec<Original>) -> anyhow::Result<Self> {
        let origin = Origin::Backup(Before::default(), originals);
        let trees = Trees::new(Some(&origin), setting)?;
        let Origin::Backup(_, originals) = origin else { unreachable!("made a line above") };
        let (mut files, mut hunks) = (vec![], vec![]);
        for original in originals {
            let Ok(current) = std::fs::read(&original.target) else { continue };
            let (old, new) = (text(&original.content), text(&current));
            hunks.extend(hunks_of(files.len(), &old, &new));
            files.push(File {
                relative: setting.project.relative(&original.target),
                target: original.target,
                current,
                old_lines: lines(&old),
            });
        }
        let workload = Trees::moved(suite, setting.project, &trees.after);
        Ok(Self { setting, workload, trees, files, hunks, n_runs: 0, is_interrupted: false })
    }

    fn search(&mut self, mut failing: BTreeSet<String>, state: &Path, fixed: &mut Fixed) -> anyhow::Result<()> {
        let all: Vec<usize> = (0..self.hunks.len()).collect();
        let before = self.failures(&all, Some(&failing))?;
        if !before.is_empty() {
            failing.retain(|name| !before.contains(name));
            let tests = units::counted(before.len() as u64, "test fails", "tests fail");
            fixed.said.push(format!("{tests} without the rewrites too: {}", listed(&before)));
        }
        if failing.is_empty() || all.is_empty() || self.is_interrupted {
            return Ok(());
        }
        let known = self.failures(&all, None)?;
        let mut reverted = vec![];
        for round in 0..=ROUNDS_MAX {
            reverted = if round == ROUNDS_MAX { all.clone() } else { self.smallest(&all, &failing)? };
            let now = self.failures(&reverted, None)?;
            let broken: BTreeSet<String> = now.difference(&known).cloned().collect();
            if self.is_interrupted {
                return Ok(());
            }
            if broken.is_empty() {
                break;
            }
            failing.extend(broken);
        }
        self.write(&reverted, state, fixed)?;
        self.tell(&reverted, &failing, fixed);
        Ok(())
    }

    /// The smallest set whose undoing makes the tests pass.
    fn smallest(&mut self, all: &[usize], failing: &BTreeSet<String>) -> anyhow::Result<Vec<usize>> {
        guilty(all, &mut |set| Ok::<bool, anyhow::Error>(self.failures(set, Some(failing))?.is_empty()))
    }

    /// Tests that fail without the changes of `reverted`.
    fn failures(&mut self, reverted: &[usize], only: Option<&BTreeSet<String>>) -> anyhow::Result<BTreeSet<String>> {
        for (index, file) in self.files.iter().enumerate() {
            let Ok(inside) = file.target.strip_prefix(&self.setting.project.root) else { continue };
            let path = self.trees.after.join(inside);
            let content = self.content(index, reverted);
            atomic_file::write(&path, &content).map_err(|error| Failure::not_written(&path, &error))?;
        }
        self.n_runs += 1;
        let options = SuiteOptions {
            only: only.cloned(),
            own: self.trees.after.clone(),
            n_jobs: 1,
            deadline: self.setting.deadline,
            // Bytecode of a variant written within the same second would pass for that of the next.
            variables: vec![("PYTHONDONTWRITEBYTECODE".to_owned(), "1".into())],
            ..SuiteOptions::default()
        };
        let progress = self.setting.context.ui.progress("Looking for the rewrites that break tests");
        progress.message(&format!("Looking for the rewrites that break tests: run {}", self.n_runs));
        let directory = self.setting.directory.join(format!("fix-{}", self.n_runs));
        let seen = harness::run_suite(&self.workload, &options, &self.setting.plugin, &directory, &mut |_| {});
        let seen = seen.map_err(suite::failed)?;
        self.is_interrupted |= seen.run.exit == ExitReason::Interrupted;
        let mut failing: BTreeSet<String> =
            seen.tests.values().filter(|test| test.outcome.is_failure()).map(|test| test.name.clone()).collect();
        failing.extend(seen.unfinished.iter().map(|test| test.name.clone()));
        // A test that is wanted and did not come to run does not pass.
        failing.extend(only.into_iter().flatten().filter(|name| !seen.tests.contains_key(*name)).cloned());
        Ok(failing)
    }

    /// The file with all changes but those of `reverted`.
    fn content(&self, file: usize, reverted: &[usize]) -> Vec<u8> {
        let own: Vec<(usize, &Hunk)> = self.hunks.iter().enumerate().filter(|(_, hunk)| hunk.file == file).collect();
        if own.iter().all(|(index, _)| !reverted.contains(index)) {
            return self.files[file].current.clone();
        }
        let old = &self.files[file].old_lines;
        let mut kept = vec![];
        let mut at = 0;
        for (index, hunk) in own {
            kept.extend(old[at..hunk.old.start].iter().cloned());
            if reverted.contains(&index) {
                kept.extend(old[hunk.old.clone()].iter().cloned());
            } else {
                kept.extend(hunk.new.iter().cloned());
            }
            at = hunk.old.end;
        }
        kept.extend(old[at..].iter().cloned());
        bytes(&kept.concat())
    }

    fn write(&self, reverted: &[usize], state: &Path, fixed: &mut Fixed) -> anyhow::Result<()> {
        let changes: Vec<Change> = self
            .files
            .iter()
            .enumerate()
            .map(|(index, file)| Change {
                path: file.relative.clone(),
                before: file.current.clone(),
                after: self.content(index, reverted),
            })
            .filter(|change| change.before != change.after)
            .collect();
        let root = &self.setting.project.root;
        let (prepared, refused) =
            journal::prepare(root, state, &changes, AUTO_FIX, false, &mut |_| {}).map_err(Failure::from)?;
        for each in refused {
            fixed.said.push(format!("{} was not written: {}", each.path, each.reason));
        }
        if let Some(prepared) = prepared {
            for each in prepared.write(&mut |_| {}).map_err(Failure::from)? {
                fixed.said.push(format!("{} was not written: {}", each.path, each.reason));
            }
            prepared.commit(&mut |_| {}).map_err(Failure::from)?;
            fixed.is_written = true;
        }
        Ok(())
    }

    fn tell(&self, reverted: &[usize], failing: &BTreeSet<String>, fixed: &mut Fixed) {
        let n_all = self.hunks.len();
        let hunks = reverted.iter().map(|index| &self.hunks[*index]);
        let places: BTreeSet<String> =
            hunks.map(|hunk| format!("{}:{}", self.files[hunk.file].relative, hunk.line)).collect();
        let places: Vec<String> = places.into_iter().collect();
        fixed.said.push(format!(
            "taken back: {} of {}, at {}, which broke {}; {} kept",
            reverted.len(),
            units::counted(n_all as u64, "change", "changes"),
            places.join(", "),
            listed(failing),
            n_all - reverted.len()
        ));
    }
}

/// Every run of lines that differs.
fn hunks_of(file: usize, old: &str, new: &str) -> Vec<Hunk> {
    let (old_lines, new_lines) = (lines(old), lines(new));
    let ops = capture_diff_slices(Algorithm::Myers, &old_lines, &new_lines);
    let differing = ops.iter().filter(|op| op.tag() != DiffTag::Equal);
    differing
        .map(|op| Hunk {
            file,
            old: op.old_range(),
            new: new_lines[op.new_range()].to_vec(),
            line: op.new_range().start + 1,
        })
        .collect()
}

fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// Every byte as one character, so that files in any encoding come back as they were.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
}

fn listed(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 5;
    let first: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", first.join(", ")),
        _ => first.join(", "),
    }
}
