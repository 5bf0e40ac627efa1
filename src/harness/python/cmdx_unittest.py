"""Runs `-m unittest …` or `manage.py test …` as the interpreter itself would, and writes what every test does."""
import os
import sys
import time

import cmdx_measure
from cmdx_measure import write

cmdx_measure.start()


def _name(test):
    try:
        return test.id()
    except Exception:
        return str(test)


def _place(test):
    try:
        method = getattr(type(test), test._testMethodName)
        code = getattr(method, "__wrapped__", method).__code__
        return {"path": os.path.abspath(code.co_filename), "line": code.co_firstlineno}
    except Exception:
        return {}


def _write_end(test):
    write({"kind": "report", "test": _name(test), "when": "teardown", "outcome": "passed"})


def _explained(result, test, error):
    kind, value, trace = error
    record = {"message": cmdx_measure.line_of("%s: %s" % (getattr(kind, "__name__", kind), value))}
    own = cmdx_measure.SETTINGS.get("own") or os.getcwd()
    while trace is not None:
        path = os.path.abspath(trace.tb_frame.f_code.co_filename)
        if path.startswith(own + os.sep) and "site-packages" not in path:
            record["path"], record["line"] = path, trace.tb_lineno
        trace = trace.tb_next
    try:
        record["details"] = result._exc_info_to_string(error, test)[-20000:]
    except Exception:
        pass
    return record


def _watch():
    import unittest.result
    import unittest.suite

    base = unittest.result.TestResult
    running = {}

    def wrap(name, outcome):
        original = getattr(base, name)

        def method(self, test, *args):
            record = {"kind": "report", "test": _name(test), "when": "call", "outcome": outcome}
            if test in running:
                record["seconds"] = time.perf_counter() - running[test].wall
            else:
                record["when"] = "setup"
                write(dict(_place(test), kind="start", test=_name(test)))
            if outcome == "failed" and args and isinstance(args[-1], tuple):
                record.update(_explained(self, test, args[-1]))
            elif outcome == "skipped" and args:
                record["message"] = cmdx_measure.line_of(args[-1])
            write(record)
            if test not in running:
                _write_end(test)
            return original(self, test, *args)

        setattr(base, name, method)

    wrap("addSuccess", "passed")
    wrap("addError", "failed")
    wrap("addFailure", "failed")
    wrap("addSkip", "skipped")
    wrap("addExpectedFailure", "xfailed")
    wrap("addUnexpectedSuccess", "xpassed")
    start, stop, sub = base.startTest, base.stopTest, base.addSubTest

    def start_test(self, test):
        write(dict(_place(test), kind="start", test=_name(test)))
        running[test] = cmdx_measure.Test(_name(test)).__enter__()
        return start(self, test)

    def stop_test(self, test):
        measured = running.pop(test, None)
        if measured is not None:
            measured.__exit__(None, None, None)
        _write_end(test)
        return stop(self, test)

    def add_sub_test(self, test, subtest, error):
        if error is not None:
            record = {"kind": "report", "test": _name(test), "when": "call", "outcome": "failed"}
            record.update(_explained(self, subtest, error))
            write(record)
        return sub(self, test, subtest, error)

    base.startTest, base.stopTest, base.addSubTest = start_test, stop_test, add_sub_test
    _choose(unittest.suite)


def _choose(module):
    """Takes tests out of suites as they are about to run: the outermost suite holds them all."""
    original = module.TestSuite.run
    is_running = []

    def tests_of(suite):
        for test in suite:
            if isinstance(test, module.BaseTestSuite):
                for inner in tests_of(test):
                    yield inner
            else:
                yield test

    def run(self, result, debug=False):
        if not is_running:
            is_running.append(True)
            tests = list(tests_of(self))
            chosen = cmdx_measure.in_shard([_name(test) for test in tests])
            kept = [_name(test) for test in tests if _name(test) in chosen and cmdx_measure.is_wanted(_name(test))]
            write({"kind": "collected", "n": len(kept)})
            if len(kept) != len(tests):
                _prune(self, set(kept), module)
        return original(self, result, debug)

    module.TestSuite.run = run


def _prune(suite, kept, module):
    left = []
    for test in suite:
        if isinstance(test, module.BaseTestSuite):
            _prune(test, kept, module)
            left.append(test)
        elif _name(test) in kept:
            left.append(test)
    suite._tests = left


def _run():
    import atexit
    import runpy

    _watch()
    atexit.register(cmdx_measure.finish)
    rest = sys.argv[1:]
    if rest[:1] == ["-m"]:
        sys.argv = rest[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(rest[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = rest
        sys.path.insert(0, os.path.dirname(os.path.abspath(rest[0])))
        runpy.run_path(rest[0], run_name="__main__")


if __name__ == "__main__":
    _run()
