"""What every run of a test suite under cmdx does, whatever runs it: read the settings, write what was seen, one JSON
object a line, and time tests and requests. Imported by the pytest plugin and by the runner of unittest.

`CMDX_SUITE` names a JSON document:
    results  directory for what is seen
    mode     "test", "time" (figures are wanted) or "trace" (the most memory that Python objects held is wanted)
    only     names of the only tests to run, or null
    skip     names of tests that are not to be run
    shard    [2, 3] for the second of three parts, or null
    weights  seconds of tests by name, to make parts of equal length, or null
    loops    calls a round by name of a benchmark, from an earlier run
    own      the root of the code that is to be imported
    foreign  a root whose code is not to be imported, or null
    path     PYTHONPATH as it was
    has_workers  true when pytest-xdist shares the tests
"""
import json
import os
import sys
import time

SETTINGS = {}
_out = [None, None]
_requests = {}
_patched = set()
#: Names of requests that are told apart; a server with more has identifiers in its paths.
_NAMES_MAX = 500
#: Samples of one request that are kept.
_SAMPLES_MAX = 2000


def start():
    if SETTINGS:
        return
    with open(os.environ["CMDX_SUITE"], "rb") as file:
        SETTINGS.update(json.loads(file.read().decode("utf-8")))
    if SETTINGS.get("shard") is None and os.environ.get("CMDX_SHARD"):
        SETTINGS["shard"] = [int(number) for number in os.environ["CMDX_SHARD"].split("/")]
    if SETTINGS.get("has_workers"):
        # The workers of pytest-xdist load the plugin by the same path.
        return
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if not entry or os.path.abspath(entry) != here]
    if SETTINGS.get("path") is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = SETTINGS["path"]


def write(record):
    if _out[0] is None or _out[1] != os.getpid():
        name = os.path.join(SETTINGS["results"], "seen-%d.jsonl" % os.getpid())
        _out[0] = open(name, "a", encoding="utf-8", errors="backslashreplace")
        _out[1] = os.getpid()
    _out[0].write(json.dumps(record) + "\n")
    _out[0].flush()


def cpu():
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


class Test(object):
    """Measures one test: `with Test(name):`."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        patch_servers()
        self.memory = None
        if SETTINGS.get("mode") == "trace":
            import tracemalloc

            tracemalloc.stop()
            tracemalloc.start()
            self.memory = tracemalloc
        self.cpu = cpu()
        self.wall = time.perf_counter()
        return self

    def __exit__(self, *error):
        wall = time.perf_counter() - self.wall
        used = cpu() - self.cpu
        record = {"kind": "test", "test": self.name, "wall": wall, "cpu": used}
        if self.memory is not None:
            record["traced_peak"] = self.memory.get_traced_memory()[1]
            self.memory.stop()
        write(record)
        return False


def _note(name, wall, used):
    samples = _requests.get(name)
    if samples is None:
        if len(_requests) >= _NAMES_MAX:
            return
        samples = _requests[name] = ([], [])
    if len(samples[0]) < _SAMPLES_MAX:
        samples[0].append(wall)
        samples[1].append(used)


def patch_servers():
    """Times requests of the web frameworks that are loaded by now."""
    if SETTINGS.get("mode") != "time":
        return
    for module, patch in _SERVERS.items():
        if module in sys.modules and module not in _patched:
            _patched.add(module)
            try:
                patch(sys.modules[module])
            except Exception:
                pass


def _patch_flask(module):
    original = module.Flask.wsgi_app

    def wsgi_app(self, environ, start_response):
        used, wall = time.process_time(), time.perf_counter()
        try:
            return original(self, environ, start_response)
        finally:
            name = "%s %s" % (environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", ""))
            _note(name, time.perf_counter() - wall, time.process_time() - used)

    module.Flask.wsgi_app = wsgi_app


def _patch_django(module):
    original = module.BaseHandler.get_response

    def get_response(self, request):
        used, wall = time.process_time(), time.perf_counter()
        try:
            return original(self, request)
        finally:
            _note("%s %s" % (request.method, request.path), time.perf_counter() - wall, time.process_time() - used)

    module.BaseHandler.get_response = get_response


def _patch_starlette(module):
    original = module.Starlette.__call__

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await original(self, scope, receive, send)
        used, wall = time.process_time(), time.perf_counter()
        try:
            return await original(self, scope, receive, send)
        finally:
            name = "%s %s" % (scope.get("method", ""), scope.get("path", ""))
            _note(name, time.perf_counter() - wall, time.process_time() - used)

    module.Starlette.__call__ = __call__


_SERVERS = {
    "flask.app": _patch_flask,
    "django.core.handlers.base": _patch_django,
    "starlette.applications": _patch_starlette,
}


def finish():
    """What is known when the process ends."""
    for name, (walls, used) in sorted(_requests.items()):
        write({"kind": "request", "name": name, "wall": walls, "cpu": used})
    write({"kind": "process", "peak_rss": _peak_rss(), "cpu": cpu(), "foreign": _foreign()})


def _peak_rss():
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _foreign():
    """Files of the other side that were imported: what ran was not what was to be measured."""
    foreign, own = SETTINGS.get("foreign"), SETTINGS.get("own")
    if not foreign:
        return []
    found = []
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str):
            continue
        path = os.path.realpath(path)
        if not path.startswith(foreign + os.sep) or (own and path.startswith(own + os.sep)):
            continue
        rest = path[len(foreign) + 1 :]
        if rest.startswith(".cmdx" + os.sep) or "site-packages" in rest or path.startswith(sys.prefix + os.sep):
            continue
        found.append(rest)
    return sorted(found)


def line_of(text, limit=300):
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return (lines[0] if lines else "")[:limit]


def is_wanted(name):
    only = SETTINGS.get("only")
    return (only is None or name in only) and name not in (SETTINGS.get("skip") or ())


def in_shard(names):
    """Those of the names that belong to this part. Tests of one file stay together: they share what they set up."""
    shard = SETTINGS.get("shard")
    if not shard:
        return set(names)
    part, n_parts = shard
    groups = {}
    for name in names:
        groups.setdefault(name.split("::")[0] if "::" in name else name.rsplit(".", 1)[0], []).append(name)
    weights = SETTINGS.get("weights")
    if not weights:
        import hashlib

        number = lambda group: int(hashlib.sha1(group.encode("utf-8", "replace")).hexdigest()[:8], 16)
        # In the order of their hashes, dealt out in turn: the parts differ by one file at most.
        order = sorted(groups, key=lambda group: (number(group), group))
        chosen = order[part - 1 :: n_parts]
    else:
        known = sorted(weights.values())
        usual = known[len(known) // 2] if known else 1.0
        length = {group: sum(weights.get(name, usual) for name in names) for group, names in groups.items()}
        loads = [0.0] * n_parts
        chosen = []
        for group in sorted(groups, key=lambda group: (-length[group], group)):
            lightest = loads.index(min(loads))
            loads[lightest] += length[group]
            if lightest == part - 1:
                chosen.append(group)
    return {name for group in chosen for name in groups[group]}
