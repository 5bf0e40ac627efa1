//! Recorded calls that are more than plain functions: methods, properties, decorated, generators, coroutines, databases.

use cmdx::model::Verdict;

use crate::verify::{Program, checks, difference, runs_elsewhere};

const KINDS: &str = "\
import asyncio
import functools


def doubled(function):
    @functools.wraps(function)
    def wrapper(*args):
        return 2 * function(*args)
    return wrapper


@doubled
def counted(numbers):
    return len(numbers)


class Basket:
    def __init__(self, prices):
        self.prices = prices

    @property
    def total(self):
        return sum(self.prices)

    @total.setter
    def total(self, value):
        self.prices = [value]

    @classmethod
    def of(cls, price, n):
        return cls([price] * n)

    @staticmethod
    def rounded(price):
        return round(price, 1)


def outer(numbers):
    def inner(number):
        return number + 1
    return [inner(number) for number in numbers]


def pairs(numbers):
    for number in numbers:
        yield number, number


async def fetched(numbers):
    await asyncio.sleep(0)
    return sorted(numbers)


async def streamed(numbers):
    for number in numbers:
        await asyncio.sleep(0)
        yield number * 3


async def main():
    await fetched([2, 1])
    return [number async for number in streamed([1, 2])]


counted([1, 2, 3])
basket = Basket.of(1.25, 2)
basket.total
basket.total = 4
Basket.rounded(1.26)
outer([1, 2])
list(pairs([1, 2]))
asyncio.run(main())
print('done')
";

/// Each function with a rewrite that gives the same, and one that does not.
const REWRITES: &[(&str, &str, &str)] = &[
    ("return len(numbers)", "return 0 + len(numbers)", "return 1 + len(numbers)"),
    ("return sum(self.prices)", "return 0 + sum(self.prices)", "return -sum(self.prices)"),
    ("self.prices = [value]", "self.prices = list((value,))", "self.prices = [value, 0]"),
    ("return cls([price] * n)", "return cls([price for _ in range(n)])", "return cls([price])"),
    ("return round(price, 1)", "return round(price, 0 + 1)", "return round(price, 0)"),
    ("return number + 1", "return 1 + number", "return number + 2"),
    ("yield number, number", "yield (number, number)", "yield number, 0"),
    ("return sorted(numbers)", "return list(sorted(numbers))", "return list(numbers)"),
    ("yield number * 3", "yield 3 * number", "yield number * 4"),
];

#[test]
fn calls_of_every_kind_of_function_are_made_again() {
    if runs_elsewhere() {
        return;
    }
    let program = Program::new(&[("app.py", KINDS), ("main.py", "import app\n")], &[]);
    let run = program.workload(&["main.py"]);
    let good: Vec<(&str, &str)> = REWRITES.iter().map(|(old, good, _)| (*old, *good)).collect();
    for (verdict, (old, ..)) in program.check(None, Some(&run), &good).verdicts.iter().zip(REWRITES) {
        let said = checks(verdict);
        assert!(said.contains("recorded call"), "`{old}`: {said}");
    }
    let bad: Vec<(&str, &str)> = REWRITES.iter().map(|(old, _, bad)| (*old, *bad)).collect();
    for (verdict, (old, ..)) in program.check(None, Some(&run), &bad).verdicts.iter().zip(REWRITES) {
        assert!(matches!(verdict, Verdict::Differs { .. }), "`{old}`: {verdict:?}");
    }
}

const MEMOISED: &str = "\
import functools


def plain(function):
    return function


@plain
def size(names):
    return len(names)


size(['a'])
print('done')
";

#[test]
fn a_decorator_that_a_rewrite_adds_is_part_of_what_is_called() {
    if runs_elsewhere() {
        return;
    }
    let program = Program::new(&[("app.py", MEMOISED), ("main.py", "import app\n")], &[]);
    let run = program.workload(&["main.py"]);
    // The program would end with an error of its own; the call alone must tell as well.
    let checked = program.check(None, Some(&run), &[("@plain\n", "@plain\n@functools.lru_cache(maxsize=None)\n")]);
    let said = difference(&checked.verdicts[0]);
    assert!(said.contains("exit code 1") || said.contains("unhashable type"), "{said}");
}

const ROWS: &str = "\
import sqlite3

DATABASE = 'shop.db'


def names(least):
    connection = sqlite3.connect(DATABASE)
    rows = connection.execute('select name from item where price >= ? order by price desc', (least,)).fetchall()
    connection.close()
    return [name for name, in rows]


def raised(by):
    connection = sqlite3.connect(DATABASE)
    connection.execute('update item set price = price + ?', (by,))
    connection.commit()
    connection.close()
";

const ROWS_MAIN: &str = "\
import os
import sqlite3
import app

if os.path.exists(app.DATABASE):
    os.remove(app.DATABASE)
connection = sqlite3.connect(app.DATABASE)
connection.execute('create table item (name text, price int)')
connection.executemany('insert into item values (?, ?)', [('a', 1), ('b', 3), ('c', 2)])
connection.commit()
connection.close()
app.names(2)
app.raised(5)
print('done')
";

#[test]
fn rows_are_compared_in_order_and_the_program_s_database_is_left_alone() {
    if runs_elsewhere() {
        return;
    }
    let program = Program::new(&[("app.py", ROWS), ("main.py", ROWS_MAIN)], &[]);
    let run = program.workload(&["main.py"]);
    let same = [("return [name for name, in rows]", "return [row[0] for row in rows]")];
    let said = checks(&program.check(None, Some(&run), &same).verdicts[0]);
    assert!(said.contains("1 recorded call gives the same result"), "{said}");

    let order = [("order by price desc", "order by price")];
    let said = program.check(None, Some(&run), &order);
    let said = difference(&said.verdicts[0]);
    assert!(said.contains("returned ['b', 'c', 'a'], now it returned ['a', 'c', 'b']"), "{said}");

    let written = [("set price = price + ?", "set price = price + 2 * ?")];
    let said = program.check(None, Some(&run), &written);
    assert!(difference(&said.verdicts[0]).contains("it leaves other rows in the database"), "{:?}", said.verdicts);

    // The last run of the program raised prices by 5; the calls made again have touched copies.
    let prices = std::process::Command::new(&program.python)
        .args(["-c", "import sqlite3; print(sqlite3.connect('shop.db').execute('select price from item').fetchall())"])
        .current_dir(&program.root)
        .output()
        .expect("starts");
    let prices = String::from_utf8_lossy(&prices.stdout).into_owned();
    assert!(prices.contains("[(6,), (8,), (7,)]") || prices.contains("[(11,), (13,), (12,)]"), "{prices}");
}

const CLASSES: &str = "\
from dataclasses import dataclass


@dataclass
class Point:
    x: int


@dataclass
class Never:
    y: int
";

const CLASS_TESTS: &str = "\
import app


def test_point():
    assert app.Point(1).x == 1
";

#[test]
fn a_rewritten_class_counts_as_run_when_a_test_makes_an_instance() {
    if runs_elsewhere() {
        return;
    }
    let program = Program::new(&[("app.py", CLASSES), ("test_app.py", CLASS_TESTS)], &["pytest"]);
    let suite = program.workload(&["-m", "pytest", "-q", "test_app.py"]);
    let rewrites = [("    x: int\n", "    __slots__ = ('x',)\n    x: int\n"), ("    y: int\n", "    y: int = 0\n")];
    let checked = program.check(Some(&suite), None, &rewrites);
    assert!(checks(&checked.verdicts[0]).contains("1 test that runs it passes as before"));
    assert!(matches!(checked.verdicts[1], Verdict::NotChecked { .. }), "{:?}", checked.verdicts[1]);
}
