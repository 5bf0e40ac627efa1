"""How often are verdicts wrong? The same code against itself, code with 10 % more work, and load on one half only, judged
by cmdx, by pytest-benchmark's compare-fail and by hyperfine.

    cargo build --release && python3 benches/verdicts.py --python .venv/bin/python --sessions 200

The interpreter needs pytest and pytest-benchmark; hyperfine is left out where it is not installed. Every session is one
line of the log: a run that was stopped goes on where it was.
"""
import argparse
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import tempfile
import time

WORK = """\
def work():
    total = 0
    for number in range(%d):
        total += number * number %% 7
    return total
"""
TEST = """\
import app


def test_work():
    for _ in range(4):
        assert app.work() > 0
"""
FIXTURE = """\
import app


def test_work(benchmark):
    assert benchmark(app.work) > 0
"""
#: What the code as it is does more than before.
SCENARIOS = {"same": 1.0, "ten-percent": 1.1, "half-loaded": 1.0}
ROUNDS = 120000


def git(root, *words):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=root, check=True, capture_output=True)


def project(root, factor):
    with open(os.path.join(root, "app.py"), "w") as file:
        file.write(WORK % ROUNDS)
    with open(os.path.join(root, "test_performance.py"), "w") as file:
        file.write(TEST)
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "before")
    with open(os.path.join(root, "app.py"), "w") as file:
        file.write(WORK % int(ROUNDS * factor) + "# changed\n")


def burn(seconds):
    end = time.time() + seconds
    while time.time() < end:
        sum(range(1000))


def with_load(scenario, seconds):
    """A process that takes one processor away from the middle of the session on."""
    if scenario != "half-loaded":
        return None

    def late():
        time.sleep(seconds)
        burn(600)

    process = multiprocessing.Process(target=late, daemon=True)
    process.start()
    return process


def of_cmdx(arguments, root, scenario):
    command = [arguments.cmdx, "run-all-tests", "--benchmark", "--scientific", "--base=HEAD", "--json", "--no-control"]
    load = with_load(scenario, 8)
    done = subprocess.run(command + ["--python", arguments.python], cwd=root, capture_output=True, text=True)
    if load:
        load.terminate()
    document = json.loads(done.stdout)
    for benchmark in document["benchmarks"]:
        if benchmark["kind"] == "test":
            series = {series["metric"]: series["comparison"] for series in benchmark["series"]}
            return {metric: series[metric]["change"] for metric in ("wall-time", "cpu-time")} | {
                "n_pairs": series["cpu-time"]["n_pairs"]
            }
    raise SystemExit("no benchmark in %s" % document)


def of_pytest_benchmark(arguments, root, scenario):
    with open(os.path.join(root, "test_fixture.py"), "w") as file:
        file.write(FIXTURE)
    base = [arguments.python, "-m", "pytest", "-q", "test_fixture.py", "--benchmark-storage=file://./.store"]
    shutil.rmtree(os.path.join(root, ".store"), ignore_errors=True)
    changed = open(os.path.join(root, "app.py")).read()
    git(root, "checkout", "--quiet", "HEAD", "--", "app.py")
    subprocess.run(base + ["--benchmark-save=before"], cwd=root, capture_output=True)
    with open(os.path.join(root, "app.py"), "w") as file:
        file.write(changed)
    load = with_load(scenario, 0)
    again = base + ["--benchmark-compare=0001", "--benchmark-compare-fail=median:5%"]
    done = subprocess.run(again, cwd=root, capture_output=True, text=True)
    if load:
        load.terminate()
    return {"median:5%": "slower" if "Performance has regressed" in done.stdout + done.stderr else "none"}


def of_hyperfine(arguments, root, scenario):
    if not shutil.which("hyperfine"):
        return {}
    sides = []
    for number, rounds in enumerate((ROUNDS, int(ROUNDS * SCENARIOS[scenario]))):
        path = os.path.join(root, "side%d.py" % number)
        with open(path, "w") as file:
            file.write(WORK % rounds + "\nwork()\n" * 4)
        sides.append("%s %s" % (arguments.python, path))
    out = os.path.join(root, "hyperfine.json")
    load = with_load(scenario, 3)
    subprocess.run(["hyperfine", "-N", "--export-json", out] + sides, capture_output=True)
    if load:
        load.terminate()
    means = [result["mean"] for result in json.load(open(out))["results"]]
    return {"mean > 5 %": "slower" if means[1] > means[0] * 1.05 else "none"}


def session(arguments, scenario):
    root = tempfile.mkdtemp(prefix="verdicts-")
    try:
        project(root, SCENARIOS[scenario])
        record = {"scenario": scenario, "load": os.getloadavg()[0]}
        record["cmdx"] = of_cmdx(arguments, root, scenario)
        record["pytest-benchmark"] = of_pytest_benchmark(arguments, root, scenario)
        record["hyperfine"] = of_hyperfine(arguments, root, scenario)
        return record
    finally:
        shutil.rmtree(root, ignore_errors=True)


def read(path):
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


def table(records):
    print("| | sessions | cmdx, CPU time | cmdx, wall time | pytest-benchmark, median:5% | hyperfine, mean > 5 % |")
    print("|---|---|---|---|---|---|")
    for scenario in SCENARIOS:
        own = [record for record in records if record["scenario"] == scenario]
        if not own:
            continue

        def share(tool, key, wanted=("slower",)):
            values = [record[tool].get(key) for record in own if record[tool].get(key) is not None]
            return "%d of %d" % (sum(value in wanted for value in values), len(values)) if values else "-"

        wanted = ("slower",) if scenario == "ten-percent" else ("slower", "faster")
        print(
            "| %s | %d | %s | %s | %s | %s |"
            % (
                scenario,
                len(own),
                share("cmdx", "cpu-time", wanted),
                share("cmdx", "wall-time", wanted),
                share("pytest-benchmark", "median:5%"),
                share("hyperfine", "mean > 5 %"),
            )
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cmdx", default="target/release/cmdx")
    parser.add_argument("--python", default=shutil.which("python3"))
    parser.add_argument("--sessions", type=int, default=200, help="of every scenario")
    parser.add_argument("--log", default="target/verdicts.jsonl")
    arguments = parser.parse_args()
    arguments.cmdx, arguments.python = os.path.abspath(arguments.cmdx), os.path.abspath(arguments.python)
    records = read(arguments.log)
    left = []
    for scenario in SCENARIOS:
        done = sum(record["scenario"] == scenario for record in records)
        left.extend([scenario] * (arguments.sessions - done))
    random.shuffle(left)
    try:
        for scenario in left:
            record = session(arguments, scenario)
            records.append(record)
            with open(arguments.log, "a") as file:
                file.write(json.dumps(record) + "\n")
    except KeyboardInterrupt:
        pass
    table(records)


if __name__ == "__main__":
    main()
