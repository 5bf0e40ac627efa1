"""Calls a patch right after the program has imported the module it is for. Imports nothing on its own."""
import sys

_PACKAGE = "cmdx_agent.importlib_bootstrap."

#: Module of the program -> our module and function that patches it.
_PATCHES = {
    "sqlite3.dbapi2": ("sqlite", "patch"),
    "psycopg2.extensions": ("postgres", "patch_psycopg2_types"),
    "psycopg2": ("postgres", "patch_psycopg2"),
    "psycopg": ("postgres", "patch_psycopg"),
    "asyncpg.connection": ("postgres", "patch_asyncpg"),
    "asyncpg.prepared_stmt": ("postgres", "patch_asyncpg_prepared"),
    "pymysql.cursors": ("mysql", "patch_pymysql_cursors"),
    "pymysql.connections": ("mysql", "patch_pymysql_connections"),
    "MySQLdb.cursors": ("mysql", "patch_mysqlclient"),
    "aiosqlite.core": ("sqlite", "patch_aiosqlite"),
    "urllib3.connectionpool": ("http", "patch_urllib3"),
    "httpx._client": ("http", "patch_httpx"),
    "aiohttp.client": ("http", "patch_aiohttp"),
    "urllib.request": ("http", "patch_urllib"),
    "http.client": ("http", "patch_http_client"),
    "asyncio.base_events": ("tasks", "patch"),
    "flask.app": ("scopes", "patch_flask"),
    "django.core.handlers.base": ("scopes", "patch_django"),
    "starlette.applications": ("scopes", "patch_starlette"),
    "_pytest.runner": ("scopes", "patch_pytest"),
    "_pytest.assertion.rewrite": ("scopes", "patch_pytest_imports"),
    "unittest.case": ("scopes", "patch_unittest"),
    "pytest_benchmark.fixture": ("scopes", "patch_pytest_benchmark"),
    "celery.signals": ("scopes", "patch_celery"),
}


#: The same, of modules whose handles are noted too.
_HANDLES = {
    "concurrent.futures.thread": "patch_executors",
    "concurrent.futures.process": "patch_executors",
    "requests.sessions": "patch_requests",
    "httpx._client": "patch_httpx",
    "aiohttp.client": "patch_aiohttp",
    "asyncio.base_events": "patch_asyncio",
}
_all_patches = {name: [_PACKAGE + file + " " + function] for name, (file, function) in _PATCHES.items()}


def watch_handles():
    """Has constructors of what can be left open patched as well."""
    for name, function in _HANDLES.items():
        _all_patches.setdefault(name, []).append("cmdx_agent.handles " + function)


class _Finder:
    """Stands first on `sys.meta_path`, answers only for the modules above, by asking those behind it."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in _all_patches:
            return None
        for finder in sys.meta_path:
            if finder is _Finder or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                _watch(name, spec.loader)
                return spec
        return None


def _watch(name, loader):
    # The loader keeps its type and identity: it only carries the hook until its one module has run.
    execute = getattr(loader, "exec_module", None)
    if execute is None or isinstance(loader, type):
        return

    def exec_module(module):
        execute(module)
        if module.__name__ == name:
            if loader.__dict__.get("exec_module") is exec_module:
                del loader.exec_module
            _patch(name, module)

    try:
        loader.exec_module = exec_module
    except (AttributeError, TypeError):
        pass


def imported(module):
    """Patches a module that another hook, which stands before ours, has imported."""
    if module.__name__ in _all_patches:
        _patch(module.__name__, module)


def _patch(name, module):
    for patch in _all_patches[name]:
        ours, _, function = patch.partition(" ")
        try:
            __import__(ours)
            getattr(sys.modules[ours], function)(module)
        except Exception as error:
            from cmdx_agent import events

            events.text("cannot trace %s: %s" % (name, type(error).__name__), events.NOTE)


def install():
    """Places the hook, and patches what a program's start has already imported."""
    sys.meta_path.insert(0, _Finder)
    for name in _all_patches:
        module = sys.modules.get(name)
        if module is not None:
            _patch(name, module)
