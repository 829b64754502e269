"""Standard streams that may be closed, full or gone: what cannot be said never ends what is dreamt."""

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
"""Characters written at once. Python keeps what a full pipe does not take, up to 8 kB, and forgets the rest."""
PATIENCE_SECONDS = 5.0
"""How long a pipe that does not block may be full before its reader is taken for dead."""


class LastingStream:
    """A text stream whose `write` never fails: when nobody can be reached any more, the rest is forgotten.

    What the encoding lacks is escaped: a file's name may hold bytes that are no text.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        """Why text was lost; None while none was."""

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
        """Write and flush; returns whether the stream is lost."""
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
        """Flush, and wait where the pipe is full. Raises BlockingIOError when it stays so."""
        try:
            self._stream.flush()
        except BlockingIOError:
            if not select.select([], [self._stream.fileno()], [], PATIENCE_SECONDS)[1]:
                raise
            return False
        return True

    def _lose(self, error: OSError) -> None:
        """Let the rest go nowhere, also what libraries print past this object and what Python flushes at its end."""
        self.failure = error
        with suppress(OSError, ValueError):  # no descriptor of its own
            _point_at_nothing(self._stream.fileno())
            self._stream.flush()


@contextmanager
def lasting_streams() -> Iterator[LastingStream]:
    """Let sys.stdout and sys.stderr be LastingStreams inside the block; the value is sys.stdout.

    Closed descriptors are opened first: a film that became descriptor 1 would hold whatever a library prints.
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
        if sys.__stdout__ is None:  # it was closed when Python began
            raise SinkError("standard output is closed", "pipe it into a program, or write a file: --to out.mp4")
        with redirect_stdout(sys.stderr):
            yield
    else:
        yield


def _open_the_closed() -> None:
    """Open the null device where the descriptors 0, 1 or 2 are closed. Python has None for such a stream."""
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
