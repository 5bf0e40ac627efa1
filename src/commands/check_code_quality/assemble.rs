//! From parsed files to the report: what was asked for, where it was asked for.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::args::Check;
use super::manual::{COMPLEXITY, described};
use crate::commands::Failure;
use crate::commands::rule_choice::RuleChoice;
use crate::commands::scan_cache::Question;
use crate::commands::sources::Sources;
use crate::engine::rewrite::{self, Ignores, ScanOptions};
use crate::model::{FunctionComplexity, LintFinding, LintReport, Match, Problem, Safety};
use crate::project::{Project, oldest_python};
use crate::syntax::{SourceFile, complexity};

/// Version of the report's JSON form.
const SCHEMA_VERSION: u32 = 1;

/// Scans the project and keeps what lies in the files asked about. All files are read: a model or a helper lies in
/// another one.
pub(super) fn report(check: &Check, project: &Project) -> Result<LintReport, Failure> {
    let choice = RuleChoice::of(project)?;
    let sources = Sources::read(project);
    let asked: BTreeSet<String> = project.files().0.into_iter().map(|file| file.relative).collect();
    let contents = sources.around(&asked);
    let options = options(check, project);
    let asked_with = (check.asked_with(), &choice, &asked, &options);
    let question = Question::new("check-code-quality", &asked_with).files(&contents);
    let Scanned { findings, n_ignored, functions, mut problems } =
        question.answer(|| scanned(check, &choice, &options, &asked, &contents));
    problems.splice(0..0, sources.problems);
    let names: BTreeSet<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
    Ok(LintReport {
        schema_version: SCHEMA_VERSION,
        generator: concat!("cmdx ", env!("CARGO_PKG_VERSION")).to_owned(),
        project: project.root.display().to_string(),
        prefix: prefix(&project.root),
        paths: paths(project),
        n_files: asked.len() as u64,
        n_lines: sources.n_lines,
        rules: names.into_iter().map(described).collect(),
        findings,
        n_ignored,
        functions,
        max_complexity: check.max_complexity,
        problems,
    })
}

/// What the source shows, before it is put into a report.
#[derive(Serialize, Deserialize)]
struct Scanned {
    findings: Vec<LintFinding>,
    n_ignored: u64,
    functions: Vec<FunctionComplexity>,
    problems: Vec<Problem>,
}

fn scanned(
    check: &Check,
    choice: &RuleChoice,
    options: &ScanOptions,
    asked: &BTreeSet<String>,
    contents: &[(String, &[u8])],
) -> Scanned {
    let (parsed, mut problems) = rewrite::parse(contents);
    problems.retain(|problem| problem.location.as_ref().is_none_or(|location| asked.contains(&location.path)));
    let scan = rewrite::scan_parsed(&parsed, options);
    let is_wanted = |each: &Match| {
        let Match { rule, category, location, .. } = each;
        // A rule that was asked for by name is wanted whatever the configuration says.
        let is_chosen = check.rules.contains(rule) || choice.wants(rule, Some(*category), &location.path);
        asked.contains(&location.path) && check.wants(rule) && is_chosen
    };
    let mut findings: Vec<LintFinding> = scan.matches.into_iter().filter(is_wanted).map(finding).collect();
    let mut n_ignored = scan.ignored.iter().filter(|each| is_wanted(each)).count() as u64;
    let mut functions = vec![];
    for file in parsed.iter().filter(|file| asked.contains(&file.path)) {
        let complexities = complexity(file);
        if choice.wants(COMPLEXITY, None, &file.path) {
            n_ignored += add_complex(check, file, &complexities, &mut findings);
        }
        functions.extend(complexities);
    }
    findings.sort_by(|a, b| (&a.location, &a.rule).cmp(&(&b.location, &b.rule)));
    functions.sort_by(|a, b| (Reverse(a.complexity), &a.location).cmp(&(Reverse(b.complexity), &b.location)));
    Scanned { findings, n_ignored, functions, problems }
}

fn options(check: &Check, project: &Project) -> ScanOptions {
    let python = oldest_python::of_source(project);
    ScanOptions { categories: check.categories.clone(), rules: check.rules.clone(), python }
}

fn finding(found: Match) -> LintFinding {
    LintFinding {
        rule: found.rule,
        category: Some(found.category),
        location: found.location,
        column: found.column,
        end_line: found.end_line,
        message: found.message,
        is_rewritable: !found.edits.is_empty() && found.safety != Safety::ShowOnly,
        safety: found.safety,
        assumptions: found.assumptions,
    }
}

/// Adds the functions above the limit, and says how many of them are to be left alone.
fn add_complex(
    check: &Check,
    file: &Arc<SourceFile>,
    functions: &[FunctionComplexity],
    findings: &mut Vec<LintFinding>,
) -> u64 {
    let Some(limit) = check.max_complexity.filter(|_| check.wants(COMPLEXITY)) else { return 0 };
    let ignores = Ignores::of(file);
    let mut n_ignored = 0;
    for function in functions.iter().filter(|function| function.complexity > limit) {
        if ignores.covers(COMPLEXITY, function.location.line) {
            n_ignored += 1;
            continue;
        }
        let (name, complexity) = (&function.location.symbol, function.complexity);
        findings.push(LintFinding {
            rule: COMPLEXITY.to_owned(),
            category: None,
            location: function.location.clone(),
            column: 0,
            end_line: function.end_line,
            message: format!("{name}() has a complexity of {complexity}, above {limit}"),
            safety: Safety::ShowOnly,
            assumptions: vec![],
            is_rewritable: false,
        });
    }
    n_ignored
}

/// The targets relative to the root; `.` for the root itself.
fn paths(project: &Project) -> Vec<String> {
    let named = |target: &PathBuf| match project.relative(target) {
        root if root.is_empty() => ".".to_owned(),
        path => path,
    };
    project.targets.iter().map(named).collect()
}

/// Leads from the repository around the project to its root: build servers know files from there.
fn prefix(root: &Path) -> String {
    let repository = root.ancestors().find(|directory| directory.join(".git").exists());
    let inner = repository.and_then(|repository| root.strip_prefix(repository).ok()).unwrap_or(Path::new(""));
    if inner.as_os_str().is_empty() { String::new() } else { format!("{}/", inner.display()) }
}
