//! Parses files, builds the index over all of them, and tries every rule at every place, in parallel.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::model::{Category, Match, Problem};
use crate::syntax::{Kind, Node, SourceFile, callee_name};

use super::context::Context;
use super::ignore::Ignores;
use super::index::Index;
use super::rule::{Rule, Trigger, rules};

/// What a scan looks for.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// The oldest Python the code has to run on.
    pub python: (u32, u32),
    /// Categories wanted; empty for all.
    pub categories: Vec<Category>,
    /// Names of rules wanted; empty for all.
    pub rules: Vec<String>,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { python: (3, 8), categories: vec![], rules: vec![] }
    }
}

impl ScanOptions {
    fn wants(&self, rule: &Rule) -> bool {
        (self.categories.is_empty() || self.categories.contains(&rule.category))
            && (self.rules.is_empty() || self.rules.iter().any(|name| name == rule.name))
    }
}

/// What a scan found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Scan {
    /// By path and line.
    pub matches: Vec<Match>,
    /// What matched where a comment asks to leave it alone (`# cmdx: ignore[rule]`).
    pub ignored: Vec<Match>,
    /// Files that could not be read.
    pub problems: Vec<Problem>,
    /// Lines of the files that were read.
    pub n_lines: u64,
}

/// Tries the rules at every place of the files, given as path relative to the project root and content.
pub fn scan<B: AsRef<[u8]> + Sync>(files: &[(String, B)], options: &ScanOptions) -> Scan {
    let (sources, problems) = parse(files);
    Scan { problems, ..scan_parsed(&sources, options) }
}

/// The content of a file by its digest, and what came of parsing it.
type ParsedFile = (blake3::Hash, Result<Arc<SourceFile>, Problem>);

/// Files as they were parsed last: scans of nearly the same files parse only what changed.
#[derive(Default)]
pub struct ParsedFiles(HashMap<String, ParsedFile>);

impl ParsedFiles {
    /// As [`scan`], with what is known already.
    pub fn scan<B: AsRef<[u8]> + Sync>(&mut self, files: &[(String, B)], options: &ScanOptions) -> Scan {
        let fresh: Vec<(String, ParsedFile)> = files
            .par_iter()
            .with_max_len(1)
            .filter_map(|(path, bytes)| {
                let hash = blake3::hash(bytes.as_ref());
                let is_known = self.0.get(path).is_some_and(|(known, _)| *known == hash);
                (!is_known).then(|| (path.clone(), (hash, SourceFile::parse(path, bytes.as_ref()))))
            })
            .collect();
        self.0.extend(fresh);
        let mut sources = vec![];
        let mut problems = vec![];
        for (path, _) in files {
            match self.0.get(path) {
                Some((_, Ok(source))) => sources.push(Arc::clone(source)),
                Some((_, Err(problem))) => problems.push(problem.clone()),
                None => {}
            }
        }
        problems.sort();
        Scan { problems, ..scan_parsed(&sources, options) }
    }
}

/// Parses the files; what cannot be parsed is a problem, in order.
pub fn parse<B: AsRef<[u8]> + Sync>(files: &[(String, B)]) -> (Vec<Arc<SourceFile>>, Vec<Problem>) {
    let parsed: Vec<Result<Arc<SourceFile>, Problem>> =
        files.par_iter().with_max_len(1).map(|(path, bytes)| SourceFile::parse(path, bytes.as_ref())).collect();
    let mut sources = vec![];
    let mut problems = vec![];
    for each in parsed {
        match each {
            Ok(source) => sources.push(source),
            Err(problem) => problems.push(problem),
        }
    }
    problems.sort();
    (sources, problems)
}

/// Tries the rules at every place of files that are parsed already. What a comment asks to leave alone is left out.
pub fn scan_parsed(sources: &[Arc<SourceFile>], options: &ScanOptions) -> Scan {
    let index = Index::of(sources);
    let found: Vec<(Vec<Match>, Vec<Match>)> =
        sources.par_iter().with_max_len(1).map(|source| wanted_matches(source, &index, options)).collect();
    let mut scan = Scan { n_lines: sources.iter().map(|source| source.n_lines() as u64).sum(), ..Scan::default() };
    for (matches, ignored) in found {
        scan.matches.extend(matches);
        scan.ignored.extend(ignored);
    }
    scan.matches.sort_by(|a, b| (&a.location, &a.rule).cmp(&(&b.location, &b.rule)));
    scan
}

/// What matches in a file, and what of it a comment asks to leave alone.
fn wanted_matches(file: &SourceFile, index: &Index, options: &ScanOptions) -> (Vec<Match>, Vec<Match>) {
    let ignores = Ignores::of(file);
    let matches = matches_of(file, index, options);
    matches.into_iter().partition(|each| !ignores.covers(&each.rule, each.location.line))
}

/// Which rules are tried where.
struct Dispatch {
    by_kind: HashMap<Kind, Vec<&'static Rule>>,
    by_callee: HashMap<&'static str, Vec<&'static Rule>>,
}

fn dispatch() -> &'static Dispatch {
    static DISPATCH: OnceLock<Dispatch> = OnceLock::new();
    DISPATCH.get_or_init(|| {
        let mut dispatch = Dispatch { by_kind: HashMap::new(), by_callee: HashMap::new() };
        for rule in rules() {
            for trigger in rule.triggers {
                match trigger {
                    Trigger::Kind(kind) => dispatch.by_kind.entry(*kind).or_default().push(rule),
                    Trigger::Call(name) => dispatch.by_callee.entry(name).or_default().push(rule),
                }
            }
        }
        dispatch
    })
}

/// Kinds that rules are tried at, as a set of bits: most nodes are of other kinds.
fn is_watched(kinds: &[bool; 256], kind: Kind) -> bool {
    kinds[kind as usize]
}

fn matches_of(file: &SourceFile, index: &Index, options: &ScanOptions) -> Vec<Match> {
    let dispatch = dispatch();
    let mut watched = [false; 256];
    for kind in dispatch.by_kind.keys().chain([&Kind::Call]) {
        watched[*kind as usize] = true;
    }
    let context = Context { file, index, options };
    let mut matches = vec![];
    for node in file.root().descendants() {
        let kind = node.kind();
        if !is_watched(&watched, kind) {
            continue;
        }
        if kind == Kind::Call
            && let Some(rules) = callee_name(node).and_then(|name| dispatch.by_callee.get(name))
        {
            try_rules(&context, rules, node, &mut matches);
        }
        if let Some(rules) = dispatch.by_kind.get(&kind) {
            try_rules(&context, rules, node, &mut matches);
        }
    }
    matches
}

fn try_rules<'a>(context: &Context<'a>, rules: &[&Rule], node: Node<'a>, matches: &mut Vec<Match>) {
    for rule in rules.iter().filter(|rule| context.options.wants(rule)) {
        if let Some(found) = (rule.find)(context, node).and_then(|rewrite| rewrite.into_match(rule)) {
            matches.push(found);
        }
    }
}
