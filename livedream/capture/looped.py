"""A film played several times, or for ever."""

import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from livedream.capture.source import Source
from livedream.errors import ArgumentError
from livedream.frame import Frame

USUAL_STEP = Fraction(1, 25)
"""Seconds for which the only frame of a film is shown, where the film does not say."""
_SAME = (
    *("name", "size", "rate", "rate_is_assumed", "live", "stills", "time_base", "pixel_aspect", "picture_track"),
    *("path", "identity", "place", "coding"),
)


class LoopedSource(Source):
    """The frames of `film` again and again; times and numbers go on from round to round.

    A round is as long as its last frame says, or as the frame before that was shown. The next round is opened while the
    last frames of this one are on their way.

    film: closed with this source. times: how many rounds; None for as many as are wanted. seconds: after which the last
    round is cut off; None for no limit.
    Raises ArgumentError for a source that cannot begin again.
    """

    def __init__(self, film: Source, times: int | None = None, seconds: Fraction | None = None) -> None:
        if film.live:
            hint = "leave out --loop: it never ends" if film.name == "demo" else "leave out --loop: it has no end"
            raise ArgumentError(f"--loop is for videos, and {film.name} is live", hint)
        if not film.rewinds:
            raise ArgumentError(f"--loop: {film.name} can be read only once", "save it to a file, and name that")
        if times is not None and times < 1:
            raise ArgumentError(f"a film cannot be played {times} times", "give 1 or more, or no number for no end")
        frames = None
        if seconds is not None and film.rate:
            frames = -(-seconds * film.rate // 1)
            if film.length is not None and frames <= film.length:
                times = 1
        self._film = film
        self._times = times
        self._seconds = seconds
        for name in _SAME:
            setattr(self, name, getattr(film, name))
        whole = None if times is None or film.length is None else times * film.length
        self.length = min([many for many in (whole, frames) if many is not None], default=None)
        if times == 1:
            self.sound, self.start, self.until = film.sound, film.start, film.until
            if seconds is not None:
                self.until = seconds if film.until is None else min(film.until, seconds)
        else:
            self.lost_sound = film.lost_sound or ("the sound is left out: a looped film has none" if film.sound else "")
        self._round = 0
        self._began = Fraction(0)
        """When this round began."""
        self._index = 0
        self._last: Frame | None = None
        self._step = 1 / film.rate if film.rate else USUAL_STEP
        self._closed = threading.Event()

    @property
    def files(self) -> Sequence[Path]:
        return self._film.files

    @property
    def round_seconds(self) -> Fraction | None:
        """How long one round is; None until the first one has been read."""
        return self._began / self._round if self._round else None

    def __iter__(self) -> Iterator[Frame]:
        while not self._closed.is_set():
            for frame in self._film:
                time = self._began + frame.time
                if self._seconds is not None and time >= self._seconds:
                    return
                if self._last is not None and self._last.time < time and frame.time > 0:
                    self._step = time - self._last.time
                self._last = Frame(frame.pixels, time, self._index, duration=frame.duration)
                self._index += 1
                yield self._last
            self.ended_early = self.ended_early or self._film.ended_early
            self.lost = self._film.lost
            if self._last is None or self._closed.is_set() or self._round + 1 == self._times:
                return
            self._round += 1
            self._began = self._last.time + self._whole(self._last.duration or self._step)
            self._film.rewind()

    def close(self) -> None:
        self._closed.set()
        self._film.close()

    def _whole(self, seconds: Fraction) -> Fraction:
        """Return a time of whole ticks."""
        return max(1, round(seconds / self.time_base)) * self.time_base
