"""Notes one query: what, from where, in which scope, how long, how many rows.

Nothing here raises into the program. An exception of our own code turns the agent off; one that a signal handler of
the program raised while our code ran is the program's and goes on.
"""
import sys
from sys import _getframe

from _contextvars import ContextVar
from cmdx_agent import events, stacks
from cmdx_agent.stacks import locate
from cmdx_agent.events import FAILED, QUERY, SQL, UNKNOWN_ROWS, pack_fetch, pack_query

#: Distinct statements kept as they are; more means that values are pasted into the text.
_TEXTS_MAX = 2000
#: Distinct statements after their constants were taken out, before all further ones become one.
_PATTERNS_MAX = 10000

#: Slot of the request, test, iteration or task that runs now.
scope = ContextVar("cmdx_scope", default=0)
#: Slot of the running test, for code whose context was made before the test began.
test_scope = 0

_texts = {}
_safe_types = {int, str, float, bytes, bool, type(None)}
_library_types = ("datetime", "decimal", "uuid", "_decimal", "_datetime")
_pattern = None


def _forget():
    _texts.clear()


events.at_fork(_forget)


def query(
    driver, operation, flags, text, parameters, start, duration, rows=UNKNOWN_ROWS, connection=0, many=0, site=None
):
    """Writes the event of a query; its slot, or 0."""
    if not events.is_on:
        return 0
    try:
        number = _texts.get(text)
        if number is None:
            number = _intern(text)
        if events.is_folding:
            code, line = stacks.innermost(_getframe(2))
            events.fold(driver, operation, number, code, line, duration, rows, flags & FAILED)
            return 0
        activation, line = site or locate(_getframe(2))
        slot = events.take()
        where = (slot & 16383) << 6
        if slot >> 14 >= len(events.maps) and not events.grow(slot):
            return 0
        pack_query(
            events.maps[slot >> 14], where, start, duration, rows, many, identity(parameters), activation, line, number,
            scope.get() or test_scope, connection, driver, flags, operation, QUERY,
        )  # fmt: skip
        return slot
    except Exception as error:
        give_up(error)
        return 0


def fetched(slot, duration, rows):
    """Replaces duration and rows of a query whose rows have been fetched meanwhile."""
    try:
        pack_fetch(events.maps[slot >> 14], ((slot & 16383) << 6) + 8, duration, rows)
    except Exception as error:
        give_up(error)


def here(depth=2):
    """The place to carry to where the stack will be lost."""
    try:
        return stacks.locate(_getframe(depth))
    except Exception as error:
        give_up(error)
        return 0, 0


def give_up(error):
    """Ends recording after an error of ours; lets an error of the program's own go on."""
    if is_foreign(error):
        raise error
    if not isinstance(error, RecursionError):
        events.turn_off()


def is_foreign(error):
    """True when the error was raised in a frame that is not the agent's, such as a signal handler's."""
    trace = error.__traceback__
    while trace is not None:
        if "cmdx_agent" not in trace.tb_frame.f_code.co_filename and trace.tb_next is None:
            # `realpath` and friends raise in the standard library, on our behalf.
            return "posixpath" not in trace.tb_frame.f_code.co_filename
        trace = trace.tb_next
    return False


def identity(parameters):
    """A number that is equal for equal parameters, 0 when that cannot be told without running code of the program."""
    if parameters is None:
        return 1
    kind = parameters.__class__
    if kind is dict:
        parameters = tuple(parameters.items())
        values = [pair[1] for pair in parameters]
    elif kind is list:
        values = parameters = tuple(parameters)
    elif kind is tuple:
        values = parameters
    elif kind in _safe_types:
        values = (parameters,)
    else:
        return 0
    for value in values:
        if value.__class__ not in _safe_types and not _becomes_safe(value.__class__):
            return 0
    return hash(parameters) or 1


def _becomes_safe(kind):
    if kind.__module__ in _library_types:
        _safe_types.add(kind)
        return True
    return False


def _intern(text):
    if len(text) > events.TEXT_BYTES_MAX:
        text = text[: events.TEXT_BYTES_MAX]
        number = _texts.get(text)
        if number is not None:
            return number
    if len(_texts) >= _TEXTS_MAX:
        text = _without_constants(text)
        if len(_texts) >= _PATTERNS_MAX:
            text = "(more than %d distinct statements)" % _PATTERNS_MAX
        number = _texts.get(text)
        if number is not None:
            return number
    number = _texts[text] = events.text(text, SQL)
    return number


def _without_constants(text):
    global _pattern
    if _pattern is None:
        import re

        _pattern = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
    return _pattern.sub("?", text)


#: Since CPython 3.11 a bare `raise` takes the traceback from the exception, so ours can be left out of it.
_CAN_STRIP = sys.version_info >= (3, 11)


def strip(error):
    """Takes the calling wrapper out of the traceback, before a bare `raise`."""
    if _CAN_STRIP:
        trace = error.__traceback__
        if trace is not None:
            error.__traceback__ = trace.tb_next


def dress(wrapper, original):
    """Gives a wrapper the names, signature and documentation of what it wraps."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        try:
            setattr(wrapper, name, getattr(original, name))
        except (AttributeError, TypeError):
            pass
    wrapper.__dict__.update(getattr(original, "__dict__", {}))
    wrapper.__wrapped__ = original
    return wrapper
