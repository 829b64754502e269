"""The process of the worker, as the studio sees it."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from livedream.studio.library.process import command, environment
from livedream.studio.pictures.messages import Message, read_message, write_message

_COMMAND = command("livedream.studio.pictures.worker")
_END_SECONDS = 3.0
"""After its input has ended, the worker ends within milliseconds, or half a second while it starts."""
_NICENESS = 19
_ON_WINDOWS = 0x40 | 0x200
"""IDLE_PRIORITY_CLASS, because there is no niceness there, and CREATE_NEW_PROCESS_GROUP, which keeps Ctrl-C off."""


class WorkerProcess:
    """A running worker, and a thread that receives its answers.

    Args:
        on_answer: called with each answer, on the thread of the worker.
        on_end: called there with the exit code when the process has ended; it is negative after a signal.
    """

    def __init__(
        self, on_answer: Callable[["WorkerProcess", Message], None], on_end: Callable[["WorkerProcess", int], None]
    ) -> None:
        self._on_answer = on_answer
        self._on_end = on_end
        self._lock = threading.Lock()
        self._is_open = True
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # The other cores are for the dream.
            env=environment(OMP_NUM_THREADS="1"),
            start_new_session=True,  # Ctrl-C in the terminal is for the studio, which then ends the worker
            creationflags=_ON_WINDOWS if sys.platform == "win32" else 0,
        )
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICENESS)
        self._thread = threading.Thread(target=self._receive, name="livedream-preset-pictures", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def takes_requests(self) -> bool:
        """Whether it runs, and its input is open."""
        return self._is_open and self._process.poll() is None

    def send(self, header: dict[str, Any], picture: bytes) -> None:
        """Send a request. Raises OSError if the process has ended."""
        write_message(self._input, header, picture)

    def end(self) -> None:
        """Close its input, with which the process ends."""
        with self._lock:
            if not self._is_open:
                return
            self._is_open = False
        try:
            self._input.close()
        except BrokenPipeError:  # bytes of a request that it did not read; the descriptor is closed all the same
            return

    def finish(self) -> None:
        """End the process, and wait until it and its thread have ended. Not on its thread."""
        self.end()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._thread.join()

    @property
    def _input(self) -> IO[bytes]:
        return _pipe(self._process.stdin)

    def _receive(self) -> None:
        with _pipe(self._process.stdout) as answers:
            while (answer := read_message(answers)) is not None:
                self._on_answer(self, answer)
        self._on_end(self, self._process.wait())


def _pipe(pipe: Any) -> IO[bytes]:
    """Return a pipe of a process that was started with it; the type of Popen allows for none."""
    stream: IO[bytes] = pipe
    return stream
