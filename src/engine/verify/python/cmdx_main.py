"""Runs a script whose file is rewritten or observed: `python cmdx_main.py script.py args...` as `python script.py`."""
import os
import sys


def _run():
    import cmdx_overlay

    sys.argv = sys.argv[1:]
    path = sys.argv[0]
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    code = cmdx_overlay.code_of(path)
    if code is None:
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
    module = sys.modules["__main__"]
    module.__file__ = path
    exec(code, module.__dict__)


_run()
