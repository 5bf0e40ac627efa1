"""Starts the agent for an interpreter that runs without PYTHONPATH or `site` (-I, -E, -S).

`python -I boot.py script.py args…`, `python -I boot.py -m module args…` or `python -I boot.py -c code args…` run what
follows as `__main__`, as the interpreter itself would.
"""
import os
import sys


def _start(here):
    sys.path.insert(0, here)
    try:
        import cmdx_agent

        cmdx_agent.start(os.environ)
    except Exception:
        pass
    sys.path[:] = [entry for entry in sys.path if entry != here]


def _run():
    here = os.path.dirname(os.path.abspath(__file__))
    _start(here)
    import runpy

    rest = sys.argv[1:]
    isolated = sys.flags.isolated or getattr(sys.flags, "safe_path", 0)
    if rest[:1] == ["-m"]:
        sys.argv = rest[1:]
        if not isolated:
            sys.path.insert(0, os.getcwd())
        runpy.run_module(rest[1], run_name="__main__", alter_sys=True)
    elif rest[:1] == ["-c"]:
        sys.argv = ["-c"] + rest[2:]
        if not isolated:
            sys.path.insert(0, "")
        module = sys.modules["__main__"]
        del module.__file__
        exec(compile(rest[1], "<string>", "exec"), module.__dict__)
    else:
        sys.argv = rest
        if not isolated:
            sys.path.insert(0, os.path.dirname(os.path.abspath(rest[0])))
        runpy.run_path(rest[0], run_name="__main__")


_run()
