"""Ctrl-C and other requests to end: at once while nothing is at stake, between two frames while a film is written."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HANGUP: int | None = getattr(signal, "SIGHUP", None)
"""The signal of a terminal that is closed; Windows has none."""


class Stopped(KeyboardInterrupt):
    """Somebody wants livedream to end: Ctrl-C, the SIGTERM of a system that shuts down, a terminal that is closed."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class Stop:
    """Raises Stopped when a signal comes; while it is held, only where `check` is called.

    An exception out of the blue could come between two halves of what belongs together: a lock taken and given back, a
    film and its index.
    """

    def __init__(self) -> None:
        self.came = False
        """Whether a signal has come."""
        self._held = False
        self._wanted: int | None = None

    def check(self) -> None:
        """Raise Stopped if a signal has come since the last time."""
        number, self._wanted = self._wanted, None
        if number is not None:
            raise Stopped(number)

    def hold(self) -> None:
        """From now on let signals wait for `check`."""
        self._held = True

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        self.came, self._wanted = True, number
        if number == HANGUP:
            _forget_terminal()
        if not self._held:
            self.check()


_stops: list[Stop] = []


def stop_requested() -> bool:
    """Return whether a signal has come, also where it waits for `check`. For threads that the main one waits for."""
    return any(stop.came for stop in _stops)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Let signals raise Stopped inside the block."""
    stop = Stop()
    wanted = [signal.SIGINT, signal.SIGTERM]
    if HANGUP is not None and signal.getsignal(HANGUP) != signal.SIG_IGN:  # nohup: go on without the terminal
        wanted.append(signal.Signals(HANGUP))
    before = {number: signal.signal(number, stop.on_signal) for number in wanted}
    _stops.append(stop)
    try:
        yield stop
    finally:
        _stops.remove(stop)
        for number, handler in before.items():
            signal.signal(number, handler)


def _forget_terminal() -> None:
    """Write nothing more to a terminal that is gone: each word would be an error."""
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
