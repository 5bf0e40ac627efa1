"""Puts the rewritten files in front of those on disk, then runs the `sitecustomize` that this one stands in front of."""
import sys


def _start():
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    try:
        import cmdx_overlay

        cmdx_overlay.start(os.environ)
    except Exception as error:
        # What is checked here would not be what is written: better no run than a wrong answer.
        sys.stderr.write("cmdx: the rewritten files cannot be put in place: %r\n" % (error,))
        os._exit(97)


def _chain():
    import os

    here = os.path.dirname(os.path.abspath(__file__))
    path = [entry for entry in sys.path if os.path.abspath(entry) != here]
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_start()
_chain()
