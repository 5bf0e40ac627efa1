"""Calls functions again with the arguments that a run recorded, and writes what came of it. With the rewritten files in
place the same calls go to the new code; whoever started both compares.

`python cmdx_replay.py JOB OUT`: the job is JSON {"calls": [...], "repeat_seconds": 0 or more}. A call that reaches
outside the process (writes a file, connects, starts a program) is stopped and not compared.
"""
import hashlib
import importlib
import io
import json
import os
import pickle
import random
import sys
import time
import types

ITEMS_MAX = 200000
DEPTH_MAX = 50


class _Reached(BaseException):
    """The call wanted to reach outside."""


_guard = [False, None]
#: The event loop that coroutines are run with, once one was met.
_LOOP = [None]
#: Private copies of the databases that calls open, by the path of the original.
_COPIES = {}
#: Larger databases are not copied; a call that opens one is stopped.
DATABASE_BYTES_MAX = 64 << 20
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = (
    "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "subprocess.Popen", "os.system", "os.exec",
    "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.remove", "os.rename", "os.rmdir", "os.mkdir",
    "os.truncate", "os.chmod", "os.chown", "os.link", "os.symlink", "os.utime", "os.kill", "os.putenv", "os.unsetenv",
    "os.chdir", "shutil.", "smtplib.", "ftplib.", "urllib.Request", "http.client.connect", "webbrowser.open",
    "tempfile.", "pty.spawn", "sqlite3.connect", "ctypes.dlopen",
)


def _audit(event, args):
    if not _guard[0]:
        return
    if event == "open":
        path, mode, flags = (tuple(args) + (None, None, None))[:3]
        if path == os.devnull or (isinstance(path, str) and path.startswith("/dev/")):
            return
        is_write = isinstance(flags, int) and flags & _WRITES
        if is_write or (isinstance(mode, str) and any(letter in mode for letter in "wax+")):
            _guard[1] = "it writes a file"
            raise _Reached()
        return
    if event == "sqlite3.connect/handle":
        return
    if event == "sqlite3.connect" and args and (args[0] in (":memory:", b":memory:") or args[0] in _COPIES.values()):
        return
    if event.startswith(_REFUSED):
        _guard[1] = "it reaches outside the process (%s)" % event
        raise _Reached()


#: Classes whose objects of the old program are none of the new one.
_RESHAPED = set()


def _place(kind):
    """The file and the qualified name of a class."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return os.path.realpath(file) if file else None, kind.__qualname__


def _takes_reshaped(content):
    if not _RESHAPED:
        return False
    _guard[1] = None
    try:
        _Canon().of(pickle.loads(content))
    except _Reached:
        return True
    return False


def _copy_databases(directory):
    """Calls get a private copy of a database file: they may write to it, and both sides find the same rows."""
    try:
        import sqlite3
    except ImportError:
        return
    original = sqlite3.connect

    def connect(database, *args, **kwargs):
        return original(_copied(database, directory, kwargs.get("uri", False)), *args, **kwargs)

    sqlite3.connect = sqlite3.dbapi2.connect = connect


def _copied(database, directory, is_uri):
    try:
        path = os.fspath(database)
    except TypeError:
        return database
    if not isinstance(path, str) or path in ("", ":memory:") or (is_uri and path.startswith("file:")):
        return database
    path = os.path.realpath(path)
    if path in _COPIES.values():
        return path
    if path not in _COPIES:
        if not os.path.isfile(path) or os.path.getsize(path) > DATABASE_BYTES_MAX:
            return database
        copy = os.path.join(directory, "database-%d" % len(_COPIES))
        was_guarded, _guard[0] = _guard[0], False
        try:
            for suffix in ("", "-wal", "-journal"):
                if os.path.isfile(path + suffix):
                    with open(path + suffix, "rb") as source, open(copy + suffix, "wb") as target:
                        target.write(source.read())
        finally:
            _guard[0] = was_guarded
        _COPIES[path] = os.path.realpath(copy)
    return _COPIES[path]


_rows_known = [None, ""]


def _rows():
    """All rows of the copied databases, in their order, as one digest."""
    if not _COPIES:
        return ""
    import sqlite3

    state = []
    for copy in sorted(_COPIES.values()):
        for suffix in ("", "-wal"):
            if os.path.exists(copy + suffix):
                found = os.stat(copy + suffix)
                state.append((copy, suffix, found.st_mtime_ns, found.st_size))
    if _rows_known[0] == state:
        return _rows_known[1]
    digest = hashlib.blake2b(digest_size=16)
    for copy in sorted(_COPIES.values()):
        connection = sqlite3.connect(copy, timeout=1)
        try:
            for line in connection.iterdump():
                digest.update(line.encode("utf-8", "replace"))
        except sqlite3.Error as error:
            digest.update(str(error).encode())
        finally:
            connection.close()
    _rows_known[:] = [state, digest.hexdigest()]
    return _rows_known[1]


class _Canon(object):
    """A value as text that is equal for equal values: types, order, contents; never an address."""

    def __init__(self):
        self.n = 0
        self.open = {}

    def of(self, value, depth=0):
        self.n += 1
        if self.n > ITEMS_MAX or depth > DEPTH_MAX:
            return "..."
        if value is None or value is True or value is False or type(value) in (int, float, complex, str, bytes):
            return "%s:%r" % (type(value).__name__, value)
        if id(value) in self.open:
            return "<again %d>" % self.open[id(value)]
        self.open[id(value)] = len(self.open)
        try:
            return self._inside(value, depth + 1)
        finally:
            del self.open[id(value)]

    def _items(self, items, depth):
        return ",".join(self.of(item, depth) for item in items)

    def _inside(self, value, depth):
        kind = type(value)
        if _RESHAPED and any(_place(each) in _RESHAPED for each in kind.__mro__):
            _guard[1] = "it takes or gives an object whose attributes are others now"
            raise _Reached()
        name = "%s.%s" % (kind.__module__, kind.__qualname__)
        if kind.__module__ in ("__mp_main__", "__main__"):
            name = kind.__qualname__
        if isinstance(value, BaseException):
            return "%s(%s)" % (name, self._items(value.args, depth))
        if isinstance(value, (list, tuple)) or name == "collections.deque":
            return "%s[%s]" % (name, self._items(list(value), depth)) + self._state(value, depth)
        if isinstance(value, dict):
            pairs = ",".join("%s=%s" % (self.of(k, depth), self.of(v, depth)) for k, v in list(value.items()))
            return "%s{%s}" % (name, pairs) + self._state(value, depth)
        if isinstance(value, (set, frozenset)):
            return "%s{%s}" % (name, ",".join(sorted(self.of(item, depth) for item in value)))
        if isinstance(value, type):
            return "class %s.%s" % (value.__module__, value.__qualname__)
        if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
            return "function %s" % getattr(value, "__qualname__", "?")
        if isinstance(value, types.ModuleType):
            return "module %s" % value.__name__
        if isinstance(value, types.AsyncGeneratorType):
            return "iterator[%s]" % _drained(_synchronous(value), self, depth)[0]
        if isinstance(value, types.GeneratorType) or (hasattr(kind, "__next__") and kind.__module__ in ("builtins", "itertools")):
            return "iterator[%s]" % _drained(value, self, depth)[0]
        if hasattr(value, "dtype") and hasattr(value, "tobytes"):
            return "%s(%s,%s,%s)" % (name, value.dtype, getattr(value, "shape", ()), self.of(value.tolist(), depth))
        if kind.__module__.split(".")[0] in ("pandas", "polars"):
            return "%s(%s)" % (name, hashlib.blake2b(pickle.dumps(value, protocol=4)).hexdigest())
        state = self._state(value, depth)
        text = "" if state else repr(value)
        return "%s<%s%s>" % (name, state, "" if " at 0x" in text else text)

    def _state(self, value, depth):
        parts = []
        fields = getattr(value, "__dict__", None)
        if isinstance(fields, dict) and fields:
            hidden = _hidden(type(value))
            items = sorted(
                (k, v) for k, v in fields.items() if isinstance(k, str) and not k.startswith("_sa_") and k not in hidden
            )
            parts.append(",".join("%s=%s" % (k, self.of(v, depth)) for k, v in items))
        for kind in type(value).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else tuple(slots):
                if slot not in ("__dict__", "__weakref__") and hasattr(value, slot):
                    parts.append("%s=%s" % (slot, self.of(getattr(value, slot), depth)))
        return ";".join(parts)


def _hidden(kind):
    """Fields of an ORM's row that say what was loaded along with it, not what is in it."""
    mapper = getattr(kind, "__mapper__", None)
    if mapper is not None:
        try:
            return set(mapper.relationships.keys())
        except Exception:
            return set()
    if hasattr(kind, "_meta") and hasattr(kind, "_default_manager"):
        return {"_state", "_prefetched_objects_cache"}
    if hasattr(kind, "_meta") and hasattr(kind, "select"):
        return {"__rel__", "_dirty"}
    return set()


def _synchronous(iterator):
    """The items of an asynchronous iterator."""
    while True:
        try:
            yield _LOOP[0].run_until_complete(iterator.__anext__())
        except StopAsyncIteration:
            return


def _drained(iterator, canon, depth):
    """The items of an iterator, with how it ended."""
    parts = []
    shown = []
    raised = None
    try:
        for item in iterator:
            parts.append(canon.of(item, depth))
            if len(shown) < 6:
                shown.append(item)
            if len(parts) > ITEMS_MAX:
                parts.append("...")
                break
    except _Reached:
        raise
    except BaseException as error:
        raised = error
        parts.append("!" + canon.of(error, depth))
    return ",".join(parts), shown, raised


def _digest(text):
    return text if len(text) <= 200 else "%s...%s" % (text[:60], hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest())


def _shown(value):
    try:
        text = repr(value)
    except BaseException as error:
        text = "<repr raises %s>" % type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."


def _ending(outcome, error):
    """How a call ended, as the recorder writes it."""
    return "raised " + type(error).__name__ if outcome.get("kind") == "raised" else "returned"


def _awaited(result):
    """What a coroutine gives; anything else as it is."""
    if not isinstance(result, types.CoroutineType):
        return result
    return _LOOP[0].run_until_complete(result)


def _make_loop(function):
    """Coroutines run on a loop of ours, made before calls are watched."""
    import inspect

    is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    if is_async and _LOOP[0] is None:
        import asyncio

        _LOOP[0] = asyncio.new_event_loop()
        asyncio.set_event_loop(_LOOP[0])
    return is_async


def _outcome(function, content, ended):
    raised = None
    if _takes_reshaped(content):
        return {"refused": _guard[1]}
    args, kwargs = pickle.loads(content)
    random.seed(0)
    stdout, sys.stdout = sys.stdout, io.StringIO()
    outcome = {}
    _guard[0], _guard[1] = True, None
    try:
        try:
            result = _awaited(function(*args, **kwargs))
            if isinstance(result, types.AsyncGeneratorType):
                result = _synchronous(result)
            if isinstance(result, types.GeneratorType):
                items, shown, raised = _drained(result, _Canon(), 0)
                outcome.update(kind="items", result=_digest(items), shown=_shown(shown))
                if raised is not None:
                    outcome["ended_by"] = _digest(_Canon().of(raised))
                    raised = None
            elif type(result) is list:
                canon = _Canon()
                items = ",".join(canon.of(item, 0) for item in result)
                outcome.update(kind="items", result=_digest(items), shown=_shown(result))
            else:
                outcome.update(kind="value", result=_digest(_Canon().of(result)), shown=_shown(result))
        except _Reached:
            pass
        except BaseException as error:
            raised = error
            outcome.update(kind="raised", result=_digest(_Canon().of(error)), shown=_shown(error))
        outcome["arguments"] = _digest(_Canon().of((args, kwargs)))
    except _Reached:
        pass
    finally:
        _guard[0] = False
        written, sys.stdout = sys.stdout.getvalue(), stdout
    outcome["output"] = _digest(written)
    if _guard[1]:
        return {"refused": _guard[1]}
    outcome["rows"] = _rows()
    outcome["ending"] = _ending(outcome, raised)
    outcome["is_as_recorded"] = ended is None or ended == outcome["ending"]
    return outcome


def _cpu_clock():
    return time.process_time_ns if hasattr(time, "process_time_ns") else (lambda: int(time.process_time() * 1e9))


def _seconds(function, contents, least):
    """Time of one round of all calls: the smallest of several rounds."""
    best, spent = None, 0.0
    # What waits is measured by the wall, what computes by the processor.
    if _make_loop(function):
        clock = time.perf_counter_ns if hasattr(time, "perf_counter_ns") else (lambda: int(time.perf_counter() * 1e9))
    else:
        clock = _cpu_clock()
    n = 0
    while n < 3 or (spent < least and n < 200):
        total = 0
        for content in contents:
            args, kwargs = pickle.loads(content)
            stdout, sys.stdout = sys.stdout, io.StringIO()
            begin = clock()
            try:
                result = _awaited(function(*args, **kwargs))
                if isinstance(result, types.AsyncGeneratorType):
                    result = _synchronous(result)
                if isinstance(result, types.GeneratorType):
                    for _ in result:
                        pass
            except Exception:
                pass
            finally:
                total += clock() - begin
                sys.stdout = stdout
        best = total if best is None else min(best, total)
        spent += total * 1e-9
        n += 1
    return best * 1e-9


def _resolve(call):
    import cmdx_overlay

    path = call["path"]
    if call["module"] in ("__main__", "__mp_main__"):
        module = sys.modules.get("__mp_main__")
        if module is None:
            module = types.ModuleType("__mp_main__")
            module.__file__ = path
            sys.modules["__mp_main__"] = sys.modules["__main__"] = module
            code = cmdx_overlay.code_of(path)
            if code is None:
                with open(path, "rb") as file:
                    code = compile(file.read(), path, "exec", dont_inherit=True)
            exec(code, module.__dict__)
    else:
        module = importlib.import_module(call["module"])
        if os.path.realpath(getattr(module, "__file__", "") or "") != path:
            raise ImportError("`%s` is another file here" % call["module"])
    if call["n_decorators"]:
        key = (path, call["function"])
        if key not in cmdx_overlay.GRABBED:
            raise LookupError("it is not defined when its module is imported")
        return cmdx_overlay.GRABBED[key]
    found = module
    for name in call["function"].split("#")[0].split("."):
        found = found.__dict__[name] if isinstance(found, type) and name in found.__dict__ else getattr(found, name)
    if isinstance(found, (staticmethod, classmethod)):
        found = found.__func__
    if isinstance(found, property):
        found = found.fget
    if not callable(found):
        raise LookupError("it is not a function any more")
    return found


def _main():
    with open(sys.argv[1]) as file:
        job = json.load(file)
    out = sys.argv[2]
    answers = []
    import cmdx_overlay

    _RESHAPED.update(cmdx_overlay.reshaped())
    _copy_databases(os.path.dirname(os.path.abspath(out)))
    if hasattr(sys, "addaudithook"):
        sys.addaudithook(_audit)
    for call in job["calls"]:
        answer = {"path": call["path"], "function": call["function"], "why": None, "outcomes": [], "seconds": None}
        answers.append(answer)
        for entry in call["sys_path"]:
            if entry not in sys.path:
                sys.path.append(entry)
        try:
            function = _resolve(call)
            _make_loop(function)
            with open(call["file"], "rb") as file:
                contents = pickle.load(file)
        except BaseException as error:
            answer["why"] = "it cannot be called outside the program (%s: %s)" % (type(error).__name__, error)
            continue
        kept = []
        for content, ended in contents:
            try:
                outcome = _outcome(function, content, ended)
            except BaseException as error:
                outcome = {"refused": "its arguments cannot be read back (%s)" % type(error).__name__}
            answer["outcomes"].append(outcome)
            if "refused" not in outcome:
                kept.append(content)
        if job["repeat_seconds"] and kept and len(kept) == len(contents):
            _guard[0] = False
            answer["seconds"] = _seconds(function, kept, job["repeat_seconds"])
    with open(out + ".part", "w") as file:
        json.dump(answers, file)
    os.rename(out + ".part", out)


_main()
