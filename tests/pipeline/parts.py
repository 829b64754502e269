"""Sources, dreamers and sinks that do exactly what a test of the pipeline wants to see."""

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from livedream.capture.source import Source
from livedream.frame import Frame
from livedream.sink.sink import Sink

SECONDS = 10.0
"""How long anything may take that should happen at once."""


def make_frame(index: int) -> Frame:
    return Frame(np.full((2, 3, 3), index % 256, np.uint8), Fraction(index, 10), index)


class Frames(Source):
    """Frames 0, 1, ... up to `count`; before each, `before(index)` is called on the capture thread."""

    name = "frames"
    size = (3, 2)
    rate = Fraction(10)

    def __init__(
        self,
        count: int,
        *,
        live: bool = False,
        stills: bool = False,
        before: Callable[[int], object] = lambda index: None,
    ) -> None:
        self.live, self.stills = live, stills
        self.count, self.before = count, before
        self.given = 0
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            self.before(index)
            if self.closed.is_set():
                return
            self.given += 1
            yield make_frame(index)

    def close(self) -> None:
        self.closed.set()


class Kept(Sink):
    """Keeps the indices of its frames; before each, `before(frame)` is called."""

    def __init__(
        self, name: str = "kept", *, live: bool = False, before: Callable[[Frame], object] = lambda frame: None
    ) -> None:
        self.name, self.live, self.before = name, live, before
        self.frames: list[Frame] = []
        self.threads: set[str] = set()
        self.idled = threading.Event()
        self.ended = self.closed = False

    @property
    def indices(self) -> list[int]:
        return [frame.index for frame in self.frames]

    def write(self, frame: Frame) -> None:
        assert not self.ended and not self.closed
        self.threads.add(threading.current_thread().name)
        self.before(frame)
        self.frames.append(frame)

    def idle(self) -> None:
        self.idled.set()

    def end(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True


class Window(Kept):
    """A sink of the main thread that somebody closes once it has shown `frames_until_closed`."""

    on_main_thread = True

    def __init__(self, frames_until_closed: float = float("inf"), *, live: bool = True) -> None:
        super().__init__("window", live=live)
        self.frames_until_closed = frames_until_closed

    @property
    def finished(self) -> bool:
        return len(self.frames) >= self.frames_until_closed


def same(picture):
    """The dreamer that changes nothing."""
    return picture


def wait(event: threading.Event) -> None:
    """Wait for what must happen soon."""
    assert event.wait(SECONDS), "nothing happened"
