"""The order of threads when there are more of them than processors."""

import os
import sys
import threading

_STEPS = 5
"""Nice levels, of 19. A thread at 5 gets a third of the time of one at 0 when both need a processor."""


def give_way() -> None:
    """Lower the priority of this thread and of those that it starts.

    Only on Linux: elsewhere all threads of a process have the same nice level, and nothing is done.
    """
    if sys.platform == "linux":
        own = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, own, min(os.getpriority(os.PRIO_PROCESS, own) + _STEPS, 19))
