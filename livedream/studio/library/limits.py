"""Limits of the system for a process that reads untrusted files. The process sets them for itself."""

import contextlib
import os

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

NICE = 5
"""How much a process gives way to the live dream; 19 is the most."""


def limit(**most: int) -> None:
    """Set limits by their names in `resource`: `limit(CPU=20)` for RLIMIT_CPU.

    Those that the system lacks are left out, and a limit that is lower already stays.
    """
    if resource is None:
        return
    for name, value in most.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is None:
            continue
        _, hard = resource.getrlimit(number)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS accepts some only to ignore them, and refuses others
            resource.setrlimit(number, (value, value))


def give_way() -> None:
    """Let the live dream go first."""
    if hasattr(os, "nice"):
        os.nice(NICE)


def memory() -> int | None:
    """Return the bytes of memory of the machine; None if unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
