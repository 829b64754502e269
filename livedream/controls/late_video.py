"""A recording that begins in the middle of a run."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction

from livedream.frame import Frame
from livedream.sink.sink import Sink


class LateVideo(Sink):
    """Writes frames to a video sink, with times that count from the first frame.

    With the times of the run, a player would show nothing for as long as the run had lasted before.

    Args:
        video: where the frames go.
        on_closed: called once the file is complete, by the thread that closes it.
    """

    def __init__(self, video: Sink, on_closed: Callable[[], object] = lambda: None) -> None:
        self.name = video.name
        self._video = video
        self._on_closed = on_closed
        self._began: Fraction | None = None

    @property
    def finished(self) -> bool:
        return self._video.finished

    def write(self, frame: Frame) -> None:
        if self._began is None:
            self._began = frame.time
        self._video.write(dataclasses.replace(frame, time=frame.time - self._began))

    def idle(self) -> None:
        self._video.idle()

    def end(self) -> None:
        self._video.end()

    def close(self) -> None:
        self._video.close()
        self._on_closed()
