"""Asks SQLite and PostgreSQL whether an index would help, on a copy. Run by cmdx with the project's interpreter.

Reads questions as JSON from standard input, writes answers as JSON. Nothing is changed in the database: SQLite files
are opened read-only and copied, PostgreSQL tables are copied to temporary ones in a transaction that is rolled back.
"""
import sys

# The project's modules must not stand in for the library's.
sys.path[:] = [entry for entry in sys.path if entry]

import itertools
import json
import os
import re
import sqlite3
import tempfile
import time

#: Copying more takes longer than the answer is worth.
BYTES_MAX = 1 << 30
ROWS_MAX = 2000000
#: Columns tried per table, and seconds one statement may take.
COLUMNS_MAX = 6
SECONDS_MAX = 5.0
ROUNDS = 5
GAIN_MIN = 2.0
SECONDS_MIN = 1e-3

PLACEHOLDER = re.compile(
    r"'(?:[^']|'')*'|\?\d*|%\((\w+)\)s|%s|(?<!:):(\w+)|@(\w+)|\$(\d+)(?:::\w+(?:\([^)]*\))?)?"
)
BEFORE = re.compile(
    r"(?:(lower|upper)\s*\(\s*)?(?:[\w\"`]+\.)?[\"`]?(\w+)[\"`]?\s*\)?\s*(?:=|<>|!=|<=|>=|<|>|\blike\b|\bilike\b|\bin\b)\s*"
    r"(?:any\s*)?(?:\(\s*)?(?:(?:\?|%s|,)\s*)*(?:lower\s*\(\s*|upper\s*\(\s*)?$",
    re.I,
)
LIMIT = re.compile(r"\b(limit|offset)\s*$", re.I)


class Unknown(Exception):
    """A placeholder for which no value of the table can stand."""


def placeholders(statement):
    """`(start, end, name)` of each placeholder."""
    for match in PLACEHOLDER.finditer(statement):
        if not match.group().startswith("'"):
            yield match.start(), match.end(), next((name for name in match.groups() if name), None)


def values_for(statement, sample):
    """A value for each placeholder, in order: one of its column, or a size for LIMIT."""
    values = []
    for start, _, _ in placeholders(statement):
        before = statement[:start]
        limit = LIMIT.search(before)
        if limit:
            values.append(100 if limit.group(1).lower() == "limit" else 0)
            continue
        match = BEFORE.search(before)
        if match is None:
            raise Unknown(before[-30:])
        value = sample(match.group(2))
        function = (match.group(1) or "").lower()
        if function and isinstance(value, str):
            value = getattr(value, function)()
        values.append(value)
    return values


def quote(name):
    return name if re.match(r"^[a-z_][a-z0-9_]*$", name) else '"%s"' % name.replace('"', '""')


def candidates(table, columns, statement):
    """Index definitions worth a try: `(name, columns as SQL)`, single ones first."""
    words = {word.lower() for word in re.findall(r"\w+", statement)}
    mentioned = [column for column in columns if column.lower() in words][:COLUMNS_MAX]
    keys = []
    for column in mentioned:
        for function in ("lower", "upper"):
            if re.search(r"\b%s\s*\(\s*(?:[\w\"]+\.)?\"?%s\"?\s*\)" % (function, re.escape(column)), statement, re.I):
                keys.append((function + "_" + column, "%s(%s)" % (function, quote(column))))
        keys.append((column, quote(column)))
    singles = [[key] for key in keys]
    pairs = [list(pair) for pair in itertools.permutations(keys, 2)]
    for group in singles + pairs:
        yield "idx_%s_%s" % (table, "_".join(name for name, _ in group)), ", ".join(sql for _, sql in group), len(group)


def choose(table, columns, statement, plan, seconds, create, drop):
    """The best index of a table that the planner uses, or None."""
    before_plan, before = plan(), seconds()
    if before < SECONDS_MIN:
        return None
    best = None
    for name, keys, size in candidates(table, columns, statement):
        if size > 1 and best is not None and best["seconds"][1] * 20 < before:
            break
        create(name, keys)
        try:
            line = next((line for line in plan() if name in line), None)
            if line is None:
                continue
            after = seconds()
        finally:
            drop(name)
        # A wider index has to earn its place.
        bound = before / GAIN_MIN if best is None else best["seconds"][1] / (GAIN_MIN if size > 1 else 1.0)
        if after <= bound and before - after >= SECONDS_MIN:
            scan = next((line for line in before_plan if "SCAN" in line.upper()), before_plan[0])
            best = {
                "statement": "CREATE INDEX %s ON %s (%s)" % (name, quote(table), keys),
                "plan_before": scan.strip(),
                "plan_after": line.strip(),
                "seconds": [before, after],
            }
    return best


def timed(run):
    """The least of several runs, fewer when they are long."""
    least, total = None, 0.0
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        took = time.perf_counter() - start
        least = took if least is None else min(least, took)
        total += took
        if total > SECONDS_MAX:
            break
    return least


class Sqlite:
    """A copy of one SQLite database."""

    def __init__(self, path, directory):
        if not os.path.isfile(path) or os.path.getsize(path) > BYTES_MAX:
            raise Unknown(path)
        source = sqlite3.connect("file:%s?mode=ro" % path.replace("?", "%3f").replace("#", "%23"), uri=True)
        self.copy = sqlite3.connect(os.path.join(directory, "copy.db"), isolation_level=None)
        source.backup(self.copy)
        source.close()

    def columns(self, table):
        return [row[1] for row in self.copy.execute("pragma table_info(%s)" % quote(table))]

    def sample(self, tables, column):
        for table in tables:
            for name in self.columns(table):
                if name.lower() == column.lower():
                    name = quote(name)
                    sql = "select {0} from {1} where {0} is not null limit 1 offset (select count({0}) / 2 from {1})"
                    row = self.copy.execute(sql.format(name, quote(table))).fetchone()
                    if row is not None:
                        return row[0]
        raise Unknown(column)

    def answer(self, statement):
        tables = [row[0] for row in self.copy.execute("select name from sqlite_master where type = 'table'")]
        words = {word.lower() for word in re.findall(r"\w+", statement)}
        mentioned = [table for table in tables if table.lower() in words]
        values = values_for(statement, lambda column: self.sample(mentioned, column))
        names = [name for _, _, name in placeholders(statement)]
        if names and names[0] and not names[0].isdigit():
            values = dict(zip(names, values))

        def plan():
            return [row[3] for row in self.copy.execute("explain query plan " + statement, values)]

        def run():
            deadline = time.perf_counter() + SECONDS_MAX
            self.copy.set_progress_handler(lambda: time.perf_counter() > deadline, 100000)
            try:
                self.copy.execute(statement, values).fetchall()
            finally:
                self.copy.set_progress_handler(None, 0)

        # Only tables that are read from end to end; a plan names the alias where there is one.
        scans = [line for line in plan() if line.startswith("SCAN") and "INDEX" not in line]
        if not scans:
            return None
        for table in mentioned:
            found = choose(
                table, self.columns(table), statement, plan, lambda: timed(run),
                lambda name, keys: self.copy.execute("create index %s on %s (%s)" % (quote(name), quote(table), keys)),
                lambda name: self.copy.execute("drop index %s" % quote(name)),
            )  # fmt: skip
            if found:
                return found
        return None


class Postgresql:
    """A PostgreSQL database, seen through temporary copies of its tables."""

    def __init__(self, address):
        match = re.match(r"postgresql://(.*)@(.*):(\d*)/(.*)$", address)
        user, host, port, database = match.groups()
        options = {"user": user, "host": host, "port": port, "dbname": database, "connect_timeout": "5"}
        options = {key: value for key, value in options.items() if value}
        try:
            import psycopg2 as driver
        except ImportError:
            import psycopg as driver
        self.connection = driver.connect(**options)

    def answer(self, statement):
        cursor = self.connection.cursor()
        try:
            cursor.execute("set local statement_timeout = %d" % int(SECONDS_MAX * 1000))
            return self._answer(cursor, statement)
        finally:
            self.connection.rollback()

    def _answer(self, cursor, statement):
        cursor.execute(
            "select c.relname, c.reltuples, pg_total_relation_size(c.oid) from pg_class c"
            " where c.relkind = 'r' and pg_table_is_visible(c.oid) and c.relnamespace <> 'pg_catalog'::regnamespace"
        )
        words = {word.lower() for word in re.findall(r"\w+", statement)}
        tables = [row for row in cursor.fetchall() if row[0].lower() in words]
        if not tables or any(rows > ROWS_MAX or size > BYTES_MAX for _, rows, size in tables):
            return None
        columns = {}
        for table, _, _ in tables:
            name = quote(table)
            cursor.execute("create temporary table %s (like %s including all) on commit drop" % (name, name))
            cursor.execute("select nspname from pg_namespace where oid = (select relnamespace from pg_class where"
                           " relname = %s and relkind = 'r' and relpersistence <> 't' limit 1)", (table,))
            schema = quote(cursor.fetchone()[0])
            cursor.execute("insert into pg_temp.%s select * from %s.%s" % (name, schema, name))
            cursor.execute("analyze pg_temp.%s" % name)
            cursor.execute("select * from pg_temp.%s limit 0" % name)
            columns[table] = [column[0] for column in cursor.description]
        text = statement
        for start, end, _ in reversed(list(placeholders(statement))):
            text = text[:start] + "%s" + text[end:]

        def sample(column):
            for table, names in columns.items():
                if column in names:
                    column, table = quote(column), quote(table)
                    cursor.execute(
                        "select {0} from pg_temp.{1} where {0} is not null"
                        " offset (select count({0}) / 2 from pg_temp.{1}) limit 1".format(column, table)
                    )
                    row = cursor.fetchone()
                    if row is not None:
                        return row[0]
            raise Unknown(column)

        values = values_for(statement, sample)

        def plan():
            cursor.execute("explain " + text, values)
            return [row[0] for row in cursor.fetchall()]

        def run():
            cursor.execute(text, values)
            cursor.fetchall()

        if not any("Seq Scan" in line for line in plan()):
            return None
        for table in columns:

            def create(name, keys):
                cursor.execute("create index %s on pg_temp.%s (%s)" % (quote(name), quote(table), keys))
                cursor.execute("analyze pg_temp.%s" % quote(table))

            found = choose(
                table, columns[table], statement, plan, lambda: timed(run), create,
                lambda name: cursor.execute("drop index pg_temp.%s" % quote(name)),
            )  # fmt: skip
            if found:
                return found
        return None


def answer_all(questions):
    databases, answers = {}, []
    with tempfile.TemporaryDirectory() as directory:
        for question in questions:
            key = question["database"]
            answer = {"group": question["group"], "advice": None, "problem": None}
            try:
                if key not in databases:
                    databases[key] = None
                    if question["driver"] == "sqlite3":
                        databases[key] = Sqlite(key, tempfile.mkdtemp(dir=directory))
                    else:
                        databases[key] = Postgresql(key)
                if databases[key] is not None:
                    answer["advice"] = databases[key].answer(question["statement"])
            except Exception as error:
                answer["problem"] = "%s: %s" % (type(error).__name__, error)
            answers.append(answer)
        for database in databases.values():
            if isinstance(database, Sqlite):
                database.copy.close()
    return answers


if __name__ == "__main__":
    json.dump(answer_all(json.load(sys.stdin)), sys.stdout)
