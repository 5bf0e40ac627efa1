"""Peak resident memory: of a process when it ends, and by how much it grew during a test."""
import os
import sys


def watch(directory):
    import atexit

    atexit.register(_write_peak, directory, os.getpid())


def _write_peak(directory, pid):
    # A child that was forked inherits the registration and a part of the memory; only the process that began counts.
    if os.getpid() != pid:
        return
    try:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    except ImportError:
        return
    with open(os.path.join(directory, "peak-%d" % pid), "w") as out:
        out.write(str(peak if sys.platform == "darwin" else peak * 1024))


def _status(field):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return None


def begin():
    """Gives back what is free and sets the mark of the peak back; resident bytes now, or None where that is unknown."""
    import gc

    gc.collect()
    try:
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
    except Exception:
        # Another C library: what it keeps for itself counts as there before.
        pass
    try:
        with open("/proc/self/clear_refs", "w") as out:
            out.write("5")
        return _status("VmRSS:")
    except (IOError, OSError):
        return None


def end(before):
    """By how much the peak since then lies above it."""
    if before is None:
        return None
    try:
        peak = _status("VmHWM:")
    except (IOError, OSError):
        return None
    return None if peak is None else max(0, peak - before)
