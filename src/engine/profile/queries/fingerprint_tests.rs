use super::*;

fn check(driver: &str, statement: &str, expected: &str) {
    assert_eq!(fingerprint(driver, statement).text, expected, "{statement}");
}

#[test]
fn constants_and_placeholders_of_every_style_become_one() {
    let expected = "SELECT * FROM t WHERE a = ?";
    for value in [
        "5",
        "-5",
        "1.5e-3",
        "0xFF",
        ".5",
        "'x'",
        "'it''s'",
        "E'a\\'b'",
        "x'00'",
        "?",
        "?1",
        ":name",
        "@name",
        "$1",
        "$name",
        "%s",
        "%(name)s",
        "%b",
        "$1::integer",
        "%s::varchar(20)[]",
        "'x'::text",
        "$$a 'b' c$$",
        "$q$a$$b$q$",
    ] {
        check("psycopg", &format!("SELECT * FROM t WHERE a = {value}"), expected);
    }
    check("pymysql", "SELECT * FROM t WHERE a = \"b \\\" c\" # note", expected);
    check("sqlite3", "SELECT * FROM t WHERE a = ? -- note\n;", expected);
    check("sqlite3", "/* one /* two */ three */ SELECT *\n\tFROM t  WHERE a = ?", expected);
}

#[test]
fn names_casts_and_operators_stay() {
    check(
        "sqlite3",
        "select \"col 1\", t2.a1 from [t x] where a-1 > b",
        "select \"col 1\", t2.a1 from [t x] where a-? > b",
    );
    check("psycopg2", "select a::text, b %% 3 from t", "select a::text, b %% ? from t");
    check("psycopg", "select x[1:2], y -> 'a' from t", "select x[?:?], y -> ? from t");
    check("pymysql", "select `a` from t where @v := 3", "select `a` from t where @v := ?");
}

#[test]
fn lists_and_rows_become_one_item() {
    check("sqlite3", "SELECT a FROM t WHERE id IN (1, 2, 3)", "SELECT a FROM t WHERE id IN (?, …)");
    check("sqlite3", "SELECT a FROM t WHERE id IN (?)", "SELECT a FROM t WHERE id IN (?)");
    check(
        "psycopg",
        "INSERT INTO t (a, b) VALUES ($1::int, $2::text), ($3::int, $4::text)",
        "INSERT INTO t (a, b) VALUES (?, ?), …",
    );
    check("pymysql", "insert into t values (1, now()), (2, now()), (3, now())", "insert into t values (?, now()), …");
    check("sqlite3", "select * from t where (a, b) in ((1, 2), (3, 4))", "select * from t where (a, b) in ((?, ?), …)");
    check("psycopg", "select * from t where a = any(ARRAY[1, 2])", "select * from t where a = any(ARRAY[?, …])");
    check(
        "sqlite3",
        "select a from t where id in (select id from u)",
        "select a from t where id in (select id from u)",
    );
    check("sqlite3", "select f(1, 2)", "select f(?, ?)");
    let long = format!("select a from t where id in ({}", "1, ".repeat(3000));
    assert!(fingerprint("sqlite3", &long).is_batch, "a list that was cut off");
    assert!(fingerprint("sqlite3", &long).text.len() < 60);
    assert!(!fingerprint("sqlite3", "select a from t where id in (?)").is_batch);
}

#[test]
fn savepoints_have_no_names_and_kinds_are_told() {
    check("sqlite3", "SAVEPOINT \"s140_x1\"", "SAVEPOINT ?");
    check("psycopg2", "ROLLBACK TO SAVEPOINT sa_savepoint_3", "ROLLBACK TO SAVEPOINT ?");
    let kind = |statement| fingerprint("sqlite3", statement).kind;
    assert_eq!(kind("with a as (select 1) select * from a"), StatementKind::Read);
    assert_eq!(kind("with a as (select 1) insert into t select * from a"), StatementKind::Write);
    assert_eq!(kind("(select 1) union (select 2)"), StatementKind::Read);
    assert_eq!(kind(" update t set a = 1"), StatementKind::Write);
    assert_eq!(kind("COMMIT;"), StatementKind::Commit);
    assert_eq!(kind("pragma table_info(t)"), StatementKind::Other);
    assert_eq!(kind(""), StatementKind::Other);
    assert!(fingerprint("sqlite3", "select 1 LIMIT ?").has_limit);
    assert!(!fingerprint("sqlite3", "select limits from t").has_limit);
}

#[test]
fn any_text_is_taken() {
    let alphabet: Vec<char> = "'\"`$?:%()[]-/*#@, \\aE1é…\n;.in".chars().collect();
    let mut state = 1_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..24 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push(alphabet[(state >> 33) as usize % alphabet.len()]);
        }
        for driver in ["sqlite3", "pymysql"] {
            fingerprint(driver, &text);
        }
        url_fingerprint(&text);
    }
}

#[test]
fn addresses_lose_their_identifiers() {
    let check = |call, expected: &str| assert_eq!(url_fingerprint(call), expected);
    check("GET http://host:8000/users/17/posts?token=x", "GET http://host:8000/users/{n}/posts");
    check("GET https://h/f/0f8fad5b-d9cb-469f-a165-70867728950e.json", "GET https://h/f/{n}");
    check("POST http://10.0.0.1/v1/decade", "POST http://10.0.0.1/v1/decade");
    check("GET http://host", "GET http://host");
    check("GET /users/17/", "GET /users/{n}/");
}
