"""Writes the outcome of every test, one JSON object a line. A pytest plugin, and the same for unittest.

`CMDX_RESULTS` names the directory; `CMDX_ONLY` a file with the names of the only tests to run, one a line.
"""
import json
import os
import time

import cmdx_memory
import cmdx_overlay

_out = [None, None]


def _write(directory, record):
    if _out[0] is None or _out[1] != os.getpid():
        _out[0] = open(os.path.join(directory, "tests-%d.jsonl" % os.getpid()), "a")
        _out[1] = os.getpid()
    _out[0].write(json.dumps(record) + "\n")
    _out[0].flush()


def _directory():
    return os.environ["CMDX_RESULTS"]


def _is_worker(config):
    return hasattr(config, "workerinput")


class _Plugin(object):
    def __init__(self, config):
        self.config = config

    def pytest_runtest_logstart(self, nodeid, location):
        cmdx_overlay.CURRENT_TEST[0] = nodeid

    def pytest_runtest_logfinish(self, nodeid, location):
        cmdx_overlay.CURRENT_TEST[0] = None

    def pytest_runtest_logreport(self, report):
        if _is_worker(self.config):
            return
        outcome = report.outcome
        if hasattr(report, "wasxfail"):
            outcome = "xfailed" if report.skipped else "xpassed"
        record = {"test": report.nodeid, "when": report.when, "outcome": outcome, "seconds": report.duration}
        if outcome == "failed":
            record["message"] = _message(report)
        _write(_directory(), record)

    def pytest_collectreport(self, report):
        if report.failed and not _is_worker(self.config):
            name = report.nodeid or "collection"
            _write(_directory(), {"test": name, "when": "collect", "outcome": "failed", "message": _message(report)})


class _Memory(object):
    """How much memory tests take; apart from what makes them ready, and from their time."""

    def __init__(self, hookimpl):
        self.before = None
        cls = type(self)
        cls.pytest_runtest_setup = hookimpl(trylast=True)(cls.pytest_runtest_setup)
        cls.pytest_runtest_teardown = hookimpl(tryfirst=True)(cls.pytest_runtest_teardown)

    def pytest_runtest_setup(self, item):
        self.before = cmdx_memory.begin()

    def pytest_runtest_teardown(self, item):
        grown = cmdx_memory.end(self.before)
        self.before = None
        if grown is not None:
            _write(_directory(), {"test": item.nodeid, "when": "memory", "outcome": "", "peak_bytes": grown})


def _message(report):
    crash = getattr(getattr(report, "longrepr", None), "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    lines = [line for line in text.splitlines() if line.strip()]
    line = lines[0] if crash is not None and lines else (lines[-1] if lines else "")
    return line[:300]


def pytest_configure(config):
    config.pluginmanager.register(_Plugin(config), "cmdx-results")
    if os.environ.get("CMDX_MEMORY"):
        import pytest

        config.pluginmanager.register(_Memory(pytest.hookimpl), "cmdx-memory")


def pytest_collection_modifyitems(config, items):
    name = os.environ.get("CMDX_ONLY")
    if not name:
        return
    with open(name) as file:
        wanted = set(file.read().splitlines())
    dropped = [item for item in items if item.nodeid not in wanted]
    if dropped:
        items[:] = [item for item in items if item.nodeid in wanted]
        config.hook.pytest_deselected(items=dropped)


def watch_unittest(directory):
    """Wraps the results class that unittest and Django build theirs on."""
    import unittest.result

    base = unittest.result.TestResult
    begun = {}

    def wrap(name, outcome):
        original = getattr(base, name)

        def method(self, test, *args):
            record = {"test": _name(test), "when": "call", "outcome": outcome}
            if test in begun:
                record["seconds"] = time.perf_counter() - begun[test]
            if outcome == "failed" and args and isinstance(args[-1], tuple):
                error = args[-1][1]
                record["message"] = ("%s: %s" % (type(error).__name__, error)).split("\n")[0][:300]
            _write(directory, record)
            return original(self, test, *args)

        setattr(base, name, method)

    wrap("addSuccess", "passed")
    wrap("addError", "failed")
    wrap("addFailure", "failed")
    wrap("addSkip", "skipped")
    wrap("addExpectedFailure", "xfailed")
    wrap("addUnexpectedSuccess", "xpassed")
    start, stop, sub = base.startTest, base.stopTest, base.addSubTest

    grown = {}
    measures = bool(os.environ.get("CMDX_MEMORY"))

    def start_test(self, test):
        if measures:
            grown[test] = cmdx_memory.begin()
        begun[test] = time.perf_counter()
        cmdx_overlay.CURRENT_TEST[0] = _name(test)
        return start(self, test)

    def stop_test(self, test):
        begun.pop(test, None)
        peak = cmdx_memory.end(grown.pop(test, None))
        if peak is not None:
            _write(directory, {"test": _name(test), "when": "memory", "outcome": "", "peak_bytes": peak})
        cmdx_overlay.CURRENT_TEST[0] = None
        return stop(self, test)

    def add_sub_test(self, test, subtest, error):
        if error is not None:
            message = ("%s: %s" % (error[0].__name__, error[1])).split("\n")[0][:300]
            _write(directory, {"test": _name(test), "when": "call", "outcome": "failed", "message": message})
        return sub(self, test, subtest, error)

    base.startTest, base.stopTest, base.addSubTest = start_test, stop_test, add_sub_test


def _name(test):
    try:
        return test.id()
    except Exception:
        return str(test)
