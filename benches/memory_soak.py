"""Soak of the memory tracer: many short programs, bare and traced in turn, over several interpreters.

    python3 benches/memory_soak.py TRACER.so PYTHON… [--runs 3000] [--keep DIRECTORY]

A run fails when its output or exit differs from the bare run's, or when its log cannot be read. Standard error and
logs of failures are kept; cores go where the system puts them. Prints one line for each interpreter and ends with 1
when anything failed.
"""
import argparse
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

PROGRAMS = {
    "objects": "rows = [{'n': n, 't': (n, str(n))} for n in range(20000)]; print(len(rows))",
    "buffers": "print(sum(len(bytearray(n * 1000)) for n in range(300)))",
    "imports": "import json, sqlite3, asyncio, email, http.client, unittest, decimal; print(json.dumps([1] * 1000)[:20])",
    "threads": (
        "import threading\n"
        "def work(): [bytearray(5000) for _ in range(2000)]\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]; print('done')"
    ),
    "forks": (
        "import os\n"
        "kept = [str(n) for n in range(20000)]\n"
        "for _ in range(4):\n"
        "    pid = os.fork()\n"
        "    if not pid: [bytearray(9999) for _ in range(500)]; os._exit(3)\n"
        "    print(os.waitpid(pid, 0)[1])"
    ),
    "sqlite": (
        "import sqlite3\n"
        "c = sqlite3.connect(':memory:'); c.execute('create table a (b)')\n"
        "c.executemany('insert into a values (?)', [(str(n) * 20,) for n in range(5000)])\n"
        "print(len(c.execute('select * from a').fetchall()))"
    ),
    "daemons": (
        "import threading, zlib, time\n"
        "def work():\n"
        "    while True: zlib.compress(bytes(60000)); [bytearray(2000) for _ in range(50)]\n"
        "[threading.Thread(target=work, daemon=True).start() for _ in range(3)]; time.sleep(0.02); print('out')"
    ),
    "errors": (
        "import gc, sys\n"
        "class F:\n"
        "    def __del__(self): self.x = [bytearray(3000) for _ in range(20)]\n"
        "for _ in range(200):\n"
        "    f = F(); f.me = f\n"
        "del f; gc.collect()\n"
        "try: bytearray(1 << 48)\n"
        "except MemoryError: print('memory')\n"
        "sys.exit(9)"
    ),
}


def run(python, program, tracer, logs, mean):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LD_", "PYTHON", "CMDX_"))}
    if tracer:
        environment.update(LD_PRELOAD=tracer, CMDX_MEMORY_LOGS=str(logs), CMDX_MEMORY_MEAN=str(mean))
    command = [python, "-I", "-c", program]
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    except subprocess.TimeoutExpired as late:
        return "timeout", late.stdout or b"", late.stderr or b""
    return done.returncode, done.stdout, done.stderr


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tracer")
    parser.add_argument("pythons", nargs="+")
    parser.add_argument("--runs", type=int, default=3000, help="traced runs over all interpreters; as many are bare")
    parser.add_argument("--keep", default="soak-failures")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2 if os.geteuid() == 0 else resource.getrlimit(resource.RLIMIT_CORE))
    tracer = os.path.abspath(arguments.tracer)
    rounds = max(1, arguments.runs // (len(arguments.pythons) * len(PROGRAMS)))
    n_failed = 0
    for python in arguments.pythons:
        counts = {"bare": 0, "traced": 0, "failed": 0, "bare failed": 0}
        expected = {}
        for number in range(rounds):
            # A small mean takes the slow path often; a large one is what users get.
            mean = (4000, 16384, 131072)[number % 3]
            for name, program in PROGRAMS.items():
                bare = run(python, program, None, None, 0)
                counts["bare"] += 1
                first = expected.setdefault(name, bare)
                counts["bare failed"] += bare != first
                logs = pathlib.Path(tempfile.mkdtemp(prefix="cmdx-soak-"))
                traced = run(python, program, tracer, logs, mean)
                counts["traced"] += 1
                has_log = any(log.stat().st_size for log in logs.iterdir())
                if traced != first or not has_log:
                    counts["failed"] += 1
                    kept = pathlib.Path(arguments.keep) / ("%s-%d-%d" % (name, number, os.getpid()))
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copytree(logs, kept)
                    (kept / "stderr").write_bytes(traced[2])
                    (kept / "outcome").write_text("%s mean %d: %r, expected %r" % (python, mean, traced[0], first[0]))
                shutil.rmtree(logs)
        n_failed += counts["failed"]
        print(python, counts, flush=True)
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
