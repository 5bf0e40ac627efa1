"""What is opened and not closed, by the line that opened it, and containers of modules and classes that grow.

Openings are told by audit events, which put no frame of ours on the program's stack, and by wrapped constructors where
there is no event. Whether something is open is asked of the objects themselves, now and then and at the end: at
collections of garbage and at openings, never by a thread or a signal of ours. Objects are held weakly.
"""
import atexit
import gc
import sys
from _weakref import ref
from io import FileIO
from os import path
from struct import Struct
from time import perf_counter_ns as clock

from _thread import _local
from cmdx_agent import events, stacks

HANDLE, CONTAINER, ALLOCATION = 8, 9, 10
FILE, SOCKET, CONNECTION, CURSOR, SESSION, TEMPORARY, EXECUTOR, PENDING = 1, 2, 3, 4, 5, 6, 7, 8

_pack_handle = Struct("<QQQIIIB26xB").pack_into
_pack_container = Struct("<QQQQIIIII11xB").pack_into
_pack_allocation = Struct("<QQQII31xB").pack_into

#: Places that opened something, and what is known of a place: number opened, slot.
_places = {}
#: Path of a file -> places that opened it, oldest first; files know their path and nothing else.
_files = {}
_temporary = {}
#: Number -> (weak reference, is open, kind, type, place, instant).
_objects = {}
#: More is not remembered: a program that opens that much without closing is known by then.
_FILES_MAX, _OBJECTS_MAX = 20000, 20000

#: Look at most this often, in nanoseconds, and for a hundredth of the time at most.
_INTERVAL_MIN, _PART = 50000000, 100
_next_look = 0
_is_looking = False
_is_on = False
_started = 0
_traces = None


def start(traces_memory):
    """Begins; called once, before the program. Where the native tracer cannot run, Python's own traces memory."""
    global _is_on, _started, _traces
    _is_on = True
    if traces_memory:
        import tracemalloc

        if not tracemalloc.is_tracing():
            tracemalloc.start(1)
        _traces = tracemalloc
    _started = clock()
    sys.addaudithook(_heard)
    gc.callbacks.append(_collected)
    events.at_fork(_forget)
    # Handlers run in reverse order: what the program closes in its own is closed by then.
    atexit.register(_finish)


def _forget():
    # A forked child has copies of its parent's handles; they are the parent's to close.
    for known in (_places, _files, _temporary, _objects, _containers):
        known.clear()


class _Inside(_local):
    """Whether our own code runs in this thread: what it opens is ours, and its locks are held."""

    now = False


_inside = _Inside()


def _heard(event, arguments):
    if event not in _EVENTS or not _is_on or _inside.now:
        return
    _inside.now = True
    try:
        _EVENTS[event](sys._getframe(1), *arguments)
        if event == "open":
            _look_if_due()
    except Exception:
        pass
    finally:
        _inside.now = False


def _opened_file(frame, name, mode=None, flags=0):
    if name.__class__ is not str:
        if isinstance(name, (int, bytes)) or not hasattr(name, "__fspath__"):
            return
        name = name.__fspath__()
    place = _place(frame, FILE, "file")
    if place is None:
        return
    place[0] += 1
    if len(_files) < _FILES_MAX or name in _files:
        opened = _files.setdefault(name, [])
        opened.append((place, clock()))
        del opened[:-50]


def _opened_socket(frame, self, *_):
    _note(self, SOCKET, "socket.socket", lambda own: own.fileno() != -1, frame)


def _made_temporary(frame, name):
    place = _place(frame, TEMPORARY, "tempfile")
    if place is not None and len(_temporary) < _FILES_MAX:
        place[0] += 1
        _temporary[name] = (place, clock())


_EVENTS = {
    "open": _opened_file,
    "socket.__new__": _opened_socket,
    "tempfile.mkstemp": _made_temporary,
    "tempfile.mkdtemp": _made_temporary,
}


def note(own, kind, type_name, is_open):
    """Remembers an object that the program opened; `is_open(object)` tells whether it still is."""
    if not _is_on or _inside.now:
        return
    _inside.now = True
    try:
        _note(own, kind, type_name, is_open, sys._getframe(2))
    except Exception:
        pass
    finally:
        _inside.now = False


def _note(own, kind, type_name, is_open, frame):
    place = _place(frame, kind, type_name)
    if place is None:
        return
    place[0] += 1
    number = id(own)
    if len(_objects) < _OBJECTS_MAX or number in _objects:
        _objects[number] = (ref(own, lambda _: _objects.pop(number, None)), is_open, place, clock())


def _place(frame, kind, type_name):
    code, line = stacks.innermost(frame)
    if not code:
        return None
    key = (code, line, kind, type_name)
    place = _places.get(key)
    if place is None:
        # Opened, slot, open, oldest.
        place = _places[key] = [0, 0, 0, 0]
    return place


def _collected(phase, _):
    if phase != "stop" or not _is_on or _inside.now:
        return
    _inside.now = True
    try:
        _look_if_due(False)
    except Exception:
        pass
    finally:
        _inside.now = False


def _look_if_due(with_files=True):
    global _next_look, _is_looking
    now = clock()
    if now < _next_look or _is_looking or not events.is_on:
        return
    _is_looking = True
    try:
        look(with_files)
    finally:
        _is_looking = False
        end = clock()
        _next_look = end + max(_INTERVAL_MIN, (end - _started) // 60, _PART * (end - now))


def look(with_files):
    """Counts what is open and how large containers are, and writes both down."""
    _look_at_containers()
    if not with_files or not _places:
        return
    now = clock()
    for place in _places.values():
        place[2] = place[3] = 0
    for own, is_open, place, since in list(_objects.values()):
        own = own()
        if own is not None and _asks(is_open, own):
            _count(place, now - since)
    _look_at_files(now)
    for name, (place, since) in list(_temporary.items()):
        if path.exists(name):
            _count(place, now - since)
    for (code, line, kind, type_name), place in list(_places.items()):
        _write(place, _pack_handle, place[0], place[2], place[3], code, line, events.text(type_name, events.NAME), kind, HANDLE)


def _asks(is_open, own):
    try:
        return is_open(own)
    except Exception:
        return False


def _count(place, age):
    place[2] += 1
    place[3] = max(place[3], age)


def _look_at_files(now):
    if not _files:
        return
    left = {}
    for own in gc.get_objects():
        if type(own) is FileIO and not own.closed and own.name.__class__ is str:
            left[own.name] = left.get(own.name, 0) + 1
    for name, n in left.items():
        # Those opened first are the ones most likely to have been closed since.
        for place, since in _files.get(name, ())[-n:]:
            _count(place, now - since)
    for name in [name for name in _files if name not in left]:
        del _files[name]


def _write(owner, pack, *fields):
    if not owner[1]:
        if owner[2]:
            owner[1] = events._place(pack, *fields)
        return
    slot = owner[1]
    if slot >> 14 < len(events.maps):
        pack(events.maps[slot >> 14], (slot & 16383) << 6, *fields)


def _finish():
    global _is_on, _is_looking
    if not _is_on or _is_looking or not events.is_on:
        return
    _is_looking = _inside.now = True
    try:
        look(True)
        _weigh()
        if _traces is not None:
            _note_allocations(_traces)
    except Exception:
        pass
    finally:
        _is_on = _is_looking = _inside.now = False


#: Lines that hold less than the largest so many are left out.
_LINES_MAX = 2000


def _note_allocations(tracemalloc):
    """Writes down what is allocated by line; of a trace only the innermost frame is known."""
    if not tracemalloc.is_tracing():
        return
    peak = tracemalloc.get_traced_memory()[1]
    lines = {}
    for trace in tracemalloc._get_traces():
        frame = trace[2][0]
        known = lines.get(frame)
        if known is None:
            known = lines[frame] = [0, 0]
        known[0] += trace[1]
        known[1] += 1
    largest = sorted(lines.items(), key=lambda line: -line[1][0])[:_LINES_MAX]
    for (file, line), (size, blocks) in largest:
        events._place(_pack_allocation, size, blocks, peak, events.text(file, events.NAME), line, ALLOCATION)


# Containers of modules and classes.

#: Name -> [container's id, slot, 1, sizes by instant, shrinks, bytes, module, kind].
_containers = {}
#: Smaller ones are nobody's leak.
_ITEMS_MIN = 50
_SIZES_MAX = 64


def _kinds():
    from collections import OrderedDict, defaultdict, deque

    return {dict: "dict", list: "list", set: "set", deque: "deque", OrderedDict: "OrderedDict", defaultdict: "defaultdict"}


_kind_of = {}


def _look_at_containers():
    if not _kind_of:
        _kind_of.update(_kinds())
    now = clock()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) if type(module) is type(sys) else None
        if file.__class__ is not str or stacks._files[file] != stacks._PROJECT:
            continue
        for attribute, value in list(module.__dict__.items()):
            if isinstance(value, type):
                if value.__dict__.get("__module__") == name:
                    for inner, held in list(value.__dict__.items()):
                        _measure("%s.%s.%s" % (name, attribute, inner), held, file, now)
            else:
                _measure("%s.%s" % (name, attribute), value, file, now)


def _measure(name, value, file, now):
    kind = _kind_of.get(type(value))
    if kind is None:
        if type(value).__name__ != "_lru_cache_wrapper" or value.cache_info().maxsize is not None:
            return
        kind, size = "lru_cache", value.cache_info().currsize
    else:
        if name.rpartition(".")[2][:2] == "__":
            return
        size = len(value)
    known = _containers.get(name)
    if known is None or known[0] != id(value):
        known = _containers[name] = [id(value), 0, 1, [], 0, 0, file, kind]
    sizes = known[3]
    if sizes and size < sizes[-1][1]:
        known[4] += 1
    sizes.append((now, size))
    if len(sizes) > _SIZES_MAX:
        del sizes[1:-1:2]
    if size >= _ITEMS_MIN and size > sizes[0][1]:
        _write_container(name, known, value)


def _write_container(name, known, value):
    sizes = known[3]
    half = (sizes[-1][0] + _started) // 2
    at_half = [size for at, size in sizes if at <= half]
    _write(
        known, _pack_container, sizes[0][1], at_half[-1] if at_half else sizes[0][1], sizes[-1][1], known[5],
        known[4], events.text(name, events.NAME), _file_number(known[6]), events.text(known[7], events.NAME),
        events.text(_keys(value), events.NAME), CONTAINER,
    )  # fmt: skip


def _file_number(file):
    real = path.realpath(file)
    return events.text(real[len(stacks._root) :].replace(path.sep, "/"), events.NAME)


def _keys(value):
    try:
        first = next(iter(value))
    except Exception:
        return ""
    if type(first) is tuple:
        return "(%s)" % ", ".join(type(part).__name__ for part in first[:4])
    return type(first).__name__


#: Their sizes are known without running code of the program.
_PLAIN = (str, bytes, bytearray, int, float, bool, type(None), tuple, list, dict, set, frozenset)
_SAMPLED_MAX = 200


def _weigh():
    """Estimates the bytes of what large containers hold, at the end."""
    for name, module in list(sys.modules.items()):
        if type(module) is not type(sys):
            continue
        for attribute, value in list(module.__dict__.items()):
            known = _containers.get("%s.%s" % (name, attribute))
            if known is None or not known[1] or type(value) not in _kind_of:
                continue
            known[5] = _bytes(value)
            _write_container("%s.%s" % (name, attribute), known, value)


def _bytes(value):
    total = n = 0
    is_mapping = hasattr(value, "values")
    for number, item in enumerate(value):
        if number == _SAMPLED_MAX:
            break
        n += 1
        for part in (item, value[item]) if is_mapping else (item,):
            if type(part) not in _PLAIN:
                return 0
            total += sys.getsizeof(part)
    return sys.getsizeof(value) + (total * len(value) // n if n else 0)


# Constructors of what has no event of its own.


def patch_executors(module):
    """Pools of threads and processes; the interpreter itself ends those that are left when it ends."""
    for name in ("ThreadPoolExecutor", "ProcessPoolExecutor"):
        owner = module.__dict__.get(name)
        if owner is not None:
            _until(owner, "shutdown")
            _after_init(owner, EXECUTOR, "concurrent.futures." + name, _always)


def patch_requests(module):
    """requests' sessions, which do not know whether they are closed."""
    _until(module.Session, "close")
    _after_init(module.Session, SESSION, "requests.Session", _always)


def _always(_):
    return True


def _until(owner, name):
    """Has an object forgotten once its method of this name is called."""
    from cmdx_agent import record

    original = getattr(owner, name)

    def closing(self, *arguments, **keywords):
        _objects.pop(id(self), None)
        return original(self, *arguments, **keywords)

    setattr(owner, name, record.dress(closing, original))


def patch_httpx(module):
    """httpx's clients."""
    for name in ("Client", "AsyncClient"):
        _after_init(getattr(module, name), SESSION, "httpx." + name, lambda own: not own.is_closed)


def patch_aiohttp(module):
    """aiohttp's sessions."""
    _after_init(module.ClientSession, SESSION, "aiohttp.ClientSession", lambda own: not own.closed)


def patch_asyncio(module):
    """Tasks that are pending when the program ends."""
    owner = module.BaseEventLoop
    original = owner.create_task

    def create_task(self, *arguments, **keywords):
        task = original(self, *arguments, **keywords)
        note(task, PENDING, "asyncio.Task", lambda own: not own.done())
        return task

    from cmdx_agent import record

    owner.create_task = record.dress(create_task, original)


def _after_init(owner, kind, type_name, is_open):
    from cmdx_agent import record

    original = owner.__init__

    def __init__(self, *arguments, **keywords):
        try:
            original(self, *arguments, **keywords)
        except BaseException as error:
            record.strip(error)
            raise
        note(self, kind, type_name, is_open)

    owner.__init__ = record.dress(__init__, original)
