"""Runs the functions of two versions of a module on the same generated arguments and tells where they differ.

Reads a JSON list of {rule, before, after, claim} from standard input, writes one of {rule, n_calls, skipped, differences}.
"""
import contextlib
import inspect
import io
import itertools
import json
import os
import signal
import sys
import tempfile
import types

NAN = float("nan")
FOLDER = tempfile.mkdtemp()
GOOD, BAD = os.path.join(FOLDER, "good.txt"), os.path.join(FOLDER, "bad.txt")
with open(GOOD, "w") as stream:
    stream.write("one\n\ntwo words\nlast")
with open(BAD, "wb") as stream:
    stream.write(b"fine\n" * 3000 + b"\xff\xfe\n")


class Odd(str):
    """Equal to everything, with a hash of its own."""

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class Mine(list):
    pass


class Row:
    def __init__(self, key, value):
        self.key = self.id = self.user_id = self.name = key
        self.value = self.time = value

    def __repr__(self):
        return f"Row({self.key!r}, {self.value!r})"


def raising():
    yield 1
    yield "a"
    raise LookupError("half way")


def generated():
    yield from ("a", "b", "a")


class Again:
    """Iterates anew each time and raises the second time it gets to its end."""

    def __init__(self):
        self.rounds = 0

    def __iter__(self):
        self.rounds += 1
        yield from range(self.rounds)
        if self.rounds > 1:
            raise ValueError(self.rounds)


FACTORIES = [
    list, lambda: [1, 2, 1, 3], lambda: ["a", "b", "a", "é"], lambda: ["x y", "x", ""], lambda: [NAN, NAN, 1.0, 1, True],
    lambda: [None, 0, False, ""], lambda: [[1], [1], [2]], lambda: (3, 1, 2), generated, raising, Again,
    lambda: {"a": 1, "b": [2]}, lambda: {1: [2, 3], 2: [3], 3: []}, lambda: "abc abc", lambda: 5, lambda: None, lambda: Mine([2, 1, 2]),
    lambda: [Odd("p"), Odd("q")], lambda: [Row("a", 2), Row("b", 1), Row("a", 3)], lambda: [("k", 1), ("l", 2), ("k", 3)],
    lambda: GOOD, lambda: BAD, lambda: os.path.join(FOLDER, "missing"), lambda: b"bytes", lambda: [b"x", "x"],
]


def canonical(value, depth=0):
    if depth > 6:
        return "deep"
    if isinstance(value, types.GeneratorType):
        return ["generator", consumed(value, depth)]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, [canonical(each, depth + 1) for each in value]]
    if isinstance(value, (set, frozenset)):
        return [type(value).__name__, sorted(repr(canonical(each, depth + 1)) for each in value)]
    if isinstance(value, dict):
        return [type(value).__name__, [[canonical(k, depth + 1), canonical(v, depth + 1)] for k, v in value.items()]]
    if isinstance(value, Again):
        return ["Again", value.rounds]
    return [type(value).__name__, repr(value) if " at 0x" not in repr(value) else type(value).__name__]


def consumed(generator, depth):
    seen = []
    try:
        for each in itertools.islice(generator, 200):
            seen.append(canonical(each, depth + 1))
    except Exception as error:
        seen.append(["raised", type(error).__name__, str(error)])
    return seen


def outcome(function, factories):
    arguments = [factory() for factory in factories]
    output = io.StringIO()
    signal.setitimer(signal.ITIMER_REAL, 2)
    try:
        with contextlib.redirect_stdout(output):
            result = ["returned", canonical(function(*arguments))]
    except Exception as error:
        result = ["raised", type(error).__name__, str(error)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return [result, [canonical(each) for each in arguments], output.getvalue()]


def stop(*_):
    raise TimeoutError("two seconds")


def loaded(source):
    module = types.ModuleType("example")
    module.__dict__["__name__"] = "example"
    exec(compile(source, "example.py", "exec"), module.__dict__)
    return module


# What an annotation of a plain text or number lets in: rules may rely on these, and on these alone.
PLAIN = {
    "int": [lambda: 0, lambda: 3, lambda: -1, lambda: True, lambda: 10**20],
    "float": [lambda: 0.5, lambda: NAN, lambda: 3, lambda: -0.0],
    "str": [lambda: "", lambda: "a", lambda: "x y\nx", lambda: "2024-05-03", lambda: "03.05.2024 10:00"],
    "bool": [lambda: True, lambda: False],
    "bytes": [lambda: b"", lambda: b"ab"],
}


def allowed(parameter):
    annotation = parameter.annotation
    return PLAIN.get(annotation if isinstance(annotation, str) else getattr(annotation, "__name__", ""), FACTORIES)


def combinations(parameters):
    pools = [allowed(parameter) for parameter in parameters]
    if len(pools) <= 2:
        return itertools.product(*pools)
    return ([pool[(i * (k + 3) + k) % len(pool)] for k, pool in enumerate(pools)] for i in range(400))


def instance(kind):
    """An instance made of as many plain texts as its class asks for."""
    parameters = inspect.signature(kind).parameters.values()
    return kind(*["ab" for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD])


def functions(module):
    """Functions of the module, and methods of the classes that can be made without arguments."""
    for name, value in list(vars(module).items()):
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value) and value.__module__ == "example":
            for method in [each for each in vars(value) if inspect.isfunction(vars(value)[each]) and each != "__init__"]:
                yield f"{name}.{method}", getattr(instance(value), method)


def check(case):
    report = {"rule": case["rule"], "n_calls": 0, "skipped": None, "differences": []}
    try:
        before, after = loaded(case["before"]), loaded(case["after"])
    except Exception as error:
        report["skipped"] = f"{type(error).__name__}: {error}"
        return report
    for name, function in functions(before):
        if inspect.iscoroutinefunction(function):
            continue
        changed = dict(functions(after))[name]
        for factories in combinations(list(inspect.signature(function).parameters.values())):
            factories = list(factories)
            first, second = outcome(function, factories), outcome(changed, factories)
            report["n_calls"] += 1
            if first != second and len(report["differences"]) < 3:
                report["differences"].append(f"{name}({[repr(f())[:60] for f in factories]}): {first} != {second}"[:900])
    return report


signal.signal(signal.SIGALRM, stop)
json.dump([check(case) for case in json.load(sys.stdin)], sys.stdout)
