"""Does `cmdx optimize --implement` leave every test of packages that cmdx has never seen passing?

Source distributions at pinned versions are fetched from the package index and unpacked. Each is tested, rewritten with
`--implement --safe-only` and, in another copy, with `--implement`, and tested again. Prints one row a package and mode:
rewrites applied and taken back, tests that passed before and do so after, and the gains that were measured.

    cargo build --release && python3 benches/rewrite_packages.py [--only click,jinja2] [--modes safe,all] [--json FILE]

Exits with 1 when a test that passed before does not pass after.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time
import xml.etree.ElementTree
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / "target" / "third-party"

Package = collections.namedtuple("Package", "requirement needs tests")

# What the tests need besides the package, and where they are; the last column is what pytest is given.
PACKAGES = [
    Package("sqlparse==0.5.3", "", "tests"),
    Package("more-itertools==10.6.0", "", "tests"),
    Package("boltons==24.1.0", "", "tests"),
    Package("click==8.1.8", "", "tests"),
    Package("jinja2==3.1.6", "trio", "tests"),
    Package("flask==3.1.0", "", "tests"),
    Package("cachetools==5.5.1", "", "tests"),
    Package("sortedcontainers==2.4.0", "", "tests"),
    Package("tabulate==0.9.0", "", "test"),
    Package("humanize==4.11.0", "freezegun", "tests"),
    Package("natsort==8.4.0", "hypothesis pytest-mock", "tests"),
    Package("markdown==3.7", "", "tests"),
    Package("mistune==3.1.1", "", "tests"),
    Package("parso==0.8.4", "", "test"),
    Package("toolz==1.0.0", "", "toolz"),
    Package("packaging==24.2", "pretend", "tests"),
    Package("requests==2.32.3", "pytest-httpbin pytest-mock trustme pysocks", "tests"),
    Package("httpx==0.28.1", "anyio trio uvicorn trustme chardet cryptography h2 brotli zstandard rich click pygments socksio",
            "tests"),
    Package("pygments==2.19.1", "wcag-contrast-ratio", "tests"),
    Package("networkx==3.4.2", "numpy scipy pandas", "networkx"),
]


def fetched(requirement):
    place = CACHE / requirement.replace("==", "-")
    place.mkdir(parents=True, exist_ok=True)
    if not any(place.iterdir()):
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                        "--no-binary=" + requirement.split("==")[0], "-d", str(place), requirement], check=True, capture_output=True)
    return next(place.iterdir())


def unpacked(archive, target):
    shutil.rmtree(target, ignore_errors=True)
    if archive.suffix == ".zip":
        zipfile.ZipFile(archive).extractall(target)
    else:
        tarfile.open(archive).extractall(target, filter="data")
    return next(path for path in target.iterdir() if path.is_dir())


def environment(package):
    """The interpreter of the package's own environment, made once."""
    place = CACHE / "environments" / package.requirement.replace("==", "-")
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "pytest<9",
                        package.requirement, *package.needs.split()], check=True, capture_output=True)
        (place / "complete").touch()
    return python


def surroundings(folder):
    """The unpacked source in front of what is installed: its tests run the files that are rewritten."""
    source = folder / "src" if (folder / "src").is_dir() else folder
    return dict(os.environ, PYTHONPATH=str(source), PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0")


def outcomes(package, folder, python, deadline):
    """Names of the tests that pass, and of all."""
    report = folder.parent / "junit.xml"
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=%s" % report, package.tests]
    subprocess.run(command, cwd=folder, env=surroundings(folder), capture_output=True, timeout=deadline)
    passed, seen = set(), set()
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        # Some tests are named after their own file, which lies elsewhere in each copy.
        name = "%s::%s" % (case.get("classname"), case.get("name").replace(str(folder), ""))
        seen.add(name)
        if not {child.tag for child in case} & {"failure", "error", "skipped"}:
            passed.add(name)
    report.unlink()
    return passed, seen


def rewritten(folder, python, mode, options):
    command = [options.cmdx, "optimize", "--implement", *(["--safe-only"] if mode == "safe" else []), "--json",
               "--python", str(python), "."]
    done = subprocess.run(command, cwd=folder, env=surroundings(folder), capture_output=True,
                          timeout=options.deadline * 8)
    if done.returncode not in (0, 4) or not done.stdout:
        raise RuntimeError("exit %d: %s" % (done.returncode, " | ".join(done.stderr.decode().splitlines()[-3:])))
    return json.loads(done.stdout)


def rows(package, options):
    archive, python = fetched(package.requirement), environment(package)
    scratch = CACHE / "rewritten" / package.requirement
    folder = unpacked(archive, scratch / "before")
    first, seen = outcomes(package, folder, python, options.deadline)
    again, _ = outcomes(package, folder, python, options.deadline)
    passing = first & again
    for mode in options.modes.split(","):
        start = time.time()
        folder = unpacked(archive, scratch / mode)
        answer = rewritten(folder, python, mode, options)
        seconds = time.time() - start
        after, _ = outcomes(package, folder, python, options.deadline)
        gains = [each["gain"]["factor"] for each in answer["applied"] if each["gain"] and each["gain"]["interval"]]
        rules = collections.Counter(each["rewrite"]["rule"] for each in answer["applied"])
        yield {"package": package.requirement, "mode": mode, "applied": len(answer["applied"]), "rules": rules,
               "rolled_back": [[each["rewrite"]["rule"], each["reason"]] for each in answer["left"]
                               if each["is_rolled_back"]],
               "tests": len(seen), "before": len(passing), "after": len(passing & after),
               "broken": sorted(passing - after), "gains": sorted(gains, reverse=True), "seconds": seconds,
               "problems": [problem["message"] for problem in answer["problems"]]}


def shown(row):
    gains = ", ".join("%.2fx" % gain for gain in row["gains"][:3]) or "-"
    return "%-24s %-5s %8d %12d %8d %8d   %-22s %6.0f s" % (
        row["package"], row["mode"], row["applied"], len(row["rolled_back"]), row["before"], row["after"], gains,
        row["seconds"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="comma-separated names")
    parser.add_argument("--modes", default="safe,all")
    parser.add_argument("--deadline", type=int, default=600, help="seconds for one run of the tests")
    parser.add_argument("--json", type=pathlib.Path, help="where all rows go")
    parser.add_argument("--cmdx", default=str(ROOT / "target" / "release" / "cmdx"))
    options = parser.parse_args()
    options.cmdx = str(pathlib.Path(options.cmdx).resolve())
    wanted = options.only.split(",") if options.only else []
    found, is_broken = [], False
    print("%-24s %-5s %8s %12s %8s %8s   %-22s %8s" % (
        "package", "mode", "applied", "rolled back", "before", "after", "best gains", "time"))
    for package in PACKAGES:
        if wanted and package.requirement.split("==")[0] not in wanted:
            continue
        try:
            for row in rows(package, options):
                found.append(row)
                print(shown(row), flush=True)
                for name in row["broken"][:5]:
                    print("    BROKEN %s" % name, flush=True)
                is_broken |= bool(row["broken"])
                if options.json:
                    options.json.write_text(json.dumps(found, indent=1))
        except (subprocess.SubprocessError, RuntimeError, OSError) as error:
            said = getattr(error, "stderr", b"") or b""
            print("%-24s not measured: %s %s" % (package.requirement, error, said.decode()[-300:]), flush=True)
    return 1 if is_broken else 0


if __name__ == "__main__":
    sys.exit(main())
