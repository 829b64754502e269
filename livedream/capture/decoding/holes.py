"""Finds holes in a video: stretches lost to damage, whose only trace is that no track has packets there.

In Matroska, FLV and Ogg, FFmpeg continues after the damage without reporting what it skipped.
"""

import heapq
from collections import Counter, defaultdict
from fractions import Fraction
from typing import Any, NamedTuple

import av
from av.container import InputContainer

from livedream.capture.decoding.ending import END_OF_FILE

REORDERED = 32
"""The number of packets of a track within which their times may be out of order."""
KEPT = 100
"""The number of long steps of a track that are kept."""
LONG = 1.5
"""A step counts as long from this multiple of the usual one on."""
FIXED_RATE = ("ogg",)
"""Formats with a packet for every frame, where a hole in the video track is enough. In others the sound must have it
too, since a frame of a screen recording or a slide may be shown for any time."""
END_SLACK = 0.04
"""Seconds that intact files lack at their end at most, see ending.py."""


class Hole(NamedTuple):
    """A stretch without packets, as timestamps in seconds."""

    begin: float
    end: float


class Holes:
    """Takes the packets of a video and finds the holes in it. index: of the video track."""

    def __init__(self, container: InputContainer, index: int) -> None:
        self._index = index
        format_name = container.format.name.partition(",")[0]
        self._is_fixed = format_name in FIXED_RATE
        tracks = {stream.type for stream in container.streams if stream.index != index}
        self._end: float | None = None
        """When the video ends by its header, if no other kind of track can be the longest one."""
        if format_name in END_OF_FILE and container.duration and tracks <= {"audio", "attachment"}:
            self._end = container.duration / av.time_base
        self._frames = _Steps()
        self._sounds: defaultdict[int, _Steps] = defaultdict(_Steps)

    def note(self, packet: "av.Packet[Any]") -> None:
        """Register a packet of any track."""
        if packet.pts is None:  # an empty packet with a time is a frame that Theora repeats
            return
        time = float(packet.pts * (packet.time_base or Fraction(0)))
        if packet.stream_index == self._index:
            self._frames.add(time)
        elif packet.stream.type == "audio":
            self._sounds[packet.stream_index].add(time)

    def found(self, *, whole: bool = True) -> list[Hole]:
        """Return the holes in order of time, after the video has been read. whole: whether it was read to its end."""
        last = self._end if whole else None
        holes = self._frames.holes(last)
        if self._is_fixed or not holes:
            return holes
        if not self._sounds:
            return []
        least = self._frames.usual / 4
        silent = [steps.holes(last) for steps in self._sounds.values()]
        return [hole for hole in holes if all(any(self._meet(hole, one, least) for one in track) for track in silent)]

    def _meet(self, hole: Hole, silence: Hole, least: float) -> bool:
        """Return whether sound is missing where frames are missing. Sound that merely ends earlier is complete."""
        at_end = hole.end == self._end, silence.end == self._end
        return at_end[0] == at_end[1] and _common(hole, silence) > least


class _Steps:
    """The times from one packet of a track to the next."""

    def __init__(self) -> None:
        self._waiting: list[float] = []
        self._last: float | None = None
        self._milliseconds: Counter[int] = Counter()
        self._longest: list[tuple[float, float]] = []
        """The longest steps and the times at which they begin, as a heap."""

    def add(self, time: float) -> None:
        heapq.heappush(self._waiting, time)
        if len(self._waiting) > REORDERED:
            self._put(heapq.heappop(self._waiting))

    def _put(self, time: float) -> None:
        if self._last is not None and time > self._last:
            step = time - self._last
            self._milliseconds[min(round(step * 1000), 10_000)] += 1
            (heapq.heappush if len(self._longest) < KEPT else heapq.heappushpop)(self._longest, (step, self._last))
        self._last = time

    @property
    def usual(self) -> float:
        """The median step in seconds."""
        middle = self._milliseconds.total() / 2
        for milliseconds in sorted(self._milliseconds):
            middle -= self._milliseconds[milliseconds]
            if middle <= 0:
                return milliseconds / 1000
        return 0.0

    def holes(self, end: float | None = None) -> list[Hole]:
        """Return the steps that are too long. end: of the video, if known."""
        while self._waiting:
            self._put(heapq.heappop(self._waiting))
        usual = self.usual
        long = [(begin, step) for step, begin in self._longest if step > LONG * usual + 0.001]
        holes = [Hole(begin + usual, begin + step) for begin, step in sorted(long)]
        if end is not None and self._last is not None and end - self._last > max(LONG * usual, usual + END_SLACK):
            holes.append(Hole(self._last + usual, end))
        return holes


def _common(one: Hole, other: Hole) -> float:
    """Return the overlap of two holes in seconds."""
    return min(one.end, other.end) - max(one.begin, other.begin)
