//! A lint report with one of everything, and names that no form may take for its own syntax.

use crate::model::{Category, FunctionComplexity, LintFinding, LintReport, LintRule, Location, Problem, Safety};

/// A path that Linux allows.
pub(super) const ODD: &str = "src/odd,50%:\n</b>.py";

pub(super) fn report() -> LintReport {
    let finding = |rule: &str, category, path: &str, line, safety, message: &str| LintFinding {
        rule: rule.to_owned(),
        category,
        column: 0,
        location: Location::new(path, line, "f"),
        end_line: line + 1,
        message: message.to_owned(),
        safety,
        assumptions: vec![],
        is_rewritable: safety != Safety::ShowOnly,
    };
    let algorithm = Some(Category::Algorithm);
    let mut findings = vec![
        finding("list-membership", algorithm, "src/a.py", 3, Safety::Proven, "every `in` searches the list"),
        finding("n-plus-one", algorithm, "src/a.py", 9, Safety::NeedsRun, "one query per row"),
        finding("complexity", None, ODD, 1, Safety::ShowOnly, "f() has a complexity of 12, above 10"),
    ];
    findings[1].assumptions = vec!["`rows` holds no <generator> & no %".to_owned()];
    let rule =
        |name: &str, category, summary: &str| LintRule { name: name.to_owned(), category, summary: summary.to_owned() };
    LintReport {
        schema_version: 1,
        generator: "cmdx 0.1.0".to_owned(),
        project: "/home/me/shop/api".to_owned(),
        prefix: "api/".to_owned(),
        paths: vec!["src".to_owned(), "my dir".to_owned()],
        n_files: 4,
        n_lines: 1605,
        findings,
        n_ignored: 2,
        rules: vec![
            rule("complexity", None, "Functions through which many ways lead."),
            rule("list-membership", algorithm, "`x in list` in a loop."),
            rule("n-plus-one", algorithm, "A query per row."),
        ],
        functions: vec![
            FunctionComplexity { location: Location::new(ODD, 1, "f"), end_line: 40, complexity: 12 },
            FunctionComplexity { location: Location::new("src/a.py", 2, "f"), end_line: 12, complexity: 3 },
        ],
        max_complexity: Some(10),
        problems: vec![Problem {
            location: Some(Location::new("broken.py", 2, "")),
            message: "not scanned: syntax error in line 2".to_owned(),
            hint: None,
        }],
    }
}
