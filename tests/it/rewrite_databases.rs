//! Runs what the query rules rewrite against real libraries and a real database: the answer stays the same, to the
//! order of rows, and the number of statements falls. Traps stay as they are.

use std::fs;
use std::process::Command;

use cmdx::engine::rewrite::{Application, ScanOptions, apply};
use cmdx::model::Safety;
use serde_json::Value;

use crate::environments;

const SQLALCHEMY: &str = r#"
from sqlalchemy import Column, ForeignKey, Integer, String, create_engine, event, func, select
from sqlalchemy.orm import Session, declarative_base, relationship

Base = declarative_base()


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String(20))
    team = Column(String(20), nullable=False)
    posts = relationship("Post", back_populates="user")

    @property
    def n_posts(self):
        return len(self.posts)

    def card(self):
        return {"name": self.name, "n": self.n_posts}


class Post(Base):
    __tablename__ = "posts"
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer, ForeignKey("users.id"))
    title = Column(String(20), nullable=False)
    score = Column(Integer, default=0)
    user = relationship("User", back_populates="posts")


statements = []
engine = create_engine("sqlite://")
event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
Base.metadata.create_all(engine)
session = Session(engine)
session.add_all([User(id=i, name="n%d" % (i % 3), team="ab"[i % 2]) for i in (4, 2, 9, 1, 7, 3)])
session.add_all([Post(id=i, user_id=[4, 2, 9, 4, None, 4, 2][i % 7], title="t%d" % (i % 4), score=i % 5) for i in range(1, 20)])
session.commit()
session.expunge_all()
"#;

const DJANGO: &str = r#"
import django
from django.conf import settings
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, USE_TZ=False, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
django.setup()
from django.db import connection, models


class Customer(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "shop"


class Order(models.Model):
    customer = models.ForeignKey(Customer, null=True, related_name="orders", on_delete=models.CASCADE)
    total = models.IntegerField(default=0)
    is_open = models.BooleanField(default=False)

    class Meta:
        app_label = "shop"
        ordering = ["-total", "id"]


statements = []


def noted(execute, sql, params, many, context):
    statements.append(sql)
    return execute(sql, params, many, context)


with connection.schema_editor() as editor:
    editor.create_model(Customer)
    editor.create_model(Order)
for i in (3, 1, 5, 4):
    Customer.objects.create(id=i, name="c%d" % (i % 2))
for i in range(1, 15):
    Order.objects.create(id=i, customer_id=[3, 1, 3, None, 5][i % 5], total=i % 4, is_open=i % 3 == 0)
connection.execute_wrappers.append(noted)
"#;

const PEEWEE: &str = r#"
import logging
from peewee import CharField, ForeignKeyField, IntegerField, Model, SqliteDatabase

db = SqliteDatabase(":memory:")


class Buoy(Model):
    code = CharField(unique=True)
    depth = IntegerField(null=True)

    class Meta:
        database = db


class Reading(Model):
    buoy = ForeignKeyField(Buoy, backref="readings")
    height = IntegerField(default=0)

    class Meta:
        database = db


statements = []


class Notes(logging.Handler):
    def emit(self, record):
        statements.append(record.getMessage())


db.create_tables([Buoy, Reading])
for code in ("N1", "n1", "S2"):
    Buoy.create(code=code, depth=len(code))
for i in range(9):
    Reading.create(buoy=[1, 3, 1][i % 3], height=i)
logging.getLogger("peewee").addHandler(Notes())
logging.getLogger("peewee").setLevel(logging.DEBUG)
"#;

const RUNNER: &str = r#"
import json, sys
space = {"__name__": "module"}
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), space)
space["statements"].clear()
try:
    answer = repr(space["run"]())
except Exception as error:
    answer = "%s: %s" % (type(error).__name__, error)
json.dump([answer, len(space["statements"])], sys.stdout)
"#;

/// Code, and how many statements it sends at most when it is rewritten; 0 for a trap, which stays as it is.
type Program = (&'static str, usize);

const SQLALCHEMY_PROGRAMS: &[Program] = &[
    (
        "def posts_of(user_id):\n    return session.query(Post).filter_by(user_id=user_id).order_by(Post.title, Post.id.desc()).all()\n\n\ndef run():\n    out = []\n    for user in session.query(User).order_by(User.name, User.id):\n        posts = posts_of(user.id)\n        out.append((user.id, [post.id for post in posts]))\n    return out\n",
        2,
    ),
    (
        "class Posts:\n    def __init__(self, session):\n        self.session = session\n\n    def of(self, key, least=1):\n        stmt = select(Post).where(Post.user_id == key, Post.score >= least).order_by(Post.id)\n        return list(self.session.scalars(stmt))\n\n\nclass Report:\n    def __init__(self, session):\n        self.session = session\n        self.posts = Posts(session)\n\n    def lines(self):\n        return [(user.name, [p.title for p in self.posts.of(user.id, least=2)]) for user in self.session.scalars(select(User).order_by(User.id)).all()]\n\n\ndef run():\n    return Report(session).lines()\n",
        2,
    ),
    (
        "def run():\n    best = {}\n    for user in session.scalars(select(User).order_by(User.id)):\n        best[user.id] = session.scalar(select(func.max(Post.score)).where(Post.user_id == user.id))\n    return best\n",
        2,
    ),
    (
        "def run():\n    out = []\n    for key in [3, 4, 99, 4]:\n        n = session.query(Post).filter(Post.user_id == key, Post.score > 0).count()\n        out.append((key, n))\n    return out\n",
        1,
    ),
    ("def run():\n    return [user.card() for user in session.query(User).order_by(User.id.desc())]\n", 2),
    (
        "def run():\n    out = []\n    for key in [9, 4, 77]:\n        out.append(session.query(Post).filter_by(user_id=key).order_by(Post.score.desc(), Post.id).first())\n    return [post and post.id for post in out]\n",
        1,
    ),
    (
        "def one(key):\n    return session.query(User).filter(User.id == key).one()\n\n\ndef run():\n    out = []\n    for key in (1, 2, 50, 3):\n        out.append(one(key).name)\n    return out\n",
        2,
    ),
    (
        "def find(team):\n    users = session.query(User).order_by(User.id).all()\n    return next((u for u in users if u.team == team and not u.name == 'n1'), None)\n\n\ndef run():\n    return [find(team) and find(team).id for team in ('a', 'b', 'A')]\n",
        6,
    ),
    // Traps: rows written meanwhile, a limit for each, a look-up by a column that is not unique, `None`.
    (
        "def run():\n    out = []\n    for user in session.query(User).order_by(User.id).all():\n        out.append([p.id for p in session.query(Post).filter_by(user_id=user.id).order_by(Post.id).all()])\n        session.add(Post(user_id=4, title='new'))\n    return out\n",
        0,
    ),
    (
        "def run():\n    return [[p.id for p in session.query(Post).filter_by(user_id=u.id).order_by(Post.id).limit(2).all()] for u in session.query(User).order_by(User.id).all()]\n",
        0,
    ),
    ("def run():\n    return [session.query(Post).filter_by(title=title).first().id for title in ('t1', 't2')]\n", 0),
];

const DJANGO_PROGRAMS: &[Program] = &[
    (
        "def run():\n    return [(c.id, c.orders.count(), c.orders.filter(is_open=True).exists(), [o.id for o in c.orders.all()]) for c in Customer.objects.order_by('name', 'pk')]\n",
        2,
    ),
    (
        "def newest(customer):\n    return Order.objects.filter(customer=customer, is_open=False).order_by('-total', '-id').first()\n\n\ndef run():\n    out = []\n    for customer in Customer.objects.order_by('id'):\n        order = newest(customer)\n        out.append((customer.name, order and order.id, customer.orders.count()))\n    return out\n",
        2,
    ),
    (
        "def run():\n    return [(order.id, order.customer.name if order.customer else None) for order in Order.objects.filter(total__gt=0)]\n",
        1,
    ),
    (
        "def run():\n    out = {}\n    for key in [3, 5, 8, 3]:\n        out[key] = Order.objects.filter(customer_id=key, total__gte=1).count()\n    return out\n",
        1,
    ),
    (
        "def run():\n    out = []\n    for key in [1, 3, 9]:\n        try_ = Customer.objects.filter(pk=key).first()\n        out.append(try_.name if try_ else '-')\n    return out\n",
        1,
    ),
    // A missing row raises what it raised.
    ("def run():\n    return [Customer.objects.get(pk=key).name for key in (1, 3, 9, 4)]\n", 2),
    // Traps: only the three first of each, rows changed in the loop.
    (
        "def run():\n    return [[o.id for o in Order.objects.filter(customer=c)[:3]] for c in Customer.objects.order_by('id')]\n",
        0,
    ),
    (
        "def run():\n    for order in Order.objects.order_by('id'):\n        if order.customer is not None:\n            order.customer.name += 'x'\n            order.customer.save()\n    return [c.name for c in Customer.objects.order_by('id')]\n",
        0,
    ),
];

const PEEWEE_PROGRAMS: &[Program] = &[
    (
        "def find(code):\n    return Buoy.get_or_none(Buoy.code == code)\n\n\ndef run():\n    out = []\n    for code, height in [('N1', 4), ('zz', 1), ('n1', 2), ('N1', 9)]:\n        buoy = find(code)\n        if buoy is None:\n            out.append(code)\n            continue\n        out.append((buoy.id, buoy.depth + height))\n    return out\n",
        1,
    ),
    (
        "def run():\n    return [(b.code, [r.height for r in Reading.select().where(Reading.buoy == b).order_by(Reading.height.desc())]) for b in Buoy.select().order_by(Buoy.code)]\n",
        2,
    ),
    // A trap: the row is changed, and the next look-up of the same key reads it anew.
    (
        "def run():\n    out = []\n    for code in ('N1', 'N1'):\n        buoy = Buoy.get_or_none(Buoy.code == code)\n        buoy.depth += 5\n        out.append(buoy.depth)\n    return out\n",
        0,
    ),
];

fn rewritten(code: &str) -> Option<String> {
    let scan = ScanOptions {
        python: (3, 9),
        rules: [
            "n-plus-one",
            "query-per-row",
            "lazy-relation",
            "orm-linear-search",
            "orm-filter-in-loop",
            "orm-len-all",
            "get-in-loop",
            "save-in-loop",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..ScanOptions::default()
    };
    let how = Application { scan, least: Safety::NeedsRun, ..Application::default() };
    let applied = apply(&[("app/module.py".to_owned(), code.as_bytes().to_vec())], &how);
    assert!(applied.dropped.is_empty(), "{:?}", applied.dropped);
    applied.files.first().map(|file| String::from_utf8(file.after.clone()).expect("UTF-8"))
}

fn check(package: &str, prelude: &str, programs: &[Program]) {
    let python = environments::environment(&[package]);
    let folder = tempfile::tempdir().expect("a folder");
    let mut wrong = vec![];
    for (number, (program, most)) in programs.iter().enumerate() {
        let code = format!("{prelude}\n\n{program}");
        let Some(after) = rewritten(&code) else {
            if *most > 0 {
                wrong.push(format!("nothing is rewritten in\n{program}"));
            }
            continue;
        };
        let tail = after.find("\ndef run").or(after.find("\nclass Posts")).map_or("", |at| &after[at..]);
        if *most == 0 {
            wrong.push(format!("a trap was rewritten:\n{tail}"));
            continue;
        }
        let paths = [folder.path().join(format!("before{number}.py")), folder.path().join(format!("after{number}.py"))];
        fs::write(&paths[0], &code).expect("writable");
        fs::write(&paths[1], &after).expect("writable");
        let results = paths.map(|path| {
            let output =
                Command::new(&python).args(["-W", "ignore", "-c", RUNNER]).arg(&path).output().expect("starts");
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{told}\n{after}"))
        });
        let statements = |at: usize| results[at][1].as_u64().expect("a number");
        if results[0][0] != results[1][0] {
            wrong.push(format!("{} became {}\n{tail}", results[0][0], results[1][0]));
        }
        if statements(1) > *most as u64 || statements(1) > statements(0) {
            wrong.push(format!("{} statements became {}\n{tail}", statements(0), statements(1)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}

#[test]
fn sqlalchemy_gives_the_same_rows_with_fewer_statements() {
    check("sqlalchemy==2.0.36", SQLALCHEMY, SQLALCHEMY_PROGRAMS);
}

#[test]
fn django_gives_the_same_rows_with_fewer_statements() {
    check("django==4.2.16", DJANGO, DJANGO_PROGRAMS);
}

#[test]
fn peewee_gives_the_same_rows_with_fewer_statements() {
    check("peewee==3.17.8", PEEWEE, PEEWEE_PROGRAMS);
}
