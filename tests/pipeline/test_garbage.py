"""Frames go when nobody holds them any more: none waits for Python's garbage collector."""

import collections
import gc

import pytest

from livedream.capture.video import VideoSource
from livedream.dream.dreamer import Dreamer
from livedream.frame import Frame
from livedream.pipeline.run import run
from livedream.settings import DreamSettings
from livedream.sink.sink import Sink
from livedream.sink.video.video_sink import VideoSink
from livedream.stream_info import StreamInfo
from tests.films import write_film


class Collecting(Sink):
    """Counts what each of the frames from `begin` to `end` leaves to the garbage collector."""

    name = "collecting"

    def __init__(self, begin: int, end: int) -> None:
        self.found: dict[str, int] = {}
        self._begin, self._end = begin, end

    def write(self, frame: Frame) -> None:
        if frame.index == self._begin:
            gc.collect()
            gc.set_debug(gc.DEBUG_SAVEALL)
        elif frame.index == self._end:
            gc.collect()
            gc.set_debug(0)
            found = collections.Counter(type(thing).__qualname__ for thing in gc.garbage)
            # One for every second frame: what a single frame leaves, such as types of ctypes arrays, does not grow.
            self.found = {name: count for name, count in found.items() if count > (self._end - self._begin) / 2}
            gc.garbage.clear()

    def close(self) -> None:
        pass


@pytest.mark.parametrize("flags", [{}, {"mask": "person"}])
def test_no_frame_waits_for_the_garbage_collector(tmp_path, flags):
    film = write_film(tmp_path / "film.mp4", list(range(0, 1200, 40)))
    collecting = Collecting(5, 25)
    with VideoSource(film) as source:
        dreamer = Dreamer(DreamSettings(model="squeezenet", working_height=64, **flags))
        with VideoSink(tmp_path / "dream.mp4", StreamInfo.of(source)) as sink:
            run(source, dreamer, [sink, collecting])
    assert collecting.found == {}
