"""What the process needs before livedream is imported: Ctrl-C that ends it, and threads that sleep while they wait.

This is a module of its own because importing any part of livedream imports the package first, which takes a tenth of a
second.
"""

import os
import signal
import sys
from types import FrameType

CODE = 130
"""Exit code of a program that Ctrl-C ended."""
owns_process = False
"""Whether the process belongs to the command, so that it may end in the middle of an import."""
LOADER = "livedream-torch"
"""Name of the thread that imports torch, which cannot be interrupted."""
SPINNING = "GOMP_SPINCOUNT", "OMP_WAIT_POLICY"
"""Environment variables that set how long a waiting OpenMP thread spins before it sleeps: about 10 ms by default."""
# OpenMP checks 100 times per microsecond, so 5000 is about 50 microseconds. With 500, a heavy network that had two
# cores to itself took 47 ms a step instead of 33: its threads slept between layers, and waking them costs more than it
# saves.
_WAITS = {
    "GOMP_SPINCOUNT": "5000",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN": "25",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER": "25",
}


def guard_imports() -> None:
    """Make Ctrl-C end the process at once, because nothing can be lost yet.

    An exception would pass through third-party code, some of which treats it as an ImportError.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background job ignores Ctrl-C
        signal.signal(signal.SIGINT, leave)


def wait_asleep() -> None:
    """Make waiting threads of OpenMP and OpenCV sleep after about 50 microseconds, not after milliseconds.

    If another program keeps a core busy, a spinning thread takes time from the thread that it waits for. This applies
    to the command only, which owns the process; settings of the user take precedence. The libraries read the
    variables once, when they are loaded.
    """
    if "torch" in sys.modules:
        return
    for name, value in _WAITS.items():
        if name not in SPINNING or not any(set_ in os.environ for set_ in SPINNING):
            os.environ.setdefault(name, value)


def leave(number: int, frame: FrameType | None) -> None:
    """Handle a signal: end the process at once."""
    os.write(2, b"stopped\n")
    os._exit(CODE)
