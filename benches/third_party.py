"""Does `cmdx optimize --profile` name a bottleneck in projects that cmdx has never seen?

Source distributions are fetched from the package index and unpacked; each is profiled with its own test suite as the
workload, and without any configuration. Prints one row a project and the part in which a bottleneck was named.

    cargo build --release && python3 benches/third_party.py [--only sqlparse,click] [--deadline 120] [--python PATH]
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tarfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / "target" / "third-party"

# Distributions that carry their tests; pure Python, and some with C extensions.
PROJECTS = """
sqlparse==0.5.3 tabulate==0.9.0 click==8.1.8 jinja2==3.1.6 markupsafe==3.0.2 werkzeug==3.1.3 flask==3.1.0
itsdangerous==2.2.0 idna==3.10 attrs==25.1.0 packaging==24.2 pluggy==1.5.0 more-itertools==10.6.0 toolz==1.0.0
boltons==24.1.0 markdown==3.7 mistune==3.1.1 pyparsing==3.2.1 parso==0.8.4 simplejson==3.19.3 ujson==5.10.0
msgpack==1.1.0 cachetools==5.5.1 sortedcontainers==2.4.0 humanize==4.11.0 inflect==7.5.0 natsort==8.4.0
wcwidth==0.2.13 tomlkit==0.13.2 jsonschema==4.23.0 jmespath==1.0.1 deepdiff==8.1.1 marshmallow==3.26.0
beautifulsoup4==4.12.3 bleach==6.2.0 arrow==1.3.0 babel==2.16.0 pycparser==2.22 cssselect==1.2.0
mpmath==1.3.0 networkx==3.4.2 pyyaml==6.0.2 lark==1.2.2 requests==2.32.3 urllib3==2.3.0
sqlalchemy==2.0.37 pygments==2.19.1 docutils==0.21.2 chardet==5.2.0 xmltodict==0.14.2 isodate==0.7.2
python-slugify==8.0.4 freezegun==1.5.1 tinydb==4.8.2 rsa==4.9 httpcore==1.0.7 textdistance==4.6.3 polib==1.2.0
""".split()


def unpacked(requirement, scratch):
    """The folder of the unpacked distribution; fetched once, unpacked anew each time."""
    place = CACHE / requirement.replace("==", "-")
    place.mkdir(parents=True, exist_ok=True)
    if not any(place.iterdir()):
        name = requirement.split("==")[0]
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                        "--no-binary=" + name, "-d", str(place), requirement], check=True, capture_output=True)
    archive = next(place.iterdir())
    target = scratch / archive.name
    if archive.suffix == ".zip":
        zipfile.ZipFile(archive).extractall(target)
    else:
        tarfile.open(archive).extractall(target, filter="data")
    return next(path for path in target.iterdir() if path.is_dir())


def row(requirement, options, scratch):
    start = time.time()
    try:
        folder = unpacked(requirement, scratch)
    except subprocess.CalledProcessError as error:
        return None, "not fetched: " + error.stderr.decode().strip()[-200:].replace("\n", " ")
    command = [options.cmdx, "optimize", "--profile", "--install", "-qq", "--deadline", "%ds" % options.deadline,
               "--format=json", *(["--python", options.python] if options.python else []), "."]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=options.deadline + 600)
    except subprocess.TimeoutExpired:
        return False, "did not end"
    seconds = "%5.1f s, exit %d" % (time.time() - start, done.returncode)
    if not done.stdout:
        return False, "%s, no report: %s" % (seconds, " | ".join(done.stderr.decode().strip().splitlines()[-4:]))
    report = json.loads(done.stdout)
    notes = "; ".join(problem["message"] for problem in report["problems"])
    if not report["workload"]:
        return False, "%s, not run: %s [%s]" % (seconds, report["not_run_because"], notes)
    cpu = report["profile"]["cpu"]
    what = "%s, %s, %s, %d samples (%d failed), run of %.1f s, outside %.1f s" % (
        seconds, report["workload"]["title"], "%(reason)s %(value)s" % {"value": "", **report["workload"]["exit"]},
        cpu["n_samples"], cpu["n_failed_samples"], cpu["wall_seconds"], cpu["outside_seconds"])
    if not cpu["functions"]:
        log = folder / report["workload"]["stdout_log"]
        return False, "%s, nothing named [%s] %s" % (what, notes, " | ".join(log.read_text().splitlines()[-3:]))
    top = cpu["functions"][0]
    place = "%(path)s:%(line)d %(symbol)s" % top["location"]
    share = top["share"]
    return True, "%s: %s %.0f %% (%.0f to %.0f)%s" % (
        what, place, 100 * share["value"], 100 * share["low"], 100 * share["high"], " [%s]" % notes if notes else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="comma-separated names")
    parser.add_argument("--deadline", type=int, default=120)
    parser.add_argument("--python", default="")
    parser.add_argument("--cmdx", default=str(ROOT / "target" / "release" / "cmdx"))
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else []
    scratch = CACHE / "unpacked"
    subprocess.run(["rm", "-rf", str(scratch)], check=True)
    answers = []
    for requirement in PROJECTS:
        if wanted and requirement.split("==")[0] not in wanted:
            continue
        is_named, text = row(requirement, options, scratch)
        print("%-26s %-4s %s" % (requirement, {True: "yes", False: "NO", None: "-"}[is_named], text), flush=True)
        answers.append(is_named)
    tried = [answer for answer in answers if answer is not None]
    print("a bottleneck is named in %d of %d" % (sum(tried), len(tried)))


if __name__ == "__main__":
    main()
