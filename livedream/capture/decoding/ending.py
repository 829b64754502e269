"""Whether a film ends before its header says so: it was cut off, or damage hides the rest."""

from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from livedream.capture.decoding.container import track_start

SLACK = Fraction(1, 20)
"""Seconds that may be missing. Of 80 intact films in 20 containers none lacked more than 0.04."""
RELATIVE_SLACK, MOST_SLACK = Fraction(1, 1000), Fraction(1)
"""The length of a whole file is often rounded: so large a part of it may be missing too, at most so many seconds."""
_TRACK = ("mov", "mxf", "ivf")
"""Formats whose header has the length of each track. In formats that are not listed here FFmpeg takes the length from
the times at the end of the file, or divides its size by a bit rate: that is no promise."""
END_OF_FILE = ("matroska", "flv")
"""Formats whose header has the time at which the longest track ends."""


class Ending:
    """Compares the packets of a film with what its header promises.

    counts: whether packets are read from the beginning, so that they can be counted.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, *, counts: bool = True) -> None:
        kind = container.format.name.partition(",")[0]
        self._index = stream.index
        self._first = track_start(stream) or Fraction(0)
        self._picture_end: Fraction | None = None
        """When the picture track ends by the header, in seconds on the clock of the file."""
        self._file_end: Fraction | None = None
        """When the longest track does."""
        if kind in _TRACK and (length := _seconds(stream.duration, stream.time_base)):
            self._picture_end = self._first + length
        elif kind == "avi" and stream.average_rate:  # its duration is that of the frames in the index
            self._picture_end = self._first + stream.frames / stream.average_rate
        elif kind in END_OF_FILE:
            self._picture_end = _tagged(stream.metadata)
            self._file_end = Fraction(container.duration, av.time_base) if container.duration else None
        self._measured_end = self._first + Fraction(container.duration or 0, av.time_base)
        """When FFmpeg thinks that the film ends, whatever from."""
        # An edit list can hide frames that stream.frames counts; the index has none of those.
        self._expected = len(stream.index_entries) if kind == "mov" and counts else 0
        self._count = 0
        self._picture, self._reached = Fraction(0), Fraction(0)
        """How far the pictures come, and how far any track does."""
        self._last: Fraction | None = None
        self._longest = Fraction(0)
        """The longest time between two pictures: the last one may be shown as long, and not every file says so."""

    def note(self, packet: "av.Packet[Any]") -> None:
        """Take a packet of any track into account."""
        ticks = packet.dts if packet.pts is None else packet.pts
        if not packet.size or ticks is None:
            return
        end = (ticks + (packet.duration or 0)) * packet.time_base
        self._reached = max(self._reached, end)
        if packet.stream_index != self._index:
            return
        self._count += 1
        self._picture = max(self._picture, end)
        if packet.dts is not None:
            decoded = packet.dts * packet.time_base
            self._longest = max(self._longest, decoded - (decoded if self._last is None else self._last))
            self._last = decoded

    def shortfall(self, *, cut: bool = False) -> str | None:
        """Return, once the film has been read, `0.2 of 1.0 s` when it ended early; None when it did not.

        cut: whether the file is known to have lost its end since it was opened.

        A picture track that ends before the sound does is whole: where the header does not say how long it is, the
        other tracks tell whether the file goes on to its end.
        """
        slack = max(SLACK, self._longest * 3 / 2)
        if self._picture_end is not None and self._picture < self._picture_end - slack:
            return self._seconds_of(self._picture_end)
        if self._count < self._expected:
            return f"{self._count} of {self._expected} frames"
        if self._file_end is not None:
            slack += min(self._file_end * RELATIVE_SLACK, MOST_SLACK)
            if self._reached < self._file_end - slack:
                return self._seconds_of(self._file_end)
        if cut and self._picture < self._measured_end - slack:
            return self._seconds_of(self._measured_end)
        return None

    def _seconds_of(self, end: Fraction) -> str:
        return f"{float(max(Fraction(0), self._picture - self._first)):.1f} of {float(end - self._first):.1f} s"


def _seconds(ticks: int | None, time_base: Fraction | None) -> Fraction | None:
    return ticks * time_base if ticks is not None and time_base else None


def _tagged(metadata: dict[str, str]) -> Fraction | None:
    """Return the time in a track's tag DURATION, `00:01:02.345000000`, that mkvmerge and ffmpeg write."""
    try:
        hours, minutes, seconds = map(Fraction, metadata.get("DURATION", "").split(":"))
    except (ValueError, ZeroDivisionError):
        return None
    return hours * 3600 + minutes * 60 + seconds
