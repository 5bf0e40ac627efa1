"""Who asked: the innermost frame of the project, and the calls of the project that led there.

A frame of the project that leads to a query is *activated*: it carries a token in `f_trace`, a field that is unused
while no tracer runs. The token's number is the frame's identity, which nothing else offers: addresses are reused and
frames take no weak references. One query then names only its innermost activation. Where a token would change the
program (CPython 3.9 and older freeze the line number of such a frame; a tracer owns the field) the stack is noted by
its lines instead, as a *context*.

A task of asyncio is run by its event loop, far from the code that made it: its stack goes on at its *origin*, the
place that made the task, which the task's context carries.
"""
import sys
from os import getcwd, path, pathsep, sep
from sys import gettrace

from _contextvars import ContextVar
from cmdx_agent import events
from _thread import _local

_FRAMES_MAX = 64
_LIBRARY, _PROJECT, _GREENLETS, _EVENT_LOOP = 0, 1, 2, 3
_EVENT_LOOP_FILE = path.join("asyncio", "events.py")
_LIBRARY_FOLDERS = ("site-packages", "dist-packages", "__pypackages__")

_root = None
_excludes = ()
_uses_tokens = False
_codes = {}
_contexts = {}

#: The class of this process's tokens, and the place that made the running task.
origin = ContextVar("cmdx_origin", default=(None, None))

#: Where a worker thread of an asynchronous driver finds the place that gave it the work.
carried = _local()


class _Files(dict):
    """File name of a code object -> what it is. Names are judged once."""

    def __missing__(self, name):
        kind = self[name] = _judge(name)
        return kind


class _Base:
    """A token. Callable, for a tracer that starts later calls what it finds in `f_trace`; answers like no tracer."""

    __slots__ = ("slot",)

    def __call__(self, *_):
        return None


class Token(_Base):
    """A token of this process. A fork makes a new class, which tells its tokens from the parent's."""

    __slots__ = ()


_files = _Files()


def configure(root, excludes, may_use_tokens):
    """Sets what belongs to the project."""
    global _root, _excludes, _uses_tokens
    _root = path.realpath(root).rstrip(sep) + sep
    inside = [entry for entry in excludes.split(pathsep) if entry]
    for prefix in {sys.prefix, sys.exec_prefix, path.dirname(path.dirname(path.abspath(__file__)))}:
        # An environment inside the project is not the project; one that holds the project does not hide it.
        real = path.realpath(prefix).rstrip(sep) + sep
        if real.startswith(_root) and real != _root:
            inside.append(real)
    import os

    inside.append(path.dirname(path.realpath(os.__file__)))
    _excludes = tuple(path.realpath(entry).rstrip(sep) + sep for entry in inside)
    _uses_tokens = may_use_tokens and sys.version_info >= (3, 10)
    if not _uses_tokens:
        events.note_no_tokens()
    events.at_fork(_forget)


def _forget():
    global Token
    Token = type("Token", (_Base,), {"__slots__": ()})
    _codes.clear()
    _contexts.clear()


def _judge(name):
    if name[:1] == "<" or name[-5:] in (".html", ".jinja", ".mako") or name[-4:] in (".txt", ".xml", ".sql"):
        return _LIBRARY
    if "sqlalchemy" in name and "concurrency" in name:
        return _GREENLETS
    if name.endswith(_EVENT_LOOP_FILE):
        return _EVENT_LOOP
    real = path.realpath(name if path.isabs(name) else path.join(getcwd(), name))
    if not real.startswith(_root) or real.startswith(_excludes):
        return _LIBRARY
    folders = real[len(_root) :].split(sep)
    return _LIBRARY if any(folder in folders for folder in _LIBRARY_FOLDERS) else _PROJECT


def locate(frame):
    """`(activation, line)` of the innermost frame of the project from `frame` on; `(0, 0)` when there is none."""
    files = _files
    while frame is not None:
        kind = files[frame.f_code.co_filename]
        if kind:
            break
        frame = frame.f_back
    else:
        return _elsewhere()
    if kind == _PROJECT and _uses_tokens and gettrace() is None:
        token = frame.f_trace
        if token.__class__ is Token:
            return token.slot, frame.f_lineno
    return _walk(frame)


def _elsewhere():
    """The place of work that left its stack behind: another thread, or another greenlet."""
    site = getattr(carried, "site", None)
    if site is not None:
        return site
    greenlet = sys.modules.get("greenlet")
    if greenlet is not None:
        parent = greenlet.getcurrent().parent
        if parent is not None and parent.gr_frame is not None:
            return locate(parent.gr_frame)
    return 0, 0


def _walk(frame):
    frames, start = _project_frames(frame)
    if not frames:
        return start if start[0] else _elsewhere()
    if _uses_tokens and gettrace() is None:
        activation = _activate(frames, start)
        if activation is not None:
            return activation, frames[0].f_lineno
    return _context(frames, start), frames[0].f_lineno


def task_origin(frame):
    """What `origin` is set to while a task is made."""
    return Token, locate(frame)


def _project_frames(frame):
    """Frames of the project, innermost first, up to the first that carries a token; and where they go on."""
    files, found, beneath = _files, [], []
    while len(found) < _FRAMES_MAX:
        if frame is None:
            if not beneath:
                break
            frame = beneath.pop()
            continue
        kind = files[frame.f_code.co_filename]
        if kind == _PROJECT:
            found.append(frame)
            if _uses_tokens and frame.f_trace.__class__ is Token:
                break
        elif kind == _GREENLETS and frame.f_code.co_name == "greenlet_spawn" and not beneath:
            # SQLAlchemy awaits here for a greenlet that is suspended: its frames come first.
            suspended = getattr(frame.f_locals.get("context"), "gr_frame", None)
            if suspended is not None:
                beneath.append(frame.f_back)
                frame = suspended
                continue
        elif kind == _EVENT_LOOP and frame.f_code.co_name == "_run":
            process, place = origin.get()
            # A fork leaves the places of the parent's tasks behind.
            if process is Token and not beneath:
                return found, place
        frame = frame.f_back
    return found, (0, 0)


def _activate(frames, start):
    """The activation of the first frame; `None` when a frame's field is taken."""
    parent, line = start
    for frame in reversed(frames):
        token = frame.f_trace
        if token.__class__ is not Token:
            if token is not None and not isinstance(token, _Base):
                return None
            token = Token()
            token.slot = events.activation(parent, line, code_number(frame.f_code))
            frame.f_trace = token
        parent, line = token.slot, frame.f_lineno
    return parent


def _context(frames, start):
    parent, line = start
    for frame in reversed(frames):
        key = (parent, line, code_number(frame.f_code))
        context = _contexts.get(key)
        if context is None:
            context = _contexts[key] = events.activation(*key, events.IS_CONTEXT)
        parent, line = context, frame.f_lineno
    return parent


def code_number(code):
    """The number under which a code object is noted. The object is kept, so that its address stays its own."""
    known = _codes.get(id(code))
    if known is None:
        name = code.co_filename
        real = path.realpath(name if path.isabs(name) else path.join(getcwd(), name))
        inside = real[len(_root) :].replace(sep, "/")
        number = events.text("%s\0%s\0%d" % (inside, code.co_name, code.co_firstlineno), events.CODE)
        known = _codes[id(code)] = (number, code)
    return known[0]


def innermost(frame):
    """`(code number, line)` of the innermost frame of the project, without noting activations."""
    while frame is not None:
        if _files[frame.f_code.co_filename] == _PROJECT:
            return code_number(frame.f_code), frame.f_lineno
        frame = frame.f_back
    return 0, 0
