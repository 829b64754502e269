"""A thread that reads a camera or stream, so that no other thread waits for a driver that blocks."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np


class StreamEnded(Exception):  # noqa: N818  not an error
    """Raised while reconnecting: the stream has ended for good."""


class Connection(ABC):
    """An open camera or stream. One thread opens it, and one other thread, its reader, reads and closes it.

    Opening and reading raise SourceError on failure; to continue, open a new connection.
    """

    size: tuple[int, int]
    """(width, height) of its images in pixels."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel over its height."""
    rate: Fraction | None = None
    """Images per second, None if unknown."""
    promised: Fraction | None = None
    """The rate that the device states, if it may deliver less."""
    slow_hint: str = ""
    """What to do if it delivers less than it states; empty if it states nothing."""
    coding: str = ""
    """The codec of its images: MJPG, h264."""

    @abstractmethod
    def read(self) -> np.ndarray:
        """Wait for the next image and return it, RGB uint8 (height, width, 3). The caller may keep it."""

    @abstractmethod
    def close(self) -> None: ...


class CapturedImage(NamedTuple):
    """An image from a camera or stream."""

    pixels: np.ndarray
    """RGB uint8 (height, width, 3)."""
    moment: int
    """When it was read, by the clock of the reader, in nanoseconds."""
    number: int
    """The number of images that this reader read before it."""
    aspect: Fraction = Fraction(1)
    """Width of a pixel over its height."""


class Reader:
    """Reads one connection from its first image to its failure, and keeps the newest image.

    A driver may block forever, and a thread cannot be stopped from outside: such a reader is abandoned and closes its
    connection when it wakes up. It does not keep the process from ending.

    Args:
        connect: opens the connection, in the thread of the reader.
        changed: notified of each image and of the end; held while the attributes are set.
        clock: a monotonic clock, in nanoseconds.
    """

    def __init__(
        self, connect: Callable[[], Connection], changed: threading.Condition, clock: Callable[[], int]
    ) -> None:
        self.newest: CapturedImage | None = None
        self.connected = False
        self.error: Exception | None = None
        """Why it has ended."""
        self._connect = connect
        self._changed = changed
        self._clock = clock
        self._wanted = True
        self._last_read = clock()
        self._thread = threading.Thread(target=self._work, name="livedream-reader", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    @property
    def count(self) -> int:
        """The number of images that it has read."""
        return 0 if self.newest is None else self.newest.number + 1

    @property
    def silence(self) -> float:
        """Seconds since the last image, or since it began."""
        return (self._clock() - self._last_read) / 1e9

    def leave(self) -> None:
        """Ask it to stop, which it does after the image that it is waiting for."""
        self._wanted = False

    def join(self, seconds: float) -> None:
        """Wait for its end, at most this many seconds."""
        self._thread.join(seconds)

    def _work(self) -> None:
        error: Exception | None = None
        try:
            connection = self._connect()
            try:
                self._read(connection)
            finally:
                connection.close()
        except Exception as failure:  # noqa: BLE001  the source raises it or reconnects
            error = failure
        with self._changed:
            self.error = error
            self._changed.notify_all()

    def _read(self, connection: Connection) -> None:
        with self._changed:
            self._last_read = self._clock()
            self.connected = True
        while self._wanted:
            pixels = connection.read()
            with self._changed:
                self._last_read = self._clock()
                self.newest = CapturedImage(pixels, self._last_read, self.count, connection.pixel_aspect)
                self._changed.notify_all()
