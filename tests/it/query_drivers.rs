//! The N+1 of each driver and object mapper, against the real packages.

use std::path::Path;

use cmdx::model::QueryPatternKind;

use crate::environments::{environment, interpreters};
use crate::servers::{mariadb, postgresql};
use crate::traced::{Traced, assert_n_plus_one, assert_repeated, line, the_pattern};

/// Runs `source` and checks its one N+1.
fn check(python: &Path, source: &str, driver: &str, per_call: u64) {
    let project = Traced::new(&[("main.py", source)]);
    let profile = project.profile_of_main(python);
    assert_n_plus_one(&profile, source, per_call);
    let group = &profile.groups[the_pattern(&profile, QueryPatternKind::NPlusOne).group as usize];
    assert_eq!(group.driver, driver);
}

const SQLITE: &str = r#"
import sqlite3

connection = sqlite3.connect(":memory:")
connection.execute("create table post (id integer primary key, user_id int)")
connection.executemany("insert into post (user_id) values (?)", [(n % 50,) for n in range(150)])

def posts(user):
    cursor = connection.cursor()
    cursor.execute("select * from post where user_id = ?", (user,))  # query
    return cursor.fetchall()

def report():
    total = 0
    for user in range(50):  # loop
        total += len(posts(user))
    return total

print(report() + report())
"#;

#[test]
fn sqlite3_on_every_interpreter() {
    for (minor, python) in interpreters() {
        let project = Traced::new(&[("main.py", SQLITE)]);
        let profile = project.profile_of_main(python);
        let pattern = the_pattern(&profile, QueryPatternKind::NPlusOne);
        let group = &profile.groups[pattern.group as usize];
        assert_eq!((group.n_queries, group.n_rows), (100, Some(300)), "{minor:?}");
        assert_eq!(pattern.site.line, line(SQLITE, "query"), "{minor:?}");
        assert_eq!(pattern.loop_location.map(|location| location.line), Some(line(SQLITE, "loop")), "{minor:?}");
        assert_eq!(pattern.function, "report", "{minor:?}");
        if *minor >= (3, 10) {
            assert_n_plus_one(&profile, SQLITE, 50);
            assert!(profile.notes.is_empty(), "{:?}", profile.notes);
        } else {
            assert_eq!(profile.notes.len(), 1, "{minor:?}");
            assert!(pattern.evidence.contains("calls could not be told apart"), "{}", pattern.evidence);
        }
    }
}

/// Everything that needs no server, in one environment.
fn drivers() -> std::path::PathBuf {
    environment(&[
        "sqlalchemy[asyncio]",
        "flask-sqlalchemy",
        "django",
        "peewee",
        "aiosqlite",
        "requests",
        "httpx",
        "aiohttp",
        "psycopg2-binary",
        "psycopg[binary]",
        "asyncpg",
        "pymysql",
    ])
}

const MODELS: &str = r#"
from sqlalchemy import Column, ForeignKey, Integer, String, create_engine, select
from sqlalchemy.orm import Session, declarative_base, relationship

Base = declarative_base()

class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    posts = relationship("Post", back_populates="user")

class Post(Base):
    __tablename__ = "posts"
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer, ForeignKey("users.id"))
    user = relationship("User", back_populates="posts")

def fill(session):
    session.add_all([User(id=n, name=str(n)) for n in range(1, 31)])
    session.add_all([Post(user_id=n % 30 + 1) for n in range(90)])
    session.commit()
"#;

/// Checks a program that imports [`MODELS`].
fn check_models(source: &str, driver: &str, per_call: u64) {
    let project = Traced::new(&[("main.py", source), ("models.py", MODELS)]);
    let profile = project.profile_of_main(&drivers());
    assert_n_plus_one(&profile, source, per_call);
    let group = &profile.groups[the_pattern(&profile, QueryPatternKind::NPlusOne).group as usize];
    assert_eq!((group.driver.as_str(), group.site.path.as_str()), (driver, "main.py"));
}

#[test]
fn sqlalchemy_lazy_relationship() {
    let source = r#"
from models import *
engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
with Session(engine) as session:
    fill(session)

def report(session):
    total = 0
    for user in session.execute(select(User)).scalars():  # loop
        total += len(user.posts)  # query
    return total

for _ in range(2):
    with Session(engine) as session:
        print(report(session))
"#;
    check_models(source, "sqlite3", 30);
}

#[test]
fn sqlalchemy_classic_query_behind_a_function() {
    let source = r#"
from models import *
engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
session = Session(engine)
fill(session)

def posts_of(user):
    return session.query(Post).filter(Post.user_id == user.id).all()  # query

def report():
    users = session.query(User).all()
    return [len(posts_of(user)) for user in users]  # loop

print(sum(report()))
"#;
    check_models(source, "sqlite3", 30);
}

#[test]
fn sqlalchemy_asynchronous() {
    let source = r#"
import asyncio
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool
from models import *

async def posts_of(session, user):
    result = await session.execute(select(Post).where(Post.user_id == user.id))  # query
    return result.scalars().all()

async def report(session):
    total = 0
    for user in (await session.execute(select(User))).scalars().all():  # loop
        total += len(await posts_of(session, user))
    return total

async def main():
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        await session.run_sync(fill)
        print(await report(session))
    await engine.dispose()

asyncio.run(main())
"#;
    check_models(source, "sqlite3", 30);
}

#[test]
fn sqlalchemy_lazy_loading_inside_run_sync() {
    let source = r#"
import asyncio
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool
from models import *

def report(session):
    total = 0
    for user in session.execute(select(User)).scalars().all():  # loop
        total += len(user.posts)  # query
    return total

async def main():
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        await session.run_sync(fill)
        session.expire_all()
        print(await session.run_sync(report))
    await engine.dispose()

asyncio.run(main())
"#;
    check_models(source, "sqlite3", 30);
}

#[test]
fn flask_sqlalchemy_per_request() {
    let source = r#"
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
db = SQLAlchemy(app)

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    posts = db.relationship("Post")

class Post(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.ForeignKey("user.id"))

@app.route("/users/<int:page>/")
def users(page):
    total = 0
    for user in User.query.all():  # loop
        total += len(user.posts)  # query
    return str(total)

with app.app_context():
    db.create_all()
    db.session.add_all([User(id=n, posts=[Post(), Post()]) for n in range(1, 21)])
    db.session.commit()
client = app.test_client()
for page in range(5):
    assert client.get(f"/users/{page}/").text == "40"
"#;
    let project = Traced::new(&[("main.py", source)]);
    let profile = project.profile_of_main(&drivers());
    assert_n_plus_one(&profile, source, 20);
    let pattern = the_pattern(&profile, QueryPatternKind::NPlusOne);
    assert_eq!(profile.groups[pattern.group as usize].scopes, [0]);
    let scope = &profile.scopes[0];
    assert_eq!((scope.name.as_str(), scope.n_runs), ("GET /users/{n}/", 5));
    assert_eq!((scope.n_queries, scope.n_queries_max), (105, 21));
    assert!(scope.wall_seconds >= scope.query_seconds && scope.query_seconds > 0.0);
}

const DJANGO: &str = r#"
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    ROOT_URLCONF="main", ALLOWED_HOSTS=["*"], DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()
from django.db import connection, models
from django.http import HttpResponse
from django.test import Client
from django.urls import path

class Author(models.Model):
    name = models.CharField(max_length=20)
    class Meta:
        app_label = "app"

class Book(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    class Meta:
        app_label = "app"

def listing(request):
    names = []
    for book in Book.objects.all():  # loop
        names.append(book.author.name)  # query
    return HttpResponse(str(len(names)))

urlpatterns = [path("books/", listing)]

if __name__ == "__main__":
    import sys
    sys.modules["main"] = sys.modules["__main__"]
    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Book)
    Author.objects.bulk_create([Author(name=str(n)) for n in range(25)])
    Book.objects.bulk_create([Book(author_id=n + 1) for n in range(25)])
    for _ in range(3):
        assert Client().get("/books/").content == b"25"
"#;

#[test]
fn django_foreign_key_per_request() {
    let project = Traced::new(&[("main.py", DJANGO)]);
    let profile = project.profile_of_main(&drivers());
    assert_n_plus_one(&profile, DJANGO, 25);
    let scope = &profile.scopes[0];
    assert_eq!((scope.name.as_str(), scope.n_runs, scope.n_queries_max), ("GET /books/", 3, 26));
}

#[test]
fn peewee_backref() {
    let source = r#"
from peewee import *
db = SqliteDatabase(":memory:")

class User(Model):
    class Meta:
        database = db

class Post(Model):
    user = ForeignKeyField(User, backref="posts")
    class Meta:
        database = db

db.create_tables([User, Post])
User.insert_many([{"id": n} for n in range(1, 18)]).execute()
Post.insert_many([{"user": n} for n in range(1, 18)]).execute()

def report():
    total = 0
    for user in User.select():  # loop
        total += len(list(user.posts))  # query
    return total

print(report())
"#;
    check(&drivers(), source, "sqlite3", 17);
}

#[test]
fn aiosqlite_on_its_worker_thread() {
    let source = r#"
import asyncio, aiosqlite

async def posts(db, user):
    async with db.execute("select * from post where user_id = ?", (user,)) as cursor:  # query
        return await cursor.fetchall()

async def report(db):
    total = 0
    for user in range(12):  # loop
        total += len(await posts(db, user))
    return total

async def main():
    async with aiosqlite.connect(":memory:") as db:
        await db.execute("create table post (id integer primary key, user_id int)")
        await db.executemany("insert into post (user_id) values (?)", [(n % 12,) for n in range(60)])
        print(await report(db))

asyncio.run(main())
"#;
    let project = Traced::new(&[("main.py", source)]);
    let profile = project.profile_of_main(&drivers());
    assert_n_plus_one(&profile, source, 12);
    assert_eq!(profile.groups[the_pattern(&profile, QueryPatternKind::NPlusOne).group as usize].n_rows, Some(60));
}

/// Queries that tasks of asyncio send are counted with the code that made the tasks.
#[test]
fn tasks_that_run_side_by_side() {
    let forms = [
        "    rows = await asyncio.gather(*[posts(db, user) for user in range(12)])  # loop",
        "    tasks = []\n    for user in range(12):\n        tasks.append(asyncio.ensure_future(posts(db, user)))  # from\n    rows = [await task for task in tasks]",
        "    async with asyncio.TaskGroup() as group:\n        for user in range(12):\n            group.create_task(posts(db, user))  # from\n    rows = []",
    ];
    for form in forms {
        let source = format!(
            r#"
import asyncio, aiosqlite

async def posts(db, user):
    await asyncio.sleep(0)
    async with db.execute("select * from post where user_id = ?", (user,)) as cursor:  # query
        return await cursor.fetchall()

async def report(db):
{form}
    return len(rows)

async def main():
    async with aiosqlite.connect(":memory:") as db:
        await db.execute("create table post (id integer primary key, user_id int)")
        await db.executemany("insert into post (user_id) values (?)", [(n % 12,) for n in range(60)])
        print(await report(db), await report(db))

asyncio.run(main())
"#
        );
        let profile = Traced::new(&[("main.py", &source)]).profile_of_main(&drivers());
        let pattern = the_pattern(&profile, QueryPatternKind::NPlusOne);
        assert_eq!((pattern.function.as_str(), pattern.site.line), ("report", line(&source, "query")), "{pattern:#?}");
        let group = &profile.groups[pattern.group as usize];
        let found = group.repeated_by.as_ref().expect("a loop");
        assert!((found.per_call - 12.0).abs() < 1e-9 && found.n_calls == 2, "{group:#?}");
        let expected = if form.contains("# from") { line(&source, "from") - 1 } else { line(&source, "loop") };
        assert_eq!(found.location.line, expected, "{group:#?}");
    }
}

const SERVER: &str = r#"
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = "http://127.0.0.1:%d" % server.server_address[1]
"#;

/// Checks a client whose `fetch(n)` is repeated in `report`.
fn check_http(fetch: &str, driver: &str) {
    let source = format!(
        "{fetch}

def report():
    total = 0
    for n in range(8):  # loop
        total += len(fetch(n))
    return total

print(report())
"
    );
    let project = Traced::new(&[("main.py", &source), ("server.py", SERVER)]);
    let profile = project.profile_of_main(&drivers());
    let pattern = the_pattern(&profile, QueryPatternKind::HttpPerItem);
    assert_repeated(&pattern, &profile, &source, 8);
    let group = &profile.groups[pattern.group as usize];
    assert_eq!(profile.n_queries, 8, "one event per call: {:#?}", profile.groups);
    assert_eq!(group.driver, driver);
    assert!(group.fingerprint.starts_with("GET http://127.0.0.1:"), "{}", group.fingerprint);
    assert!(group.fingerprint.ends_with("/users/{n}"), "{}", group.fingerprint);
}

#[test]
fn requests_in_a_loop() {
    check_http(
        "import requests
from server import base
def fetch(n):
    return requests.get(f'{base}/users/{n}', params={'token': 'secret'}).text  # query",
        "urllib3",
    );
}

#[test]
fn httpx_in_a_loop() {
    check_http(
        "import httpx
from server import base
client = httpx.Client()
def fetch(n):
    return client.get(f'{base}/users/{n}').text  # query",
        "httpx",
    );
}

#[test]
fn asynchronous_httpx_in_a_loop() {
    let source = "import asyncio, httpx
from server import base
async def report():
    total = 0
    async with httpx.AsyncClient() as client:
        for n in range(8):  # loop
            total += len((await client.get(f'{base}/users/{n}')).text)  # query
    return total
print(asyncio.run(report()))
";
    let project = Traced::new(&[("main.py", source), ("server.py", SERVER)]);
    let profile = project.profile_of_main(&drivers());
    assert_repeated(&the_pattern(&profile, QueryPatternKind::HttpPerItem), &profile, source, 8);
}

#[test]
fn aiohttp_in_a_loop() {
    let source = "import asyncio, aiohttp
from server import base
async def report():
    total = 0
    async with aiohttp.ClientSession() as client:
        for n in range(8):  # loop
            async with client.get(f'{base}/users/{n}') as response:  # query
                total += len(await response.text())
    return total
print(asyncio.run(report()))
";
    let project = Traced::new(&[("main.py", source), ("server.py", SERVER)]);
    let profile = project.profile_of_main(&drivers());
    let pattern = the_pattern(&profile, QueryPatternKind::HttpPerItem);
    assert_repeated(&pattern, &profile, source, 8);
    assert_eq!(profile.groups[pattern.group as usize].driver, "aiohttp");
}

#[test]
fn urllib_in_a_loop() {
    check_http(
        "from urllib.request import urlopen
from server import base
def fetch(n):
    return urlopen(f'{base}/users/{n}').read()  # query",
        "urllib",
    );
}

#[test]
fn http_client_in_a_loop() {
    check_http(
        "from http.client import HTTPConnection
from server import server
connection = HTTPConnection(*server.server_address)
def fetch(n):
    connection.request('GET', f'/users/{n}')
    return connection.getresponse().read()  # query",
        "http.client",
    );
}

/// A table of 40 posts, made and filled by `run(sql)`.
const POSTS: &str = "
def fill(run):
    run('drop table if exists TABLE')
    run('create table TABLE (id int primary key, user_id int)')
    for n in range(40):
        run('insert into TABLE values (%d, %d)' % (n, n % 10))
";

/// Checks a driver of a server at `SOCKET`.
fn check_server(socket: &Path, table: &str, source: &str, driver: &str) {
    let adapt = |text: &str| text.replace("SOCKET", &socket.to_string_lossy()).replace("TABLE", table);
    let (source, posts) = (adapt(source), adapt(POSTS));
    let project = Traced::new(&[("main.py", &source), ("posts.py", &posts)]);
    let profile = project.profile_of_main(&drivers());
    let pattern = profile
        .patterns
        .iter()
        .find(|pattern| pattern.kind == QueryPatternKind::NPlusOne)
        .unwrap_or_else(|| panic!("no N+1 in {profile:#?}"));
    assert_repeated(pattern, &profile, &source, 10);
    let group = &profile.groups[pattern.group as usize];
    assert_eq!((group.driver.as_str(), group.n_rows), (driver, Some(40)), "{group:#?}");
    assert_eq!(group.fingerprint, format!("select * from {table} where user_id = ?"));
    let expected = format!("10 queries per call, from the loop at line {}", line(&source, "loop"));
    assert_eq!(pattern.evidence, expected);
}

#[test]
fn psycopg2_with_and_without_a_cursor_of_its_own() {
    let Some(server) = postgresql() else { return };
    let source = r#"
import psycopg2, psycopg2.extras
from posts import fill
connection = psycopg2.connect(host="SOCKET", user="postgres", password="secret")
cursor = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
fill(cursor.execute)
connection.commit()
assert type(connection) is psycopg2.extensions.connection
assert type(connection.cursor()) is psycopg2.extensions.cursor

def posts(user):
    cursor.execute("select * from TABLE where user_id = %s", (user,))  # query
    return cursor.fetchall()

def report():
    return sum([len(posts(user)) for user in range(10)])  # loop

assert report() == 40
"#;
    check_server(&server.socket, "posts_psycopg2", source, "psycopg2");
}

#[test]
fn psycopg_3() {
    let Some(server) = postgresql() else { return };
    let source = r#"
import psycopg
from posts import fill
connection = psycopg.connect(host="SOCKET", user="postgres", autocommit=True)
fill(connection.execute)

def posts(user):
    return connection.execute("select * from TABLE where user_id = %(user)s", {"user": user}).fetchall()  # query

def report():
    total = 0
    for user in range(10):  # loop
        total += len(posts(user))
    return total

assert report() == 40
"#;
    check_server(&server.socket, "posts_psycopg", source, "psycopg");
}

#[test]
fn asynchronous_psycopg_3() {
    let Some(server) = postgresql() else { return };
    let source = r#"
import asyncio, psycopg
from posts import fill

async def posts(connection, user):
    cursor = await connection.execute("select * from TABLE where user_id = %s", [user])  # query
    return await cursor.fetchall()

async def main():
    with psycopg.connect(host="SOCKET", user="postgres", autocommit=True) as connection:
        fill(connection.execute)
    async with await psycopg.AsyncConnection.connect(host="SOCKET", user="postgres") as connection:
        total = 0
        for user in range(10):  # loop
            total += len(await posts(connection, user))
    assert total == 40

asyncio.run(main())
"#;
    check_server(&server.socket, "posts_psycopg_async", source, "psycopg");
}

#[test]
fn asyncpg_and_its_pool() {
    let Some(server) = postgresql() else { return };
    let source = r#"
import asyncio, asyncpg
from posts import fill

async def posts(pool, user):
    return await pool.fetch("select * from TABLE where user_id = $1", user)  # query

async def main():
    statements = []
    fill(statements.append)
    async with asyncpg.create_pool(host="SOCKET", user="postgres", min_size=1, max_size=1) as pool:
        await pool.execute(";".join(statements))
        total = 0
        for user in range(10):  # loop
            total += len(await posts(pool, user))
    assert total == 40

asyncio.run(main())
"#;
    check_server(&server.socket, "posts_asyncpg", source, "asyncpg");
}

#[test]
fn pymysql() {
    let Some(server) = mariadb() else { return };
    let source = r#"
import pymysql
from posts import fill
connection = pymysql.connect(unix_socket="SOCKET", user="root")
cursor = connection.cursor()
cursor.execute("create database if not exists shop")
connection.select_db("shop")
fill(cursor.execute)
connection.commit()

def posts(user):
    cursor.execute("select * from TABLE where user_id = %s", (user,))  # query
    return cursor.fetchall()

def report():
    total = 0
    for user in range(10):  # loop
        total += len(posts(user))
    return total

assert report() == 40
"#;
    check_server(&server.socket, "posts_pymysql", source, "pymysql");
}

#[test]
fn sqlalchemy_on_asyncpg() {
    let Some(server) = postgresql() else { return };
    let source = r#"
import asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from posts import fill

async def main():
    engine = create_async_engine("postgresql+asyncpg://postgres@/postgres?host=SOCKET")
    statements = []
    fill(statements.append)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
        total = 0
        for user in range(10):  # loop
            result = await connection.execute(text("select * from TABLE where user_id = :user"), {"user": user})  # query
            total += len(result.all())
    assert total == 40
    await engine.dispose()

asyncio.run(main())
"#;
    check_server(&server.socket, "posts_sqlalchemy", source, "asyncpg");
}
