"""PyMySQL and mysqlclient."""
from cmdx_agent import handles
from cmdx_agent.events import AUTOCOMMIT, COMMIT, CONNECT, EXECUTE, MYSQLCLIENT, PYMYSQL, UNKNOWN_ROWS
from cmdx_agent.importlib_bootstrap.wrap import argument, method, statement
from cmdx_agent.record import query


def _patch_cursor(owner, driver):
    def note(self, arguments, keywords, result, start, duration, flags, site):
        text = statement(argument(arguments, keywords, 0, "query"), None)
        parameters = argument(arguments, keywords, 1, "args")
        connection = getattr(self, "connection", None)
        number = getattr(connection, "_cmdx_number", 0)
        rows = UNKNOWN_ROWS
        if getattr(self, "description", None) is not None and 0 <= self.rowcount < UNKNOWN_ROWS:
            rows = self.rowcount
        elif connection is not None and connection.get_autocommit():
            flags |= AUTOCOMMIT
        query(driver, EXECUTE, flags, text, parameters, start, duration, rows, number, 0, site)

    # `executemany` comes down to `execute`, once per batch it can make and once per row otherwise.
    method(owner, "execute", note)


def patch_pymysql_cursors(module):
    """Cursors of PyMySQL."""
    _patch_cursor(module.Cursor, PYMYSQL)


def patch_pymysql_connections(module):
    """Connections of PyMySQL."""

    def connected(self, arguments, keywords, result, start, duration, flags, site):
        database = self.db.decode("utf-8", "replace") if isinstance(self.db, bytes) else self.db
        name = "mysql://%s:%s/%s" % (self.host, self.port, database or "")
        self._cmdx_number = query(PYMYSQL, CONNECT, flags, name, object, start, duration, site=site)
        handles.note(self, handles.CONNECTION, "pymysql.Connection", lambda own: own.open)

    def committed(self, arguments, keywords, result, start, duration, flags, site):
        number = getattr(self, "_cmdx_number", 0)
        query(PYMYSQL, COMMIT, flags, "COMMIT", object, start, duration, UNKNOWN_ROWS, number, 0, site)

    method(module.Connection, "connect", connected)
    method(module.Connection, "commit", committed)


def patch_mysqlclient(module):
    """Cursors of mysqlclient."""
    _patch_cursor(module.BaseCursor, MYSQLCLIENT)
