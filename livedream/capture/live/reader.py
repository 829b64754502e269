"""A thread that reads a camera, so that nobody else has to wait for a driver that blocks."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np


class StreamEnded(Exception):  # noqa: N818  no error
    """Raised by who opens a connection again: there is nothing more to come."""


class Connection(ABC):
    """A camera or stream that is open. It is opened by one thread, and read and closed by one other: its reader.

    Opening it and reading raise SourceError when that fails; whoever wants to go on opens a new one.
    """

    size: tuple[int, int]
    """(width, height) of its pictures in pixels."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel by its height."""
    rate: Fraction | None = None
    """Pictures per second, None where nobody knows."""
    promised: Fraction | None = None
    """How many it says itself that it gives, where that is no surer."""
    slow_hint: str = ""
    """What helps when fewer come than it promised; empty where it promises nothing."""
    coding: str = ""
    """How its pictures come: MJPG, h264."""

    @abstractmethod
    def read(self) -> np.ndarray:
        """Wait for the next picture and return it, RGB uint8 (height, width, 3), the caller's to keep."""

    @abstractmethod
    def close(self) -> None: ...


class Picture(NamedTuple):
    pixels: np.ndarray
    """RGB uint8 (height, width, 3)."""
    moment: int
    """When it was read, by the reader's clock, in nanoseconds."""
    number: int
    """How many this reader read before it."""
    aspect: Fraction = Fraction(1)
    """Width of a pixel by its height."""


class Reader:
    """Reads one connection from its first picture to its failure, and keeps the newest picture.

    A driver may block for ever, and a thread cannot be ended from outside: such a reader is left alone, and closes its
    connection when it wakes. It does not keep the program from ending.

    connect: opens the connection, on the reader's own thread. changed: notified of each picture, and of the end; held
    while any of the attributes is set. clock: nanoseconds that never go back.
    """

    def __init__(
        self, connect: Callable[[], Connection], changed: threading.Condition, clock: Callable[[], int]
    ) -> None:
        self.newest: Picture | None = None
        self.connected = False
        self.error: Exception | None = None
        """Why it has ended."""
        self._connect = connect
        self._changed = changed
        self._clock = clock
        self._wanted = True
        self._heard = clock()
        self._thread = threading.Thread(target=self._work, name="livedream-reader", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    @property
    def count(self) -> int:
        """How many pictures it has read."""
        return 0 if self.newest is None else self.newest.number + 1

    @property
    def silence(self) -> float:
        """Seconds since the last picture, or since it began."""
        return (self._clock() - self._heard) / 1e9

    def leave(self) -> None:
        """Ask for its end, which comes after the picture for which it waits."""
        self._wanted = False

    def join(self, seconds: float) -> None:
        """Wait for its end, at most so long."""
        self._thread.join(seconds)

    def _work(self) -> None:
        error: Exception | None = None
        try:
            connection = self._connect()
            try:
                self._read(connection)
            finally:
                connection.close()
        except Exception as failure:  # noqa: BLE001  the source raises it, or starts anew
            error = failure
        with self._changed:
            self.error = error
            self._changed.notify_all()

    def _read(self, connection: Connection) -> None:
        with self._changed:
            self._heard = self._clock()
            self.connected = True
        while self._wanted:
            pixels = connection.read()
            with self._changed:
                self._heard = self._clock()
                self.newest = Picture(pixels, self._heard, self.count, connection.pixel_aspect)
                self._changed.notify_all()
