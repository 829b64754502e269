"""The base of all live sources: reads in the background, monitors the connection, and reconnects when it fails."""

import logging
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction

from livedream.capture.live.reader import CapturedImage, Connection, Reader, StreamEnded
from livedream.capture.source import Source
from livedream.errors import SourceError
from livedream.frame import Frame
from livedream.letterbox import letterbox

log = logging.getLogger(__name__)

CLOCK_RATE = 90000
"""Ticks per second of the times of a live source."""
TICK_SECONDS = 0.1
"""The maximum wait for an image between two checks of the connection."""
MOST_TICK_SECONDS = 0.3
"""The maximum time between two checks that counts as silence: if it was longer, this process got no processor time or
was stopped, and images are waiting to be read."""
SILENCE_SECONDS = 1.5
"""Silence after which a notice is shown. With a tick and the refresh of the screen that is within two seconds."""
BLOCKED_SECONDS = 4.0
"""Silence after which the connection is given up for a new one. A network that stalls recovers sooner."""
CONNECTING_SECONDS = 20.0
"""The time limit for reconnecting."""
MOST_BLOCKED = 3
"""How many readers may hang in a driver before no further one is started."""
CLOSE_SECONDS = 3.5
"""How long closing waits for a reader: longer than a stream may take to send an image."""
OPENING_SECONDS = 2.0
"""If opening takes longer, a warning is logged."""
SLOW = 0.75
"""A source that delivers less than this fraction of its rate is slow."""
RATE_SECONDS = 3.0
"""The time over which the rate is measured."""


class LiveSource(Source):
    """Yields the newest image of a connection, with the time at which it was read.

    When the connection fails, blocks or goes silent, `notice` says so within two seconds, and the source reconnects
    until it succeeds. Meanwhile nothing is delivered: windows and virtual cameras keep showing their last frame,
    nothing is dreamt twice, and in a recording that frame lasts for the time of the outage. Images of another shape are
    letterboxed into that of the first.

    A subclass returns a new connection from `_connect`. The first one is opened in the thread of the constructor
    (macOS asks for permission to use a camera only on the main thread), and its SourceError is raised.

    Args:
        name: of the source, for people.
        clock: a monotonic clock, in nanoseconds. Frame times are those of this clock since opening, in 1/90000 s.
    """

    live = True
    time_base = Fraction(1, CLOCK_RATE)

    def __init__(self, name: str, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.name = name
        self._clock = clock
        self._changed = threading.Condition()
        self._closed = False
        connection = self._open()
        self.size, self.rate, self.coding = connection.size, connection.rate, connection.coding
        self.pixel_aspect = connection.pixel_aspect
        self._promised, self._slow_hint = connection.promised, connection.slow_hint
        self._opened = clock()
        self._ticks = -1
        self._lost_at: int | None = None
        """When the last image came, while the connection is lost."""
        self._tries = 0
        """The number of attempts to reconnect since then."""
        self._retry_at = 0
        self._blocked: list[Reader] = []
        self._recent: deque[tuple[int, int]] = deque()
        """Time and number of the images of the last seconds."""
        self._taken = -1
        """The number of the last image taken from this reader."""
        self._before: int | None = None
        """The number of images read by earlier readers, from the first one that was taken on; None before that."""
        self._checked = self._opened
        self._silence = 0.0
        """Seconds without a new image, without the time in which this process stood still."""
        self._reader: Reader | None = Reader(lambda: connection, self._changed, clock)

    @abstractmethod
    def _connect(self) -> Connection:
        """Open a new connection. Raises SourceError."""

    def __iter__(self) -> Iterator[Frame]:
        while (image := self._next()) is not None:
            yield self._frame(image)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            readers = [*self._blocked, *([self._reader] if self._reader else [])]
            for reader in readers:
                reader.leave()
            self._changed.notify_all()
        deadline = time.monotonic() + CLOSE_SECONDS
        for reader in readers:
            reader.join(max(0.0, deadline - time.monotonic()))

    def _open(self) -> Connection:
        slow = threading.Timer(OPENING_SECONDS, log.warning, ("%s takes long to open", self.name))
        slow.name, slow.daemon = "livedream-opening", True
        slow.start()
        try:
            return self._connect()
        finally:
            slow.cancel()
            slow.join()

    def _next(self) -> CapturedImage | None:
        """Wait for an image that has not been taken yet; None once the source is closed."""
        with self._changed:
            while not self._closed:
                newest = self._reader.newest if self._reader else None
                if newest is not None and newest.number > self._taken:
                    self._take(newest)
                    return newest
                self._watch()
                self._changed.wait(TICK_SECONDS)
        return None

    def _take(self, image: CapturedImage) -> None:
        self._taken = image.number
        self._checked, self._silence = self._clock(), 0.0
        if self._before is None:
            self._before = -image.number
        if self._lost_at is not None:
            log.warning("%s is back after %.1f s", self.name, (image.moment - self._lost_at) / 1e9)
            self._lost_at = None
        self.notice = self._slowness(image)

    def _frame(self, image: CapturedImage) -> Frame:
        self._ticks = max((image.moment - self._opened) * CLOCK_RATE // 10**9, self._ticks + 1)
        return Frame(
            letterbox(image.pixels, self.size, image.aspect / self.pixel_aspect),
            Fraction(self._ticks, CLOCK_RATE),
            (self._before or 0) + image.number,
        )

    # Monitoring

    def _watch(self) -> None:
        """Ensure that a reader is running or will be started. Called while there is no new image."""
        now = self._clock()
        self._silence += min((now - self._checked) / 1e9, MOST_TICK_SECONDS)
        self._checked = now
        reader = self._reader
        if reader is None:
            self._blocked = [blocked for blocked in self._blocked if blocked.running]
            if self._clock() >= self._retry_at and len(self._blocked) < MOST_BLOCKED:
                self._reader, self._silence = Reader(self._connect, self._changed, self._clock), 0.0
        elif reader.error is not None:
            if isinstance(reader.error, StreamEnded):
                self._closed = True
                return
            if not isinstance(reader.error, SourceError):
                raise reader.error
            self._lose(reader, str(reader.error))
        elif self._silence >= (self._patience(BLOCKED_SECONDS) if reader.connected else CONNECTING_SECONDS):
            reader.leave()
            self._blocked.append(reader)
            self._lose(reader, f"{self.name} sends no images")
        elif self._lost_at is None and self._silence >= self._patience(SILENCE_SECONDS):
            self.notice = f"{self.name} has sent no image for {reader.silence:.0f} s"

    def _patience(self, seconds: float) -> float:
        """Return how long to wait for an image: longer if the rate is low."""
        return max(seconds, float(3 / self.rate)) if self.rate else seconds

    def _lose(self, reader: Reader, reason: str) -> None:
        now = self._clock()
        if self._lost_at is None:
            log.warning("%s; reconnecting", reason)
            self._lost_at, self._tries = now - round(reader.silence * 1e9), 0
        if self._before is not None:
            self._before += reader.count
        self._taken = -1
        self._recent.clear()
        self._reader = None
        self._retry_at = now + round(pause(self._tries) * 1e9)
        self._tries += 1
        self.notice = f"{self.name} lost, reconnecting (try {self._tries})"

    def _slowness(self, image: CapturedImage) -> str | None:
        """Return a notice if the rate is too low, given the new image; else None."""
        if not self._slow_hint or self._promised is None:
            return None
        self._recent.append((image.moment, image.number))
        while image.moment - self._recent[0][0] > RATE_SECONDS * 1e9:
            self._recent.popleft()
        moment, number = self._recent[0]
        seconds = (image.moment - moment) / 1e9
        if seconds < RATE_SECONDS * SLOW:
            return None
        rate = (image.number - number) / seconds  # by their numbers, since not all of them were taken
        if rate >= SLOW * self._promised:
            return None
        return f"{self.name} delivers {rate:.1f} of {float(self._promised):.3g} fps: {self._slow_hint}"


def pause(tries: int) -> float:
    """Return the pause in seconds after this number of failed tries: short for about a minute, then five seconds."""
    return min(0.25 * 2**tries, 0.5) if tries < 120 else 5.0
