"""After a fork torch hangs: the child has none of the threads that it waits for. A Dreamer says so instead."""

import os

from livedream.errors import DeviceError

_used = False
_broken = False


def use_torch() -> None:
    """Note that this process has begun to calculate. Raises DeviceError in the fork of one that had."""
    global _used
    if _broken:
        raise DeviceError(
            "this process is a fork of one that has dreamt, and torch would hang in it",
            "start it with multiprocessing.get_context('spawn'), or dream in the child alone",
        )
    _used = True


def _after_fork() -> None:
    global _broken
    _broken = _used


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_after_fork)
