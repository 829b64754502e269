"""The video that comes with livedream, played in a loop like a camera."""

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
"""The video file, to read every frame of it."""
PATIENCE = 1.0
"""Seconds of skipping after which a late frame is delivered all the same: this machine is slower than the video."""


class DemoSource(Source):
    """Plays a video in a loop, at its own rate, like a camera.

    Like a camera it does not wait: a late consumer gets the newest frame, and the index counts the frames that were
    dropped. Time continues from one round to the next.

    Args:
        path: of another video.
        clock: a monotonic clock, in seconds.
        wait: sleeps for some seconds; True ends the iteration. By default it wakes up when the source is closed.
    """

    live = True

    def __init__(
        self,
        path: str | PathLike[str] = demo_clip,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._path = Path(path)
        self._stopped = threading.Event()
        self._clock = clock
        self._wait = wait or self._stopped.wait
        with VideoSource(self._path) as video:
            self.size, self.rate = video.size, video.rate or Fraction(25)
            self.time_base, self.pixel_aspect = video.time_base, video.pixel_aspect
        self.name = "demo"
        self._lock = threading.Lock()
        """Held while a frame is decoded: the video may be closed only between two frames."""
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
        """Yield each frame when it is due."""
        step = round(1 / rate / self.time_base) * self.time_base
        index, moment, before = 0, Fraction(0), Fraction(0)
        began = asked = self._clock()
        while True:
            with VideoSource(self._path) as video:
                for frame in video:
                    moment = before + frame.time
                    now = self._clock()
                    late = now >= began + moment + step  # the next frame is due already
                    if late and now - asked >= PATIENCE:
                        late, began = False, now - moment
                    if not late:
                        if began + moment > now and self._wait(float(began + moment - now)):
                            return
                        yield Frame(frame.pixels, moment, index)
                        asked = self._clock()
                    index += 1
            before = moment + step
