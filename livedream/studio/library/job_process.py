"""Becomes `livedream run` with limits, and ends with the studio that started it.

    python -m livedream.studio.library.job_process PARENT_ID run FILE -o DREAM ...

On Linux the kernel sends SIGTERM to the worker when the thread that started it ends, however it ends. On other systems
this process stays as the parent of the worker, and stops it when its own standard input is closed.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from livedream.studio.library.limits import give_way, limit, memory
from livedream.studio.library.process import command

_PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""


def main(parent: int, words: Sequence[str]) -> int:  # noqa: RET503  execv does not return
    """Run livedream with these words, and return the exit code. parent: the process that started this one."""
    total = memory()
    if total is not None:
        limit(DATA=total * 3 // 4, CORE=0)  # the studio itself, and everything else, shall not be killed for memory
    give_way()
    worker = command("livedream", *words)
    if sys.platform != "linux":
        return supervise(worker)
    end_with_parent()
    if os.getppid() != parent:  # it died before the kernel knew
        return 128 + signal.SIGTERM
    os.execv(worker[0], worker)


def end_with_parent() -> None:
    """Let the kernel of Linux send SIGTERM to this process when its parent ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def supervise(worker: Sequence[str]) -> int:
    """Run `worker`, stop it when standard input is closed or SIGTERM comes, and return its exit code."""
    with subprocess.Popen(worker, stdin=subprocess.DEVNULL) as process:

        def stop(number: int, frame: FrameType | None) -> None:
            process.terminate()

        def watch() -> None:
            while os.read(0, 1024):  # not sys.stdin, whose lock this thread would hold when the interpreter ends
                pass
            process.terminate()

        signal.signal(signal.SIGTERM, stop)
        threading.Thread(target=watch, name="livedream-watch", daemon=True).start()
        return process.wait()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
