//! Holds the table of allowed imports between rooms: in one package the compiler does not forbid circles.

use std::fs;
use std::path::Path;

use walkdir::WalkDir;

/// Each room with the rooms it may import. A room may always import itself.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("support", &[]),
    ("syntax", &["model", "support"]),
    ("agent", &["model", "support"]),
    ("project", &["syntax", "model", "support"]),
    ("harness", &["agent", "project", "model", "support"]),
    ("engine/profile", &["agent", "syntax", "model", "support"]),
    ("engine/rewrite", &["project", "syntax", "model", "support"]),
    ("engine/ci", &["model", "support"]),
    ("engine/diagnose", &["model", "support"]),
    ("engine/journal", &["model", "support"]),
    ("engine/bench", &["model", "support"]),
    ("engine/verify", &["harness", "agent", "syntax", "model", "support"]),
    ("report", &["model", "support"]),
    ("ui", &["model", "support"]),
    ("commands", &["engine", "report", "ui", "harness", "agent", "project", "syntax", "model", "support"]),
    ("cli", &["commands", "ui", "model", "support"]),
];

/// Words that stand in one room only, with the room.
const ONE_ROOM: &[(&str, &[&str])] = &[
    ("use console::", &["ui"]),
    ("use indicatif::", &["ui"]),
    ("Command::new(", &["harness", "project", "commands/tests", "cli/shell"]),
    ("fs::write(", &["support"]),
];

#[test]
fn rooms_import_only_what_the_table_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = vec![];
    for entry in WalkDir::new(&source).into_iter().flatten() {
        let relative = entry.path().strip_prefix(&source).expect("below src").to_string_lossy().replace('\\', "/");
        if entry.path().extension().is_none_or(|extension| extension != "rs") || !relative.contains('/') {
            continue;
        }
        let Some((room, allowed)) = ALLOWED.iter().find(|(room, _)| relative.starts_with(&format!("{room}/"))) else {
            if relative != "engine/mod.rs" {
                wrong.push(format!("{relative}: its room is not in the table"));
            }
            continue;
        };
        let text = fs::read_to_string(entry.path()).expect("readable");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for imported in code.split("crate::").skip(1) {
                if !names(imported, room) && !allowed.iter().any(|other| names(imported, other)) {
                    wrong.push(format!("{relative}:{}: {}", number + 1, line.trim()));
                }
            }
            let is_test = relative.ends_with("tests.rs");
            for (words, rooms) in ONE_ROOM {
                if !is_test && code.contains(words) && !rooms.iter().any(|room| relative.starts_with(room)) {
                    wrong.push(format!("{relative}:{}: `{words}` belongs to {rooms:?}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports that the table does not allow:\n{}", wrong.join("\n"));
}

/// True when a path that follows `crate::` leads into the room.
fn names(imported: &str, room: &str) -> bool {
    imported
        .strip_prefix(&room.replace('/', "::"))
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}
