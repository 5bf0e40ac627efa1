//! Compares `docs/RULES.md` with the rules it is made of.

use std::fs;
use std::path::Path;

use cmdx::engine::rewrite::{catalogue, rules};

#[test]
fn the_catalogue_in_the_manual_is_that_of_the_rules() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/RULES.md");
    if std::env::var_os("CMDX_UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
        fs::write(&path, catalogue()).expect("writable");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == catalogue(), "docs/RULES.md is old: run this test with CMDX_UPDATE_DOCS=1");
}

#[test]
fn every_rule_has_a_page() {
    let text = catalogue();
    for rule in rules() {
        assert!(text.contains(&format!("\n### {}\n", rule.name)), "{}", rule.name);
    }
}
