import json
import os
import sys

if sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]


def implementation():
    if hasattr(sys, "implementation"):
        return sys.implementation.name
    return "pypy" if "__pypy__" in sys.builtin_module_names else "cpython"


def is_free_threaded():
    try:
        import sysconfig
        return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    except Exception:
        return False


def distributions(directories):
    found = {}
    for directory in directories:
        for name in os.listdir(directory):
            stem, kind = os.path.splitext(name)
            if kind not in (".dist-info", ".egg-info", ".egg-link", ".egg"):
                continue
            parts = stem.split("-")
            found.setdefault(parts[0], parts[1] if len(parts) > 1 else "")
    return found


def has(module, directories):
    for directory in directories:
        path = os.path.join(directory, module)
        if os.path.exists(path) or os.path.exists(path + ".py"):
            return True
    return False


sites = [p for p in sys.path if os.path.isdir(p) and ("site-packages" in p or "dist-packages" in p)]
print("CMDX-PROBE " + json.dumps({
    "version": list(sys.version_info[:3]),
    "implementation": implementation(),
    "prefix": sys.prefix,
    "is_free_threaded": is_free_threaded(),
    "has_pytest": has("pytest", [p for p in sys.path if os.path.isdir(p)]),
    "distributions": distributions(sites),
    "sites": [[p, int(os.stat(p).st_mtime * 1000)] for p in sites],
}))
