"""Detection of forked processes, in which torch would hang.

The child of a fork has none of the threads that torch waits for. A Dreamer raises an error there instead.
"""

import os

from livedream.errors import DeviceError

_used = False
_broken = False


def use_torch() -> None:
    """Note that this process uses torch. Raises DeviceError in a fork of a process that has used it."""
    global _used
    if _broken:
        raise DeviceError(
            "this process was forked from one that has used torch, and torch would hang here",
            "start it with multiprocessing.get_context('spawn'), or dream only in the child",
        )
    _used = True


def _after_fork() -> None:
    global _broken
    _broken = _used


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
