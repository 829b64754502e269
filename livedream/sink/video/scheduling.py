"""Threads that an encoder makes real-time, back where all others are."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """Undo what is done inside to the scheduling of this thread and of those that begin there.

    SVT-AV1, run as root (in a container, say), gives the thread that opens it and its own 37 the real-time priority 99.
    The thread keeps that for good, and so do all that it starts: programs with two of them on two cores stood still
    for minutes. On Linux; elsewhere it does no such thing.
    """
    if sys.platform != "linux":
        yield
        return
    before, others = os.sched_getscheduler(0), _threads() - {threading.get_native_id()}
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != before:
            for thread in _threads() - others:
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    os.sched_setscheduler(thread, before, os.sched_param(0))


def _threads() -> set[int]:
    return {int(task.name) for task in Path("/proc/self/task").iterdir()}
