"""Standard streams that may be closed, full or gone: output that cannot be printed never ends a run."""

import errno
import os
import select
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO

from livedream.errors import SinkError
from livedream.sink.open import is_stdout

PIECE = 2000
"""Characters per write. When a pipe is full, Python keeps up to 8 kB and loses the rest."""
MAX_BLOCKED_SECONDS = 5.0
"""How long a non-blocking pipe may be full before its reader counts as dead."""


class LastingStream:
    """A text stream whose `write` never fails: once the reader is gone, output is discarded.

    Characters that the encoding lacks are escaped: a file name may contain bytes that are not text.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        """Why output was lost; None if none was."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"a text stream takes text, got {type(text).__name__}")
        encoding = self._stream.encoding or "utf-8"
        safe = text.encode(encoding, "backslashreplace").decode(encoding)
        for start in range(0, len(safe), PIECE):
            if self._put(safe[start : start + PIECE]):
                break
        return len(text)

    def flush(self) -> None:
        self._put("")

    def _put(self, text: str) -> bool:
        """Write and flush, and return whether the stream is lost."""
        if self.failure is not None:
            return True
        try:
            self._stream.write(text)
            while not self._flushed():
                pass
        except OSError as error:
            self._lose(error)
        except ValueError as error:  # closed
            self._lose(OSError(errno.EBADF, f"{error}"))
        return self.failure is not None

    def _flushed(self) -> bool:
        """Flush, and return whether it is done. Waits while the pipe is full; BlockingIOError when it stays full."""
        try:
            self._stream.flush()
        except BlockingIOError:
            if not select.select([], [self._stream.fileno()], [], MAX_BLOCKED_SECONDS)[1]:
                raise
            return False
        return True

    def _lose(self, error: OSError) -> None:
        """Discard all later output, including what libraries print directly and what Python flushes at exit."""
        self.failure = error
        with suppress(OSError, ValueError):  # it has no file descriptor
            _point_at_nothing(self._stream.fileno())
            self._stream.flush()


@contextmanager
def lasting_streams() -> Iterator[LastingStream]:
    """Replace sys.stdout and sys.stderr by LastingStreams inside the block, and return sys.stdout.

    Closed descriptors are opened first: a video that got descriptor 1 would receive whatever a library prints.
    """
    _open_the_closed()
    before = sys.stdout, sys.stderr
    out, err = LastingStream(sys.stdout), LastingStream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def stdout_left_to(sinks: Sequence[str]) -> Iterator[None]:
    """Print on standard error inside the block if one of `sinks` writes frames to standard output.

    Raises SinkError when standard output is closed.
    """
    if any(map(is_stdout, sinks)):
        if sys.__stdout__ is None:  # closed when Python started
            raise SinkError("standard output is closed", "pipe it into a program, or write a file: --to out.mp4")
        with redirect_stdout(sys.stderr):
            yield
    else:
        yield


def _open_the_closed() -> None:
    """Open the null device for the closed descriptors among 0, 1 and 2; Python has None for their streams."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            _point_at_nothing(descriptor)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  a descriptor, for the whole process
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def _point_at_nothing(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere == descriptor:
        os.set_inheritable(descriptor, True)
    else:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
