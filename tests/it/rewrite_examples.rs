//! Runs the documentation of every rule: each example is what the rule does, in every layout a file can have.

use cmdx::engine::rewrite::{Application, Example, Rule, ScanOptions, apply, examples, rules, scan};
use cmdx::model::{Match, Safety};

fn only(rule: &Rule) -> ScanOptions {
    ScanOptions { rules: vec![rule.name.to_owned()], python: (3, 11), ..ScanOptions::default() }
}

fn matches(rule: &Rule, code: &str) -> Vec<Match> {
    let found = scan(&[("app/module.py".to_owned(), code.as_bytes())], &only(rule));
    assert!(found.problems.is_empty(), "{}: {:?}\n{code}", rule.name, found.problems);
    found.matches
}

fn rewritten(rule: &Rule, code: &str) -> String {
    let how = Application { scan: only(rule), least: Safety::NeedsRun, ..Application::default() };
    let applied = apply(&[("app/module.py".to_owned(), code.as_bytes().to_vec())], &how);
    assert!(applied.dropped.is_empty(), "{}: {:?}", rule.name, applied.dropped);
    let after = applied.files.first().map_or(code.as_bytes().to_vec(), |file| file.after.clone());
    String::from_utf8(after).expect("UTF-8 stays UTF-8")
}

/// The same code as other editors write it.
fn layouts(code: &str) -> Vec<(&'static str, String)> {
    let tabs = code.lines().fold(String::new(), |text, line| {
        let bare = line.trim_start_matches(' ');
        let n_blanks = line.len() - bare.len();
        text + &"	".repeat(n_blanks / 4)
            + &" ".repeat(n_blanks % 4)
            + bare
            + "
"
    });
    vec![
        ("as it stands", code.to_owned()),
        ("with tabs", tabs),
        ("with CRLF", code.replace('\n', "\r\n")),
        ("with a byte order mark", format!("\u{feff}{code}")),
        ("without a last line end", code.trim_end().to_owned()),
    ]
}

fn check_pair(rule: &Rule, before: &Example, after: &Example) {
    let found = matches(rule, &before.code);
    assert!(!found.is_empty(), "{} does not see its own example:\n{}", rule.name, before.code);
    let wanted = match before.words.iter().map(String::as_str).find(|word| *word == "proven" || *word == "needs-run") {
        Some("proven") => Some(Safety::Proven),
        Some(_) => Some(Safety::NeedsRun),
        None => None,
    };
    if let Some(wanted) = wanted {
        let safety = found.iter().map(|each| each.safety).max();
        assert_eq!(safety, Some(wanted), "{}: {:?}\n{}", rule.name, found, before.code);
    }
    for ((layout, before), (_, after)) in layouts(&before.code).into_iter().zip(layouts(&after.code)) {
        let got = rewritten(rule, &before);
        assert_eq!(got.trim_end(), after.trim_end(), "{} {layout}:\n{got}\n--- instead of\n{after}", rule.name);
    }
    let left = matches(rule, &after.code);
    assert!(left.iter().all(|each| each.edits.is_empty()), "{} rewrites its own work: {left:?}", rule.name);
}

fn check_rule(rule: &Rule) {
    let all = examples(rule);
    let mut n_pairs = 0;
    for (at, example) in all.iter().enumerate() {
        let has = |word: &str| example.words.iter().any(|each| each == word);
        if has("before") {
            let after = all.get(at + 1).filter(|after| after.words.iter().any(|word| word == "after"));
            check_pair(rule, example, after.unwrap_or_else(|| panic!("{}: an example lacks its `after`", rule.name)));
            n_pairs += 1;
        }
        if has("reported") {
            let found = matches(rule, &example.code);
            assert!(!found.is_empty(), "{} does not report:\n{}", rule.name, example.code);
            assert!(found.iter().all(|each| each.safety == Safety::ShowOnly), "{}: {found:?}", rule.name);
            n_pairs += 1;
        }
        if has("unchanged") {
            let found = matches(rule, &example.code);
            assert!(found.is_empty(), "{} must leave alone:\n{}\n{found:?}", rule.name, example.code);
        }
    }
    assert!(n_pairs > 0, "{} has no example", rule.name);
    for heading in ["## What it finds", "## Why it is slow", "## What must hold", "## Example", "## Left alone"] {
        assert!(rule.documentation.contains(heading), "{} lacks `{heading}`", rule.name);
    }
}

#[test]
fn every_rule_does_what_its_page_says() {
    let mut failures = vec![];
    for rule in rules() {
        if let Err(error) = std::panic::catch_unwind(|| check_rule(rule)) {
            let text = error.downcast_ref::<String>().cloned().unwrap_or_else(|| "panic".into());
            failures.push(format!("=== {}: {text}", rule.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_file_of_the_rules_is_in_the_catalogue() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine/rewrite/rules");
    let n_files = walkdir::WalkDir::new(directory)
        .into_iter()
        .flatten()
        .filter(|entry| {
            entry.path().extension().is_some_and(|extension| extension == "rs") && entry.file_name() != "mod.rs"
        })
        .filter(|entry| std::fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("rule! {")))
        .count();
    assert_eq!(rules().count(), n_files);
}

#[test]
fn names_of_rules_are_unique_and_say_the_pattern() {
    let mut names: Vec<&str> = rules().map(|rule| rule.name).collect();
    names.sort_unstable();
    let n_names = names.len();
    names.dedup();
    assert_eq!(names.len(), n_names);
    assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')));
}
