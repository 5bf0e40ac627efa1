"""The fixture `benchmark` with the calls of pytest-benchmark, for projects whose environment lacks it."""
import gc
import math
import time

import pytest

SETTINGS = {}
#: Length of a round in seconds when figures are wanted, and when only the test is.
_ROUND_SECONDS = {"time": 0.02, "test": 0.001}
_ROUNDS = {"time": 5, "test": 3}


class FixtureAlreadyUsed(Exception):
    pass


class Stats(object):
    """Figures of the rounds, in seconds a call."""

    fields = ("min", "max", "mean", "stddev", "rounds", "median", "iqr", "q1", "q3", "ops", "total", "iterations")

    def __init__(self, iterations):
        self.data = []
        self.iterations = iterations

    def update(self, seconds):
        self.data.append(seconds)

    sorted_data = property(lambda self: sorted(self.data))
    rounds = property(lambda self: len(self.data))
    total = property(lambda self: sum(self.data))
    min = property(lambda self: min(self.data))
    max = property(lambda self: max(self.data))
    mean = property(lambda self: sum(self.data) / len(self.data))
    median = property(lambda self: self._at(0.5))
    q1 = property(lambda self: self._at(0.25))
    q3 = property(lambda self: self._at(0.75))
    iqr = property(lambda self: self.q3 - self.q1)
    ops = property(lambda self: 1.0 / self.mean if self.total else 0)

    @property
    def stddev(self):
        if len(self.data) < 2:
            return 0
        mean = self.mean
        return math.sqrt(sum((value - mean) ** 2 for value in self.data) / (len(self.data) - 1))

    def _at(self, part):
        data = self.sorted_data
        place = part * (len(data) - 1)
        low = int(place)
        high = min(low + 1, len(data) - 1)
        return data[low] + (data[high] - data[low]) * (place - low)

    def as_dict(self):
        return {field: getattr(self, field) for field in self.fields}


class Metadata(object):
    """What `benchmark.stats` is."""

    def __init__(self, fixture, iterations, options):
        self.name, self.fullname, self.group = fixture.name, fixture.fullname, fixture.group
        self.param, self.params, self.extra_info = fixture.param, fixture.params, fixture.extra_info
        self.iterations, self.options = iterations, options
        self.has_error = False
        self.stats = Stats(iterations)

    def __getitem__(self, key):
        return getattr(self.stats, key)

    def __bool__(self):
        return bool(self.stats.data)

    def as_dict(self, include_data=True, flat=False, stats=True):
        result = {
            "group": self.group,
            "name": self.name,
            "fullname": self.fullname,
            "params": self.params,
            "param": self.param,
            "extra_info": self.extra_info,
            "options": dict(self.options),
        }
        figures = self.stats.as_dict()
        if include_data:
            figures["data"] = list(self.stats.data)
        result.update(figures if flat else {"stats": figures})
        return result


class BenchmarkFixture(object):
    """Callable like the fixture of pytest-benchmark: `benchmark(function, *args)`, `benchmark.pedantic(…)`."""

    enabled = True
    disabled = False
    cprofile = None
    cprofile_stats = None

    def __init__(self, node):
        self.name = node.name
        self.fullname = node.nodeid
        self.params = dict(node.callspec.params) if hasattr(node, "callspec") else None
        self.param = node.callspec.id if hasattr(node, "callspec") else None
        marker = node.get_closest_marker("benchmark")
        self._options = dict(marker.kwargs) if marker else {}
        self.group = self._options.get("group")
        self.extra_info = {}
        self.stats = None
        self.has_error = False
        self.cmdx_loops = None
        self._timer = self._options.get("timer") or time.perf_counter
        self._mode = None
        self._undo = []

    def _claim(self, mode):
        if self._mode:
            self.has_error = True
            raise FixtureAlreadyUsed("Fixture can only be used once. Previously it was used in %s mode." % self._mode)
        self._mode = mode

    def __call__(self, function_to_benchmark, *args, **kwargs):
        self._claim("benchmark(...)")
        try:
            return self._measure(function_to_benchmark, args, kwargs)
        except Exception:
            self.has_error = True
            raise

    def _measure(self, function, args, kwargs):
        mode = "time" if SETTINGS.get("mode") == "time" else "test"
        loops = (SETTINGS.get("loops") or {}).get(self.fullname) if mode == "time" else None
        if loops is None:
            loops = self._calibrated(function, args, kwargs, _ROUND_SECONDS[mode])
        self.cmdx_loops = loops
        self.stats = Metadata(self, loops, self._options)
        rounds = max(_ROUNDS[mode], int(self._options.get("min_rounds") or 0) if mode == "time" else 0)
        if self._options.get("warmup"):
            self._round(function, args, kwargs, int(self._options.get("warmup_iterations") or 1))
        for _ in range(rounds):
            self.stats.stats.update(self._round(function, args, kwargs, loops) / loops)
        return function(*args, **kwargs)

    def _calibrated(self, function, args, kwargs, wanted):
        loops = 1
        while True:
            seconds = self._round(function, args, kwargs, loops)
            if seconds >= wanted or loops >= 1 << 24:
                return loops
            loops = max(loops + 1, min(loops * 10, int(loops * wanted / seconds) + 1 if seconds > 0 else loops * 10))

    def _round(self, function, args, kwargs, loops):
        was_enabled = gc.isenabled()
        if self._options.get("disable_gc"):
            gc.disable()
        timer = self._timer
        numbers = range(loops)
        try:
            start = timer()
            for _ in numbers:
                function(*args, **kwargs)
            return timer() - start
        finally:
            if was_enabled:
                gc.enable()

    def pedantic(self, target, args=(), kwargs=None, setup=None, teardown=None, rounds=1, warmup_rounds=0, iterations=1):
        self._claim("benchmark.pedantic(...)")
        if kwargs is None:
            kwargs = {}
        for name, value in (("iterations", iterations), ("rounds", rounds)):
            if not isinstance(value, int) or value < 1:
                raise ValueError("Must have positive int for `%s`." % name)
        if not isinstance(warmup_rounds, int) or warmup_rounds < 0:
            raise ValueError("Must have positive int for `warmup_rounds`.")
        if iterations > 1 and setup:
            raise ValueError("Can't use more than 1 `iterations` with a `setup` function.")
        self.stats = Metadata(self, iterations, self._options)
        result = None
        try:
            for number in range(warmup_rounds + rounds):
                seconds, result = self._pedantic_round(target, args, kwargs, setup, teardown, iterations)
                if number >= warmup_rounds:
                    self.stats.stats.update(seconds / iterations)
        except Exception:
            self.has_error = True
            raise
        return result

    def _pedantic_round(self, target, args, kwargs, setup, teardown, iterations):
        if setup:
            made = setup()
            if made is not None:
                args, kwargs = made
        result = None
        start = self._timer()
        for _ in range(iterations):
            result = target(*args, **kwargs)
        seconds = self._timer() - start
        if teardown:
            teardown(*args, **kwargs)
        return seconds, result

    def weave(self, target, **kwargs):
        try:
            import aspectlib
        except ImportError as error:
            message = "Please install aspectlib or pytest-benchmark[aspect] to use weave/patch."
            raise ImportError(message) from error

        def aspect(function):
            def wrapper(*args, **kwargs):
                return self(function, *args, **kwargs)

            return wrapper

        self._undo.append(aspectlib.weave(target, aspect, **kwargs).rollback)

    patch = weave

    def _cleanup(self):
        while self._undo:
            self._undo.pop()()


@pytest.fixture
def benchmark(request):
    fixture = BenchmarkFixture(request.node)
    yield fixture
    fixture._cleanup()


@pytest.fixture
def benchmark_weave(benchmark):
    return benchmark.weave
