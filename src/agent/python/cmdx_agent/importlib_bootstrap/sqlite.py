"""sqlite3 and aiosqlite.

Cursor and connection are C types: subclasses of the same name take their place in the module, so `type(connection)
is sqlite3.Connection` holds as before. Rows of an iterated cursor are not counted: that would cost a call per row.
"""
import os
import sys

from cmdx_agent import handles, record
from cmdx_agent.events import (
    AUTOCOMMIT,
    COMMIT,
    CONNECT,
    EXECUTE,
    EXECUTE_MANY,
    FAILED,
    SCRIPT,
    SQLITE3,
    UNKNOWN_ROWS,
    clock,
)
from cmdx_agent.record import fetched, query, strip
from cmdx_agent.stacks import carried

#: From 3.11 on `Connection.execute` makes its cursor in C and never calls `cursor()`.
_EXECUTES_IN_C = sys.version_info >= (3, 11)


def patch(module):
    """Replaces `Cursor`, `Connection` and `connect` of `sqlite3.dbapi2`."""
    base_cursor, base_connection = module.Cursor, module.Connection
    cursor = _cursor_type(base_cursor)
    connection = _connection_type(base_connection, base_cursor, cursor)
    module.connect = _connect(module.connect, base_connection, connection)
    module.Cursor = cursor
    module.Connection = connection


def _name_like(kind, base):
    kind.__module__ = "sqlite3"
    kind.__qualname__ = base.__name__
    kind.__doc__ = base.__doc__


def _cursor_type(base):
    base_execute, base_many, base_script = base.execute, base.executemany, base.executescript
    base_all, base_one, base_some = base.fetchall, base.fetchone, base.fetchmany

    def executed(self, operation, flags, arguments, start):
        duration = clock() - start
        if not arguments or arguments[0].__class__ is not str:
            return
        number = many = 0
        parameters = arguments[1] if len(arguments) > 1 else None
        try:
            connection = self.connection
            number = connection._cmdx_number
            if self.rowcount >= 0 and not connection.in_transaction:
                flags |= AUTOCOMMIT
            if operation == EXECUTE_MANY:
                # An iterator would be used up.
                many = len(parameters) if parameters.__class__ in (list, tuple) else 0
                parameters = _Unknown
        except Exception as error:
            if record.is_foreign(error):
                raise
        self._cmdx_duration = duration
        self._cmdx_rows = 0
        self._cmdx_slot = query(
            SQLITE3, operation, flags, arguments[0], parameters, start, duration, UNKNOWN_ROWS, number, many
        )

    class Cursor(base):
        __slots__ = ("_cmdx_slot", "_cmdx_duration", "_cmdx_rows")

        # The base counts and names its arguments itself, and says so in its errors.
        def execute(self, *arguments):
            start = clock()
            try:
                base_execute(self, *arguments)
            except BaseException as error:
                executed(self, EXECUTE, FAILED, arguments, start)
                strip(error)
                raise
            executed(self, EXECUTE, 0, arguments, start)
            return self

        def executemany(self, *arguments):
            start = clock()
            try:
                base_many(self, *arguments)
            except BaseException as error:
                executed(self, EXECUTE_MANY, FAILED, arguments, start)
                strip(error)
                raise
            executed(self, EXECUTE_MANY, 0, arguments, start)
            return self

        def executescript(self, *arguments):
            start = clock()
            try:
                base_script(self, *arguments)
            except BaseException as error:
                executed(self, SCRIPT, FAILED, arguments, start)
                strip(error)
                raise
            executed(self, SCRIPT, 0, arguments, start)
            return self

        def fetchall(self):
            start = clock()
            try:
                rows = base_all(self)
            except BaseException as error:
                strip(error)
                raise
            took(self, clock() - start, len(rows))
            return rows

        def fetchmany(self, *size, **keywords):
            start = clock()
            try:
                rows = base_some(self, *size, **keywords)
            except BaseException as error:
                strip(error)
                raise
            took(self, clock() - start, len(rows))
            return rows

        def fetchone(self):
            start = clock()
            try:
                row = base_one(self)
            except BaseException as error:
                strip(error)
                raise
            took(self, clock() - start, row is not None)
            return row

    def took(self, duration, rows):
        try:
            slot = self._cmdx_slot
        except AttributeError:
            return
        if slot:
            self._cmdx_duration = duration = self._cmdx_duration + duration
            self._cmdx_rows = rows = self._cmdx_rows + rows
            fetched(slot, duration, rows)

    _name_like(Cursor, base)
    return Cursor


class _Unknown:
    """Stands for parameters that must not be looked at: an iterator would be used up."""


def _connection_type(base, base_cursor, cursor_type):
    base_make, base_commit, base_exit = base.cursor, base.commit, base.__exit__
    execute, many, script = cursor_type.execute, cursor_type.executemany, cursor_type.executescript
    mixed = {base_cursor: cursor_type}

    def committed(self, was_open, start, failed):
        if was_open:
            query(
                SQLITE3, COMMIT, FAILED if failed else 0, "COMMIT", _Unknown, start, clock() - start,
                UNKNOWN_ROWS, _number(self),
            )  # fmt: skip

    class Connection(base):
        __slots__ = ("_cmdx_number", "_cmdx_exits", "__weakref__")

        def cursor(self, *factory, **keywords):
            try:
                if not factory and not keywords:
                    return base_make(self, cursor_type)
                if factory:
                    factory = (_traced(factory[0], base_cursor, cursor_type, mixed),) + factory[1:]
                elif "factory" in keywords:
                    keywords["factory"] = _traced(keywords["factory"], base_cursor, cursor_type, mixed)
                return base_make(self, *factory, **keywords)
            except BaseException as error:
                strip(error)
                raise

        def commit(self):
            # Before 3.10 the end of a `with` block calls this method, after that it commits in C.
            was_open = _is_open(self) and not getattr(self, "_cmdx_exits", False)
            start = clock()
            try:
                base_commit(self)
            except BaseException as error:
                committed(self, was_open, start, True)
                strip(error)
                raise
            committed(self, was_open, start, False)

        def __exit__(self, kind, value, trace):
            was_open = kind is None and _is_open(self)
            self._cmdx_exits = True
            start = clock()
            try:
                result = base_exit(self, kind, value, trace)
            except BaseException as error:
                committed(self, was_open, start, True)
                strip(error)
                raise
            finally:
                self._cmdx_exits = False
            committed(self, was_open, start, False)
            return result

        if _EXECUTES_IN_C:

            def execute(self, *arguments):
                try:
                    return execute(base_make(self, cursor_type), *arguments)
                except BaseException as error:
                    strip(error)
                    raise

            def executemany(self, *arguments):
                try:
                    return many(base_make(self, cursor_type), *arguments)
                except BaseException as error:
                    strip(error)
                    raise

            def executescript(self, *arguments):
                try:
                    return script(base_make(self, cursor_type), *arguments)
                except BaseException as error:
                    strip(error)
                    raise

    _name_like(Connection, base)
    return Connection


def _is_open(connection):
    try:
        return connection.in_transaction
    except Exception as error:
        if record.is_foreign(error):
            raise
        return False


def _number(connection):
    try:
        return connection._cmdx_number
    except AttributeError:
        return 0


def _traced(kind, base, ours, mixed):
    """A factory of the program's own, with ours mixed in when it was derived from the type in C."""
    if not isinstance(kind, type) or issubclass(kind, ours) or not issubclass(kind, base):
        return kind
    found = mixed.get(kind)
    if found is None:
        try:
            found = type(kind.__name__, (kind, ours), {"__slots__": (), "__doc__": kind.__doc__})
            found.__module__, found.__qualname__ = kind.__module__, kind.__qualname__
        except TypeError:
            found = kind
        mixed[kind] = found
    return found


#: From 3.13 on positional arguments make a warning, which names the line of the innermost Python frame.
_WARNS_OF_POSITIONS = sys.version_info >= (3, 13)


def _as_caller(frame, original, arguments, keywords):
    """Calls from a frame that has the caller's file, line and globals, so that a warning is attributed as ever."""
    call = compile("original(*arguments, **keywords)", frame.f_code.co_filename, "eval")
    call = call.replace(co_firstlineno=frame.f_lineno)
    values = {"original": original, "arguments": arguments, "keywords": keywords}
    try:
        return eval(call, frame.f_globals, values)
    except BaseException as error:
        error.__traceback__ = error.__traceback__.tb_next.tb_next
        raise


def _connect(original, base, ours):
    mixed = {base: ours}

    def connect(*arguments, **keywords):
        try:
            if len(arguments) > 5:
                arguments = arguments[:5] + (_traced(arguments[5], base, ours, mixed),) + arguments[6:]
            else:
                keywords["factory"] = _traced(keywords.get("factory", ours), base, ours, mixed)
            start = clock()
            if len(arguments) > 1 and _WARNS_OF_POSITIONS:
                connection = _as_caller(sys._getframe(1), original, arguments, keywords)
            else:
                connection = original(*arguments, **keywords)
            duration = clock() - start
        except BaseException as error:
            strip(error)
            raise
        name = _database(arguments[0] if arguments else keywords.get("database"))
        number = query(SQLITE3, CONNECT, 0, name, _Unknown, start, duration)
        try:
            connection._cmdx_number = number
        except AttributeError:
            pass
        handles.note(connection, handles.CONNECTION, "sqlite3.Connection", _is_usable)
        return connection

    return record.dress(connect, original)


def _is_usable(connection):
    # Raises for one that was closed.
    return connection.total_changes >= 0


def _database(name):
    if name.__class__.__module__ in ("pathlib", "pathlib._local"):
        name = str(name)
    elif name.__class__ is bytes:
        name = os.fsdecode(name)
    if name.__class__ is not str:
        return "(unknown)"
    return name if name in ("", ":memory:") or name.startswith("file:") else os.path.abspath(name)


def patch_aiosqlite(module):
    """aiosqlite hands each call to a thread: the place is taken where the call is awaited, and carried over."""
    original = module.Connection._execute

    async def _execute(self, function, *arguments, **keywords):
        site = record.here()
        scope = record.scope.get()

        def work(*arguments, **keywords):
            carried.site = site
            token = record.scope.set(scope)
            try:
                return function(*arguments, **keywords)
            except BaseException as error:
                strip(error)
                raise
            finally:
                carried.site = None
                record.scope.reset(token)

        try:
            return await original(self, work, *arguments, **keywords)
        except BaseException as error:
            strip(error)
            raise

    module.Connection._execute = record.dress(_execute, original)
