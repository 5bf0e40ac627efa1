"""What a profiled run costs: CPU time (user + sys) of the whole process tree, against the bare run.

Bare and profiled runs alternate, so that a busy machine disturbs both alike; the figure is the median of the pairs'
ratios with the range of the middle half. Tools are installed into an environment under target/.

    cargo build --release && python3 benches/cpu_overhead.py [--pairs 10] [--only cmdx,py-spy] [--workloads calls]
"""

import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / "target" / "bench-environment"
PACKAGES = ["py-spy==0.4.3", "scalene==2.4.0", "pyinstrument==5.1.3", "numpy", "setuptools"]
WORKLOADS = ["calls", "alloc", "sqlite_json", "numeric"]


def environment():
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    marker = ENVIRONMENT / "installed"
    if not marker.exists() or marker.read_text() != repr(PACKAGES):
        subprocess.check_call([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES])
        marker.write_text(repr(PACKAGES))
    return python


def commands(python, scratch, cmdx):
    profile = scratch / "profile.out"
    return {
        "cmdx cpu": lambda w: [cmdx, "optimize", "--profile", "--no-queries", "--python", python, "-qq", "--format=json",
                               "-o", profile, scratch, "--", python, w],
        "cmdx cpu+queries": lambda w: [cmdx, "optimize", "--profile", "--python", python, "-qq", "--format=json",
                                       "-o", profile, scratch, "--", python, w],
        "py-spy nonblocking": lambda w: [python.parent / "py-spy", "record", "--nonblocking", "-r", "100",
                                         "-f", "raw", "-o", profile, "--", python, w],
        "py-spy": lambda w: [python.parent / "py-spy", "record", "-r", "100", "-f", "raw", "-o", profile, "--", python, w],
        "scalene cpu": lambda w: [python, "-m", "scalene", "run", "--cpu-only", "-o", scratch / "scalene.json", w],
        "pyinstrument": lambda w: [python, "-m", "pyinstrument", "-o", profile, w],
        "cProfile": lambda w: [python, "-m", "cProfile", "-o", profile, w],
    }


def cpu_seconds(command, cwd):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(word) for word in command], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit("%s\nfailed with %d: %s" % (command, done.returncode, done.stderr.decode()[-2000:]))
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--only", default="", help="comma-separated starts of tool names")
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--cmdx", default=str(ROOT / "target" / "release" / "cmdx"))
    options = parser.parse_args()
    python = environment()
    wanted = [start for start in options.only.split(",") if start]
    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        tools = {name: make for name, make in commands(python, scratch, options.cmdx).items()
                 if not wanted or any(name.startswith(start) for start in wanted)}
        print("%-20s" % "", *("%-22s" % name for name in options.workloads.split(",")))
        table = {name: [] for name in tools}
        for workload in options.workloads.split(","):
            source = scratch / (workload + ".py")
            source.write_text((ROOT / "benches" / "workloads" / (workload + ".py")).read_text())
            ratios = {name: [] for name in tools}
            bare_runs = []
            for pair in range(options.pairs):
                for name, make in tools.items():
                    first, second = [python, source], make(source)
                    if pair % 2:
                        profiled, bare = cpu_seconds(second, directory), cpu_seconds(first, directory)
                    else:
                        bare, profiled = cpu_seconds(first, directory), cpu_seconds(second, directory)
                    bare_runs.append(bare)
                    ratios[name].append(profiled / bare)
            for name in tools:
                quarters = statistics.quantiles(ratios[name], n=4) if options.pairs > 1 else ratios[name] * 3
                table[name].append("%.2f (%.2f to %.2f)" % (quarters[1], quarters[0], quarters[2]))
            measured = "; ".join("%s %s" % (name, cells[-1]) for name, cells in table.items())
            print("%s: bare %.2f s of CPU; %s" % (workload, statistics.median(bare_runs), measured), file=sys.stderr)
        for name, cells in table.items():
            print("%-20s" % name, *("%-22s" % cell for cell in cells))


if __name__ == "__main__":
    os.environ["PYTHONHASHSEED"] = "0"
    main()
