"""Wrappers for methods written in Python, plain and asynchronous."""
from cmdx_agent import record
from cmdx_agent.events import FAILED, clock
from cmdx_agent.record import strip


def method(owner, name, note):
    """Has `note(self, arguments, keywords, result, start, duration, flags)` called after each call of a method."""
    original = owner.__dict__.get(name)
    if original is None:
        return

    def wrapper(self, *arguments, **keywords):
        start = clock()
        try:
            result = original(self, *arguments, **keywords)
        except BaseException as error:
            _note(note, self, arguments, keywords, None, start, FAILED)
            strip(error)
            raise
        _note(note, self, arguments, keywords, result, start, 0)
        return result

    setattr(owner, name, record.dress(wrapper, original))


def _note(note, self, arguments, keywords, result, start, flags, site=None):
    duration = clock() - start
    try:
        note(self, arguments, keywords, result, start, duration, flags, site or record.here(3))
    except Exception as error:
        record.give_up(error)


def coroutine(owner, name, note):
    """As `method`, for `async def`. The place is taken before the first wait: afterwards it can be another stack."""
    original = owner.__dict__.get(name)
    if original is None:
        return

    async def wrapper(self, *arguments, **keywords):
        site = record.here()
        start = clock()
        try:
            result = await original(self, *arguments, **keywords)
        except BaseException as error:
            _note(note, self, arguments, keywords, None, start, FAILED, site)
            strip(error)
            raise
        _note(note, self, arguments, keywords, result, start, 0, site)
        return result

    setattr(owner, name, record.dress(wrapper, original))


def argument(arguments, keywords, position, *names):
    """An argument by its place among the positional ones, else by one of its names."""
    if len(arguments) > position:
        return arguments[position]
    for name in names:
        if name in keywords:
            return keywords[name]
    return None


def statement(value, context):
    """The text of a statement, whichever of its drivers' forms it has."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value.__class__.__module__.startswith("psycopg"):
        return value.as_string(context)
    return "(%s)" % value.__class__.__name__
