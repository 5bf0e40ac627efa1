//! Runs what every rule rewrites under a real `CPython`, before and after, on generated arguments: empty collections,
//! repeats, NaN, None, unhashable items, generators, iterators that raise, subclasses, files. What a rule calls proven
//! must be the same for all of them.

use std::io::Write;
use std::process::{Command, Stdio};

use cmdx::engine::rewrite::{Application, ScanOptions, apply, examples, rules, scan};
use cmdx::model::Safety;
use serde_json::{Value, json};

use crate::environments;

const RUNNER: &str = include_str!("rewrite_differential.py");

/// Rules whose examples need a database: `rewrite_databases` runs what they write.
const WITH_DATABASE: &[&str] = &["lazy-relation"];

/// The examples that are rewritten with everything proven, as cases for the runner.
fn proven_cases() -> Vec<Value> {
    let mut cases = vec![];
    for rule in rules() {
        for example in examples(rule) {
            if !example.words.iter().any(|word| word == "before") || WITH_DATABASE.contains(&rule.name) {
                continue;
            }
            let options = ScanOptions { rules: vec![rule.name.to_owned()], python: (3, 11), ..ScanOptions::default() };
            let files = [("module.py".to_owned(), example.code.clone().into_bytes())];
            if scan(&files, &options).matches.iter().any(|each| each.safety != Safety::Proven) {
                continue;
            }
            let applied =
                apply(&files, &Application { scan: options, least: Safety::Proven, ..Application::default() });
            let after = String::from_utf8(applied.files[0].after.clone()).expect("UTF-8");
            cases.push(json!({"rule": rule.name, "before": example.code, "after": after}));
        }
    }
    cases
}

/// Code like other people's, with many rules at once, and whether each is proven.
const PROGRAMS: &[&str] = &[
    "def f(rows):\n    out = []\n    for row in rows:\n        name = str(row)\n        if name in out:\n            continue\n        out.append(name)\n    return out, len(out)\n",
    "def f(rows, more):\n    names = tuple(str(r) for r in rows)\n    hits = 0\n    for m in more:\n        if repr(m) in names and len(names) > 1:\n            hits += 1\n    return hits, names\n",
    "def f(rows):\n    text = 'a'\n    n = 0\n    while n < 5:\n        n += 1\n        text += str(n)\n        if n == len(rows):\n            break\n    return text\n",
    "def f(rows):\n    queue = list(rows)\n    while queue:\n        first = queue.pop(0)\n        if isinstance(first, int) and first > 2:\n            queue.append(first - 1)\n        yield first\n",
    "def f(rows):\n    out = []\n    for row in rows:\n        out += [row]\n        out = out + [len(out), row]\n    return out\n",
    "import re\ndef f(text, other):\n    for word in re.split(r'[ ,]+', text):\n        if re.fullmatch(r'[a-z]*', word):\n            yield word, re.sub('a|b', other, word)\n",
    "def f(rows):\n    seen = []\n    for row in sorted(set(map(str, rows))):\n        if row not in seen:\n            seen.append(row)\n    return seen\n",
    "def f(rows, limit):\n    total = sum([len(str(r)) for r in rows])\n    big = max([len(str(r)) for r in list(rows)])\n    return total, big, len([r for r in rows if r != limit]), set(list(str(limit)))\n",
    "def f(rows):\n    table = {}\n    for i, row in enumerate(rows):\n        table = {**table, i: row}\n    return [k for k in table.keys()], (3 in table.keys())\n",
    "def f(path):\n    f = open(path)\n    lines = 0\n    for line in f:\n        lines += 1\n    f.close()\n    return lines\n",
    "def f(path):\n    with open(path) as handle:\n        n = len(handle.readlines())\n    return n, open(path).read()\n",
];

fn program_cases() -> Vec<Value> {
    let mut cases = vec![];
    for (number, program) in PROGRAMS.iter().enumerate() {
        let files = [("module.py".to_owned(), program.as_bytes().to_vec())];
        let how =
            Application { scan: ScanOptions { python: (3, 11), ..ScanOptions::default() }, ..Application::default() };
        let applied = apply(&files, &how);
        let Some(file) = applied.files.first() else { panic!("nothing is proven in\n{program}") };
        let after = String::from_utf8(file.after.clone()).expect("UTF-8");
        let names: Vec<&str> = file.applied.iter().map(|each| each.rule.as_str()).collect();
        cases.push(
            json!({"rule": format!("program {number}: {}", names.join(", ")), "before": program, "after": after}),
        );
    }
    cases
}

fn reports(cases: &[Value]) -> Vec<Value> {
    let mut child = Command::new(environments::python())
        .args(["-W", "ignore", "-c", RUNNER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    let input = serde_json::to_vec(cases).expect("plain values");
    child.stdin.take().expect("piped").write_all(&input).expect("the runner reads");
    let output = child.wait_with_output().expect("the runner ends");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("the runner writes JSON")
}

fn check(cases: &[Value]) {
    let mut wrong = vec![];
    for (report, case) in reports(cases).iter().zip(cases) {
        let differences = report["differences"].as_array().expect("a list");
        let is_run = report["n_calls"].as_u64().is_some_and(|n_calls| n_calls > 0);
        if !differences.is_empty() || !is_run {
            wrong.push(format!("{report:#}\n{}", case["after"].as_str().unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_rule_calls_proven_is_the_same_for_every_argument() {
    let cases = proven_cases();
    assert!(cases.len() >= 12, "{} examples are proven", cases.len());
    check(&cases);
}

#[test]
fn what_is_proven_in_whole_functions_is_the_same_for_every_argument() {
    let cases = program_cases();
    assert_eq!(cases.len(), PROGRAMS.len(), "each program has something that is proven");
    check(&cases);
}
