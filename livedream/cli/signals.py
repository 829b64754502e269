"""Ctrl-C and other signals to end: at once while nothing can be lost, between two frames while a video is written."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HANGUP: int | None = getattr(signal, "SIGHUP", None)
"""The signal of a closed terminal; Windows has none."""


class Stopped(KeyboardInterrupt):
    """A signal asked livedream to end: Ctrl-C, SIGTERM at shutdown, or a closed terminal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class Stop:
    """Raises Stopped when a signal comes; after `hold`, only where `check` is called.

    An exception at an arbitrary point could separate steps that belong together: a lock and its release, a video and
    its index.
    """

    def __init__(self) -> None:
        self.came = False
        """Whether a signal has come."""
        self._held = False
        self._pending: int | None = None

    def check(self) -> None:
        """Raise Stopped if a signal has come since the last time."""
        number, self._pending = self._pending, None
        if number is not None:
            raise Stopped(number)

    def hold(self) -> None:
        """From now on, keep signals until `check` is called."""
        self._held = True

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        self.came, self._pending = True, number
        if number == HANGUP:
            _forget_terminal()
        if not self._held:
            self.check()


_stops: list[Stop] = []


def stop_requested() -> bool:
    """Return whether a signal has come, even if it waits for `check`. For threads that the main thread waits for."""
    return any(stop.came for stop in _stops)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Make signals raise Stopped inside the block."""
    stop = Stop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if HANGUP is not None and signal.getsignal(HANGUP) != signal.SIG_IGN:  # under nohup, continue without the terminal
        numbers.append(signal.Signals(HANGUP))
    previous = {number: signal.signal(number, stop.on_signal) for number in numbers}
    _stops.append(stop)
    try:
        yield stop
    finally:
        _stops.remove(stop)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _forget_terminal() -> None:
    """Write nothing more to a terminal that is closed: every write would fail."""
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
