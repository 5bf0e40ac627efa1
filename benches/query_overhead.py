"""What the query agent costs: CPU time per query with and without it, and per start of Python.

    python benches/query_overhead.py [rounds] [python…]

Runs each workload in pairs, bare and traced in alternating order, in fresh processes. Prints the medians of both and of
the differences within pairs. SQLAlchemy and Django are measured where the interpreter has them.
"""
import os
import statistics
import subprocess
import sys
import tempfile

AGENT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src", "agent", "python")

TIMER = """
import time
def measure(n, run):
    run(n // 10)
    start = time.process_time_ns()
    run(n)
    print((time.process_time_ns() - start) / n / 1e3)
"""

SQLITE = """
import sqlite3
connection = sqlite3.connect(":memory:")
connection.execute("create table post (id integer primary key, user_id int)")
connection.executemany("insert into post values (?, ?)", [(n, n % 100) for n in range(300)])
connection.execute("create index post_user on post (user_id)")
"""

WORKLOADS = {
    "start": "import time; print(time.process_time_ns() / 1e3)",
    "sqlite3 in one frame": SQLITE
    + TIMER
    + """
def run(n):
    cursor = connection.cursor()
    for i in range(n):
        cursor.execute("select id from post where user_id = ?", (i % 100,)).fetchall()
measure(40000, run)
""",
    "sqlite3 behind a function": SQLITE
    + TIMER
    + """
def posts(i):
    return connection.execute("select id from post where user_id = ?", (i % 100,)).fetchall()
def run(n):
    for i in range(n):
        posts(i)
measure(40000, run)
""",
    "SQLAlchemy": TIMER
    + """
from sqlalchemy import Column, Integer, create_engine, select
from sqlalchemy.orm import Session, declarative_base
Base = declarative_base()
class Post(Base):
    __tablename__ = "post"
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer, index=True)
engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
session = Session(engine)
session.add_all([Post(user_id=n % 100) for n in range(300)])
session.commit()
def run(n):
    for i in range(n):
        session.execute(select(Post).where(Post.user_id == i % 100)).scalars().all()
measure(3000, run)
""",
    "Django": TIMER
    + """
import django
from django.conf import settings
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
django.setup()
from django.db import connection, models
class Post(models.Model):
    user_id = models.IntegerField(db_index=True)
    class Meta:
        app_label = "app"
with connection.schema_editor() as editor:
    editor.create_model(Post)
Post.objects.bulk_create([Post(user_id=n % 100) for n in range(300)])
def run(n):
    for i in range(n):
        list(Post.objects.filter(user_id=i % 100))
measure(3000, run)
""",
}


def run(python, directory, name, traced):
    events = tempfile.mkdtemp(dir=directory)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if traced:
        environment.update(PYTHONPATH=AGENT, CMDX_EVENTS=events, CMDX_ROOT=directory)
    script = os.path.join(directory, "workload.py")
    with open(script, "w") as file:
        file.write(WORKLOADS[name])
    answer = subprocess.run([python, script], env=environment, cwd=directory, capture_output=True, text=True)
    return float(answer.stdout) if answer.returncode == 0 else None


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    print("%-10s %-28s %9s %9s %9s" % ("python", "µs CPU per query", "bare", "traced", "added"))
    for python in map(os.path.abspath, sys.argv[2:] or [sys.executable]):
        version = subprocess.run(
            [python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"], capture_output=True, text=True
        ).stdout.strip()
        with tempfile.TemporaryDirectory() as directory:
            for name in WORKLOADS:
                pairs = []
                for round_ in range(rounds):
                    order = (False, True) if round_ % 2 else (True, False)
                    pair = {traced: run(python, directory, name, traced) for traced in order}
                    pairs.append((pair[False], pair[True]))
                if any(value is None for pair in pairs for value in pair):
                    print("%-10s %-28s %9s" % (version, name, "not run"))
                    continue
                bare, traced = (statistics.median(values) for values in zip(*pairs))
                added = statistics.median(with_ - without for without, with_ in pairs)
                print("%-10s %-28s %9.1f %9.1f %9.1f" % (version, name, bare, traced, added))


if __name__ == "__main__":
    main()
