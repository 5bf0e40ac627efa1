"""The event file: fixed slots in a shared mapping, so an event is kept the moment it is written.

No system call per event, nothing to flush: the kernel holds the pages even when the process is killed. The slots are
drawn in cmdx's `src/agent/wire.rs`; this file is the writer. Slot numbers are the identities of what they hold.
"""
import os
import sys
from _struct import Struct
from itertools import count
from time import perf_counter_ns, time_ns

from _thread import allocate_lock

MAGIC = b"CMDXEVT\x01"
VERSION = 1
SLOT_BYTES = 64
SEGMENT_SLOTS = 16384
#: Segments beyond the limit, for the counters that stand for further events and for their texts.
SPARE_SEGMENTS = 4
TEXT_BYTES = 52
#: Statements longer than this are cut; a fingerprint needs the beginning.
TEXT_BYTES_MAX = 52 * 160

HEADER, TEXT, ACTIVATION, SCOPE, QUERY, SUMMARY, FULL = 1, 2, 3, 4, 5, 6, 7
SQL, CODE, NAME, NOTE, COMMAND = 1, 2, 3, 4, 5
EXECUTE, EXECUTE_MANY, SCRIPT, COMMIT, CONNECT, HTTP = 1, 2, 3, 4, 5, 6
FAILED, AUTOCOMMIT, IMPLICIT, CUT = 1, 2, 4, 8
SQLITE3, PSYCOPG2, PSYCOPG, PYMYSQL, ASYNCPG, MYSQLCLIENT = 1, 2, 3, 4, 5, 6
URLLIB3, HTTPX, AIOHTTP, URLLIB, HTTP_CLIENT = 32, 33, 34, 35, 36
REQUEST, TEST, ITERATION, TASK = 1, 2, 3, 4
IS_CONTEXT = 1
NO_TOKENS, UNKNOWN_PYTHON, FREE_THREADED = 1, 2, 4
UNKNOWN_ROWS = 0xFFFFFFFF

HEADER_FORM = "<8sIIIIQQI19xB"
TEXT_FORM = "<52sIBBB4xB"
ACTIVATION_FORM = "<IIII47xB"
SCOPE_FORM = "<QQIIB38xB"
QUERY_FORM = "<QQIIqIIIIIHHB6xB"
SUMMARY_FORM = "<QQQQIIIIHB12xB"

pack_query = Struct(QUERY_FORM).pack_into
pack_fetch = Struct("<QI").pack_into
_pack_header = Struct(HEADER_FORM).pack_into
_pack_text = Struct(TEXT_FORM).pack_into
_pack_activation = Struct(ACTIVATION_FORM).pack_into
_pack_scope = Struct(SCOPE_FORM).pack_into
_pack_end = Struct("<Q").pack_into
_pack_summary = Struct(SUMMARY_FORM).pack_into
_pack_full = Struct("<Q55xB").pack_into

clock = perf_counter_ns

#: Mapped segments, in order. Never closed: a program may have closed our descriptor and reused its number.
maps = []
take = count().__next__
is_on = True
is_folding = False

_directory = None
_path = None
_segments_max = 64
_flags = 0
_lock = allocate_lock()
_texts = {}
_counters = {}
_retired = []
_after_fork = []
_guards_slots = False


def configure(directory, limit_mb, is_known, has_lock):
    """Remembers where events go; no file is made before the first event."""
    global _directory, _segments_max, _flags, _guards_slots, take
    _directory = directory
    if limit_mb:
        _segments_max = max(1, int(limit_mb))
    if not is_known:
        _flags |= UNKNOWN_PYTHON
    if not has_lock:
        # Without the interpreter lock, drawing a number is not atomic by itself.
        _flags |= FREE_THREADED
        _guards_slots = True
        take = _guarded(take)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget)


def _guarded(draw):
    lock = allocate_lock()

    def take():
        with lock:
            return draw()

    return take


def note_no_tokens():
    """Says in the header that frames were told apart by their source lines only."""
    global _flags
    _flags |= NO_TOKENS


def at_fork(forget):
    """Has `forget` called in every forked child, after the file of the parent was let go."""
    _after_fork.append(forget)


def _forget():
    global maps, take, is_folding, _path, _lock
    _retired.append(maps)
    maps = []
    draw = count().__next__
    take = _guarded(draw) if _guards_slots else draw
    is_folding = False
    _path = None
    _lock = allocate_lock()
    _texts.clear()
    _counters.clear()
    for forget in _after_fork:
        forget()


def turn_off():
    """Ends all recording in this process, without a word: the output belongs to the program."""
    global is_on
    is_on = False


def grow(slot):
    """Makes the segment of `slot`; false when there can be none."""
    global is_folding
    if not is_on:
        return False
    with _lock:
        wanted = slot // SEGMENT_SLOTS
        while len(maps) <= wanted:
            if len(maps) >= _segments_max + SPARE_SEGMENTS:
                is_folding = True
                return False
            if len(maps) >= _segments_max and not is_folding:
                is_folding = True
            try:
                _map_segment()
            except (OSError, ValueError, MemoryError):
                turn_off()
                return False
    return True


def _map_segment():
    # Space is claimed before it is mapped: on a full disk writing to a hole in a mapped file is a fatal signal.
    global _path
    import mmap

    segment = SLOT_BYTES * SEGMENT_SLOTS
    is_new = _path is None
    if is_new:
        _path = os.path.join(_directory, "%d-%d.events" % (os.getpid(), time_ns()))
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | (os.O_CREAT | os.O_EXCL if is_new else 0)
    descriptor = os.open(_path, flags, 0o600)
    try:
        start = len(maps) * segment
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, start, segment)
        else:
            os.lseek(descriptor, start, os.SEEK_SET)
            os.write(descriptor, bytes(segment))
        options = {"access": mmap.ACCESS_WRITE, "offset": start}
        if sys.version_info >= (3, 13):
            options["trackfd"] = False
        mapped = mmap.mmap(descriptor, segment, **options)
    except BaseException:
        if is_new:
            os.unlink(_path)
        raise
    finally:
        os.close(descriptor)
    maps.append(mapped)
    if is_new:
        _write_header(mapped)


def _write_header(mapped):
    take()
    _pack_header(
        mapped, 0, MAGIC, VERSION, os.getpid(), os.getppid(), sys.hexversion, time_ns(), clock(), _flags, HEADER
    )


def _place(pack, *fields):
    """Writes one slot; its number, or 0 when there is no room."""
    if not maps and not grow(0):
        return 0
    slot = take()
    if slot // SEGMENT_SLOTS >= len(maps) and not grow(slot):
        return 0
    pack(maps[slot >> 14], (slot & 16383) << 6, *fields)
    return slot


def activation(parent, parent_line, code, flags=0):
    """Notes a frame that leads to queries."""
    return _place(_pack_activation, parent, parent_line, code, flags, ACTIVATION)


def text(value, kind):
    """The number of a text, written at its first use."""
    number = _texts.get((kind, value))
    if number is None:
        number = _texts[(kind, value)] = _write_text(value, kind)
    return number


def _write_text(value, kind):
    encoded = value.encode("utf-8", "replace")[:TEXT_BYTES_MAX]
    number = 0
    for start in range(0, max(len(encoded), 1), TEXT_BYTES):
        part = encoded[start : start + TEXT_BYTES]
        is_last = start + TEXT_BYTES >= len(encoded)
        slot = _place(_pack_text, part, number, len(part), kind, is_last, TEXT)
        number = number or slot
        if not slot:
            return 0
    return number


def open_scope(kind, name, parent):
    """Notes the start of a request, test, iteration or task."""
    return _place(_pack_scope, clock(), 0, text(name, NAME), parent, kind, SCOPE)


def close_scope(slot):
    """Notes its end."""
    if slot and slot >> 14 < len(maps):
        _pack_end(maps[slot >> 14], ((slot & 16383) << 6) + 8, clock())


def fold(driver, operation, text_number, code, line, duration, rows, failed):
    """Adds an event to a counter once the file has its full size."""
    key = (driver, operation, text_number, code, line)
    counter = _counters.get(key)
    if counter is None:
        counter = _counters[key] = [_place(_pack_full, 0, 0), 0, 0, 0, 0, 0]
    counter[1] += 1
    counter[2] += duration
    counter[3] = max(counter[3], duration)
    counter[4] += rows if rows != UNKNOWN_ROWS else 0
    counter[5] += failed
    slot = counter[0]
    if slot:
        where = (slot & 16383) << 6
        _pack_summary(
            maps[slot >> 14], where, *counter[1:], line, text_number, code, driver, operation, SUMMARY
        )
