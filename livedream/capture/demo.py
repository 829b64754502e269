"""The film that comes with livedream, played for ever as if it were a camera."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from os import PathLike
from pathlib import Path

from livedream.capture.source import Source
from livedream.capture.video import VideoSource
from livedream.frame import Frame

demo_clip = Path(__file__).parent.parent / "assets" / "demo.mp4"
"""The film itself, for who wants to dream it from its first frame to its last."""
PATIENCE = 1.0
"""Seconds of skipping after which a frame is delivered although it is late: this machine is slower than the film."""


class DemoSource(Source):
    """A camera that sees a film, over and over, at the film's own speed.

    Like a camera it does not wait: who comes late gets the newest frame, and the index counts those that were missed.
    Time goes on from one round to the next.

    path: another film. clock: seconds that never go back. wait: sleeps for some seconds; True ends the iteration. By
    default it wakes up when the source is closed.
    """

    live = True

    def __init__(
        self,
        path: str | PathLike[str] = demo_clip,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._film = Path(path)
        self._stopped = threading.Event()
        self._clock = clock
        self._wait = wait or self._stopped.wait
        with VideoSource(self._film) as film:
            self.size, self.rate = film.size, film.rate or Fraction(25)
            self.time_base, self.pixel_aspect = film.time_base, film.pixel_aspect
        self.name = "demo"
        self._lock = threading.Lock()
        """Held while a frame is made: the film is closed between two."""
        self._frames = self._play(self.rate)

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._lock:
                frame = None if self._stopped.is_set() else next(self._frames, None)
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        self._stopped.set()
        with self._lock:
            self._frames.close()

    def _play(self, rate: Fraction) -> Generator[Frame]:
        """The frames, each when its time has come."""
        step = round(1 / rate / self.time_base) * self.time_base
        index, moment, before = 0, Fraction(0), Fraction(0)
        began = asked = self._clock()
        while True:
            with VideoSource(self._film) as film:
                for frame in film:
                    moment = before + frame.time
                    now = self._clock()
                    late = now >= began + moment + step  # the next one is due already
                    if late and now - asked >= PATIENCE:
                        late, began = False, now - moment
                    if not late:
                        if began + moment > now and self._wait(float(began + moment - now)):
                            return
                        yield Frame(frame.pixels, moment, index)
                        asked = self._clock()
                    index += 1
            before = moment + step
