"""Undoes the real-time scheduling that an encoder gives to threads."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """Undo changes that are made in the block to the scheduling of this thread and of the threads that it starts.

    When SVT-AV1 runs as root (for example in a container), it gives real-time priority 99 to the thread that opens it
    and to its own 37 threads. That thread keeps the priority, and so do all threads that it starts later: programs with
    two of them on two cores did not respond for minutes. SVT-AV1 does this on Linux only.
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
                with contextlib.suppress(ProcessLookupError):  # the thread has just ended
                    os.sched_setscheduler(thread, before, os.sched_param(0))


def _threads() -> set[int]:
    return {int(task.name) for task in Path("/proc/self/task").iterdir()}
