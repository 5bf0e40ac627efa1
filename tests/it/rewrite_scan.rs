//! Scans of whole file sets: what spans files, what cannot be read, and what must not fall over.

use cmdx::engine::rewrite::{Application, ScanOptions, apply, apply_matches, scan};
use cmdx::model::{Match, Safety};

fn files(list: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    list.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn found(list: &[(&str, &str)], rule: &str) -> Vec<Match> {
    let options = ScanOptions { rules: vec![rule.to_owned()], python: (3, 11), ..ScanOptions::default() };
    scan(&files(list), &options).matches
}

fn after(list: &[(&str, &str)], least: Safety) -> Vec<(String, String)> {
    let how = Application {
        scan: ScanOptions { python: (3, 11), ..ScanOptions::default() },
        least,
        ..Application::default()
    };
    let applied = apply(&files(list), &how);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    applied.files.iter().map(|file| (file.path.clone(), text(&file.after))).collect()
}

const MODELS: &str = "from flask_sqlalchemy import SQLAlchemy\n\ndb = SQLAlchemy()\n\n\nclass User(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n    email = db.Column(db.String(90), index=True)\n\n\nclass Post(db.Model):\n    id = db.Column(db.Integer, primary_key=True)\n    user_id = db.Column(db.ForeignKey(\"user.id\"))\n\n\ndef get_all_users():\n    return User.query.all()\n";

#[test]
fn models_and_helpers_are_found_in_other_files() {
    let views = "from .models import Post, User, get_all_users\n\n\ndef find_user(email):\n    for user in get_all_users():\n        if user.email == email:\n            return user\n    return None\n\n\ndef report():\n    for user in get_all_users():\n        print(Post.query.filter_by(user_id=user.id).all())\n";
    let list = [("shop/models.py", MODELS), ("shop/views.py", views)];
    let search = found(&list, "orm-linear-search");
    assert_eq!(search.len(), 1);
    assert_eq!(
        (search[0].location.line, search[0].location.symbol.as_str(), search[0].function_line),
        (5, "find_user", 4)
    );
    assert!(search[0].message.ends_with("index on `email`: found"), "{}", search[0].message);
    assert!(search[0].edits[0].replacement.contains("User.query.filter_by(email=email).first()"));
    let rows = found(&list, "n-plus-one");
    assert_eq!(rows.len(), 1);
    assert!(
        rows[0].edits.iter().any(|edit| edit.replacement.contains("Post.user_id.in_(user_keys[start:start + 500])"))
    );
}

#[test]
fn names_of_a_helper_that_is_written_out_are_imported_from_where_it_comes() {
    let views = "from .models import get_all_users\n\n\ndef find_user(email):\n    for user in get_all_users():\n        if user.email == email:\n            return user\n    return None\n";
    let search = found(&[("shop/models.py", MODELS), ("shop/views.py", views)], "orm-linear-search");
    assert_eq!(search[0].imports, ["from .models import User"]);
    assert!(search[0].edits[0].replacement.contains("return User.query.filter_by(email=email).first()"));

    // The name means something else here.
    let taken = views.replace("def find_user", "User = None\n\n\ndef find_user");
    assert!(found(&[("shop/models.py", MODELS), ("shop/views.py", &taken)], "orm-linear-search").is_empty());
}

#[test]
fn a_generator_is_made_only_when_all_callers_in_all_files_walk_it_once() {
    let reader =
        "def squares(rows):\n    found = []\n    for row in rows:\n        found.append(row * row)\n    return found\n";
    let walks = "from reader import squares\n\n\ndef total(rows):\n    return sum(squares(rows))\n";
    let keeps = "import reader\n\n\ndef both(rows):\n    return len(reader.squares(rows))\n";
    assert_eq!(found(&[("reader.py", reader), ("a.py", walks)], "list-to-generator").len(), 1);
    assert!(found(&[("reader.py", reader), ("a.py", walks), ("b.py", keeps)], "list-to-generator").is_empty());
    let patches = "def test(monkeypatch):\n    monkeypatch.setattr(\"reader.squares\", None)\n";
    assert!(found(&[("reader.py", reader), ("a.py", walks), ("t.py", patches)], "list-to-generator").is_empty());
}

#[test]
fn a_cache_that_another_file_reads_stays() {
    let cache = "cache = {}\n\n\ndef get(key):\n    if key in cache:\n        return cache[key]\n    value = slow(key)\n    cache[key] = value\n    return value\n";
    assert_eq!(found(&[("store.py", cache)], "unbounded-cache").len(), 1);
    assert!(
        found(&[("store.py", cache), ("a.py", "from store import cache\n\ncache.clear()\n")], "unbounded-cache")
            .is_empty()
    );
    assert!(
        found(&[("store.py", cache), ("a.py", "import store\n\nprint(len(store.cache))\n")], "unbounded-cache")
            .is_empty()
    );
}

#[test]
fn what_cannot_be_read_is_a_problem_and_the_rest_goes_on() {
    let good = b"def f(path):\n    return open(path).read()\n".to_vec();
    let list = vec![
        ("broken.py".to_owned(), b"def f(:\n    pass\n".to_vec()),
        ("old.py".to_owned(), b"print 'hello'\n".to_vec()),
        ("bytes.py".to_owned(), b"name = '\xe9'\n".to_vec()),
        ("cookie.py".to_owned(), b"# coding: koi8-r\nname = 1\n".to_vec()),
        ("null.py".to_owned(), b"name = 1\0\n".to_vec()),
        ("huge.py".to_owned(), "x = 1\n".repeat(9_000_000).into_bytes()),
        ("good.py".to_owned(), good),
    ];
    let found = scan(&list, &ScanOptions::default());
    let messages: Vec<String> = found
        .problems
        .iter()
        .map(|problem| format!("{}: {}", problem.location.as_ref().expect("each has a file").path, problem.message))
        .collect();
    assert_eq!(
        messages,
        [
            "broken.py: not scanned: syntax error in line 1",
            "bytes.py: not scanned: it is not UTF-8",
            "cookie.py: not scanned: cannot read the encoding `koi8-r`",
            "huge.py: not scanned: 54MB are too much for a source file",
            "null.py: not scanned: it contains null bytes",
            "old.py: not scanned: this is Python 2",
        ]
    );
    assert_eq!(found.matches.len(), 1);
}

#[test]
fn latin_1_files_are_rewritten_in_their_encoding() {
    let before =
        b"# -*- coding: latin-1 -*-\n# caf\xe9\ndef f(path):\n    name = '\xfc'\n    return open(path).read()\n"
            .to_vec();
    let how = Application { least: Safety::Proven, ..Application::default() };
    let applied = apply(&[("a.py".to_owned(), before)], &how);
    let wanted = b"# -*- coding: latin-1 -*-\n# caf\xe9\ndef f(path):\n    name = '\xfc'\n    with open(path) as file:\n        return file.read()\n";
    assert_eq!(applied.files[0].after, wanted);
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    for (open, close) in [("(", ")"), ("[", "]"), ("f(", ")"), ("not ", ""), ("x + ", ""), ("x.a and ", ""), ("-", "")]
    {
        let text =
            format!("def f(x):\n    for y in x:\n        z = {}x{}\n", open.repeat(60_000), close.repeat(60_000));
        let found = scan(&[("deep.py".to_owned(), text.into_bytes())], &ScanOptions::default());
        assert!(found.matches.is_empty());
    }
    let blocks = (0..3_000).fold(String::new(), |text, depth| text + &" ".repeat(depth) + "if x:\n");
    let text = format!("{blocks}{}pass\n", " ".repeat(3_000));
    assert!(scan(&[("blocks.py".to_owned(), text.into_bytes())], &ScanOptions::default()).matches.is_empty());
}

#[test]
fn an_import_goes_below_the_docstring_and_future_imports() {
    let before = "#!/usr/bin/env python3\n\"\"\"Text.\"\"\"\nfrom __future__ import annotations\n\n\ndef flat(lines):\n    return sum([str(line).split() for line in lines], [])\n";
    let (_, text) = &after(&[("a.py", before)], Safety::Proven)[0];
    assert!(text.starts_with("#!/usr/bin/env python3\n\"\"\"Text.\"\"\"\nfrom __future__ import annotations\nfrom itertools import chain\n\n\n"), "{text}");
}

#[test]
fn an_import_never_hides_a_name_of_the_file() {
    let before = "def chain(x):\n    return x\n\n\ndef flat(lines):\n    return sum([str(line).split() for line in lines], [])\n";
    let (_, text) = &after(&[("a.py", before)], Safety::Proven)[0];
    assert!(text.starts_with("import itertools\n") && text.contains("itertools.chain.from_iterable("), "{text}");
    let taken = "def chain(itertools):\n    return itertools\n\n\ndef flat(lines):\n    return sum([str(line).split() for line in lines], [])\n";
    assert!(after(&[("a.py", taken)], Safety::Proven).is_empty());
}

#[test]
fn applying_twice_changes_nothing_more() {
    let before = "def f(rows, more):\n    text = ''\n    out = []\n    names = [str(row) for row in rows]\n    for each in more:\n        text += str(each)\n        if str(each) in names:\n            out += [each]\n    return text, out\n";
    let once = after(&[("a.py", before)], Safety::NeedsRun);
    let (path, text) = &once[0];
    assert!(after(&[(path, text)], Safety::NeedsRun).is_empty(), "{text}");
    assert!(
        text.contains("text_parts.append(str(each))") && text.contains("names = {str(row) for row in rows}"),
        "{text}"
    );
}

#[test]
fn matches_of_a_scan_can_be_applied_one_by_one() {
    let before = "def f(path):\n    a = open(path)\n    b = a.read()\n    a.close()\n    return b\n\n\ndef g(path):\n    return open(path).read()\n";
    let matches = found(&[("a.py", before)], "unclosed-file");
    assert_eq!(matches.len(), 2);
    let one = apply_matches("a.py", before.as_bytes(), &matches[1..]).expect("it parses");
    let text = String::from_utf8(one).expect("UTF-8");
    assert!(
        text.contains("    a = open(path)\n")
            && text.contains("    with open(path) as file:\n        return file.read()\n"),
        "{text}"
    );
}
