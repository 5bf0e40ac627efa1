"""The part of cmdx that runs inside the program: notes queries, HTTP calls and open handles, changes
nothing.

`start` only places a hook on imports; a driver is looked at when the program itself imports it.
"""
import sys

#: First and last minor version whose frames are known to take a token. Others get contexts (see `stacks`).
_KNOWN = ((3, 8), (3, 15))


def start(environ):
    """Places the import hook when cmdx asked for events and this interpreter is one the agent knows."""
    directory = environ.get("CMDX_EVENTS")
    root = environ.get("CMDX_ROOT")
    if not directory or not root or sys.implementation.name != "cpython" or sys.version_info < _KNOWN[0]:
        return
    from cmdx_agent import events, imports, stacks

    is_known = sys.version_info[:2] <= _KNOWN[1]
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    events.configure(directory, environ.get("CMDX_EVENTS_MB"), is_known, has_lock)
    stacks.configure(root, environ.get("CMDX_EXCLUDES", ""), is_known and has_lock)
    if environ.get("CMDX_HANDLES"):
        from cmdx_agent import handles

        imports.watch_handles()
        handles.start(environ["CMDX_HANDLES"] == "tracemalloc")
    imports.install()
