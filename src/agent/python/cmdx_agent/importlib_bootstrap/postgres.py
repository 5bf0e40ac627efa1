"""psycopg2, psycopg 3 and asyncpg. Their rows arrive with the execution, so nothing but executions is wrapped."""
from cmdx_agent import handles, record
from cmdx_agent.events import (
    ASYNCPG,
    AUTOCOMMIT,
    COMMIT,
    CONNECT,
    EXECUTE,
    EXECUTE_MANY,
    FAILED,
    PSYCOPG,
    PSYCOPG2,
    UNKNOWN_ROWS,
    clock,
)
from cmdx_agent.importlib_bootstrap.wrap import argument, coroutine, method, statement
from cmdx_agent.record import query, strip


def _length(values):
    return len(values) if values.__class__ in (list, tuple) else 0


def _address(parameters):
    """Where the database is, without secrets."""
    return "postgresql://%s@%s:%s/%s" % (
        parameters.get("user", ""),
        parameters.get("host", ""),
        parameters.get("port", ""),
        parameters.get("dbname", ""),
    )


def patch_psycopg2_types(module):
    """Subclasses in the place of the C types, before `psycopg2.extras` derives its own from them."""
    base_cursor, base_connection = module.cursor, module.connection
    base_execute, base_many = base_cursor.execute, base_cursor.executemany
    base_make, base_commit, base_exit = base_connection.cursor, base_connection.commit, base_connection.__exit__

    def executed(self, operation, flags, sql, parameters, start, many=0):
        duration = clock() - start
        try:
            connection = self.connection
            rows = self.rowcount if self.description is not None and self.rowcount >= 0 else UNKNOWN_ROWS
            if rows == UNKNOWN_ROWS and connection.autocommit:
                flags |= AUTOCOMMIT
            text = statement(sql, connection)
            number = getattr(connection, "_cmdx_number", 0)
            query(PSYCOPG2, operation, flags, text, parameters, start, duration, rows, number, many, record.here(3))
        except Exception as error:
            record.give_up(error)

    class cursor(base_cursor):
        def execute(self, query, vars=None):
            start = clock()
            try:
                base_execute(self, query, vars)
            except BaseException as error:
                executed(self, EXECUTE, FAILED, query, vars, start)
                strip(error)
                raise
            executed(self, EXECUTE, 0, query, vars, start)

        def executemany(self, query, vars_list):
            start = clock()
            try:
                base_many(self, query, vars_list)
            except BaseException as error:
                executed(self, EXECUTE_MANY, FAILED, query, object, start, _length(vars_list))
                strip(error)
                raise
            executed(self, EXECUTE_MANY, 0, query, object, start, _length(vars_list))

    def committed(self, start, flags):
        duration = clock() - start
        number = getattr(self, "_cmdx_number", 0)
        query(PSYCOPG2, COMMIT, flags, "COMMIT", object, start, duration, UNKNOWN_ROWS, number, 0, record.here(3))

    class connection(base_connection):
        def cursor(self, *arguments, **keywords):
            if len(arguments) < 2 and keywords.get("cursor_factory") is None and self.cursor_factory is None:
                keywords["cursor_factory"] = cursor
            try:
                return base_make(self, *arguments, **keywords)
            except BaseException as error:
                strip(error)
                raise

        def commit(self):
            start = clock()
            try:
                base_commit(self)
            except BaseException as error:
                committed(self, start, FAILED)
                strip(error)
                raise
            committed(self, start, 0)

        def __exit__(self, kind, value, trace):
            start = clock()
            try:
                result = base_exit(self, kind, value, trace)
            except BaseException as error:
                strip(error)
                raise
            if kind is None:
                committed(self, start, 0)
            return result

    for kind, base in ((cursor, base_cursor), (connection, base_connection)):
        kind.__module__, kind.__qualname__, kind.__doc__ = base.__module__, base.__qualname__, base.__doc__
    module.cursor, module.connection = cursor, connection


def patch_psycopg2(module):
    """`psycopg2.connect`."""
    original = module.connect
    extensions = module.extensions

    def connect(dsn=None, connection_factory=None, cursor_factory=None, **keywords):
        start = clock()
        try:
            made = original(dsn, connection_factory or extensions.connection, cursor_factory, **keywords)
        except BaseException as error:
            strip(error)
            raise
        duration = clock() - start
        try:
            name = _address(made.get_dsn_parameters())
            made._cmdx_number = query(PSYCOPG2, CONNECT, 0, name, object, start, duration, site=record.here())
            handles.note(made, handles.CONNECTION, "psycopg2.connection", lambda own: not own.closed)
        except Exception as error:
            record.give_up(error)
        return made

    module.connect = record.dress(connect, original)


def patch_psycopg(module):
    """psycopg 3, whose classes are written in Python."""

    def executed(operation):
        def note(self, arguments, keywords, result, start, duration, flags, site):
            text = statement(argument(arguments, keywords, 0, "query"), self)
            parameters = argument(arguments, keywords, 1, "params", "params_seq")
            many = 0
            if operation == EXECUTE_MANY:
                many, parameters = _length(parameters), object
            rows = self.rowcount if self.description is not None and self.rowcount >= 0 else UNKNOWN_ROWS
            if rows == UNKNOWN_ROWS and self.connection.autocommit:
                flags |= AUTOCOMMIT
            number = getattr(self.connection, "_cmdx_number", 0)
            query(PSYCOPG, operation, flags, text, parameters, start, duration, rows, number, many, site)

        return note

    def committed(self, arguments, keywords, result, start, duration, flags, site):
        number = getattr(self, "_cmdx_number", 0)
        query(PSYCOPG, COMMIT, flags, "COMMIT", object, start, duration, UNKNOWN_ROWS, number, 0, site)

    for owner, wrap in ((module.Cursor, method), (module.AsyncCursor, coroutine)):
        wrap(owner, "execute", executed(EXECUTE))
        wrap(owner, "executemany", executed(EXECUTE_MANY))
    for owner, wrap in ((module.ServerCursor, method), (module.AsyncServerCursor, coroutine)):
        wrap(owner, "execute", executed(EXECUTE))
    for owner, wrap in ((module.Connection, method), (module.AsyncConnection, coroutine)):
        wrap(owner, "commit", committed)
    _patch_psycopg_connect(module)


def _patch_psycopg_connect(module):
    def connected(made, start, site):
        duration = clock() - start
        try:
            name = _address(made.info.get_parameters())
            made._cmdx_number = query(PSYCOPG, CONNECT, 0, name, object, start, duration, site=site)
        except Exception as error:
            record.give_up(error)
        return made

    original = module.Connection.__dict__["connect"].__func__
    original_async = module.AsyncConnection.__dict__["connect"].__func__

    def connect(cls, *arguments, **keywords):
        site, start = record.here(), clock()
        try:
            return connected(original(cls, *arguments, **keywords), start, site)
        except BaseException as error:
            strip(error)
            raise

    async def connect_async(cls, *arguments, **keywords):
        site, start = record.here(), clock()
        try:
            return connected(await original_async(cls, *arguments, **keywords), start, site)
        except BaseException as error:
            strip(error)
            raise

    module.Connection.connect = classmethod(record.dress(connect, original))
    module.AsyncConnection.connect = classmethod(record.dress(connect_async, original_async))
    module.connect = module.Connection.connect


def _asyncpg_query(text, parameters, result, start, duration, flags, site, many=0, operation=EXECUTE):
    if result.__class__ is list:
        rows = len(result)
    else:
        rows = UNKNOWN_ROWS
    query(ASYNCPG, operation, flags, text, parameters, start, duration, rows, 0, many, site)


def patch_asyncpg(module):
    """asyncpg's connection; its pool hands the calls through."""

    def fetched(self, arguments, keywords, result, start, duration, flags, site):
        text = statement(argument(arguments, keywords, 0, "query"), None)
        _asyncpg_query(text, arguments[1:], result, start, duration, flags, site)

    def executed(self, arguments, keywords, result, start, duration, flags, site):
        if not self.is_in_transaction():
            flags |= AUTOCOMMIT
        fetched(self, arguments, keywords, result, start, duration, flags, site)

    def executed_many(self, arguments, keywords, result, start, duration, flags, site):
        text = statement(argument(arguments, keywords, 0, "command"), None)
        many = _length(argument(arguments, keywords, 1, "args"))
        _asyncpg_query(text, object, result, start, duration, flags, site, many, EXECUTE_MANY)

    connection = module.Connection
    coroutine(connection, "execute", executed)
    coroutine(connection, "executemany", executed_many)
    for name in ("fetch", "fetchrow", "fetchval", "fetchmany"):
        coroutine(connection, name, fetched)
    original = module.connect

    async def connect(dsn=None, **keywords):
        site, start = record.here(), clock()
        try:
            made = await original(dsn, **keywords)
        except BaseException as error:
            strip(error)
            raise
        duration = clock() - start
        try:
            host, port = made._addr if isinstance(made._addr, tuple) else (made._addr, "")
            parameters = {"host": host, "port": port, "user": made._params.user, "dbname": made._params.database}
            query(ASYNCPG, CONNECT, 0, _address(parameters), object, start, duration, site=site)
        except Exception as error:
            record.give_up(error)
        return made

    module.connect = record.dress(connect, original)


def patch_asyncpg_prepared(module):
    """asyncpg's prepared statements, which SQLAlchemy uses."""

    def fetched(self, arguments, keywords, result, start, duration, flags, site):
        _asyncpg_query(self.get_query(), arguments, result, start, duration, flags, site)

    def executed_many(self, arguments, keywords, result, start, duration, flags, site):
        many = _length(argument(arguments, keywords, 0, "args"))
        _asyncpg_query(self.get_query(), object, result, start, duration, flags, site, many, EXECUTE_MANY)

    for name in ("fetch", "fetchrow", "fetchval", "fetchmany"):
        coroutine(module.PreparedStatement, name, fetched)
    coroutine(module.PreparedStatement, "executemany", executed_many)
