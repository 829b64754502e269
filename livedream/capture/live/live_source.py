"""What all live sources have in common: read in the background, watched, and connected again when they fail."""

import logging
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction

from livedream.capture.live.reader import Connection, Picture, Reader, StreamEnded
from livedream.capture.source import Source
from livedream.errors import SourceError
from livedream.frame import Frame
from livedream.letterbox import letterbox

log = logging.getLogger(__name__)

CLOCK_RATE = 90000
"""Ticks a second of a live source's times."""
TICK_SECONDS = 0.1
"""How long to wait for a picture before looking whether all is well."""
MOST_TICK_SECONDS = 0.3
"""How much of the time between two looks counts as silence: when it was longer, it was we who got no processor, or were
stopped, and the pictures wait to be read."""
SILENCE_SECONDS = 1.5
"""Without a picture for so long, it is said. With a tick and the screen's refresh that is within two seconds."""
BLOCKED_SECONDS = 4.0
"""Without a picture for so long, a connection is given up for a new one. A network that stumbles is faster back."""
CONNECTING_SECONDS = 20.0
"""How long it may take to connect again."""
MOST_BLOCKED = 3
"""How many readers may hang in a driver before livedream waits for one of them."""
CLOSE_SECONDS = 3.5
"""How long closing waits for a reader: longer than a stream may take to send a picture."""
OPENING_SECONDS = 2.0
"""When opening takes longer, it is said."""
SLOW = 0.75
"""A source with less than this part of its rate is slow."""
RATE_SECONDS = 3.0
"""Over how long the rate is counted."""


class LiveSource(Source):
    """The newest picture of a connection, each with the time at which it was read.

    When the connection fails, blocks or goes silent, `notice` says so within two seconds, and it is opened again and
    again until it works. Meanwhile nothing is delivered: windows and virtual cameras show their last frame by
    themselves, nothing is dreamt twice, and in a recording that frame simply lasts as long as it did. Pictures of
    another shape are letterboxed into that of the first.

    A subclass sets `name`, and returns a new connection from `_connect`. The first one is opened by the constructor's
    own thread (macOS asks for the right to use a camera on the main thread alone), and its SourceError is raised.

    clock: nanoseconds that never go back. Times are those of this clock since opening, in 1/90000 s.
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
        """When the last picture came, while the connection is lost."""
        self._tries = 0
        """How often it was opened again since then."""
        self._retry_at = 0
        self._blocked: list[Reader] = []
        self._recent: deque[tuple[int, int]] = deque()
        """Moment and number of the pictures of the last seconds."""
        self._taken = -1
        """The number of the last picture taken from this reader."""
        self._before: int | None = None
        """How many pictures earlier readers read, counted from the first one that was taken; None before that."""
        self._looked = self._opened
        self._silence = 0.0
        """Seconds without a new picture, as far as we were there to see it."""
        self._reader: Reader | None = Reader(lambda: connection, self._changed, clock)

    @abstractmethod
    def _connect(self) -> Connection:
        """Open a new connection. Raises SourceError."""

    def __iter__(self) -> Iterator[Frame]:
        while (picture := self._next()) is not None:
            yield self._frame(picture)

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

    def _next(self) -> Picture | None:
        """Wait for a picture that was not taken yet; None once the source is closed."""
        with self._changed:
            while not self._closed:
                newest = self._reader.newest if self._reader else None
                if newest is not None and newest.number > self._taken:
                    self._take(newest)
                    return newest
                self._watch()
                self._changed.wait(TICK_SECONDS)
        return None

    def _take(self, picture: Picture) -> None:
        self._taken = picture.number
        self._looked, self._silence = self._clock(), 0.0
        if self._before is None:
            self._before = -picture.number
        if self._lost_at is not None:
            log.warning("%s is back after %.1f s", self.name, (picture.moment - self._lost_at) / 1e9)
            self._lost_at = None
        self.notice = self._slowness(picture)

    def _frame(self, picture: Picture) -> Frame:
        self._ticks = max((picture.moment - self._opened) * CLOCK_RATE // 10**9, self._ticks + 1)
        return Frame(
            letterbox(picture.pixels, self.size, picture.aspect / self.pixel_aspect),
            Fraction(self._ticks, CLOCK_RATE),
            (self._before or 0) + picture.number,
        )

    # How it is watched

    def _watch(self) -> None:
        """See to it that somebody reads, or will. Called while nothing new is there."""
        now = self._clock()
        self._silence += min((now - self._looked) / 1e9, MOST_TICK_SECONDS)
        self._looked = now
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
            self._lose(reader, f"{self.name} sends no pictures")
        elif self._lost_at is None and self._silence >= self._patience(SILENCE_SECONDS):
            self.notice = f"{self.name} has sent no picture for {reader.silence:.0f} s"

    def _patience(self, seconds: float) -> float:
        """How long to wait for a picture: some need longer by their rate."""
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

    def _slowness(self, picture: Picture) -> str | None:
        """Return what to say of a rate that is lower than it should be, now that `picture` has come."""
        if not self._slow_hint or self._promised is None:
            return None
        self._recent.append((picture.moment, picture.number))
        while picture.moment - self._recent[0][0] > RATE_SECONDS * 1e9:
            self._recent.popleft()
        moment, number = self._recent[0]
        seconds = (picture.moment - moment) / 1e9
        if seconds < RATE_SECONDS * SLOW:
            return None
        rate = (picture.number - number) / seconds  # by their numbers: not all of them were taken
        if rate >= SLOW * self._promised:
            return None
        return f"{self.name} gives {rate:.1f} of {float(self._promised):.3g} fps: {self._slow_hint}"


def pause(tries: int) -> float:
    """Return the seconds to wait after so many tries in vain: short for a minute or so, that the picture comes back
    with the camera, and five then."""
    return min(0.25 * 2**tries, 0.5) if tries < 120 else 5.0
