//! Programs as people run them: threads, event loops, child processes, test runners, web frameworks and their servers.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cmdx::model::ExitReason;

use crate::environments::{environment, interpreters, python};
use crate::profiled::{Answer, Profiled};

/// Uses as much CPU time as it is told.
const BURN: (&str, &str) = (
    "burn.py",
    "
import time

def burn(seconds):
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        sum(range(1000))
",
);

/// Everything that needs a package, in one environment.
fn packages() -> PathBuf {
    environment(&["pytest", "pytest-xdist", "pytest-cov", "flask", "django", "fastapi", "httpx", "gunicorn", "uvicorn"])
}

fn run(python: &Path, main: &str) -> Answer {
    Profiled::new(&[("main.py", main), BURN]).run(python, &["main.py"])
}

/// CPU time of an interpreter's start, which counts for the first function seen where the process was met before it
/// became Python.
const START_SECONDS_MAX: f64 = 0.06;

/// What passes before a process is met and its interpreter read, on a machine that runs other tests at the same time.
const UNSEEN_SECONDS_MAX: f64 = 0.15;

/// Asserts that `burn` is named first of all functions, with the CPU time it used, and was called by `caller`.
fn assert_burnt(answer: &Answer, seconds: f64, caller: &str) {
    let names = answer.names();
    // Importing a framework takes its time as well.
    let mut functions = answer.cpu().functions.iter().filter(|cost| cost.location.symbol != "<module>");
    let first = functions.next().unwrap_or_else(|| panic!("nothing named: {:?}", answer.report.problems));
    assert_eq!((first.location.path.as_str(), first.location.symbol.as_str()), ("burn.py", "burn"), "{names:?}");
    let (least, most) = (0.8 * seconds - UNSEEN_SECONDS_MAX, 1.1 * seconds + START_SECONDS_MAX);
    assert!((least..most).contains(&first.cpu_seconds), "{:.3} s of {seconds} s: {names:?}", first.cpu_seconds);
    let callers: Vec<&str> = first.callers.iter().map(|(location, _)| location.symbol.as_str()).collect();
    assert!(callers.contains(&caller), "{callers:?}");
    assert!(answer.report.problems.is_empty(), "{:?}", answer.report.problems);
}

const THREADS: &str = "
import threading
from burn import burn

def first():
    burn(0.4)

def second():
    burn(0.2)

def wait_for(threads):
    for thread in threads:
        thread.join()

threads = [threading.Thread(target=work) for work in (first, second)]
for thread in threads:
    thread.start()
wait_for(threads)
";

#[test]
fn who_joins_busy_threads_is_charged_nothing() {
    for python in interpreters().values() {
        let answer = run(python, THREADS);
        assert_burnt(&answer, 0.6, "first");
        let ((waited, _), (burnt, _)) = (answer.seconds(&["wait_for"]), answer.seconds(&["burn"]));
        assert!(waited < 0.05 + 0.05 * burnt, "{:?}", answer.names());
        let burn = answer.function("burn").expect("named");
        let of = |name: &str| {
            burn.callers.iter().find(|(location, _)| location.symbol == name).map_or(0.0, |(_, seconds)| *seconds)
        };
        assert!(of("first") > of("second"), "{:?}", burn.callers);
    }
}

#[test]
fn a_coroutine_is_named_when_it_works_and_not_when_it_waits() {
    let answer = run(
        &python(),
        "
import asyncio
from burn import burn

async def crunch():
    for _ in range(5):
        burn(0.1)
        await asyncio.sleep(0.01)

async def doze():
    await asyncio.sleep(0.3)

async def main():
    await asyncio.gather(crunch(), doze())

asyncio.run(main())
",
    );
    assert_burnt(&answer, 0.5, "crunch");
    let (dozed, _) = answer.seconds(&["doze"]);
    assert!(dozed < 0.02, "{:?}", answer.names());
}

/// A pool of two processes, started in the way of `METHOD`.
const POOL: &str = "
import multiprocessing
from burn import burn

def crunch(seconds):
    burn(seconds)
    return seconds

if __name__ == '__main__':
    with multiprocessing.get_context('METHOD').Pool(2) as pool:
        pool.map(crunch, [0.3] * 4, chunksize=1)
";

#[test]
fn the_processes_of_a_pool_are_followed() {
    for method in ["fork", "spawn", "forkserver"] {
        let answer = run(&python(), &POOL.replace("METHOD", method));
        assert_burnt(&answer, 1.2, "crunch");
        let n_workers = answer.cpu().processes.iter().filter(|process| process.n_samples > 20).count();
        assert!(n_workers >= 3, "{method}: {:?}", answer.cpu().processes);
    }
}

#[test]
fn a_child_process_is_followed_and_who_waits_for_it_is_charged_nothing() {
    let main = "
import subprocess
import sys

def run_child():
    subprocess.run([sys.executable, 'child.py'], check=True)

run_child()
";
    let child = "from burn import burn\ndef work():\n    burn(1.0)\nwork()\n";
    let project = Profiled::new(&[("main.py", main), ("child.py", child), BURN]);
    let answer = project.run(&python(), &["main.py"]);
    assert_burnt(&answer, 1.0, "work");
    let ((waited, _), (burnt, _)) = (answer.seconds(&["run_child"]), answer.seconds(&["burn"]));
    // It does wait while the child's interpreter starts, and until the child is met.
    assert!(waited < 0.3 * burnt, "{:?}", answer.names());
}

#[test]
fn python_behind_a_shell_is_found() {
    let project = Profiled::new(&[("main.py", "from burn import burn\ndef work():\n    burn(0.5)\nwork()\n"), BURN]);
    let python = python();
    let script = format!("'{}' main.py", python.display());
    let output = project.command(&python).args([".", "--", "sh", "-c", &format!("{script}; true")]).output();
    assert_burnt(&project.answer(&output.expect("cmdx starts")), 0.5, "work");
}

#[test]
fn a_program_that_becomes_another_is_followed() {
    let main = "import os, sys\nfrom burn import burn\nburn(0.3)\nos.execv(sys.executable, ['python', 'next.py'])\n";
    let next = "from burn import burn\ndef work():\n    burn(0.7)\nwork()\n";
    let project = Profiled::new(&[("main.py", main), ("next.py", next), BURN]);
    assert_burnt(&project.run(&python(), &["main.py"]), 1.0, "work");
}

/// A suite of four tests, each of which costs the same.
fn suite() -> Profiled {
    let tests = "
import pytest
from shop import checkout

@pytest.mark.parametrize('n', range(4))
def test_checkout(n):
    assert checkout(n) == n
";
    let shop = "from burn import burn\ndef checkout(n):\n    burn(0.2)\n    return n\n";
    let configuration = "[project]\nname = 'shop'\nversion = '1'\n[tool.pytest.ini_options]\npythonpath = ['.']\n";
    Profiled::new(&[("tests/test_shop.py", tests), ("shop.py", shop), ("pyproject.toml", configuration), BURN])
}

#[test]
fn pytest_with_and_without_workers_and_coverage() {
    let python = packages();
    for plugins in [&[][..], &["-n", "2"], &["--cov=."]] {
        let words = [&["-m", "pytest", "-q", "-p", "no:cacheprovider"], plugins].concat();
        let answer = suite().run(&python, &words);
        assert!(answer.stdout.contains("4 passed"), "{}", answer.stdout);
        assert_burnt(&answer, 0.8, "checkout");
    }
}

#[test]
fn a_suite_is_profiled_without_being_named() {
    let project = suite();
    let output = project.command(&packages()).arg(".").output().expect("cmdx starts");
    let answer = project.answer(&output);
    assert_eq!(output.status.code(), Some(0));
    assert_burnt(&answer, 0.8, "checkout");
}

#[test]
fn flask_views_are_named() {
    let answer = run(
        &packages(),
        "
from flask import Flask
from burn import burn

app = Flask(__name__)

@app.route('/<int:n>')
def basket(n):
    burn(0.1)
    return {'n': n}

client = app.test_client()
for n in range(5):
    assert client.get('/%d' % n).json == {'n': n}
",
    );
    assert_burnt(&answer, 0.5, "basket");
}

#[test]
fn django_views_are_named() {
    let answer = run(
        &packages(),
        "
import django
from django.conf import settings
from django.http import JsonResponse
from django.urls import path
from burn import burn

def basket(request, n):
    burn(0.1)
    return JsonResponse({'n': n})

urlpatterns = [path('<int:n>', basket)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=['testserver'], SECRET_KEY='x')
django.setup()
from django.test import Client

client = Client()
for n in range(5):
    assert client.get('/%d' % n).json() == {'n': n}
",
    );
    assert_burnt(&answer, 0.5, "basket");
}

#[test]
fn fastapi_endpoints_are_named_on_the_loop_and_in_its_threads() {
    let answer = run(
        &packages(),
        "
from fastapi import FastAPI
from fastapi.testclient import TestClient
from burn import burn

app = FastAPI()

@app.get('/thread/{n}')
def in_thread(n: int):
    burn(0.1)
    return {'n': n}

@app.get('/loop/{n}')
async def on_loop(n: int):
    burn(0.1)
    return {'n': n}

client = TestClient(app)
for n in range(3):
    assert client.get('/thread/%d' % n).json() == {'n': n}
    assert client.get('/loop/%d' % n).json() == {'n': n}
",
    );
    assert_burnt(&answer, 0.6, "in_thread");
    assert_burnt(&answer, 0.6, "on_loop");
}

/// An application for either kind of server.
const SERVED: &str = "
import os
import signal
from burn import burn

def basket():
    burn(0.1)
    return b'basket'

def wsgi(environment, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    if environment['PATH_INFO'] == '/stop':
        os.kill(os.getppid(), signal.SIGTERM)
        return [b'']
    return [basket()]

async def asgi(scope, receive, send):
    if scope['type'] == 'http':
        body = basket()
        await send({'type': 'http.response.start', 'status': 200, 'headers': []})
        await send({'type': 'http.response.body', 'body': body})
";

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// The answer to one request; `None` when nobody listens yet.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// Profiles `python -m words…` serving on `port` until it ends by itself or at the deadline; sends `n` requests, two at a
/// time, and then `last`.
fn served(words: &[&str], port: u16, deadline: &str, n: usize, last: Option<&str>) -> Answer {
    let project = Profiled::new(&[("served.py", SERVED), BURN]);
    let python = packages();
    let mut command = project.command(&python);
    command.args(["--deadline", deadline, ".", "--"]).arg(&python).arg("-m").args(words);
    let cmdx = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("cmdx starts");
    let give_up = Instant::now() + Duration::from_secs(50);
    while TcpStream::connect(("127.0.0.1", port)).is_err() && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..n / 2 {
                    let answer = get(port, "/").unwrap_or_default();
                    assert!(answer.contains("\r\nbasket"), "{answer:?}");
                }
            });
        }
    });
    if let Some(path) = last {
        get(port, path);
    }
    project.answer(&cmdx.wait_with_output().expect("cmdx ends"))
}

#[test]
fn workers_of_gunicorn_are_followed() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let answer = served(&["gunicorn", "-w", "2", "-b", &address, "served:wsgi"], port, "60s", 16, Some("/stop"));
    assert_burnt(&answer, 1.6, "basket");
    let exit = answer.report.workload.as_ref().map(|workload| workload.exit);
    assert_eq!(exit, Some(ExitReason::Exited(0)), "{}", answer.stderr);
    assert!(answer.cpu().processes.len() >= 3, "{:?}", answer.cpu().processes);
}

#[test]
fn workers_of_uvicorn_are_followed_until_the_deadline() {
    let port = free_port();
    let number = port.to_string();
    let words = ["uvicorn", "--workers", "2", "--port", &number, "served:asgi"];
    let answer = served(&words, port, "15s", 16, None);
    assert_burnt(&answer, 1.6, "basket");
    let exit = answer.report.workload.as_ref().map(|workload| workload.exit);
    assert_eq!(exit, Some(ExitReason::DeadlinePassed));
    assert!(answer.cpu().processes.len() >= 3, "{:?}", answer.cpu().processes);
}

/// An environment whose interpreter bears the name of a build without the lock.
fn free_threaded_by_name() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let made = Command::new(python()).args(["-m", "venv", "--copies", "--without-pip"]).arg(directory.path()).status();
    assert!(made.expect("the interpreter starts").success());
    let binaries = directory.path().join("bin");
    let name = binaries.join("python3.14t");
    fs::rename(binaries.join("python3"), &name).expect("writable");
    for link in ["python", "python3.11"] {
        // Which of the names are links is up to the version of venv.
        drop(fs::remove_file(binaries.join(link)));
    }
    std::os::unix::fs::symlink(&name, binaries.join("python")).expect("writable");
    (directory, name)
}

#[test]
fn an_interpreter_that_cannot_be_read_runs_all_the_same_and_its_queries_are_traced() {
    let main = "
import sqlite3
from burn import burn

connection = sqlite3.connect(':memory:')
for n in range(20):
    connection.execute('select ?', (n,)).fetchall()
burn(0.2)
print('done')
";
    let (_directory, python) = free_threaded_by_name();
    let answer = Profiled::new(&[("main.py", main), BURN]).run(&python, &["main.py"]);
    assert_eq!(answer.stdout, "done\n");
    assert_eq!(answer.cpu().n_samples, 0);
    let problems = &answer.report.problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    let said = "the workload was not sampled: CPython 3.14 without the global interpreter lock cannot be read yet";
    assert_eq!(problems[0].message, said);
    assert!(problems[0].hint.as_ref().is_some_and(|hint| hint.contains("--python python3.14")), "{problems:?}");
    let queries = answer.report.profile.as_ref().and_then(|profile| profile.queries.as_ref()).expect("traced");
    assert!(queries.groups.iter().any(|group| group.n_queries == 20), "{queries:?}");
}
