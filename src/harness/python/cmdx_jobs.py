"""Runs a test suite in several processes, each with its part of the tests: `cmdx_jobs.py N program args…`."""
import os
import signal
import subprocess
import sys


def main():
    n_jobs, argv = int(sys.argv[1]), sys.argv[2:]
    running = []
    for part in range(1, n_jobs + 1):
        environment = dict(os.environ, CMDX_SHARD="%d/%d" % (part, n_jobs))
        running.append(subprocess.Popen(argv, env=environment))

    def stop(number, frame):
        for child in running:
            if child.poll() is None:
                child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    codes = [child.wait() for child in running]
    # 5: a part without tests is none of the suite's failures.
    bad = [code for code in codes if code not in (0, 5)]
    sys.exit(bad[0] if bad and bad[0] > 0 else (1 if bad else 0))


main()
