"""Imports files of the project from rewritten copies, with the names and places of the originals, and notes which of
the rewritten lines run, by which test, with which arguments. Nothing of the project is written.

`CMDX_OVERLAY` names a JSON document:
    files     {path on disk: path of the copy}
    probes    {path on disk: {number of the rewrite: [lines]}}, present when a run is observed
    record    directory for what was observed
    grabs     {path on disk: {qualified name: number of its decorators}}: functions to reach below their decorators
    results   directory for the outcomes of unittest's tests, when they are wanted
"""
import ast
import builtins
import functools
import importlib.machinery
import json
import os
import pickle
import sys
import threading
import types

FILES = {}
PROBES = {}
GRABS = {}
#: Functions below their decorators, by (path, qualified name).
GRABBED = {}
RECORD = None
#: Name of the test that runs; set by the test plugins.
CURRENT_TEST = [None]
#: Calls of one function whose arguments are kept, and bytes of them.
CALLS_MAX = 12
CALL_BYTES_MAX = 4 << 20

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

_hits = {}
_sizes = {}
_functions = {}
_calls = {}
_lock = threading.Lock()
_is_noting = threading.local()


def start(environment):
    with open(environment["CMDX_OVERLAY"], "rb") as file:
        settings = json.loads(file.read().decode("utf-8"))
    global RECORD
    FILES.update(settings.get("files") or {})
    PROBES.update(settings.get("probes") or {})
    GRABS.update(settings.get("grabs") or {})
    RECORD = settings.get("record")
    _patch_loader()
    if GRABS:
        builtins.__cmdx_grab__ = _grabber
    if RECORD and PROBES:
        import atexit

        builtins.__cmdx_hit__ = _hit
        builtins.__cmdx_record__ = _recorder
        builtins.__cmdx_class__ = _class_watch
        atexit.register(_write)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forget)
    if environment.get("CMDX_MEMORY"):
        import cmdx_memory

        cmdx_memory.watch(environment["CMDX_RESULTS"])
    if settings.get("results"):
        import cmdx_tests

        cmdx_tests.watch_unittest(settings["results"])


def reshaped():
    """Classes that keep other things in `self` in the rewritten files than on disk: {(path, qualified name)}."""
    found = set()
    for path, copy in FILES.items():
        try:
            with open(path, "rb") as before, open(copy, "rb") as after:
                old, new = _shapes(before.read()), _shapes(after.read())
        except (OSError, SyntaxError, ValueError):
            continue
        found.update((os.path.realpath(path), name) for name in old if old[name] != new.get(name))
    return found


def _shapes(source):
    """What `__init__` gives `self`, by the qualified name of the class."""
    shapes = {}
    waiting = [(ast.parse(source), "")]
    while waiting:
        node, prefix = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                made = [each for each in child.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
                shapes[prefix + child.name] = sorted(_stored(made))
                waiting.append((child, prefix + child.name + "."))
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                waiting.append((child, prefix + child.name + ".<locals>."))
            else:
                waiting.append((child, prefix))
    return shapes


def _stored(functions):
    for function in functions:
        for node in ast.walk(function):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
            for target in targets:
                if isinstance(target, ast.Attribute):
                    yield "%s = %s" % (target.attr, ast.dump(node.value) if node.value else "")


def _patch_loader():
    loader = importlib.machinery.SourceFileLoader
    original = loader.get_code

    def get_code(self, fullname):
        code = code_of(self.path)
        return original(self, fullname) if code is None else code

    loader.get_code = get_code
    import runpy

    if hasattr(runpy, "_get_code_from_file"):
        base = runpy._get_code_from_file

        def from_file(*args, **kwargs):
            code = code_of(args[-1])
            if code is None:
                return base(*args, **kwargs)
            found = base(*args, **kwargs)
            return (code,) + tuple(found[1:]) if isinstance(found, tuple) else code

        runpy._get_code_from_file = from_file


def code_of(path):
    """The code of a rewritten or observed file; None for all others."""
    if path is None:
        return None
    real = os.path.realpath(path)
    if real not in FILES and real not in PROBES and real not in GRABS:
        return None
    with open(FILES.get(real, real), "rb") as file:
        source = file.read()
    if real not in PROBES and real not in GRABS:
        return compile(source, path, "exec", dont_inherit=True)
    tree = ast.parse(source, path)
    if real in PROBES:
        _instrument(tree, real, PROBES[real])
    else:
        _grab(tree, real, GRABS[real])
    return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


def _instrument(tree, path, rewrites):
    parents = {}
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            parents[child] = node
    functions = [node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)]
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = _names(functions, parents)
    places = []
    recorded = set()
    for number, lines in sorted(rewrites.items(), key=lambda item: int(item[0])):
        seen = {}
        for line in sorted(lines):
            inside = [f for f in functions + classes if _first_line(f) <= line <= f.end_lineno]
            function = max(inside, key=lambda f: f.lineno) if inside else None
            if function not in seen:
                seen[function] = line
        if any(isinstance(place, _FUNCTIONS) for place in seen):
            seen = {place: line for place, line in seen.items() if isinstance(place, _FUNCTIONS)}
        elif len(seen) > 1:
            seen.pop(None, None)
        _sizes[(path, number)] = len(seen)
        owners = _functions.setdefault((path, number), set())
        for index, (function, line) in enumerate(seen.items()):
            places.append((function or tree, line, number, index))
            outer = function
            while isinstance(outer, _FUNCTIONS):
                above = parents.get(outer)
                while above is not None and not isinstance(above, _FUNCTIONS):
                    above = parents.get(above)
                if above is None:
                    break
                outer = above
            if isinstance(outer, _FUNCTIONS):
                recorded.add(outer)
                owners.add(names[outer])
    for function in recorded:
        _decorate(function, path, names[function])
    for scope, line, number, index in places:
        if isinstance(scope, ast.ClassDef):
            scope.decorator_list.insert(0, _call("__cmdx_class__", [path, number, index], scope))
        else:
            _probe(scope, line, path, number, index)


def _first_line(function):
    return min([function.lineno] + [decorator.lineno for decorator in function.decorator_list])


def _names(functions, parents):
    """Qualified names; the second function of a name (the setter of a property) is `name#2`."""
    names, counts = {}, {}
    for function in sorted(functions, key=lambda f: (f.lineno, f.col_offset)):
        parts = [function.name]
        above = parents.get(function)
        while above is not None:
            if isinstance(above, (ast.ClassDef,) + _FUNCTIONS):
                parts.append(above.name)
            above = parents.get(above)
        name = ".".join(reversed(parts))
        counts[name] = counts.get(name, 0) + 1
        names[function] = name if counts[name] == 1 else "%s#%d" % (name, counts[name])
    return names


def _grab(tree, path, wanted):
    parents = {}
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            parents[child] = node
    functions = [node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)]
    for function, name in _names(functions, parents).items():
        if name in wanted:
            # A decorator that a rewrite added stands next to the function and is part of the new code.
            at = min(wanted[name], len(function.decorator_list))
            function.decorator_list.insert(at, _call("__cmdx_grab__", [path, name], function))


def _grabber(path, name):
    def decorate(function):
        GRABBED[(path, name)] = function
        return function

    return decorate


def _call(name, arguments, place):
    call = ast.Call(ast.Name(name, ast.Load()), [ast.Constant(value) for value in arguments], [])
    for node in ast.walk(call):
        node.lineno = node.end_lineno = place.lineno
        node.col_offset = node.end_col_offset = place.col_offset
    return call


def _decorate(function, path, qualified):
    place = function.decorator_list[-1] if function.decorator_list else function
    arguments = [path, qualified, len(function.decorator_list)]
    function.decorator_list.append(_call("__cmdx_record__", arguments, place))


def _probe(scope, line, path, number, index):
    """Puts a note before the innermost statement of the scope that holds the line."""
    body, at, node = scope.body, 0, scope
    first = 1 if ast.get_docstring(scope, clean=False) is not None else 0
    while first < len(scope.body) and isinstance(scope, ast.Module) and _is_future(scope.body[first]):
        first += 1
    at = first
    while True:
        found = None
        for block in _blocks(node):
            for position, statement in enumerate(block):
                if statement.lineno <= line <= statement.end_lineno and _can_hold(statement):
                    found = (block, position, statement)
        if found is None or isinstance(found[2], (ast.ClassDef,) + _FUNCTIONS):
            break
        body, at, node = found
        if body is scope.body:
            at = max(at, first)
    if at > len(body):
        return
    place = body[min(at, len(body) - 1)]
    statement = ast.Expr(_call("__cmdx_hit__", [path, number, index], place))
    statement.lineno = statement.end_lineno = place.lineno
    statement.col_offset = statement.end_col_offset = place.col_offset
    body.insert(at, statement)


def _is_future(statement):
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _can_hold(statement):
    return not getattr(statement, "_cmdx", False)


def _blocks(node):
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block
    for handler in getattr(node, "handlers", ()):
        yield handler.body
    for case in getattr(node, "cases", ()):
        yield case.body


def _hit(path, number, index):
    key = (path, number)
    seen = _hits.get(key)
    if seen is None:
        seen = _hits[key] = (set(), set(), [0])
    seen[0].add(index)
    seen[2][0] += 1
    if len(seen[1]) < 2000:
        seen[1].add(CURRENT_TEST[0])


def _class_watch(path, number, index):
    """A rewritten class runs where an instance is made; one that cannot be watched, where it is defined."""

    def decorate(cls):
        made = getattr(cls, "__init__", object.__init__)
        if made is object.__init__ or not isinstance(made, types.FunctionType):
            _hit(path, number, index)
            return cls

        @functools.wraps(made)
        def __init__(self, *args, **kwargs):
            _hit(path, number, index)
            return made(self, *args, **kwargs)

        try:
            cls.__init__ = __init__
        except (TypeError, AttributeError):
            _hit(path, number, index)
        return cls

    return decorate


def _forget():
    _hits.clear()
    _calls.clear()


def _recorder(path, qualified, n_decorators):
    def decorate(function):
        if not isinstance(function, types.FunctionType):
            return function
        import inspect

        key = (path, qualified, function.__module__, n_decorators)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def coroutine(*args, **kwargs):
                kept = _note(key, args, kwargs)
                try:
                    result = await function(*args, **kwargs)
                except BaseException as error:
                    if kept is not None:
                        kept[1] = "raised " + type(error).__name__
                    raise
                if kept is not None:
                    kept[1] = "returned"
                return result

            return coroutine
        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            async def async_generator(*args, **kwargs):
                _note(key, args, kwargs)
                inner = function(*args, **kwargs)
                try:
                    item = await inner.__anext__()
                    while True:
                        try:
                            sent = yield item
                        except GeneratorExit:
                            await inner.aclose()
                            raise
                        except BaseException as error:
                            item = await inner.athrow(error)
                        else:
                            item = await inner.asend(sent)
                except StopAsyncIteration:
                    return

            return async_generator
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*args, **kwargs):
                # How it ends is seen by whoever drains it, not here.
                _note(key, args, kwargs)
                return (yield from function(*args, **kwargs))

            return generator

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            kept = _note(key, args, kwargs)
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                if kept is not None:
                    kept[1] = "raised " + type(error).__name__
                raise
            if kept is not None:
                kept[1] = "returned"
            return result

        return wrapper

    return decorate


def _note(key, args, kwargs):
    """Keeps a copy of the arguments; returns its record, whose second item the caller sets to how the call ended."""
    if getattr(_is_noting, "value", False):
        return None
    _is_noting.value = True
    try:
        calls = _calls.setdefault(key, {"n": 0, "kept": [], "bytes": 0, "refused": None})
        calls["n"] += 1
        n = calls["n"]
        # The first calls, then fewer and fewer: a late call may be the large one.
        if len(calls["kept"]) >= 2 * CALLS_MAX or not (n <= CALLS_MAX or n & (n - 1) == 0):
            return None
        if calls["bytes"] > 4 * CALL_BYTES_MAX:
            return None
        try:
            content = pickle.dumps((args, kwargs), protocol=4)
        except BaseException as error:
            calls["refused"] = "an argument cannot be copied (%s)" % type(error).__name__
            return None
        if len(content) > CALL_BYTES_MAX:
            calls["refused"] = "its arguments are too large to keep"
            return None
        calls["bytes"] += len(content)
        with _lock:
            if any(known[0] == content for known in calls["kept"]):
                return None
            record = [content, None]
            calls["kept"].append(record)
            return record
    finally:
        _is_noting.value = False


def _write():
    name = os.path.join(RECORD, "observed-%d" % os.getpid())
    hits = [
        {
            "path": path,
            "rewrite": int(number),
            "n_places": size,
            "functions": sorted(_functions[(path, number)]),
            "places": sorted(_hits.get((path, number), ((), (), [0]))[0]),
            "n_hits": _hits.get((path, number), ((), (), [0]))[2][0],
            "tests": sorted(test for test in _hits.get((path, number), ((), (), [0]))[1] if test),
        }
        for (path, number), size in _sizes.items()
    ]
    calls = []
    for index, ((path, qualified, module, n_decorators), found) in enumerate(sorted(_calls.items())):
        file = None
        if found["kept"]:
            file = "%s-%d.calls" % (name, index)
            with open(file, "wb") as out:
                pickle.dump(found["kept"], out, protocol=4)
        calls.append(
            {
                "path": path,
                "function": qualified,
                "module": module,
                "n_decorators": n_decorators,
                "n_calls": found["n"],
                "n_kept": len(found["kept"]),
                "refused": found["refused"],
                "file": file,
                "sys_path": [entry for entry in sys.path if isinstance(entry, str)],
            }
        )
    with open(name + ".json", "w") as out:
        json.dump({"hits": hits, "calls": calls}, out)
