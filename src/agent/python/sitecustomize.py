"""Starts the cmdx agent, then runs the `sitecustomize` that it stands in front of.

Python imports the first `sitecustomize` on its path; cmdx puts this folder first. Afterwards the program finds
`sys.path` and `sys.modules` as it would without cmdx.
"""
import sys


def _start():
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    try:
        import cmdx_agent

        cmdx_agent.start(os.environ)
    except Exception:  # A program must run the same with or without its observer.
        pass
    sys.path[:] = [entry for entry in sys.path if entry != here]


def _chain():
    # This finder is what `import sitecustomize` would use; a fresh import of the name meets the one behind ours.
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("sitecustomize")
    if spec is None or spec.loader is None:
        # `site` passes over this error in silence, and the failed import leaves no trace in `sys.modules`.
        raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    ours = sys.modules["sitecustomize"]
    sys.modules["sitecustomize"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules["sitecustomize"] = ours
        raise


_start()
_chain()
