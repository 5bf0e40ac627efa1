"""The pytest plugin of cmdx: writes what every test does, and brings the fixture `benchmark` where pytest-benchmark is
not there. Loaded with `-p cmdx_pytest`; nothing is installed."""
import os

import pytest

# Both while our folder is still on the path.
import cmdx_benchmark
import cmdx_measure
from cmdx_measure import write

cmdx_measure.start()


def _is_worker(config):
    return hasattr(config, "workerinput")


def pytest_addoption(parser):
    # The project's own conftest comes later and may want the name.
    if cmdx_measure.SETTINGS.get("adds_benchmark_option"):
        try:
            parser.addoption("--benchmark", action="store_true", default=False, help="measure the benchmarks")
        except ValueError:
            pass


def pytest_configure(config):
    config.pluginmanager.register(_Plugin(config), "cmdx-suite")
    names = ("benchmark", "pytest_benchmark", "pytest-benchmark", "codspeed")
    if not any(config.pluginmanager.hasplugin(name) for name in names):
        cmdx_benchmark.SETTINGS = cmdx_measure.SETTINGS
        config.pluginmanager.register(cmdx_benchmark, "cmdx-benchmark")
        config.addinivalue_line("markers", "benchmark: settings of a benchmark")


class _Plugin(object):
    def __init__(self, config):
        self.config = config

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        chosen = cmdx_measure.in_shard([item.nodeid for item in items])
        kept = [item for item in items if item.nodeid in chosen and cmdx_measure.is_wanted(item.nodeid)]
        if len(kept) != len(items):
            names = set(id(item) for item in kept)
            dropped = [item for item in items if id(item) not in names]
            items[:] = kept
            config.hook.pytest_deselected(items=dropped)
        if not _is_worker(config):
            write({"kind": "collected", "n": len(kept)})

    def pytest_runtest_logstart(self, nodeid, location):
        if not _is_worker(self.config):
            write({"kind": "start", "test": nodeid, "path": _path(location[0]), "line": (location[1] or 0) + 1})

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self, item):
        with cmdx_measure.Test(item.nodeid):
            yield

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item):
        fixture = getattr(item, "funcargs", {}).get("benchmark")
        try:
            _write_benchmark(item.nodeid, fixture)
        except Exception:
            pass
        yield

    def pytest_runtest_logreport(self, report):
        if _is_worker(self.config):
            return
        outcome = report.outcome
        if hasattr(report, "wasxfail"):
            outcome = "xfailed" if report.skipped else "xpassed"
        record = {
            "kind": "report",
            "test": report.nodeid,
            "when": report.when,
            "outcome": outcome,
            "seconds": report.duration,
        }
        if outcome == "failed":
            _explain(report, record)
        elif outcome == "skipped" and isinstance(report.longrepr, tuple):
            record["message"] = cmdx_measure.line_of(report.longrepr[2])
        write(record)

    def pytest_collectreport(self, report):
        if report.failed and not _is_worker(self.config):
            record = {"kind": "report", "test": report.nodeid or "collection", "when": "collect", "outcome": "failed"}
            _explain(report, record)
            write(record)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session, exitstatus):
        cmdx_measure.finish()


def _path(name):
    return os.path.abspath(name)


def _explain(report, record):
    text = getattr(report, "longreprtext", None) or str(report.longrepr)
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        record["message"] = cmdx_measure.line_of(crash.message)
        record["path"], record["line"] = _path(str(crash.path)), crash.lineno
    else:
        lines = [line for line in text.splitlines() if line.strip()]
        last = lines[-1] if lines else ""
        record["message"] = cmdx_measure.line_of(last[2:] if last.startswith("E ") else last)
    record["details"] = text[-20000:]


def _write_benchmark(name, fixture):
    """The rounds of pytest-benchmark, or of ours."""
    stats = getattr(fixture, "stats", None)
    inner = getattr(stats, "stats", None)
    data = getattr(inner, "data", None)
    if data:
        record = {"kind": "benchmark", "name": getattr(fixture, "fullname", None) or name, "values": list(data)}
        if getattr(fixture, "cmdx_loops", None):
            record["loops"] = fixture.cmdx_loops
        write(record)
