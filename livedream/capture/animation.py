"""Frames from an animated PNG, WebP or AVIF, each with its own delay."""

import itertools
import logging
import struct
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from fractions import Fraction
from math import lcm
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from livedream.capture.apng import composed, durations_of
from livedream.capture.decoding.container import durations_in
from livedream.capture.decoding.timestamps import STANDS
from livedream.capture.source import Source
from livedream.errors import ArgumentError, SourceError
from livedream.formats.image_file import FAULTS, open_frames, read_head
from livedream.formats.pixel_aspect import read_aspect
from livedream.frame import Frame
from livedream.image import frame_to_array

log = logging.getLogger(__name__)

SHORTEST = Fraction(11, 1000)
"""Seconds. Browsers (Firefox, Chrome, Safari) show a frame with a shorter delay for `USUAL`."""
USUAL = Fraction(1, 10)
_FINEST = 10**6
"""Ticks per second; times that need a finer unit are rounded."""


class AnimationSource(Source):
    """The frames of the animated image at `path`, once, composed as the file specifies, transparency on white.

    Frames are decoded one by one. A file that is cut off or damaged ends with its last intact frame; this is logged.

    Args:
        path: of the file.
        start: of the part that is wanted, in seconds: frames with start <= time < end, the first of them at time 0. If
            a frame before it is shown for another second or more, the part begins with that frame.
        end: of the part, None for the end of the animation.

    Raises:
        SourceError: it cannot be read, or the part has no frame.
        ArgumentError: start and end do not make a part.
    """

    live = False
    rewinds = True

    def __init__(
        self, path: str | PathLike[str], *, start: Fraction | int | None = None, end: Fraction | int | None = None
    ) -> None:
        self.path: Path = Path(path)
        self.name = str(self.path)
        self._lock = threading.Lock()
        self._closed = False
        self._next = 0
        with ExitStack() as opened:
            self._image = opened.enter_context(open_frames(self.path))
            # A PNG may have an image before the first frame, for programs without support for animations.
            count = getattr(self._image, "n_frames", 1) - bool(getattr(self._image, "default_image", False))
            self._durations = self._read_durations(count)
            times = [Fraction(0), *itertools.accumulate(self._durations)]
            self.rate: Fraction | None = count / times[-1]
            ticks = lcm(*(time.denominator for time in times))
            self.time_base = Fraction(1, min(ticks, _FINEST))
            times = [round(time / self.time_base) * self.time_base for time in times]
            self._wanted, shift = _part(times, start, end, self.name)
            self._times = [max(time - shift, Fraction(0)) for time in times]
            if end is not None:
                self._times = [min(time, Fraction(end) - shift) for time in self._times]
            self.length = len(self._wanted)
            self.pixel_aspect = read_aspect(self._image, read_head(self.path))
            self._count = count
            self._frames = self._from_the_first()
            self._decoded = 0
            self._first = first = self._decode(self._wanted[0])
            if first is None:
                raise SourceError(f"{self.name}: no frame can be decoded", "remove it, or save it again")
            self.size = first.shape[1], first.shape[0]
            self._opened = opened.pop_all()

    def __iter__(self) -> Iterator[Frame]:
        while self._next < len(self._wanted) and not self._closed:
            index = self._next
            self._next += 1
            with self._lock:
                pixels, self._first = self._first, None
                if pixels is None or index > 0:
                    pixels = None if self._closed else self._decode(self._wanted[index])
            if pixels is None:
                if not self._closed and self.ended_early is None:
                    number = self._wanted[index]
                    self.ended_early = f"{float(self._times[number]):.3g} of {float(self._times[-1]):.3g} s"
                    log.warning("%s is damaged: it ends after %d of %d frames", self.name, index, len(self._wanted))
                return
            number = self._wanted[index]
            duration = self._times[number + 1] - self._times[number]
            yield Frame(pixels, self._times[number], index, duration=duration)

    def skip(self, count: int) -> None:
        self._next += count

    def rewind(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._frames.close()
            self._frames, self._decoded, self._next, self._first = self._from_the_first(), 0, 0, None

    def close(self) -> None:
        self._closed = True
        with self._lock:
            self._frames.close()
            self._opened.close()

    def _decode(self, number: int) -> np.ndarray | None:
        """Return a frame, skipping those before it; None if it cannot be decoded."""
        try:
            while self._decoded <= number:
                self._decoded += 1
                image = next(self._frames)
            return frame_to_array(image, self._image)
        except (*FAULTS, Image.DecompressionBombError, StopIteration) as error:
            log.debug("%s, frame %d: %s", self.name, number, error)
            return None

    def _from_the_first(self) -> Generator[Image.Image]:
        return composed(self.path) if self._image.format == "PNG" else self._seek_each(self._count)

    def _seek_each(self, count: int) -> Generator[Image.Image]:
        for number in range(count):
            self._image.seek(number)
            self._image.load()
            yield self._image

    def _read_durations(self, count: int) -> list[Fraction]:
        """Return how many seconds each frame is shown."""
        if self._image.format == "PNG":
            delays = durations_of(self.path)
        elif self._image.format == "WEBP":
            delays = list(_of_webp(self.path))
        else:
            delays = durations_in(self.path, count)
        delays = [delay if delay >= SHORTEST else USUAL for delay in delays]
        return (delays + [USUAL] * count)[:count]


def _part(
    times: list[Fraction], start: Fraction | int | None, end: Fraction | int | None, name: str
) -> tuple[list[int], Fraction]:
    """Return the numbers of the frames in the part, and the time at which the first of them is shown.

    times: of each frame, and of the end.
    """
    begin = Fraction(start or 0)
    if begin < 0 or (end is not None and end <= begin):
        raise ArgumentError(
            f"{name} has no part from {float(begin):g} s to {float(end or 0):g} s", "choose an end later than the start"
        )
    begins = times[:-1]
    wanted = [number for number, time in enumerate(begins) if time >= begin and (end is None or time < end)]
    first = next((number for number, time in enumerate(times) if time >= begin), len(times))
    if 0 < first < len(times) and times[first] - begin >= STANDS:
        return [first - 1, *wanted], begin
    if not wanted:
        last = float(begins[-1])
        raise SourceError(f"{name}: no frame at {float(begin):g} s, the last one is at {last:g} s", "start earlier")
    return wanted, begins[wanted[0]]


def _of_webp(path: Path) -> Iterator[Fraction]:
    """Yield the delays in an animated WebP (RFC 9649, 2.7.1.1: ANMF), in seconds."""
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            body = file.read(15) if name == b"ANMF" else b""
            if len(body) == 15:
                yield Fraction(int.from_bytes(body[12:15], "little"), 1000)
            file.seek(size + size % 2 - len(body), 1)
