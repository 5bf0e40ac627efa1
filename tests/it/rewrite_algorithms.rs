//! The rules about data structures on code as people write it: other names, classes, helpers, hints, comprehensions,
//! `async`; and what looks like it and is not.

use cmdx::engine::rewrite::{ScanOptions, scan};
use cmdx::model::{Match, Safety};

/// What a rule finds in files, and rewrites.
fn found(rule: &str, files: &[(&str, &str)]) -> Vec<Match> {
    let files: Vec<(String, &[u8])> = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes())).collect();
    let options = ScanOptions { rules: vec![rule.to_owned()], python: (3, 11), ..ScanOptions::default() };
    let scan = scan(&files, &options);
    assert!(scan.problems.is_empty(), "{:?}", scan.problems);
    scan.matches.into_iter().filter(|each| !each.edits.is_empty()).collect()
}

fn safety(rule: &str, code: &str) -> Option<Safety> {
    found(rule, &[("app/module.py", code)]).iter().map(|each| each.safety).max()
}

/// A class whose `__init__` makes `self._items`, with further methods.
fn class(init: &str, methods: &str) -> String {
    let indented = |text: &str, by: &str| text.lines().fold(String::new(), |all, line| all + by + line + "\n");
    format!(
        "class Box:\n    def __init__(self, given=()):\n{}\n{}",
        indented(init, "        "),
        indented(methods, "    ")
    )
}

const SEARCHES: &str =
    "def has(self, x: str):\n    return x in self._items\n\ndef put(self, x: str):\n    self._items.append(x)\n";

#[test]
fn a_list_of_a_class_gets_a_set_however_the_class_is_written() {
    let plain = class("self._items = []", SEARCHES);
    assert_eq!(safety("attribute-membership", &plain), Some(Safety::Proven));
    let listed = class("self._items: list[str] = list()", SEARCHES);
    assert_eq!(safety("attribute-membership", &listed), Some(Safety::Proven));
    let unhinted = class("self._items = list(given)", &SEARCHES.replace(": str", ""));
    assert_eq!(safety("attribute-membership", &unhinted), Some(Safety::NeedsRun));
    let waiting = class("self._items = []", &SEARCHES.replace("def put", "async def put"));
    assert_eq!(safety("attribute-membership", &waiting), Some(Safety::Proven));
    let other_name = class("this = self\nself._items = []", SEARCHES);
    assert_eq!(safety("attribute-membership", &other_name), Some(Safety::Proven));
}

#[test]
fn a_list_that_others_may_hold_or_change_gets_no_set() {
    let plain = class("self._items = []", SEARCHES);
    for method in [
        "def shown(self):\n    return self._items",
        "def shown(self):\n    print(self._items, self.__dict__)",
        "def sent(self, to):\n    to.take(self._items)",
        "def sorted_in(self):\n    self._items[0] = None",
        "def named(self):\n    return getattr(self, '_items')",
        "def swapped(self, other):\n    self._items, other = other, self._items",
        "def like(self, other):\n    return other._items == self._items",
        "def cut(self):\n    del self._items[0]",
        "def more(self, others):\n    self._items.extend(others)",
    ] {
        let code = class("self._items = []", &format!("{SEARCHES}\n{method}\n"));
        assert_eq!(safety("attribute-membership", &code), None, "{code}");
    }
    let kept = class("self._items = given", SEARCHES);
    assert_eq!(safety("attribute-membership", &kept), None);
    let outside = "def peek(box):\n    return box._items\n";
    assert!(found("attribute-membership", &[("a.py", plain.as_str()), ("b.py", outside)]).is_empty());
    let threaded = format!("import threading\n\n{plain}");
    assert_eq!(safety("attribute-membership", &threaded), Some(Safety::NeedsRun));
    let public = plain.replace("_items", "items");
    assert_eq!(safety("attribute-membership", &public), Some(Safety::NeedsRun));
}

#[test]
fn items_that_a_set_cannot_hold_or_finds_otherwise_stay_in_the_list() {
    let tolerant = "class Weight:\n    def __init__(self, g):\n        self.g = g\n\n    def __eq__(self, other):\n        return abs(self.g - other.g) < 5\n\n";
    let code = format!("{tolerant}{}", class("self._items = []", &SEARCHES.replace(": str", ": Weight")));
    assert_eq!(safety("attribute-membership", &code), None);
    let made =
        format!("{tolerant}{}", class("self._items = [Weight(n) for n in given]", &SEARCHES.replace(": str", "")));
    assert_eq!(safety("attribute-membership", &made), None);
    let record = "from dataclasses import dataclass\n\n@dataclass\nclass Row:\n    n: int\n\n";
    let code = format!("{record}{}", class("self._items = []", &SEARCHES.replace(": str", ": Row")));
    assert_eq!(safety("attribute-membership", &code), None, "a plain dataclass has no hash");
    let code = class("self._items = []", &SEARCHES.replace(": str", ": list"));
    assert_eq!(safety("attribute-membership", &code), None);
}

#[test]
fn a_queue_of_a_class_becomes_a_deque_only_while_a_deque_does_the_same() {
    let taken = "def take(self):\n    if not self._items:\n        return None\n    return self._items.pop(0)\n";
    assert_eq!(safety("attribute-queue", &class("self._items = []", taken)), Some(Safety::Proven));
    let unguarded = "def take(self):\n    return self._items.pop(0)\n";
    assert_eq!(safety("attribute-queue", &class("self._items = []", unguarded)), Some(Safety::NeedsRun));
    for method in [
        "def cut(self):\n    self._items[1:3] = []",
        "def cut(self):\n    return self._items[1:]",
        "def same(self, other):\n    return self._items == other",
        "def order(self):\n    self._items.sort()",
        "def middle(self, x):\n    self._items.insert(2, x)",
        "def all(self):\n    return self._items",
        "def doubled(self):\n    return self._items * 2",
    ] {
        let code = class("self._items = []", &format!("{taken}\n{method}\n"));
        assert_eq!(safety("attribute-queue", &code), None, "{code}");
    }
}

#[test]
fn texts_of_a_class_collect_pieces_and_numbers_do_not() {
    let add = "def add(self, line):\n    self._items += line + \"\\n\"\n    self._items += \"-\"\n\ndef text(self):\n    return self._items\n";
    assert_eq!(safety("attribute-text", &class("self._items = ''", add)), Some(Safety::Proven));
    assert_eq!(safety("attribute-text", &class("self._items = 0", "def add(self, n):\n    self._items += n\n")), None);
    assert_eq!(safety("attribute-text", &class("self._items = given", add)), None);
    let copied = format!("import copy\n\n{}", class("self._items = ''", add));
    assert_eq!(safety("attribute-text", &copied), Some(Safety::NeedsRun), "copies would share the list");
    let compared = class(
        "self._items = ''",
        &format!("{add}\ndef wide(self):\n    while len(self._items) < 9:\n        self._items += '-'\n"),
    );
    assert_eq!(safety("attribute-text", &compared), None, "read in every round");
}

#[test]
fn a_search_by_halving_needs_a_list_that_is_sorted_at_all_times() {
    let scan = "def place(self, when: int):\n    for n, each in enumerate(self._items):\n        if each > when:\n            return n\n    return len(self._items)\n";
    let guard = "def put(self, x: int):\n    if self._items and self._items[-1] > x:\n        raise ValueError(x)\n    self._items.append(x)\n\n";
    assert_eq!(safety("sorted-scan", &class("self._items = []", &format!("{guard}{scan}"))), Some(Safety::Proven));
    let floats = format!("{guard}{scan}").replace(": int", ": float");
    assert_eq!(safety("sorted-scan", &class("self._items = []", &floats)), Some(Safety::NeedsRun), "NaN");
    for put in [
        "def put(self, x: int):\n    self._items.append(x)\n\n",
        "def put(self, x: int):\n    if self._items and self._items[0] > x:\n        raise ValueError(x)\n    self._items.append(x)\n\n",
        "def put(self, x: int):\n    if self._items and self._items[-1] > x:\n        print(x)\n    self._items.append(x)\n\n",
        "def put(self, x: int):\n    if self._items and self._items[-1] > x:\n        raise ValueError(x)\n    x -= 9\n    self._items.append(x)\n\n",
    ] {
        assert_eq!(safety("sorted-scan", &class("self._items = []", &format!("{put}{scan}"))), None, "{put}");
    }
    let reversed = class("self._items = []", &format!("{guard}{scan}\ndef turn(self):\n    self._items.reverse()\n"));
    assert_eq!(safety("sorted-scan", &reversed), None);
}

#[test]
fn dates_and_patterns_are_remembered_where_the_same_come_again() {
    let nested = "from datetime import datetime as dt\n\ndef when(text):\n    return dt.strptime(text.strip(), '%Y-%m-%d')\n\ndef pairs(rows):\n    return [(a, b) for a in rows for b in rows if when(a) < when(b)]\n";
    assert_eq!(safety("date-parsing", nested), Some(Safety::Proven));
    let twice = nested.replace(
        "[(a, b) for a in rows for b in rows if when(a) < when(b)]",
        "[[when(a) < when(b) for a in rows] for b in rows]",
    );
    assert_eq!(safety("date-parsing", &twice), Some(Safety::Proven));
    assert_eq!(safety("date-parsing", &twice.replace("%d'", "%d %Z'")), None, "the zone's name depends on the machine");
    assert_eq!(safety("date-parsing", &twice.replace(".strip()", "")), Some(Safety::NeedsRun));
    let own = "class re:\n    @staticmethod\n    def match(a, b):\n        return a + b\n\ndef f(names: list[str], text):\n    return [re.match('^' + name, text) for name in names]\n";
    assert_eq!(safety("pattern-built", own), None, "another `re`");
    let counted = "import re\n\ndef f(names: list[str], text, n):\n    return [re.match('^' + name + n(), text) for name in names]\n";
    assert_eq!(safety("pattern-built", counted), None, "a call may give another part each time");
}

#[test]
fn keys_that_stand_for_equality_are_never_nan_and_stay_what_they_were() {
    let scan = "def merged(rows):\n    kept = []\n    for row in rows:\n        for other in kept:\n            if other.key == row.key:\n                break\n        else:\n            kept.append(row)\n    return kept\n";
    let matches = found("scan-before-append", &[("a.py", scan)]);
    assert_eq!(matches.len(), 1);
    assert!(matches[0].assumptions.iter().any(|each| each.contains("NaN")), "{:?}", matches[0].assumptions);
    for change in ["            row.key = 1\n", "            kept.append(None)\n", "            note(kept)\n"] {
        let code = scan.replace("            kept.append(row)\n", &format!("            kept.append(row)\n{change}"));
        assert_eq!(safety("scan-before-append", &code), None, "{code}");
    }
    let counted = scan.replace("                break\n", "                n = 1\n                break\n");
    assert_eq!(safety("scan-before-append", &counted), None);
}

#[test]
fn a_helper_is_asked_only_for_what_the_dict_lacks() {
    let helper = "def first(items, wanted):\n    return next((each for each in items if each['id'] == wanted), None)\n";
    let user = "from lib.find import first\n\nasync def names(orders, users):\n    out = []\n    for order in orders:\n        user = first(users, order['user'])\n        out.append(user)\n    return out\n";
    let matches = found("helper-scan", &[("lib/find.py", helper), ("app.py", user)]);
    assert_eq!(matches.len(), 1);
    assert!(matches[0].edits.iter().any(|edit| edit.replacement.contains("else first(users, order['user'])")));
    let changed = user.replace("        out.append(user)\n", "        users.append(order)\n");
    assert!(found("helper-scan", &[("lib/find.py", helper), ("app.py", changed.as_str())]).is_empty());
    let last = helper.replace(
        "next((each for each in items if each['id'] == wanted), None)",
        "[each for each in items if each['id'] == wanted][-1]",
    );
    assert!(found("helper-scan", &[("lib/find.py", last.as_str()), ("app.py", user)]).is_empty());
    let identity = helper.replace("==", "is");
    assert!(found("helper-scan", &[("lib/find.py", identity.as_str()), ("app.py", user)]).is_empty());
}

#[test]
fn a_list_is_kept_sorted_only_where_nobody_sees_it_unsorted() {
    let run = "def add(self, x: int):\n    self._items.append(x)\n\ndef run(self):\n    while self._items:\n        self._items.sort()\n        print(self._items.pop(0))\n";
    assert_eq!(safety("sort-in-loop", &class("self._items = []", run)), Some(Safety::Proven));
    for method in [
        "def shown(self):\n    return list(self._items)",
        "def newest(self):\n    return self._items[-1]",
        "def turned(self):\n    self._items.sort(reverse=True)",
        "def each(self):\n    for x in self._items:\n        print(x)",
    ] {
        let code = class("self._items = []", &format!("{run}\n{method}\n"));
        assert_eq!(safety("sort-in-loop", &code), None, "{code}");
    }
    let floats = run.replace(": int", ": float");
    assert_eq!(safety("sort-in-loop", &class("self._items = []", &floats)), Some(Safety::NeedsRun), "NaN");
}

#[test]
fn results_of_a_method_are_kept_only_while_all_it_reads_is_watched() {
    let make = "self._rates = {}";
    let cost = "def set(self, k, v):\n    self._rates[k] = v\n\ndef cost(self, n: int) -> int:\n    if n < 2:\n        return 1\n    return self._rates.get(n, 0) + self.cost(n - 1) + self.cost(n - 2)\n";
    assert_eq!(safety("method-without-memory", &class(make, cost)), Some(Safety::NeedsRun));
    for change in [
        cost.replace("-> int", "-> list"),
        format!("{cost}\ndef rates(self):\n    return self._rates\n"),
        cost.replace("    if n < 2:\n", "    print(n)\n    if n < 2:\n"),
        cost.replace("self._rates.get(n, 0)", "self._rates.pop(n, 0)"),
        cost.replace(" + self.cost(n - 2)", ""),
    ] {
        assert_eq!(safety("method-without-memory", &class(make, &change)), None, "{change}");
    }
}
