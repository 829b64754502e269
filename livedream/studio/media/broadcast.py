"""The newest dreamt frame, for any number of watchers."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from livedream.capture.source import Source
from livedream.capture.wrapped import WrappedSource
from livedream.frame import Frame
from livedream.sink.sink import Sink

REMEMBERED = 256
"""How many capture times are kept: more than the frames that a run holds at once, which are fewer than ten live."""


class Shown(NamedTuple):
    """A frame that is shown now."""

    frame: Frame
    """Its `source` holds the picture before the dream."""
    captured_at: float
    """When it was captured, in seconds of time.monotonic()."""
    number: int
    """Counts all frames that were shown, from 1."""

    @property
    def captured_ms(self) -> float:
        """When it was captured, in milliseconds of Unix time."""
        return (time.time() - time.monotonic() + self.captured_at) * 1000


@runtime_checkable
class KnowsMoments(Protocol):
    """A source that knows better than its reader when a picture was captured."""

    moment: float
    """When the frame that was yielded last was captured, in seconds of time.monotonic()."""


class CaptureTimes(WrappedSource):
    """The same source, which remembers when each of its frames was captured.

    Args:
        source: closed with this one.
        broadcast: whose next frames come from this source.
    """

    def __init__(self, source: Source, broadcast: "Broadcast") -> None:
        super().__init__(source)
        self._times: dict[int, float] = {}
        broadcast.times = self

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            moment = self._source.moment if isinstance(self._source, KnowsMoments) else time.monotonic()
            self._times[frame.index] = moment
            if len(self._times) > REMEMBERED:
                del self._times[next(iter(self._times))]
            yield frame

    def rewind(self) -> None:
        self._source.rewind()

    def skip(self, count: int) -> None:
        self._source.skip(count)

    def of(self, index: int) -> float | None:
        """Return when the frame of this index was captured, in seconds of time.monotonic(); None if it is forgotten."""
        return self._times.get(index)


class Watcher:
    """Waits for new frames, on the event loop that it was made for. `Broadcast.watch` returns one."""

    def __init__(self, broadcast: "Broadcast", loop: asyncio.AbstractEventLoop) -> None:
        self._broadcast = broadcast
        self._loop = loop
        self._event = asyncio.Event()
        self._waking = False
        """Whether the loop has been told already. A loop that is busy would else collect a call for each frame."""

    async def newer_than(self, number: int) -> Shown:
        """Wait for a frame after number `number`, and return the newest. Those between are left out.

        Args:
            number: of the frame that is known; 0 takes any frame.
        """
        while True:
            self._event.clear()
            newest = self._broadcast.newest
            if newest is not None and newest.number > number:
                return newest
            await self._event.wait()

    def close(self) -> None:
        """Be woken up no more. May be called twice."""
        self._broadcast.forget(self)

    def wake(self) -> None:
        """Look for a new frame. Any thread may call it."""
        if self._waking:
            return
        self._waking = True
        try:
            self._loop.call_soon_threadsafe(self._awake)
        except RuntimeError:  # the loop is closed, and with it everything that waited
            self.close()

    def _awake(self) -> None:
        self._waking = False
        self._event.set()


class Broadcast(Sink):
    """Keeps the newest frame and tells all watchers. Nothing queues: who is slow gets the newest frame, not the next.

    It outlives runs: each one gets a source in `CaptureTimes`, and this as a sink.
    """

    live = True
    name = "page"

    def __init__(self) -> None:
        self.newest: Shown | None = None
        """The newest frame; None before the first one."""
        self._count = 0
        self.times: CaptureTimes | None = None
        """The source of the present run."""
        self._lock = threading.Lock()
        self._watchers: set[Watcher] = set()

    def write(self, frame: Frame) -> None:
        captured_at = self.times.of(frame.index) if self.times is not None else None
        self._count += 1
        self.newest = Shown(frame, time.monotonic() if captured_at is None else captured_at, self._count)
        with self._lock:
            watchers = tuple(self._watchers)
        for watcher in watchers:
            watcher.wake()

    def watch(self, loop: asyncio.AbstractEventLoop) -> Watcher:
        """Return a watcher for a coroutine of `loop`. Close it at the end."""
        watcher = Watcher(self, loop)
        with self._lock:
            self._watchers.add(watcher)
        return watcher

    def forget(self, watcher: Watcher) -> None:
        """Wake `watcher` up no more."""
        with self._lock:
            self._watchers.discard(watcher)

    @property
    def watched(self) -> int:
        """How many watchers there are."""
        return len(self._watchers)

    def close(self) -> None:
        """Do nothing: the watchers wait for the next run."""
