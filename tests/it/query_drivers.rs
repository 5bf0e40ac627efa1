//! The N+1 of each driver and object mapper, against the real packages.

use std::path::Path;

use cmdx::model::QueryPatternKind;

use crate::environments::{environment, interpreters, python};
use crate::traced::{Traced, assert_n_plus_one, assert_repeated, line, the_pattern};

/// Runs `source` and checks its one N+1.
fn check(python: &Path, source: &str, driver: &str, per_call: u64) {
    let project = Traced::new(&[("main.py", source)]);
    let profile = project.profile_of_main(python);
    assert_n_plus_one(&profile, source, per_call);
    let group = &profile.groups[the_pattern(&profile, QueryPatternKind::NPlusOne).group as usize];
    assert_eq!(group.driver, driver);
}

const SQLITE: &str = r#"
import sqlite3

connection = sqlite3.connect(":memory:")
connection.execute("create table post (id integer primary key, user_id int)")
connection.executemany("insert into post (user_id) values (?)", [(n % 50,) for n in range(150)])

def posts(user):
    cursor = connection.cursor()
    cursor.execute("select * from post where user_id = ?", (user,))  # query
    return cursor.fetchall()

def report():
    total = 0
    for user in range(50):  # loop
        total += len(posts(user))
    return total

print(report() + report())
"#;

#[test]
fn sqlite3_on_every_interpreter() {
    for (minor, python) in interpreters() {
        let project = Traced::new(&[("main.py", SQLITE)]);
        let profile = project.profile_of_main(python);
        let pattern = the_pattern(&profile, QueryPatternKind::NPlusOne);
        let group = &profile.groups[pattern.group as usize];
        assert_eq!((group.n_queries, group.n_rows), (100, Some(300)), "{minor:?}");
        assert_eq!(pattern.site.line, line(SQLITE, "query"), "{minor:?}");
        assert_eq!(pattern.loop_location.map(|location| location.line), Some(line(SQLITE, "loop")), "{minor:?}");
        assert_eq!(pattern.function, "report", "{minor:?}");
        if *minor >= (3, 10) {
            assert_n_plus_one(&profile, SQLITE, 50);
            assert!(profile.notes.is_empty(), "{:?}", profile.notes);
        } else {
            assert_eq!(profile.notes.len(), 1, "{minor:?}");
            assert!(pattern.evidence.contains("calls could not be told apart"), "{}", pattern.evidence);
        }
    }
}
