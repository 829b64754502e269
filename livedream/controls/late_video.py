"""A film that begins in the middle of a run."""

import dataclasses
from fractions import Fraction

from livedream.frame import Frame
from livedream.sink.sink import Sink


class LateVideo(Sink):
    """Writes into another sink, a film, with times that count from the first frame on.

    With the times of the run a player would show nothing for as long as the run had lasted before.
    """

    def __init__(self, film: Sink) -> None:
        self.name = film.name
        self._film = film
        self._began: Fraction | None = None

    @property
    def finished(self) -> bool:
        return self._film.finished

    def write(self, frame: Frame) -> None:
        if self._began is None:
            self._began = frame.time
        self._film.write(dataclasses.replace(frame, time=frame.time - self._began))

    def idle(self) -> None:
        self._film.idle()

    def end(self) -> None:
        self._film.end()

    def close(self) -> None:
        self._film.close()
