//! `--implement`: scan, choose, check, write, confirm, tell. Nothing of the project is written before it is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write as _, stdin};
use std::time::Duration;

use super::args::{Implement, Plan};
use super::charged::Charged;
use super::implement_ask;
use super::implement_plan::{MatchKey, Texts, built, key, parted, without_overlaps};
use super::implement_requirements::declare;
use super::implement_show as show;
use super::implement_verify::Checker;
use super::measure::noted;
use super::run::targets;
use crate::commands::rule_choice::RuleChoice;
use crate::commands::sources::Sources;
use crate::commands::{Context, Failure, FailureKind, Outcome, refused};
use crate::engine::journal::{self, Change};
use crate::engine::{rewrite, verify};
use crate::harness;
use crate::model::{AppliedRewrite, ExitReason, Implementation, LeftRewrite, Match, Verdict, Workload, WorkloadKind};
use crate::project::{Project, oldest_python};
use crate::report::Format;
use crate::support::{atomic_file, interrupt};

/// Version of the answer's JSON form.
const SCHEMA_VERSION: u32 = 1;
/// A rewrite may make place for another; more rounds than this are no progress.
const ROUNDS_MAX: usize = 4;
/// Backups that stay without --backup.
const BACKUPS_KEPT: usize = 10;
/// `git status` of a large tree.
const GIT_DEADLINE: Duration = Duration::from_secs(20);

/// What is known while rewriting.
struct Work<'a> {
    project: &'a Project,
    context: &'a Context,
    how: &'a Implement,
    plan: &'a Plan,
    charged: Charged,
    /// What the configuration says of the rules.
    choice: RuleChoice,
    scan_options: rewrite::ScanOptions,
    /// As the files are on disk.
    originals: Texts,
    /// As they will be.
    texts: Texts,
    /// Matches that were tried, or are not to be tried.
    settled: BTreeSet<MatchKey>,
    /// Files as they were parsed last.
    parsed: rewrite::ParsedFiles,
    /// How often each rule matched in each function in the last scan.
    n_found: BTreeMap<PlaceKey, usize>,
    answer: Implementation,
}

/// Runs `optimize --implement`.
pub(super) fn run(plan: &Plan, how: &Implement, project: &Project, context: &Context) -> anyhow::Result<Outcome> {
    if !matches!(plan.format, Format::Text | Format::Json) {
        let message = format!("the format {} is for --profile; --implement writes text or json", plan.format);
        return Err(Failure { kind: FailureKind::Usage, message, hint: None }.into());
    }
    if how.asks && !stdin().is_terminal() {
        let message = "--interactive needs a terminal to ask on".to_owned();
        let hint = Some("choose with --rule, --ignore or paths instead".to_owned());
        return Err(Failure { kind: FailureKind::Usage, message, hint }.into());
    }
    known_rules(how)?;
    let mut work = Work::new(plan, how, project, context)?;
    if how.is_dry_run {
        work.preview();
        return work.tell(Outcome::Done);
    }
    let state = project.state_directory().map_err(refused)?;
    let _lock = journal::lock(&state, &command_line()).map_err(Failure::from)?;
    warn_of_changes(project, context);
    let mut checker = Checker::new(plan, project, context)?;
    work.rewrite(&mut checker)?;
    if interrupt::is_requested() {
        return Ok(Outcome::Interrupted);
    }
    if !work.answer.applied.is_empty()
        && let Some(measured) = checker.figures(&work.originals, &work.texts)?
    {
        work.answer.workload_gain = measured.workload;
        work.answer.figures = measured.figures;
    }
    let outcome = work.write(&state, &checker)?;
    work.answer.checks = checker.notes;
    work.answer.problems.extend(checker.problems);
    if work.answer.applied.is_empty() {
        work.answer.workload_gain = None;
        work.answer.figures.clear();
    }
    journal::prune(&state, BACKUPS_KEPT);
    work.tell(outcome)
}

/// A rule, a file and a function of it.
type PlaceKey = (String, String, String);

fn place_of(each: &Match) -> PlaceKey {
    (each.rule.clone(), each.location.path.clone(), each.location.symbol.clone())
}

fn counted(matches: &[Match]) -> BTreeMap<PlaceKey, usize> {
    let mut counts = BTreeMap::new();
    for each in matches {
        *counts.entry(place_of(each)).or_insert(0) += 1;
    }
    counts
}

fn command_line() -> String {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    std::iter::once("cmdx".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Rules that do not exist are a slip of the keyboard.
fn known_rules(how: &Implement) -> Result<(), Failure> {
    let names: Vec<&str> = rewrite::rules().map(|rule| rule.name).collect();
    for typed in how.rules.iter().chain(&how.ignored) {
        if names.contains(&typed.as_str()) {
            continue;
        }
        let near = names
            .iter()
            .max_by(|left, right| strsim::jaro_winkler(typed, left).total_cmp(&strsim::jaro_winkler(typed, right)));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        return Err(Failure { kind: FailureKind::Usage, message: format!("there is no rule `{typed}`"), hint });
    }
    Ok(())
}

/// A dirty tree is no obstacle: the backup is ours.
fn warn_of_changes(project: &Project, context: &Context) {
    let Ok(directory) = tempfile::tempdir() else { return };
    let argv = ["git", "status", "--porcelain", "--untracked-files=no", "--", "."].map(str::to_owned).to_vec();
    let workload = Workload {
        kind: WorkloadKind::Script,
        title: "git status".into(),
        argv,
        cwd: project.root.clone(),
        env: vec![("GIT_OPTIONAL_LOCKS".into(), "0".into())],
    };
    // Without git, or outside a repository, there is nothing to warn of.
    let Ok(run) = harness::run_plain(&workload, &[], directory.path(), GIT_DEADLINE) else { return };
    let changed = std::fs::read_to_string(&run.stdout_log).unwrap_or_default();
    if run.exit == ExitReason::Exited(0) && !changed.trim().is_empty() {
        context.ui.warning("git has changes that are not committed; cmdx keeps its own backup and goes on");
    }
}

impl<'a> Work<'a> {
    fn new(plan: &'a Plan, how: &'a Implement, project: &'a Project, context: &'a Context) -> Result<Self, Failure> {
        let choice = RuleChoice::of(project)?;
        let sources = Sources::read(project);
        // What is written rests on all of the project: nothing is left out that might mention a name.
        let contents = sources.contents();
        let originals: Texts = contents.into_iter().map(|(path, content)| (path, content.to_vec())).collect();
        let answer = Implementation {
            schema_version: SCHEMA_VERSION,
            generator: concat!("cmdx ", env!("CARGO_PKG_VERSION")).to_owned(),
            project: project.root.display().to_string(),
            is_dry_run: how.is_dry_run,
            n_files: project.files().0.len() as u64,
            problems: sources.problems,
            ..Implementation::default()
        };
        let texts = originals.clone();
        let charged = Charged::new(targets(project));
        let scan_options = rewrite::ScanOptions { python: oldest_python::of_run(project), ..Default::default() };
        Ok(Self {
            project,
            context,
            how,
            plan,
            charged,
            choice,
            scan_options,
            originals,
            texts,
            settled: BTreeSet::new(),
            parsed: rewrite::ParsedFiles::default(),
            n_found: BTreeMap::new(),
            answer,
        })
    }

    /// What may be applied next, without overlaps; what will not be is told once.
    fn next(&mut self) -> Vec<Match> {
        let files: Vec<(String, &[u8])> =
            self.texts.iter().map(|(path, text)| (path.clone(), text.as_slice())).collect();
        let scan = self.parsed.scan(&files, &self.scan_options);
        let charged = &self.charged;
        let is_first = self.settled.is_empty();
        if is_first {
            let is_asked = |problem: &&crate::model::Problem| {
                problem.location.as_ref().is_none_or(|location| charged.holds(&location.path))
            };
            self.answer.problems.extend(scan.problems.iter().filter(is_asked).cloned());
        }
        self.n_found = counted(&scan.matches);
        let choice = &self.choice;
        let is_held = |each: &Match| {
            let Match { rule, category, location, .. } = each;
            let is_chosen = self.how.rules.contains(rule) || choice.wants(rule, Some(*category), &location.path);
            is_chosen && charged.holds(&location.path)
        };
        let held = |found: Vec<Match>| found.into_iter().filter(is_held).collect();
        let (tried, left) = parted(held(scan.matches), held(scan.ignored), self.how, &self.plan.categories);
        for each in left {
            if self.settled.insert(key(&each.rewrite, &self.texts)) {
                self.answer.left.push(each);
            }
        }
        let fresh = tried.into_iter().filter(|each| !self.settled.contains(&key(each, &self.texts))).collect();
        let chosen = without_overlaps(fresh);
        self.sound(chosen)
    }

    /// Those that can be applied, change nothing but what they say, and together.
    fn sound(&mut self, matches: Vec<Match>) -> Vec<Match> {
        let mut sound: Vec<Match> = vec![];
        for each in matches {
            let path = &each.location.path;
            let together: Vec<Match> =
                sound.iter().filter(|other| other.location.path == *path).chain([&each]).cloned().collect();
            let before = &self.texts[path];
            let applied = rewrite::apply_matches(path, before, &together).and_then(|after| {
                let references: Vec<&Match> = together.iter().collect();
                verify::only_edits_changed(before, &after, &references)
            });
            match applied {
                Ok(()) => sound.push(each),
                Err(reason) => self.leave(LeftRewrite { rewrite: each, reason, is_rolled_back: false }),
            }
        }
        sound
    }

    fn leave(&mut self, left: LeftRewrite) {
        self.settled.insert(key(&left.rewrite, &self.texts));
        self.answer.left.push(left);
    }

    /// `--dry-run`: all that would be tried.
    fn preview(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let matches = self.next();
            if matches.is_empty() {
                break;
            }
            let all: Vec<usize> = (0..matches.len()).collect();
            let after = built(&matches, &all, &self.texts);
            for each in matches {
                self.settled.insert(key(&each, &self.texts));
                let verdict = Verdict::NotChecked { why: "nothing is run in a dry run".into() };
                self.answer.applied.push(AppliedRewrite { rewrite: each, verdict, gain: None });
            }
            self.texts.extend(after);
        }
        self.declare_requirements();
        self.answer.files = self.changed();
        self.answer.diff = show::diff(&self.originals, &self.texts);
    }

    /// Round by round: find, ask, check, keep.
    fn rewrite(&mut self, checker: &mut Checker<'_>) -> anyhow::Result<()> {
        for _ in 0..ROUNDS_MAX {
            let matches = self.next();
            let (matches, missing) = checker.without_missing(matches, self.how.trust)?;
            for left in missing {
                self.leave(left);
            }
            let matches = if self.how.asks { self.asked(&matches) } else { matches };
            if matches.is_empty() || interrupt::is_requested() {
                break;
            }
            let decided = checker.decide(&matches, &self.texts, &self.originals, self.how.trust)?;
            let kept: Vec<usize> = decided.kept.iter().map(|(index, _)| *index).collect();
            let kept = self.without_repeats(&matches, &kept);
            for left in decided.left {
                self.leave(left);
            }
            for (index, applied) in decided.kept {
                self.settled.insert(key(&applied.rewrite, &self.texts));
                if kept.contains(&index) {
                    self.answer.applied.push(applied);
                }
            }
            if kept.is_empty() {
                break;
            }
            self.texts.extend(built(&matches, &kept, &self.texts));
        }
        Ok(())
    }

    /// Takes out rewrites whose rule finds its own result again: it would never come to an end.
    fn without_repeats(&mut self, matches: &[Match], kept: &[usize]) -> Vec<usize> {
        if kept.is_empty() {
            return vec![];
        }
        let mut after = self.texts.clone();
        after.extend(built(matches, kept, &self.texts));
        let files: Vec<(String, &[u8])> = after.iter().map(|(path, text)| (path.clone(), text.as_slice())).collect();
        let n_after = counted(&self.parsed.scan(&files, &self.scan_options).matches);
        let mut lasting = vec![];
        for &index in kept {
            let place = place_of(&matches[index]);
            if n_after.get(&place) < self.n_found.get(&place) {
                lasting.push(index);
                continue;
            }
            let reason = "the rule finds its own result again".to_owned();
            self.leave(LeftRewrite { rewrite: matches[index].clone(), reason, is_rolled_back: true });
        }
        lasting
    }

    fn asked(&mut self, matches: &[Match]) -> Vec<Match> {
        let mut chosen = vec![];
        let mut takes_all = false;
        let mut takes_none = false;
        for (index, each) in matches.iter().enumerate() {
            let letter = match (takes_all, takes_none) {
                (true, _) => 'y',
                (_, true) => 'n',
                _ => self.ask(matches, index),
            };
            takes_all |= letter == 'a';
            takes_none |= letter == 'q';
            if matches!(letter, 'y' | 'a') {
                chosen.push(each.clone());
            } else {
                let reason = "you said no".to_owned();
                self.leave(LeftRewrite { rewrite: each.clone(), reason, is_rolled_back: false });
            }
        }
        chosen
    }

    fn ask(&self, matches: &[Match], index: usize) -> char {
        let each = &matches[index];
        let after = built(matches, &[index], &self.texts);
        let mut stderr = std::io::stderr();
        let diff = show::diff(&self.texts, &after);
        // A terminal that is gone answers the question below with the end of its input.
        let _terminal_may_be_gone = writeln!(stderr, "{diff}{}  {}: {}", each.location, each.rule, each.message);
        for assumption in &each.assumptions {
            let _terminal_may_be_gone = writeln!(stderr, "  same behaviour if: {assumption}");
        }
        implement_ask::answer("Try this rewrite? [y]es, [n]o, [a]ll, [q]uit: ", &['y', 'n', 'a', 'q']).unwrap_or('q')
    }

    fn declare_requirements(&mut self) {
        let mut wanted: Vec<String> =
            self.answer.applied.iter().flat_map(|each| each.rewrite.requirements.iter().cloned()).collect();
        wanted.sort();
        wanted.dedup();
        let homeless = declare(&self.project.root, &wanted, &mut self.originals, &mut self.texts);
        for requirement in homeless {
            self.answer.problems.push(noted(&format!("add `{requirement}` to the project's dependencies")));
        }
        self.answer.requirements = wanted;
    }

    fn changed(&self) -> Vec<String> {
        let differs = |(path, text): &(&String, &Vec<u8>)| self.originals.get(*path) != Some(*text);
        self.texts.iter().filter(differs).map(|(path, _)| path.clone()).collect()
    }

    /// Through the journal; then the tests once more with the files as they lie there.
    fn write(&mut self, state: &std::path::Path, checker: &Checker<'_>) -> anyhow::Result<Outcome> {
        self.declare_requirements();
        let paths = self.changed();
        if paths.is_empty() {
            return Ok(Outcome::Done);
        }
        let changes: Vec<Change> = paths
            .iter()
            .map(|path| Change {
                path: path.clone(),
                before: self.originals[path].clone(),
                after: self.texts[path].clone(),
            })
            .collect();
        let keeps = self.how.keeps_backup;
        let (transaction, early) =
            journal::prepare(&self.project.root, state, &changes, &command_line(), keeps, &mut |_| {})
                .map_err(Failure::from)?;
        for refused in early {
            self.refuse(&refused);
        }
        // A file that was refused before anything was written is reported, and nothing had to be taken back.
        let Some(writing) = transaction else { return Ok(Outcome::Done) };
        let late = writing.write(&mut |_| {}).map_err(Failure::from)?;
        for refused in late {
            self.refuse(&refused);
        }
        let confirmed = checker.confirm();
        match confirmed {
            Ok(broken) if broken.is_empty() && !interrupt::is_requested() => {}
            Ok(broken) => {
                writing.undo(&mut |_| {}).map_err(Failure::from)?;
                let Some((test, message)) = broken.into_iter().next() else { return Ok(Outcome::Interrupted) };
                self.take_all_back(&format!("`{test}` fails with the written files: {message}"));
                return Ok(Outcome::RolledBack);
            }
            Err(failure) => {
                writing.undo(&mut |_| {}).map_err(Failure::from)?;
                return Err(failure.into());
            }
        }
        self.answer.backup = Some(writing.name());
        writing.commit(&mut |_| {}).map_err(Failure::from)?;
        self.answer.files = self.changed();
        self.answer.diff = show::diff(&self.originals, &self.texts);
        Ok(Outcome::Done)
    }

    /// A file that could not be written keeps its old content, and its rewrites did not happen.
    fn refuse(&mut self, refused: &journal::Refused) {
        self.context.ui.warning(&format!("{} was not written: {}", refused.path, refused.reason));
        if let Some(original) = self.originals.get(&refused.path) {
            self.texts.insert(refused.path.clone(), original.clone());
        }
        let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.answer.applied)
            .into_iter()
            .partition(|each| each.rewrite.location.path == refused.path);
        self.answer.applied = kept;
        for each in gone {
            let reason = format!("the file was not written: {}", refused.reason);
            self.answer.left.push(LeftRewrite { rewrite: each.rewrite, reason, is_rolled_back: false });
        }
    }

    fn take_all_back(&mut self, reason: &str) {
        for each in std::mem::take(&mut self.answer.applied) {
            let left = LeftRewrite { rewrite: each.rewrite, reason: reason.to_owned(), is_rolled_back: true };
            self.answer.left.push(left);
        }
        self.texts = self.originals.clone();
    }

    /// The answer, as text or JSON, where it was asked for.
    fn tell(self, outcome: Outcome) -> anyhow::Result<Outcome> {
        for problem in &self.answer.problems {
            let place = problem.location.as_ref().map(|location| format!("{location}: ")).unwrap_or_default();
            let hint = problem.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default();
            self.context.ui.warning(&format!("{place}{}{hint}", problem.message));
        }
        let style = self.context.ui.style();
        let mut content = vec![];
        if self.plan.format == Format::Json {
            serde_json::to_writer_pretty(&mut content, &self.answer)?;
            content.push(b'\n');
        } else if self.answer.is_dry_run {
            show::write_preview(&self.answer, &|rule| expected_gain(rule), style, &mut content)?;
        } else {
            show::write_summary(&self.answer, style, &mut content)?;
        }
        if let Some(path) = &self.plan.out {
            atomic_file::write(path, &content).map_err(|error| Failure::not_written(path, &error))?;
            self.context.ui.note(&format!("report written to {}", path.display()));
            return Ok(outcome);
        }
        let mut stdout = self.context.ui.stdout();
        let written = stdout.write_all(&content).and_then(|()| stdout.flush());
        written.map_err(|error| Failure::not_written("standard output".as_ref(), &error))?;
        Ok(outcome)
    }
}

/// What a rule's manual says about why the old code is slow.
fn expected_gain(name: &str) -> Option<String> {
    let rule = rewrite::rules().find(|rule| rule.name == name)?;
    let mut lines = rule.documentation.lines().map(str::trim).skip_while(|line| *line != "## Why it is slow").skip(1);
    let text: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("##")).collect();
    (!text.is_empty()).then(|| text.join(" ").trim_end_matches('.').to_owned())
}
