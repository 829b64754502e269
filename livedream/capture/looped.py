"""A video played several times or endlessly."""

import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from livedream.capture.source import Source
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.hints import option

USUAL_STEP = Fraction(1, 25)
"""Seconds for which the only frame of a video is shown, if the file does not say."""
_SAME = (
    *("name", "size", "rate", "rate_is_assumed", "live", "stills", "time_base", "pixel_aspect", "picture_track"),
    *("path", "identity", "place", "coding"),
)


class LoopedSource(Source):
    """The frames of `video` again and again; times and indices continue from round to round.

    A round lasts until the end of its last frame; if its duration is unknown, the last frame is shown as long as the
    one before. The next round is opened while the last frames of this one are still being processed.

    Args:
        video: closed with this source.
        times: the number of rounds, None for no limit.
        seconds: after which the last round is cut off, None for no limit.

    Raises:
        ArgumentError: the source cannot start again.
    """

    def __init__(self, video: Source, times: int | None = None, seconds: Fraction | None = None) -> None:
        if video.live:
            why = "it never ends" if video.name == "demo" else "it has no end"
            raise ArgumentError(
                f"only a video can loop, and {video.name} is live", f"leave out {option('loop')}: {why}"
            )
        if not video.rewinds:
            raise ArgumentError(f"{video.name} can be read only once", "save it to a file, and name that")
        if times is not None and times < 1:
            raise ArgumentError(f"a video cannot be played {times} times", "give 1 or more, or no number for no end")
        frames = None
        if seconds is not None and video.rate:
            frames = -(-seconds * video.rate // 1)
            if video.length is not None and frames <= video.length:
                times = 1
        self._video = video
        self._times = times
        self._seconds = seconds
        for name in _SAME:
            setattr(self, name, getattr(video, name))
        whole = None if times is None or video.length is None else times * video.length
        self.length = min([many for many in (whole, frames) if many is not None], default=None)
        if times == 1:
            self.sound, self.start, self.until = video.sound, video.start, video.until
            if seconds is not None:
                self.until = seconds if video.until is None else min(video.until, seconds)
        else:
            self.lost_sound = video.lost_sound or (
                "the sound is left out: a looped video has none" if video.sound else ""
            )
        self._round = 0
        self._began = Fraction(0)
        """When this round began, in seconds."""
        self._index = 0
        self._last: Frame | None = None
        self._step = 1 / video.rate if video.rate else USUAL_STEP
        self._closed = threading.Event()

    @property
    def files(self) -> Sequence[Path]:
        return self._video.files

    @property
    def round_seconds(self) -> Fraction | None:
        """The length of one round; None until the first one has been read."""
        return self._began / self._round if self._round else None

    def __iter__(self) -> Iterator[Frame]:
        while not self._closed.is_set():
            for frame in self._video:
                time = self._began + frame.time
                if self._seconds is not None and time >= self._seconds:
                    return
                if self._last is not None and self._last.time < time and frame.time > 0:
                    self._step = time - self._last.time
                self._last = Frame(frame.pixels, time, self._index, duration=frame.duration)
                self._index += 1
                yield self._last
            self.ended_early = self.ended_early or self._video.ended_early
            self.lost = self._video.lost
            if self._last is None or self._closed.is_set() or self._round + 1 == self._times:
                return
            self._round += 1
            self._began = self._last.time + self._whole(self._last.duration or self._step)
            self._video.rewind()

    def close(self) -> None:
        self._closed.set()
        self._video.close()

    def _whole(self, seconds: Fraction) -> Fraction:
        """Return a time rounded to whole ticks, at least one."""
        return max(1, round(seconds / self.time_base)) * self.time_base
