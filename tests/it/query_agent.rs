//! The agent changes nothing in the program, and loses nothing when the program ends badly.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use cmdx::agent::wire::{Operation, ProcessEvents};
use cmdx::model::{QueryPatternKind, ScopeKind};

use crate::environments::{environment, interpreters, python};
use crate::traced::{Traced, assert_n_plus_one, line, the_pattern};

fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let shown = format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
    // Addresses differ from run to run.
    let mut parts = shown.split("0x");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| shown + "0x" + part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
}

fn difference(bare: &str, traced: &str) -> String {
    let (bare, traced): (Vec<_>, Vec<_>) = (bare.lines().collect(), traced.lines().collect());
    let lines = bare.iter().filter(|line| !traced.contains(line)).map(|line| format!("- {line}\n"));
    lines.chain(traced.iter().filter(|line| !bare.contains(line)).map(|line| format!("+ {line}\n"))).collect()
}

/// Runs a program with and without the agent; output, errors and exit code must be equal. Gives the traced project.
fn assert_same(python: &Path, options: &[&str], source: &str) -> Traced {
    let project = Traced::new(&[("main.py", source)]);
    let run = |mut command: Command| shown(&command.args(options).arg("main.py").output().expect("it starts"));
    let (bare, traced) = (run(project.bare_command(python)), run(project.command(python)));
    assert!(bare == traced, "{} {options:?}\n{}", python.display(), difference(&bare, &traced));
    project
}

fn n_executed(processes: &[ProcessEvents]) -> usize {
    let is_execute = |operation| matches!(operation, Operation::Execute | Operation::ExecuteMany | Operation::Script);
    processes.iter().flat_map(|process| &process.queries).filter(|query| is_execute(query.operation)).count()
}

const FEATURES: &str = r#"
import copyreg, gc, inspect, io, os, pickle, sqlite3, sys, warnings, weakref
from sqlite3 import dbapi2

def show(*values):
    print(*values)

def raised(call, *arguments, **keywords):
    try:
        show("no error", call(*arguments, **keywords))
    except BaseException as error:
        show(type(error).__name__, error)

positions = () if sys.warnoptions else (5.0, 0, None, True)
connection = sqlite3.connect(":memory:", *positions)
show(type(connection) is sqlite3.Connection, type(connection).__name__, type(connection).__module__)
show(repr(connection).split(" at ")[0], isinstance(connection, dbapi2.Connection), sqlite3.connect is dbapi2.connect)
cursor = connection.cursor()
show(type(cursor) is sqlite3.Cursor, repr(cursor).split(" at ")[0], cursor.connection is connection)
show(cursor.execute("create table t (a, b)") is cursor, connection.execute("select 1") is not cursor)
show(cursor.executemany("insert into t values (?, ?)", iter([(1, 2), (3, 4)])).rowcount, connection.total_changes)
show(cursor.executescript("insert into t values (5, 6); insert into t values (7, 8);") is cursor)
show(cursor.execute("select * from t").fetchone(), cursor.fetchmany(2), cursor.fetchmany(size=1), cursor.fetchall(), cursor.fetchone())
show(list(cursor.execute("select a from t")), [row for row in connection.execute("select b from t")])
show(cursor.execute("select a from t where a = :a", {"a": 3}).fetchall(), cursor.description[0][0], cursor.lastrowid)
raised(cursor.execute, "select * from missing")
raised(cursor.execute, "select ?", ())
raised(cursor.execute, 5)
raised(cursor.execute)
raised(cursor.execute, "select 1", (), ())
raised(connection.execute, "syntax error")
raised(connection.cursor, None)
raised(cursor.fetchmany, "x")
raised(sqlite3.connect)
raised(sqlite3.connect, "/nonexistent/directory/x.db")
show(pickle.loads(pickle.dumps(sqlite3.Cursor)) is sqlite3.Cursor, pickle.loads(pickle.dumps(sqlite3.Connection)) is sqlite3.Connection)
try:
    cursor.unknown_attribute = 1
except AttributeError:
    show("no attributes")
try:
    pickle.dumps(connection)
except TypeError:
    show("not pickled")

class MyCursor(sqlite3.Cursor):
    def execute(self, sql, *rest):
        show("mine", sql)
        return super().execute(sql, *rest)

class LazyCursor(sqlite3.Cursor):
    def __init__(self, connection):
        super().__init__(connection)
        self.extra = 1

class MyConnection(sqlite3.Connection):
    def cursor(self, factory=MyCursor):
        return super().cursor(factory)
    def commit(self):
        show("my commit")
        super().commit()

own = sqlite3.connect(":memory:", factory=MyConnection)
show(type(own) is MyConnection, type(own.cursor()) is MyCursor, type(own.cursor(LazyCursor)) is LazyCursor)
own.execute("create table t (a)")
with own:
    own.execute("insert into t values (1)")
try:
    with own:
        own.execute("insert into t values (2)")
        raise KeyError("rolled back")
except KeyError as error:
    show(error)
show(own.execute("select * from t").fetchall(), own.in_transaction)
if positions:
    show(type(sqlite3.connect(":memory:", *positions, MyConnection)) is MyConnection)
made = connection.cursor(factory=lambda c: MyCursor(c))
show(type(made) is MyCursor, made.execute("select 1").fetchall())

connection.row_factory = sqlite3.Row
row = connection.execute("select a, b from t").fetchone()
show(row.keys(), tuple(row), type(row) is sqlite3.Row)
connection.row_factory = lambda cursor, row: (type(cursor) is sqlite3.Cursor, [c[0] for c in cursor.description], row)
show(connection.execute("select a from t").fetchone())
connection.row_factory = None
show("\n".join(connection.iterdump()))
target = sqlite3.connect(":memory:")
connection.backup(target)
show(target.execute("select count(*) from t").fetchone())
connection.create_function("twice", 1, lambda x: x * 2)
show(connection.execute("select twice(a) from t").fetchall())
traced = []
connection.set_trace_callback(traced.append)
connection.execute("select 42")
connection.set_trace_callback(None)
show(traced)
show(connection("select 1") is not None)
with connection as entered:
    show(entered is connection)
if sys.version_info >= (3, 12):
    auto = sqlite3.connect(":memory:", autocommit=False)
    show(auto.autocommit, auto.in_transaction)
    auto.execute("create table t (a)")
    auto.commit()
    show(auto.in_transaction, auto.getconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_FKEY))
    auto.close()
show(sorted(name for name in vars(sqlite3) if not name.startswith("_"))[:60])
show([name for name in dir(sqlite3.connect("")) if not name.startswith("_")])
show(sqlite3.connect.__name__, sqlite3.Cursor.__qualname__, sqlite3.Connection.execute.__name__)
show(sqlite3.Cursor.__doc__, sqlite3.Connection.__doc__)
raised(cursor.__init__)
show("sitecustomize" in sys.modules, [entry for entry in sys.path if "agent" in entry])
connection.close()
raised(connection.execute, "select 1")
raised(cursor.execute, "select 1")
raised(connection.commit)
raised(connection.cursor)
broken = sqlite3.Cursor.__new__(sqlite3.Cursor)
raised(broken.execute, "select 1")
raised(broken.fetchall)
unfinished = sqlite3.Connection.__new__(sqlite3.Connection)
raised(unfinished.execute, "select 1")
raised(unfinished.commit)
"#;

#[test]
fn sqlite3_programs_behave_the_same_on_every_interpreter() {
    for python in interpreters().values() {
        for options in [&[][..], &["-W", "error"], &["-X", "dev"], &["-O", "-bb"]] {
            let project = assert_same(python, options, FEATURES);
            let n_queries = n_executed(&project.processes());
            assert!(n_queries >= 28, "{n_queries} {} {options:?}", python.display());
        }
    }
}

#[test]
fn unclosed_and_uncollected_objects_are_warned_about_as_before() {
    let source = "
import sqlite3, gc, weakref
def leave():
    connection = sqlite3.connect(':memory:')
    cursor = connection.execute('select 1 union select 2')
    cursor.fetchone()
    cursor.execute('select 3')
leave()
gc.collect()
class Watched:
    pass
def query():
    watched = Watched()
    reference = weakref.ref(watched)
    sqlite3.connect(':memory:').execute('select 1').fetchall()
    return reference
print(query()())
";
    for python in interpreters().values() {
        assert_same(python, &["-X", "dev", "-W", "always"], source);
    }
}

#[test]
fn warnings_name_the_line_of_the_program() {
    let source = "
import datetime, sqlite3, warnings
connection = sqlite3.connect(':memory:')
connection.execute('create table t (a)')
connection.execute('insert into t values (?)', (datetime.date(2020, 1, 1),))
connection.cursor().execute('insert into t values (?)', (datetime.datetime(2020, 1, 1),))
";
    for python in interpreters().values() {
        assert_same(python, &[], source);
    }
}

#[test]
fn tracebacks_do_not_show_the_agent_where_python_allows_it() {
    let source = "
import sqlite3, traceback
connection = sqlite3.connect(':memory:')
def inner():
    connection.execute('select * from missing')
try:
    inner()
except sqlite3.Error:
    traceback.print_exc()
connection.cursor().executemany('insert into missing values (?)', [(1,)])
";
    for (_, python) in interpreters().iter().filter(|(minor, _)| **minor >= (3, 11)) {
        assert_same(python, &[], source);
    }
}

/// In debug mode asyncio says where a task was made; a child that was forked from a task has stacks of its own.
#[test]
fn tasks_are_made_by_the_program_on_every_interpreter() {
    let source = r#"
import asyncio, os, sqlite3, sys, traceback
connection = sqlite3.connect(":memory:")
async def work(n):
    await asyncio.sleep(0)
    return connection.execute("select ?", (n,)).fetchone()
async def failing():
    raise ValueError("no")
async def main():
    loop = asyncio.get_running_loop()
    tasks = [asyncio.ensure_future(work(n)) for n in range(3)] + [loop.create_task(work(9))]
    for task in tasks:
        print([(frame.filename, frame.name) for frame in task._source_traceback or [] if "asyncio" not in frame.filename])
        print(repr(task).split(" coro")[1].split(">")[0].split(" at 0x")[0].split(" wait_for")[0])
    print(await asyncio.gather(*tasks))
    try:
        await loop.create_task(failing())
    except ValueError:
        traceback.print_exc(file=sys.stdout)
    for wrong in (None, 3):
        try:
            loop.create_task(wrong)
        except TypeError as error:
            print(error, len(traceback.extract_tb(error.__traceback__)) < 6)
    if os.fork() == 0:
        print(connection.execute("select 1").fetchone(), flush=True)
        os._exit(0)
    os.wait()
asyncio.run(main(), debug="debug" in sys._xoptions)
"#;
    for python in interpreters().values() {
        for options in [&["-X", "debug"][..], &["-X", "dev"], &[]] {
            let project = assert_same(python, options, source);
            assert_eq!(n_executed(&project.processes()), 5, "{}", python.display());
        }
    }
}

#[test]
fn an_exception_from_a_signal_handler_reaches_the_program() {
    let source = "
import signal, sqlite3
class Late(Exception):
    pass
def handler(*_):
    raise Late
signal.signal(signal.SIGPROF, handler)
connection = sqlite3.connect(':memory:')
def query(n):
    return connection.execute('select ?', (n,)).fetchall()
n_late = 0
for round in range(40):
    signal.setitimer(signal.ITIMER_PROF, 0.002)
    try:
        while True:
            query(round)
    except Late:
        n_late += 1
print(n_late)
";
    for python in interpreters().values() {
        assert_same(python, &[], source);
    }
}

const FOREVER: &str = "
import os, signal, sqlite3, sys
connection = sqlite3.connect(':memory:')
def report():
    for n in range(500):  # loop
        connection.execute('select ?', (n,)).fetchall()  # query
report()
END
";

#[test]
fn a_program_that_is_killed_or_leaves_at_once_loses_nothing() {
    for end in ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(3)", "os.abort()", "sys.exit(4)"] {
        let source = FOREVER.replace("END", end);
        let project = Traced::new(&[("main.py", &source)]);
        let status = project.command(&python()).arg("main.py").status().expect("it starts");
        assert!(!status.success());
        assert_n_plus_one(&project.profile(), &source, 500);
    }
}

#[test]
fn pool_workers_that_are_terminated_lose_nothing() {
    let source = "
import multiprocessing, os, sqlite3, sys

def work(n):
    connection = sqlite3.connect(':memory:')
    total = 0
    for i in range(20):  # loop
        total += connection.execute('select ?', (i,)).fetchone()[0]  # query
    return total

if __name__ == '__main__':
    sqlite3.connect(':memory:').execute('select 1')
    context = multiprocessing.get_context(sys.argv[1])
    pool = context.Pool(2)
    assert pool.map(work, range(10), chunksize=1) == [190] * 10
    pool.terminate()
";
    for method in ["fork", "spawn", "forkserver"] {
        for minor in [(3, 11), (3, 13)] {
            let Some(python) = interpreters().get(&minor) else { continue };
            let project = Traced::new(&[("main.py", source)]);
            project.run(python, &["main.py", method]);
            assert_eq!(n_executed(&project.processes()), 201, "{method} {minor:?}");
            assert_n_plus_one(&project.profile(), source, 20);
        }
    }
}

#[test]
fn a_fork_in_the_middle_of_a_loop_keeps_both_sides_apart() {
    let source = "
import os, sqlite3
def report():
    connection = sqlite3.connect(':memory:')
    for n in range(10):  # loop
        if n == 5 and os.fork() == 0:
            connection = sqlite3.connect(':memory:')
        connection.execute('select ?', (n,)).fetchall()  # query
report()
";
    let project = Traced::new(&[("main.py", source)]);
    let profile = project.profile_of_main(&python());
    assert_eq!(project.processes().len(), 2);
    let pattern = the_pattern(&profile, QueryPatternKind::NPlusOne);
    let found = profile.groups[pattern.group as usize].repeated_by.clone().expect("a loop");
    assert_eq!((profile.groups[pattern.group as usize].n_queries, found.n_calls), (15, 2));
}

#[test]
fn threads_write_side_by_side() {
    let source = "
import sqlite3, sys, threading
sys.setswitchinterval(1e-5)
def work(n):
    connection = sqlite3.connect(':memory:')
    for i in range(5000):  # loop
        connection.execute('select ?', (i,)).fetchall()  # query
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
";
    for minor in [(3, 10), (3, 11), (3, 13)] {
        let Some(python) = interpreters().get(&minor) else { continue };
        let project = Traced::new(&[("main.py", source)]);
        let profile = project.profile_of_main(python);
        assert_n_plus_one(&profile, source, 5000);
        let group = &profile.groups[the_pattern(&profile, QueryPatternKind::NPlusOne).group as usize];
        assert_eq!((group.n_queries, group.n_rows), (20_000, Some(20_000)));
    }
}

#[test]
fn the_projects_own_sitecustomize_runs_and_is_the_one_the_program_sees() {
    let own = "import sys\nprint('own', __name__, __file__.endswith('site/sitecustomize.py'))\nvalue = 7\n";
    let main = "import sitecustomize, sys\nprint(sitecustomize.value, [p for p in sys.path if 'agent' in p])\n
import sqlite3\nsqlite3.connect(':memory:').execute('select 1')\n";
    for python in interpreters().values() {
        let project = Traced::new(&[("main.py", main), ("site/sitecustomize.py", own)]);
        let site = project.root.join("site");
        let bare = project.bare_command(python).env("PYTHONPATH", &site).arg("main.py").output().expect("it starts");
        let mut command = project.command(python);
        let agent = command.get_envs().find(|(name, _)| *name == "PYTHONPATH").and_then(|(_, value)| value);
        let path = format!("{}:{}", agent.expect("set").to_string_lossy(), site.display());
        let traced = command.env("PYTHONPATH", path).arg("main.py").output().expect("it starts");
        assert_eq!(shown(&bare), shown(&traced));
        assert!(shown(&traced).contains("own sitecustomize True\n7 []"));
        assert_eq!(n_executed(&project.processes()), 1);
    }
}

#[test]
fn without_a_sitecustomize_the_program_finds_none() {
    let source = "
import sys
try:
    import sitecustomize
except ImportError as error:
    print(error, error.name)
print(sys.flags, sys.path[1:], 'sitecustomize' in sys.modules)
";
    for python in interpreters().values() {
        assert_same(python, &[], source);
    }
}

#[test]
fn a_sitecustomize_that_fails_fails_as_before() {
    for end in ["raise ValueError('broken')", "import missing_module", "raise SystemExit(5)"] {
        let project = Traced::new(&[("main.py", "print('main')"), ("site/sitecustomize.py", end)]);
        let site = project.root.join("site");
        let python = python();
        let bare = project.bare_command(&python).env("PYTHONPATH", &site).arg("main.py").output().expect("it starts");
        let mut command = project.command(&python);
        let agent = command.get_envs().find(|(name, _)| *name == "PYTHONPATH").and_then(|(_, value)| value);
        let path = format!("{}:{}", agent.expect("set").to_string_lossy(), site.display());
        let traced = command.env("PYTHONPATH", path).arg("main.py").output().expect("it starts");
        assert_eq!(bare.status, traced.status, "{end}");
        assert_eq!(bare.stdout, traced.stdout, "{end}");
        if !end.contains("SystemExit") {
            assert_eq!(bare.stderr, traced.stderr, "{end}");
        }
    }
}

#[test]
fn where_no_event_can_be_written_the_program_runs_as_ever() {
    let project = Traced::new(&[("main.py", FEATURES)]);
    let python = python();
    let bare = shown(&project.bare_command(&python).arg("main.py").output().expect("it starts"));
    let missing = project.root.join("missing");
    let traced = project.command(&python).env("CMDX_EVENTS", &missing).arg("main.py").output().expect("it starts");
    assert_eq!(bare, shown(&traced));
    fs::set_permissions(&project.events, fs::Permissions::from_mode(0o555)).expect("own directory");
    let traced = project.command(&python).arg("main.py").output().expect("it starts");
    assert_eq!(bare, shown(&traced));
    let traced = project.command(&python).env("CMDX_EVENTS", "/proc").arg("main.py").output().expect("it starts");
    assert_eq!(bare, shown(&traced));
    // No file may be longer than 100 blocks: the same error path as a full disk.
    let mut command = Command::new("bash");
    let limited = project.command(&python);
    command.args(["-c", "ulimit -f 100; exec \"$@\"", "bash"]).arg(&python).arg("main.py").current_dir(&project.root);
    command.envs(limited.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_eq!(bare, shown(&command.output().expect("it starts")));
}

#[test]
fn a_full_disk_turns_the_agent_off() {
    let project = Traced::new(&[("main.py", FEATURES)]);
    let mount = |arguments: &[&str]| Command::new("mount").args(arguments).arg(&project.events).output();
    if !mount(&["-t", "tmpfs", "-o", "size=512k", "none"]).is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: this user cannot mount a small file system");
        return;
    }
    let python = python();
    let bare = shown(&project.bare_command(&python).arg("main.py").output().expect("it starts"));
    let full = shown(&project.command(&python).arg("main.py").output().expect("it starts"));
    mount(&["-o", "remount,ro"]).expect("mounted before");
    let read_only = shown(&project.command(&python).arg("main.py").output().expect("it starts"));
    Command::new("umount").arg(&project.events).output().expect("mounted before");
    assert_eq!(bare, full);
    assert_eq!(bare, read_only);
}

#[test]
fn a_program_that_closes_every_descriptor_keeps_its_files() {
    let source = "
import os, sqlite3
connection = sqlite3.connect(':memory:')
connection.execute('select 0')
connection.close()
os.closerange(3, 100)
files = [open('file%d' % n, 'w+') for n in range(5)]
connection = sqlite3.connect(':memory:')
def report():
    for n in range(40000):  # loop
        connection.execute('select ?', (n,)).fetchall()  # query
report()
for file in files:
    file.write('kept')
    file.flush()
    file.seek(0)
    print(file.read())
";
    for python in interpreters().values() {
        let project = assert_same(python, &[], source);
        assert_eq!(n_executed(&project.processes()), 40_001);
    }
}

#[test]
fn past_its_limit_the_event_file_counts() {
    let source = "
import sqlite3
connection = sqlite3.connect(':memory:')
def report():
    for n in range(40000):
        connection.execute('select ?', (n,)).fetchall()  # query
report()
";
    let project = Traced::new(&[("main.py", source)]);
    let output = project.command(&python()).env("CMDX_EVENTS_MB", "1").arg("main.py").output().expect("it starts");
    assert!(output.status.success());
    let profile = project.profile();
    assert_eq!(profile.n_queries, 40_000);
    assert_eq!(profile.notes.len(), 1, "{:?}", profile.notes);
    assert_eq!(profile.patterns[0].site.line, line(source, "query"));
    let size =
        fs::read_dir(&project.events).expect("there").flatten().map(|entry| entry.metadata().expect("there").len());
    assert!(size.sum::<u64>() <= 3 << 20);
}

#[test]
fn statements_with_pasted_values_stay_few() {
    let source = "
import sqlite3
connection = sqlite3.connect(':memory:')
def report():
    for n in range(5000):  # loop
        connection.execute(f\"select {n}, 'name{n}'\").fetchall()  # query
report()
";
    let project = Traced::new(&[("main.py", source)]);
    let profile = project.profile_of_main(&python());
    assert_n_plus_one(&profile, source, 5000);
    assert_eq!(profile.groups[0].fingerprint, "select ?, ?");
    assert!(project.processes()[0].texts.len() < 2100);
}

#[test]
fn under_a_tracer_loops_come_from_the_source() {
    let source = "
import sqlite3, sys
sys.settrace(lambda *_: None)
connection = sqlite3.connect(':memory:')
def query(n):
    connection.execute('select ?', (n,)).fetchall()  # query
def report():
    for n in range(10):  # loop
        query(n)
report()
print(sys._getframe().f_trace)
";
    let project = assert_same(&python(), &[], source);
    let profile = project.profile();
    let pattern = the_pattern(&profile, QueryPatternKind::NPlusOne);
    assert_eq!(pattern.loop_location.map(|location| location.line), Some(line(source, "loop")));
    assert!(profile.notes[0].contains("tracer"), "{:?}", profile.notes);
}

#[test]
fn a_debugger_that_starts_later_meets_no_obstacle() {
    let source = "
import sqlite3, sys
connection = sqlite3.connect(':memory:')
def report():
    for n in range(3):
        connection.execute('select ?', (n,)).fetchall()
    lines = []
    def trace(frame, event, argument):
        lines.append((frame.f_code.co_name, event))
        return trace
    sys.settrace(trace)
    (lambda: 1)()
    sys.settrace(None)
    return lines
print(report())
";
    for python in interpreters().values() {
        assert_same(python, &[], source);
    }
}

#[test]
fn isolated_interpreters_are_traced_through_boot() {
    let source = "
import sqlite3, sys
print(__name__, __file__[-7:], sys.argv[1:], [p for p in sys.path if 'agent' in p])
sqlite3.connect(':memory:').execute('select 1')
";
    for python in interpreters().values() {
        for option in ["-I", "-E", "-S"] {
            let project = Traced::new(&[("main.py", source)]);
            let command = project.command(python);
            let agent = command.get_envs().find(|(name, _)| *name == "PYTHONPATH").and_then(|(_, value)| value);
            let words: Vec<String> =
                [&*python.to_string_lossy(), option, "main.py", "-x"].iter().map(|word| (*word).to_owned()).collect();
            let booted = cmdx::agent::boot_argv(Path::new(agent.expect("set")), &words).expect("needs boot");
            let bare = project.bare_command(python).args(&words[1..]).output().expect("it starts");
            let traced = project.command(python).args(&booted[1..]).output().expect("it starts");
            assert_eq!(shown(&bare), shown(&traced));
            assert_eq!(n_executed(&project.processes()), 1, "{option}");
        }
    }
}

const TESTS: &str = "
import sqlite3, unittest
connection = sqlite3.connect(':memory:')

def names(n):
    found = []
    for i in range(n):  # loop
        found.append(connection.execute('select ?', (i,)).fetchone())  # query
    return found

def test_small():
    assert len(names(4)) == 4

class Case(unittest.TestCase):
    def test_large(self):
        assert len(names(6)) == 6

def test_fails():
    names(2)
    assert False
";

#[test]
fn pytest_tests_are_scopes_also_with_xdist_and_coverage() {
    let python = environment(&["pytest", "pytest-xdist", "pytest-cov"]);
    for options in [&["-p", "no:xdist", "-p", "no:cov"][..], &["-n", "2"], &["--cov=."]] {
        let project = Traced::new(&[("test_all.py", TESTS)]);
        let run = |mut command: Command| {
            let output =
                command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=long"]).args(options).output();
            output.expect("it starts")
        };
        let (bare, traced) = (run(project.bare_command(&python)), run(project.command(&python)));
        assert_eq!(bare.status.code(), Some(1));
        assert_eq!(bare.status, traced.status);
        let without_times = |output: &Output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.lines().filter(|line| !line.contains(" in 0.") && !line.contains("[gw")).collect::<Vec<_>>().join("\n")
        };
        if !options.contains(&"-n") {
            assert_eq!(without_times(&bare), without_times(&traced));
        }
        let profile = project.profile();
        let mut scopes: Vec<_> =
            profile.scopes.iter().map(|scope| (scope.kind, scope.name.as_str(), scope.n_queries)).collect();
        scopes.sort_by_key(|scope| scope.2);
        let expected = [
            (ScopeKind::Test, "test_all.py::test_fails", 2),
            (ScopeKind::Test, "test_all.py::test_small", 4),
            (ScopeKind::Test, "test_all.py::Case::test_large", 6),
        ];
        assert_eq!(scopes, expected, "{options:?}");
        let pattern = the_pattern(&profile, QueryPatternKind::NPlusOne);
        assert_eq!(pattern.loop_location.map(|location| location.line), Some(line(TESTS, "loop")));
    }
}

#[test]
fn requests_of_fastapi_are_scopes() {
    let python = environment(&["fastapi", "httpx", "pytest-benchmark", "celery"]);
    let source = "
import sqlite3
from fastapi import FastAPI
from fastapi.testclient import TestClient
connection = sqlite3.connect(':memory:', check_same_thread=False)
app = FastAPI()

@app.get('/items/{count}')
def items(count: int):
    return [connection.execute('select ?', (n,)).fetchone() for n in range(count)]  # query

@app.get('/slow/{count}')
async def slow(count: int):
    return [connection.execute('select ?', (n,)).fetchone() for n in range(count)]

client = TestClient(app)
for n in range(3):
    assert client.get('/items/5').status_code == 200
    assert client.get('/slow/7').status_code == 200
";
    let project = Traced::new(&[("main.py", source)]);
    let profile = project.profile_of_main(&python);
    let scopes: Vec<_> = profile
        .scopes
        .iter()
        .filter(|scope| scope.kind == ScopeKind::Request)
        .map(|scope| (scope.name.as_str(), scope.n_runs, scope.n_queries_max))
        .collect();
    assert_eq!(scopes, [("GET /slow/{n}", 3, 7), ("GET /items/{n}", 3, 5)]);
    let loops: Vec<_> = profile.patterns.iter().map(|pattern| pattern.evidence.as_str()).collect();
    assert!(loops.contains(&"5 queries per call, from the loop at line 10"), "{loops:?}");
}

#[test]
fn benchmark_rounds_and_celery_tasks_are_scopes() {
    let python = environment(&["fastapi", "httpx", "pytest-benchmark", "celery"]);
    let test = "
import sqlite3
connection = sqlite3.connect(':memory:')
def query():
    for n in range(3):
        connection.execute('select ?', (n,)).fetchone()
def test_speed(benchmark):
    benchmark.pedantic(query, rounds=5, iterations=1)
";
    let project = Traced::new(&[("test_speed.py", test)]);
    project.run(&python, &["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    let profile = project.profile();
    let rounds = profile.scopes.iter().find(|scope| scope.kind == ScopeKind::Iteration).expect("rounds");
    assert_eq!((rounds.n_runs, rounds.n_queries_max), (5, 3));

    let tasks = "
import sqlite3
from celery import Celery
app = Celery('shop', broker='memory://')
app.conf.task_always_eager = True
@app.task(name='shop.count')
def count(n):
    connection = sqlite3.connect(':memory:')
    for i in range(n):
        connection.execute('select ?', (i,))
for n in range(4):
    count.delay(n)
";
    let project = Traced::new(&[("main.py", tasks)]);
    let profile = project.profile_of_main(&python);
    let task = profile.scopes.iter().find(|scope| scope.kind == ScopeKind::Task).expect("tasks");
    assert_eq!((task.name.as_str(), task.n_runs, task.n_queries_max), ("shop.count", 4, 3));
}
