"""One worker process: what it says about its progress, and how it ends."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from livedream.studio.library.process import environment

STALL_SECONDS = 120.0
"""Without a new frame, or a new step of a picture."""
STALL_SECONDS_BEFORE = 600.0
"""Before the first frame: a network is loaded, and on some machines compiled for minutes."""
STOP_SECONDS = 30.0
"""A worker ends between two frames, and closes the film. Later it is killed; the part can still be resumed."""
_LONGEST_LINE = 1 << 16
_STOP = object()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a worker ended."""

    code: int
    """Its exit code; negative for a signal."""
    stopped: bool
    """Whether `stop` was called."""
    stalled: bool
    """Whether it was killed because nothing happened any more."""
    message: str
    """Its last error, one line; empty for none."""
    hint: str


class JobRun:
    """A worker process.

    Args:
        command: starts it. It prints what `livedream run --progress json -q` prints.
        on_progress: called with each line of progress, on the thread that calls `wait`.
        stall: seconds without progress after which it is killed, and the same before its first frame.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        on_progress: Callable[[dict[str, Any]], object],
        stall: tuple[float, float] = (STALL_SECONDS, STALL_SECONDS_BEFORE),
    ) -> None:
        self._on_progress = on_progress
        self._stall, self._stall_before = stall
        self._said: queue.Queue[object] = queue.Queue()
        """Lines of the worker, `_STOP`, and None at the end of its output."""
        self._errors = {"error": "", "hint": ""}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # it stays open as long as we live, see `job_process`
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=sys.platform != "win32",  # Ctrl-C is for the studio, which then stops it
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
        )
        self._reader = threading.Thread(target=self._read, name="livedream-job-output", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Ask the worker to end, and keep what can be resumed. Any thread may call it, more than once."""
        self._said.put(_STOP)

    def wait(self) -> Outcome:
        """Return how the worker ended, once it has. If `on_progress` raises, the worker is killed."""
        try:
            stopped, stalled = self._follow()
        except BaseException:
            self._kill()
            raise
        finally:
            code = self._process.wait()
            self._reader.join()
            for stream in (self._process.stdin, self._process.stderr):
                if stream is not None:
                    stream.close()
        return Outcome(code, stopped, stalled, self._errors["error"], self._errors["hint"])

    def _follow(self) -> tuple[bool, bool]:
        """Pass on the progress until the worker closes its output; return whether it was stopped, and has stalled."""
        stopped = stalled = False
        progress: tuple[object, ...] = ()
        limit = time.monotonic() + self._stall_before
        while True:
            try:
                said = self._said.get(timeout=max(0.0, limit - time.monotonic()))
            except queue.Empty:
                stalled = not stopped
                self._kill()
                limit = time.monotonic() + STOP_SECONDS
                continue
            if said is None:
                return stopped, stalled
            if said is _STOP:
                if not stopped:
                    stopped, limit = True, time.monotonic() + STOP_SECONDS
                    self._terminate()
                continue
            state = self._understand(str(said))
            if state is None:
                continue
            newest = state.get("share"), state.get("frames")
            if newest != progress and not stopped:
                progress = newest
                limit = time.monotonic() + (self._stall_before if newest[1] is None else self._stall)
            self._on_progress(state)

    def _read(self) -> None:
        """Pass on the lines of the worker until it closes its output."""
        stream = self._process.stderr
        if stream is not None:
            with contextlib.suppress(ValueError, OSError):  # closed after the worker was killed
                while line := stream.readline(_LONGEST_LINE):
                    self._said.put(line.decode(errors="replace").rstrip())
        self._said.put(None)

    def _understand(self, line: str) -> dict[str, Any] | None:
        """Return the progress in a line; keep an error."""
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                state = json.loads(line)
                return state if isinstance(state, dict) else None
        kind, colon, text = line.partition(": ")
        if colon and kind in self._errors:
            if kind == "error":
                self._errors["hint"] = ""
            self._errors[kind] = text
        return None

    def _terminate(self) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
            if sys.platform != "win32":  # there it would end the supervisor and not the worker
                self._process.terminate()

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
