//! The rules about files, waiting and memory on code as people write it: other names, helpers, classes, annotations,
//! several files; and on what only looks like it.

use cmdx::engine::rewrite::{Application, ScanOptions, apply, scan};
use cmdx::model::{Match, Safety};

fn options(rule: &str) -> ScanOptions {
    ScanOptions { rules: vec![rule.to_owned()], python: (3, 11), ..ScanOptions::default() }
}

fn files(list: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    list.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

fn found(rule: &str, list: &[(&str, &str)]) -> Vec<Match> {
    let scan = scan(&files(list), &options(rule));
    assert!(scan.problems.is_empty(), "{:?}", scan.problems);
    scan.matches
}

/// The first file after everything the rule may do with a run.
fn after(rule: &str, list: &[(&str, &str)]) -> String {
    let how = Application { scan: options(rule), least: Safety::NeedsRun, ..Application::default() };
    let applied = apply(&files(list), &how);
    assert!(applied.dropped.is_empty(), "{:?}", applied.dropped);
    let after = applied.files.first().unwrap_or_else(|| panic!("{rule} leaves alone:\n{}", list[0].1));
    String::from_utf8(after.after.clone()).expect("UTF-8")
}

fn becomes(rule: &str, code: &str, expected: &[&str]) {
    let text = after(rule, &[("app.py", code)]);
    for part in expected {
        assert!(text.contains(part), "{rule} writes no `{part}`:\n{text}");
    }
}

fn stays(rule: &str, code: &str) {
    let matches = found(rule, &[("app.py", code)]);
    assert!(matches.iter().all(|each| each.edits.is_empty()), "{rule} rewrites:\n{code}\n{matches:?}");
}

#[test]
fn lines_at_the_ends_of_a_file_are_read_without_the_rest() {
    let binary = "def kind(path):\n    with open(path, 'rb') as stream:\n        return stream.readlines()[0][:4]\n";
    let found = found("lines-by-index", &[("app.py", binary)]);
    assert_eq!(found.iter().map(|each| each.safety).collect::<Vec<_>>(), [Safety::Proven]);
    becomes(
        "lines-by-index",
        "class Log:\n    def tail(self):\n        handle = open(self.path)\n        rows = handle.readlines()\n        handle.close()\n        if not rows:\n            return None\n        return rows[-2], rows[-1]\n",
        &["rows = list(deque(handle, maxlen=2))"],
    );
    becomes("lines-by-index", "def f(p):\n    return open(p).readlines()[:10]\n", &["list(islice(open(p), 10))"]);
}

#[test]
fn lines_that_are_needed_for_more_stay() {
    stays(
        "lines-by-index",
        "def f(p):\n    with open(p) as h:\n        rows = h.readlines()\n    return rows[0], rows\n",
    );
    stays("lines-by-index", "def f(h):\n    return h.readlines()[0]\n");
    stays(
        "lines-by-index",
        "def f(p, q):\n    with open(p) as h:\n        for _ in q:\n            yield h.readlines()[0]\n",
    );
}

#[test]
fn calls_that_wait_for_each_other_start_together() {
    becomes(
        "await-in-loop",
        "async def load(client, ids):\n    by_id = {}\n    for number in ids:\n        by_id[number] = await client.fetch_user(number)\n    return by_id\n",
        &["return number, await client.fetch_user(number)", "by_id = dict(await asyncio.gather("],
    );
    becomes(
        "await-in-loop",
        "async def load(client, pairs):\n    return {(await client.read(a, b)).name for a, b in pairs if a}\n",
        &[
            "async def limited(a, b):",
            "return (await client.read(a, b)).name",
            "set(await asyncio.gather(*[limited(a, b) for a, b in pairs if a]))",
        ],
    );
    becomes(
        "independent-awaits",
        "async def view(api):\n    a = await api.one()\n    b = await api.two()\n    c = await api.three()\n    return a, b, c\n",
        &["a, b, c = await asyncio.gather(api.one(), api.two(), api.three())"],
    );
}

#[test]
fn calls_whose_order_matters_stay_in_order() {
    stays(
        "await-in-loop",
        "async def f(api, xs):\n    for x in xs:\n        r = await api.fetch(x)\n        if not r:\n            break\n        print(r)\n",
    );
    stays(
        "await-in-loop",
        "async def f(api, xs):\n    seen = []\n    for x in xs:\n        r = await api.fetch(x, seen)\n        seen.append(r)\n",
    );
    stays("await-in-loop", "async def f(api, xs):\n    return [await api.update_row(x) for x in xs]\n");
    stays(
        "await-in-loop",
        "async def f(api, xs):\n    try:\n        return [await api.fetch(x) for x in xs]\n    except OSError:\n        return []\n",
    );
    stays("independent-awaits", "async def f(api):\n    a = await api.one()\n    b = await api.two(a)\n    return b\n");
}

#[test]
fn a_file_that_only_grows_is_appended_to() {
    becomes(
        "file-rewritten",
        "from pathlib import Path\n\n\ndef note(path: Path, text: str) -> None:\n    if path.exists():\n        pass\n    before = path.read_text() if path.is_file() else ''\n    path.write_text(before + f'{text}\\n')\n",
        &["addition = f'{text}\\n'", "with path.open(\"a\") as file:", "file.write(addition)"],
    );
    stays("file-rewritten", "def f(p, t):\n    old = p.read_text()\n    p.write_text(old.upper() + t)\n");
    stays("file-rewritten", "def f(p, t):\n    old = p.read_text()\n    p.write_text(old + t)\n    return old\n");
    stays("file-rewritten", "def f(p, t):\n    old = p.read_text()\n    p.write_text(old + t, newline='')\n");
}

#[test]
fn a_file_is_parsed_again_only_when_it_has_changed() {
    let loader = "import json\nimport os\n\n\ndef load_rates(folder: str) -> dict:\n    with open(os.path.join(folder, 'rates.json'), encoding='utf-8') as fp:\n        return json.load(fp)\n";
    let user = "from rates import load_rates\n\n\nclass Converter:\n    def __init__(self, folder):\n        self.folder = folder\n\n    def rate(self, code):\n        return load_rates(self.folder)[code]\n";
    let text = after("file-parsed-per-lookup", &[("rates.py", loader), ("convert.py", user)]);
    assert!(
        text.contains("def _read_load_rates(path, modified, size):\n    with open(path, encoding='utf-8') as fp:"),
        "{text}"
    );
    let changes = "import rates\n\n\ndef fix(folder):\n    table = rates.load_rates(folder)\n    table['x'] = 1\n";
    let list = [("rates.py", loader), ("convert.py", user), ("fix.py", changes)];
    assert!(found("file-parsed-per-lookup", &list).is_empty());
}

#[test]
fn caches_are_bounded_wherever_the_dict_lives() {
    becomes(
        "growing-cache",
        "import hashlib\n\n_cache = {}\n\n\ndef digest(name, salt):\n    key = f'{name}:{salt}'\n    found = _cache.get(key)\n    if found is not None:\n        return found\n    found = hashlib.md5(key.encode()).hexdigest()\n    _cache[key] = found\n    return found\n",
        &["    if len(_cache) >= 1000:\n        _cache.clear()\n    _cache[key] = found\n"],
    );
    becomes(
        "growing-cache",
        "class Client:\n    def __init__(self, api):\n        self.api = api\n        self._memo: dict[str, str] = {}\n\n    async def name(self, key: str) -> str:\n        if key in self._memo:\n            return self._memo[key]\n        value = await self.api.fetch(key)\n        self._memo[key] = value\n        return value\n",
        &["        if len(self._memo) >= 1000:\n            self._memo.clear()\n        self._memo[key] = value\n"],
    );
}

#[test]
fn tables_that_are_no_caches_keep_all_they_have() {
    // Read elsewhere.
    stays(
        "growing-cache",
        "class A:\n    def __init__(self):\n        self._cache = {}\n\n    def f(self, k):\n        if k not in self._cache:\n            self._cache[k] = str(k)\n        return self._cache[k]\n\n\ndef g(a):\n    return len(a._cache)\n",
    );
    // One lock per key must stay the one.
    stays(
        "growing-cache",
        "class A:\n    def __init__(self):\n        self._cache = {}\n\n    def lock(self, k):\n        if k not in self._cache:\n            self._cache[k] = make_lock()\n        return self._cache[k]\n",
    );
    // A counter.
    stays(
        "growing-cache",
        "class A:\n    def __init__(self):\n        self.memo = {}\n\n    def f(self, k: str) -> int:\n        if k not in self.memo:\n            self.memo[k] = 0\n        self.memo[k] += 1\n        return self.memo[k]\n",
    );
    // State that callers change.
    stays(
        "growing-cache",
        "class A:\n    def __init__(self):\n        self._carts = {}\n\n    def cart(self, user):\n        if user not in self._carts:\n            self._carts[user] = load(user)\n        return self._carts[user]\n",
    );
}

#[test]
fn deep_copies_are_dropped_only_where_nothing_is_changed() {
    becomes(
        "deepcopy-to-read",
        "from copy import deepcopy\n\n\nclass Report:\n    def __init__(self, rows):\n        self.rows = rows\n\n    def total(self) -> int:\n        rows = deepcopy(self.rows)\n        total = 0\n        for row in rows:\n            total += len(row['name'])\n        return total\n",
        &["rows = self.rows"],
    );
    for body in ["rows.sort()", "rows[0]['x'] = 1", "rows.append(1)", "self.kept = rows", "use(rows)", "return rows"] {
        stays(
            "deepcopy-to-read",
            &format!("import copy\n\n\ndef f(self, source):\n    rows = copy.deepcopy(source)\n    {body}\n"),
        );
    }
    stays(
        "deepcopy-to-read",
        "import copy\n\n\ndef f(rows):\n    before = copy.deepcopy(rows)\n    rows.append(1)\n    return before == rows\n",
    );
    stays(
        "deepcopy-to-read",
        "import copy\n\n\ndef fix(node):\n    node['x'] = 1\n\n\ndef f(tree):\n    for node in copy.deepcopy(tree):\n        fix(node)\n",
    );
}

#[test]
fn copies_that_are_only_walked_are_dropped() {
    let method = "class Queue:\n    def __init__(self, items):\n        self._items = list(items)\n\n    def size(self):\n        items = self._items[:]\n        return sum(items)\n";
    becomes("needless-copy", method, &["items = self._items\n"]);
    assert_eq!(found("needless-copy", &[("app.py", method)])[0].safety, Safety::NeedsRun);
    // Another class sets it to something else.
    let setter = "def reset(queue):\n    queue._items = iter(())\n";
    assert!(found("needless-copy", &[("app.py", method), ("reset.py", setter)]).is_empty());
    stays(
        "needless-copy",
        "class Q:\n    def __init__(self):\n        self._items = []\n\n    def take(self):\n        items = list(self._items)\n        self._items.clear()\n        return sum(items)\n",
    );
    stays(
        "needless-copy",
        "class Q:\n    def __init__(self):\n        self._items = []\n\n    def all(self):\n        items = list(self._items)\n        return items\n",
    );
}

#[test]
fn dataclasses_get_slots_with_their_bases_and_never_when_they_carry_more() {
    let model = "from dataclasses import dataclass\n\n\n@dataclass(order=True)\nclass Point:\n    x: int\n    y: int\n\n    @classmethod\n    def origin(cls):\n        return cls(0, 0)\n";
    let user = "from model import Point\n\npoints = [Point(i, i) for i in range(9)]\n";
    let text = after("dataclass-without-slots", &[("model.py", model), ("user.py", user)]);
    assert!(text.contains("@dataclass(order=True, slots=True)"), "{text}");
    let cached = model.replace(
        "@classmethod\n    def origin(cls):\n        return cls(0, 0)",
        "@cached_property\n    def size(self):\n        return 3",
    );
    assert!(found("dataclass-without-slots", &[("model.py", &cached), ("user.py", user)]).is_empty());
    let two = "from model import Point\n\n\nclass Both(Point, Other):\n    pass\n\n\npoints = [Point(i, i) for i in range(9)]\n";
    assert!(found("dataclass-without-slots", &[("model.py", model), ("user.py", two)]).is_empty());
}

#[test]
fn rows_are_walked_as_they_come_when_every_caller_walks_them() {
    let repo = "class Repo:\n    def __init__(self, conn):\n        self.conn = conn\n\n    def rows(self, sql):\n        cur = self.conn.cursor()\n        cur.execute(sql)\n        return cur.fetchall()\n";
    let walks = "def show(repo):\n    for row in repo.rows('select 1'):\n        print(row)\n";
    let text = after("cursor-as-list", &[("repo.py", repo), ("show.py", walks)]);
    assert!(text.contains("return cur\n"), "{text}");
    for other in [
        "def n(repo):\n    return len(repo.rows('select 1'))\n",
        "def n(repo):\n    rows = repo.rows('select 1')\n    return rows[0]\n",
        "def n(repo):\n    for row in repo.rows('select 1'):\n        repo.conn.execute('delete from t')\n",
        "def n(repo):\n    return repo.rows\n",
    ] {
        assert!(
            found("cursor-as-list", &[("repo.py", repo), ("show.py", walks), ("n.py", other)]).is_empty(),
            "{other}"
        );
    }
}

#[test]
fn a_folder_is_listed_once_unless_the_loop_touches_files() {
    becomes(
        "folder-listed-per-item",
        "import os\n\n\ndef count(root, users):\n    total = 0\n    for user in users:\n        for name in os.listdir(root):\n            total += name.startswith(user)\n    return total\n",
        &[
            "    listed = None\n    for user in users:\n        if listed is None:\n            listed = os.listdir(root)\n        for name in listed:\n",
        ],
    );
    stays(
        "folder-listed-per-item",
        "import os\n\n\ndef f(root, users):\n    for user in users:\n        open(os.path.join(root, user), 'w').close()\n        print(len(os.listdir(root)))\n",
    );
    stays(
        "folder-listed-per-item",
        "import os\n\n\ndef f(roots):\n    for root in roots:\n        print(len(os.listdir(root)))\n",
    );
}

#[test]
fn sessions_and_open_files_are_made_once_for_the_loop() {
    becomes(
        "request-without-session",
        "import requests as rq\n\n\ndef push(rows, base):\n    for row in rows:\n        rq.post(base, json=row).raise_for_status()\n",
        &[
            "    with rq.Session() as session:\n        for row in rows:\n            session.post(base, json=row).raise_for_status()\n",
        ],
    );
    becomes(
        "file-opened-per-item",
        "class Log:\n    def write_all(self, rows):\n        for row in rows:\n            with open(self.path, mode='a') as out:\n                out.write(f'{row}\\n')\n",
        &[
            "        with open(self.path, mode='a') as out:\n            for row in rows:\n                out.write(f'{row}\\n')\n",
        ],
    );
    stays(
        "file-opened-per-item",
        "def f(rows, p):\n    for p in rows:\n        with open(p, 'a') as out:\n            out.write('x')\n",
    );
}
