"""How much memory this process takes."""

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident_mb() -> float | None:
    """Return what it has in memory now, in MB; None where the system does not tell."""
    return _status("VmRSS")


def peak_mb() -> float:
    """Return the most that it had in memory, in MB.

    Not by getrusage where there is another way: on Linux that counts what the process was forked from.
    """
    peak = _status("VmHWM")
    if peak is not None:
        return peak
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def _status(field: str) -> float | None:
    if not _STATUS.exists():
        return None
    lines = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="utf-8").splitlines())
    return int(lines[field].split()[0]) / 1024
