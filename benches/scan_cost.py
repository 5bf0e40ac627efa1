"""What `cmdx check-code-quality` costs over 1.88 million lines, beside ruff and perflint.

Fetches the wheels of django, pandas, sqlalchemy and sympy at pinned versions, unpacks their Python files, and prints
CPU seconds (user and system, children included; the smallest of several runs in turns).

    cargo build --release && cargo bench --bench scan_cost --no-run && python3 benches/scan_cost.py [--perflint]

ruff and perflint are installed in an environment of their own. perflint takes minutes over a small part of it.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "target" / "scan-corpus"
WHEELS = ["django==5.2.19", "pandas==3.1.1", "sqlalchemy==2.1.9", "sympy==1.14.0"]
TOOLS = ["ruff==0.17.6", "perflint==0.8.1"]


def fetched():
    tree = CORPUS / "tree"
    if not (CORPUS / "complete").exists():
        CORPUS.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                        "--only-binary=:all:", "--python-version=3.11", "-d", str(CORPUS), *WHEELS], check=True)
        for wheel in CORPUS.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                names = [name for name in archive.namelist() if name.endswith(".py")]
                archive.extractall(tree / wheel.name.split("-")[0], names)
        (CORPUS / "complete").touch()
    return tree


def environment():
    place = CORPUS / "tools"
    if not (place / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        subprocess.run([str(place / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check",
                        *TOOLS], check=True)
        (place / "complete").touch()
    return place / "bin"


def cpu_seconds(command, cwd, variables):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(word) for word in command], cwd=cwd, env=dict(os.environ, **variables),
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cmdx", type=pathlib.Path, default=ROOT / "target" / "release" / "cmdx")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--perflint", action="store_true", help="over django/db alone")
    options = parser.parse_args()
    tree, tools = fetched(), environment()
    cmdx = options.cmdx.resolve()
    benches = sorted((ROOT / "target" / "release" / "deps").glob("scan_cost-*"), key=os.path.getmtime)
    for bench in [path for path in benches if not path.suffix][-1:]:
        print(subprocess.run([str(bench), str(tree)], check=True, capture_output=True, text=True).stdout)
    with tempfile.TemporaryDirectory() as cache:
        check = [cmdx, "check-code-quality"]
        ruff = [tools / "ruff", "check", "--isolated", "--select", "PERF,FURB,C4,SIM", "--no-cache", "-q"]
        rows = {
            "cmdx, first run": (check, {"CMDX_CACHE_DIR": ""}),
            "cmdx, second run": (check, {"CMDX_CACHE_DIR": cache}),
            "cmdx --json, second run": ([*check, "--json"], {"CMDX_CACHE_DIR": cache}),
            "ruff --select PERF,FURB,C4,SIM --no-cache": (ruff, {}),
        }
        cpu_seconds([*check, tree], tree, {"CMDX_CACHE_DIR": cache})
        best = {}
        for _ in range(options.rounds):
            for name, (command, variables) in rows.items():
                seconds = cpu_seconds([*command, tree], tree, variables)
                best[name] = min(seconds, best.get(name, seconds))
    for name, seconds in best.items():
        print("%-44s %6.2f s CPU" % (name, seconds))
    if options.perflint:
        part = tree / "django" / "django" / "db"
        pylint = [tools / "python", "-m", "pylint", "--load-plugins=perflint", "--disable=all",
                  "--enable=perflint-checker", "--recursive=y"]
        for name, command in [("perflint, django/db", pylint), ("cmdx, django/db", check), ("ruff, django/db", ruff)]:
            print("%-44s %6.2f s CPU" % (name, cpu_seconds([*command, part], part, {"CMDX_CACHE_DIR": ""})))


if __name__ == "__main__":
    main()
