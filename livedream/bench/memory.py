"""Memory of this process."""

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident_mb() -> float | None:
    """Return the present resident set size in MB; None if the system does not report it."""
    return _status_mb("VmRSS")


def peak_mb() -> float:
    """Return the peak resident set size in MB.

    On Linux it is not taken from getrusage, which includes the peak of the process that this one was forked from.
    """
    peak = _status_mb("VmHWM")
    if peak is not None:
        return peak
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def _status_mb(field: str) -> float | None:
    if not _STATUS.exists():
        return None
    lines = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="utf-8").splitlines())
    return int(lines[field].split()[0]) / 1024
