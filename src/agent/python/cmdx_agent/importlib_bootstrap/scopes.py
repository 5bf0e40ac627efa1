"""Requests, tests, benchmark rounds and tasks: queries are counted within each."""
from cmdx_agent import events, imports, record
from cmdx_agent.events import ITERATION, REQUEST, TASK, TEST
from cmdx_agent.record import scope, strip


def _open(kind, name):
    """Begins a scope: what `_close` needs."""
    try:
        parent = scope.get() or record.test_scope
        number = events.open_scope(kind, name, parent)
        return number, scope.set(number)
    except Exception as error:
        record.give_up(error)
        return None


def _close(opened):
    if opened is None:
        return
    try:
        events.close_scope(opened[0])
        scope.reset(opened[1])
    except Exception as error:
        record.give_up(error)


def patch_flask(module):
    """Flask's entry for a request."""
    original = module.Flask.wsgi_app

    def wsgi_app(self, environ, start_response):
        opened = _open(REQUEST, "%s %s" % (environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")))
        try:
            return original(self, environ, start_response)
        except BaseException as error:
            strip(error)
            raise
        finally:
            _close(opened)

    module.Flask.wsgi_app = record.dress(wsgi_app, original)


def patch_django(module):
    """Django's entry for a request, which its test client uses too."""
    original = module.BaseHandler.get_response
    original_async = getattr(module.BaseHandler, "get_response_async", None)

    def get_response(self, request):
        opened = _open(REQUEST, "%s %s" % (request.method, request.path))
        try:
            return original(self, request)
        except BaseException as error:
            strip(error)
            raise
        finally:
            _close(opened)

    async def get_response_async(self, request):
        opened = _open(REQUEST, "%s %s" % (request.method, request.path))
        try:
            return await original_async(self, request)
        except BaseException as error:
            strip(error)
            raise
        finally:
            _close(opened)

    module.BaseHandler.get_response = record.dress(get_response, original)
    if original_async is not None:
        module.BaseHandler.get_response_async = record.dress(get_response_async, original_async)


def patch_starlette(module):
    """Starlette's entry for a request, and with it FastAPI's."""
    original = module.Starlette.__call__

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await original(self, scope, receive, send)
        opened = _open(REQUEST, "%s %s" % (scope.get("method", ""), scope.get("path", "")))
        try:
            return await original(self, scope, receive, send)
        except BaseException as error:
            strip(error)
            raise
        finally:
            _close(opened)

    module.Starlette.__call__ = record.dress(__call__, original)


def _in_test(name, call):
    """Runs a test. Its scope also holds for code whose context is older than the test, such as an event loop's."""
    before = record.test_scope
    opened = _open(TEST, name)
    if opened is not None:
        record.test_scope = opened[0]
    try:
        return call()
    except BaseException as error:
        strip(error)
        raise
    finally:
        record.test_scope = before
        _close(opened)


def patch_pytest(module):
    """The call phase of a test. Wrapped outside of where pytest catches the test's exception."""
    original = module.call_and_report

    def call_and_report(item, when, *arguments, **keywords):
        if when != "call":
            return original(item, when, *arguments, **keywords)
        return _in_test(item.nodeid, lambda: original(item, when, *arguments, **keywords))

    module.call_and_report = record.dress(call_and_report, original)


def patch_pytest_imports(module):
    """pytest imports its plugins by a hook of its own, which goes past ours."""
    original = module.AssertionRewritingHook.exec_module

    def exec_module(self, module):
        original(self, module)
        imports.imported(module)

    module.AssertionRewritingHook.exec_module = record.dress(exec_module, original)


def patch_unittest(module):
    """A test case of unittest; under pytest the test has its scope already."""
    original = module.TestCase.run

    def run(self, result=None):
        if record.test_scope:
            return original(self, result)
        return _in_test(self.id(), lambda: original(self, result))

    module.TestCase.run = record.dress(run, original)


def patch_pytest_benchmark(module):
    """The rounds of pytest-benchmark."""
    original = module.BenchmarkFixture._make_runner

    def _make_runner(self, function, args, kwargs):
        runner = original(self, function, args, kwargs)
        name = getattr(self, "fullname", None) or self.name

        def round_of(loops_range, *arguments, **keywords):
            opened = _open(ITERATION, name)
            try:
                return runner(loops_range, *arguments, **keywords)
            except BaseException as error:
                strip(error)
                raise
            finally:
                _close(opened)

        return round_of

    module.BenchmarkFixture._make_runner = record.dress(_make_runner, original)


def patch_celery(module):
    """Celery's tasks, by the signals before and after each."""
    running = {}

    def begin(task_id=None, task=None, **_):
        running[task_id] = _open(TASK, getattr(task, "name", "task"))

    def end(task_id=None, **_):
        _close(running.pop(task_id, None))

    module.task_prerun.connect(begin, weak=False)
    module.task_postrun.connect(end, weak=False)
