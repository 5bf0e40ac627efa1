//! Indexes are advised when, and only when, the planner then uses them.

use std::path::Path;
use std::time::Duration;

use cmdx::engine::profile::queries;
use cmdx::harness::plan_check;
use cmdx::model::{QueryPattern, QueryPatternKind, QueryProfile};

use crate::environments::{environment, python};
use crate::servers::postgresql;
use crate::traced::{Traced, line};

/// Runs `source`, asks the planner, and gives the advice with all answers' problems.
fn advised(python: &Path, source: &str) -> (Vec<QueryPattern>, QueryProfile) {
    let project = Traced::new(&[("main.py", source)]);
    let mut profile = project.profile_of_main(python);
    let questions = queries::plan_questions(&project.processes(), &profile);
    let answers =
        plan_check::ask(python, &project.root, &questions, Duration::from_mins(2)).expect("the planner answers");
    for answer in &answers {
        assert_eq!(answer.problem, None, "{questions:?}");
    }
    queries::add_index_advice(&mut profile, answers);
    let is_index = |pattern: &&QueryPattern| pattern.kind == QueryPatternKind::MissingIndex;
    (profile.patterns.iter().filter(is_index).cloned().collect(), profile)
}

const SHOP: &str = r#"
import sqlite3
connection = sqlite3.connect("shop.db")
connection.execute("create table users (id integer primary key, email text, score int, created int)")
connection.execute("create table posts (id integer primary key, user_id int, title text)")
connection.execute("create index users_score on users (score)")
connection.executemany("insert into users (email, score, created) values (?, ?, ?)",
    [("User%d@example.org" % n, n % 3, n % 1000) for n in range(60000)])
connection.executemany("insert into posts (user_id, title) values (?, ?)", [(n % 20000, "t%d" % n) for n in range(60000)])
connection.commit()
def run(sql, *values):
    return connection.execute(sql, values).fetchall()
"#;

fn check(query: &str, expected: &[&str]) {
    let source = format!("{SHOP}\nfor n in range(3):\n    {query}  # query\n");
    let (patterns, profile) = advised(&python(), &source);
    let statements: Vec<_> =
        patterns.iter().map(|pattern| pattern.index.as_ref().expect("advice").statement.as_str()).collect();
    assert_eq!(statements, expected, "{query}");
    for pattern in &patterns {
        let advice = pattern.index.as_ref().expect("advice");
        let (before, after) = advice.seconds.expect("timed");
        assert!(before >= 2.0 * after && before - after >= 1e-3, "{advice:?}");
        assert!(advice.plan_before.starts_with("SCAN"), "{advice:?}");
        assert!(advice.plan_after.starts_with("SEARCH"), "{advice:?}");
        let callers = &profile.groups[pattern.group as usize].callers;
        assert_eq!(callers[0].location.line, line(&source, "query"));
    }
}

#[test]
fn sqlite_equality_expression_join_and_pasted_values() {
    check(
        "run('select * from users where email = ?', 'User7@example.org')",
        &["CREATE INDEX idx_users_email ON users (email)"],
    );
    check(
        "run('select id from users where lower(email) = ?', 'user7@example.org')",
        &["CREATE INDEX idx_users_lower_email ON users (lower(email))"],
    );
    check("run(f\"select id from posts where user_id = {n}\")", &["CREATE INDEX idx_posts_user_id ON posts (user_id)"]);
}

#[test]
fn sqlite_needs_no_index_where_none_would_be_used() {
    check("run('select count(*) from users')", &[]);
    check("run('select * from users where score = ?', 1)", &[]);
    check("run('select * from posts where title like ?', '%9')", &[]);
    check("run('select * from users where id = ?', 5)", &[]);
    check("run('select * from users where created > ?', 5)", &[]);
}

#[test]
fn postgresql_through_temporary_copies() {
    let Some(server) = postgresql() else { return };
    let source = r#"
import psycopg2
connection = psycopg2.connect(host="SOCKET", user="postgres")
cursor = connection.cursor()
cursor.execute("drop table if exists members")
cursor.execute("create table members (id serial primary key, email text, score int)")
cursor.execute("insert into members (email, score) select 'user' || n || '@example.org', n % 3 from generate_series(1, 100000) n")
cursor.execute("analyze members")
connection.commit()
for n in range(3):
    cursor.execute("select * from members where email = %s", ("user7@example.org",))  # query
    cursor.execute("select * from members where score = %s", (1,))
connection.rollback()
"#
    .replace("SOCKET", &server.socket.to_string_lossy());
    let python = environment(&["psycopg2-binary"]);
    let (patterns, _) = advised(&python, &source);
    let advice: Vec<_> = patterns.iter().filter_map(|pattern| pattern.index.as_ref()).collect();
    assert_eq!(advice.len(), 1, "{advice:?}");
    assert_eq!(advice[0].statement, "CREATE INDEX idx_members_email ON members (email)");
    assert!(advice[0].plan_before.contains("Seq Scan"), "{advice:?}");
    assert!(advice[0].plan_after.contains("idx_members_email"), "{advice:?}");
    assert_eq!(patterns[0].site.line, line(&source, "query"));
}
