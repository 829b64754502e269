"""The frames of one shard, with their times in the whole film."""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from livedream.capture.source import Source
from livedream.capture.video import VideoSource
from livedream.errors import SourceError
from livedream.farm.digest import added, digest_text, frame_digest
from livedream.farm.manifest import Film, Shard
from livedream.frame import Frame


class PlannedFramesError(SourceError):
    """The film has other frames than those that were planned."""


class FilmPart(Source):
    """The frames of a shard, numbered from 0 on; and, in `warm_up`, those before.

    The file is sought to the first frame. Some files give other frames after that, for example where their colours
    change midway; `whole` reads from the beginning instead.

    Raises:
        PlannedFramesError: its first frame is not the one that was planned. Iterating raises it too, at the end, if
            any other frame was not.
    """

    live = False

    def __init__(self, path: Path, film: Film, shard: Shard, *, whole: bool = False) -> None:
        self.name = f"{film.target}, shard {shard.number}"
        self._film, self._shard, self._path = film, shard, path
        self._whole = whole or not shard.time
        self._digest = 0
        self._taken = 0
        self._source = self._open()
        self.size, self.rate, self.time_base = self._source.size, self._source.rate, self._source.time_base
        self.pixel_aspect, self.picture_track = self._source.pixel_aspect, self._source.picture_track
        self.length = shard.frames

    @property
    def files(self) -> tuple[Path, ...]:
        return (self._path,)

    def _open(self) -> VideoSource:
        if self._whole:
            source = VideoSource(self._path)
            source.skip(self._shard.first)
            self._shift = Fraction(0)
        else:
            source = VideoSource(self._path, start=self._shard.time)
            self._shift = self._shard.time
        if source.size != self._film.size:
            source.close()
            raise self._differs()
        return source

    def warm_up(self) -> Iterator[Frame]:
        """Yield the frames of the warm-up, which come before the first one."""
        if not self._shard.warm_up:
            return
        with VideoSource(self._path) as source:
            source.skip(self._shard.first - self._shard.warm_up)
            for _, frame in zip(range(self._shard.warm_up), source, strict=False):
                yield frame

    def __iter__(self) -> Iterator[Frame]:
        frames = iter(self._source)
        while self._taken < self._shard.frames:
            frame = next(frames, None)
            if frame is None:
                raise self._differs()
            yield self._noted(frame)
        if digest_text(self._digest) != self._shard.digest:
            raise self._differs()

    def skip(self, count: int) -> None:
        """Skip the next frames; they are decoded all the same, for the digest."""
        for _, frame in zip(range(count), self._source, strict=False):
            self._noted(frame)

    def _noted(self, frame: Frame) -> Frame:
        time = frame.time + self._shift
        digest = frame_digest(frame.pixels, time)
        if not self._taken and digest_text(digest) != self._shard.begin:
            raise self._differs()
        self._digest = added(self._digest, digest)
        index, self._taken = self._taken, self._taken + 1
        # Only the last frame of a film has one of its own; some files state another after seeking.
        is_last = self._shard.end is None and index == self._shard.frames - 1
        duration = self._film.last if is_last else None
        return dataclasses.replace(frame, time=time, index=index, duration=duration)

    def _differs(self) -> PlannedFramesError:
        text = f"{self._path} has changed: the frames of shard {self._shard.number} are not those that were planned"
        return PlannedFramesError(text, "plan again")

    def close(self) -> None:
        self._source.close()
