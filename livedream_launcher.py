"""The command `livedream`: Ctrl-C ends it without a traceback also while it is being imported.

A module by itself, because whatever imports a part of livedream imports the package first, which takes a tenth of a
second.
"""

import gc
import os
import signal
import sys
import threading
from types import FrameType

CODE = 130
"""Of a program that ended by Ctrl-C."""
owns_process = False
"""Whether the process ends with the command, so that it may end in the middle of an import."""
LOADER = "livedream-torch"
"""The name of the thread that imports torch, which nothing can interrupt."""
SPINNING = "GOMP_SPINCOUNT", "OMP_WAIT_POLICY"
"""Variables that tell OpenMP how long a thread spins that waits for others, before it sleeps: some 10 ms by default."""
# OpenMP looks 100 times in a microsecond: 5000 are some 50. With 500 a heavy network alone on two cores took 47 ms a
# step instead of 33, for its threads slept between two layers, and to wake one costs what it then gains.
_WAITS = {
    "GOMP_SPINCOUNT": "5000",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN": "25",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER": "25",
}


def main() -> int:
    """Import the command line, run it and return its exit code."""
    global owns_process
    guard_imports()
    owns_process = True
    wait_asleep()
    try:
        from livedream.cli.main import main as command

        if signal.getsignal(signal.SIGINT) is _leave:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = command()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        code = CODE
    finally:
        # Python looks through all objects once more when it ends. With torch that took 0.4 s of the prompt's time.
        gc.freeze()
    _leave_if_loading(code)
    return code


def guard_imports() -> None:
    """Let Ctrl-C end the process at once: nothing is at stake yet.

    An exception would pass through code of others, some of which takes it for an ImportError.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a job in the background ignores Ctrl-C
        signal.signal(signal.SIGINT, _leave)


def _leave_if_loading(code: int) -> None:
    """End the process here if torch is still being imported. Nobody wants it any more, and Python would wait for it."""
    if not any(thread.name == LOADER for thread in threading.enumerate()):
        return
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # closed, or its reader is gone
            continue
    os._exit(code)


def wait_asleep() -> None:
    """Let threads of OpenMP and OpenCV that wait for others sleep after some 50 microseconds, not after milliseconds.

    Beside a program that keeps a core busy, a thread that spins takes the time of the one that it waits for. Only for
    the command, whose process this is; what its user has set holds. Read once, when these libraries are loaded.
    """
    if "torch" in sys.modules:
        return
    for name, value in _WAITS.items():
        if name not in SPINNING or not any(set_ in os.environ for set_ in SPINNING):
            os.environ.setdefault(name, value)


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"stopped\n")
    os._exit(CODE)
