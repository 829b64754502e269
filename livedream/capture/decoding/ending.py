"""Detects that a video ends before its header states: it was cut off, or damage hides the rest."""

from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from livedream.capture.decoding.container import track_start

SLACK = Fraction(1, 20)
"""Seconds that may be missing. Of 80 intact videos in 20 containers, none lacked more than 0.04."""
RELATIVE_SLACK, MOST_SLACK = Fraction(1, 1000), Fraction(1)
"""The length of a whole file is often rounded: this fraction of it may be missing too, up to this many seconds."""
_TRACK = ("mov", "mxf", "ivf")
"""Formats whose header states the length of each track. In formats that are not listed here, FFmpeg takes the length
from the times at the end of the file or divides its size by the bit rate; neither can be relied on."""
END_OF_FILE = ("matroska", "flv")
"""Formats whose header states when the longest track ends."""


class Ending:
    """Compares the packets of a video with its header.

    Args:
        container: the opened file.
        stream: the video track.
        counts: whether packets are read from the beginning, so that they can be counted.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, *, counts: bool = True) -> None:
        format_name = container.format.name.partition(",")[0]
        self._index = stream.index
        self._first = track_start(stream) or Fraction(0)
        self._video_end: Fraction | None = None
        """When the video track ends by the header, as a timestamp in seconds."""
        self._file_end: Fraction | None = None
        """When the longest track ends by the header."""
        if format_name in _TRACK and (length := _seconds(stream.duration, stream.time_base)):
            self._video_end = self._first + length
        elif format_name == "avi" and stream.average_rate:  # its duration is that of the frames in the index
            self._video_end = self._first + stream.frames / stream.average_rate
        elif format_name in END_OF_FILE:
            self._video_end = _tagged(stream.metadata)
            self._file_end = Fraction(container.duration, av.time_base) if container.duration else None
        self._measured_end = self._first + Fraction(container.duration or 0, av.time_base)
        """When the video ends by FFmpeg's estimate."""
        # An edit list can hide frames that stream.frames counts; the index does not contain them.
        self._expected = len(stream.index_entries) if format_name == "mov" and counts else 0
        self._count = 0
        self._video, self._reached = Fraction(0), Fraction(0)
        """How far the frames reach, and how far any track does."""
        self._last: Fraction | None = None
        self._longest = Fraction(0)
        """The longest time between two frames: the last one may be shown that long, and not every file states it."""

    def note(self, packet: "av.Packet[Any]") -> None:
        """Register a packet of any track."""
        ticks = packet.dts if packet.pts is None else packet.pts
        if not packet.size or ticks is None:
            return
        end = (ticks + (packet.duration or 0)) * packet.time_base
        self._reached = max(self._reached, end)
        if packet.stream_index != self._index:
            return
        self._count += 1
        self._video = max(self._video, end)
        if packet.dts is not None:
            decoded = packet.dts * packet.time_base
            self._longest = max(self._longest, decoded - (decoded if self._last is None else self._last))
            self._last = decoded

    def shortfall(self, *, cut: bool = False) -> str | None:
        """Return, after the video has been read, `0.2 of 1.0 s` if it ended early; None if it did not.

        A video track that ends before the sound is complete: if the header does not state its length, the other tracks
        show whether the file continues to its end.

        cut: whether the file is known to have lost its end since it was opened.
        """
        slack = max(SLACK, self._longest * 3 / 2)
        if self._video_end is not None and self._video < self._video_end - slack:
            return self._seconds_of(self._video_end)
        if self._count < self._expected:
            return f"{self._count} of {self._expected} frames"
        if self._file_end is not None:
            slack += min(self._file_end * RELATIVE_SLACK, MOST_SLACK)
            if self._reached < self._file_end - slack:
                return self._seconds_of(self._file_end)
        if cut and self._video < self._measured_end - slack:
            return self._seconds_of(self._measured_end)
        return None

    def _seconds_of(self, end: Fraction) -> str:
        return f"{float(max(Fraction(0), self._video - self._first)):.1f} of {float(end - self._first):.1f} s"


def _seconds(ticks: int | None, time_base: Fraction | None) -> Fraction | None:
    return ticks * time_base if ticks is not None and time_base else None


def _tagged(metadata: dict[str, str]) -> Fraction | None:
    """Return the tag DURATION of a track in seconds: `00:01:02.345000000`, as mkvmerge and ffmpeg write it."""
    try:
        hours, minutes, seconds = map(Fraction, metadata.get("DURATION", "").split(":"))
    except (ValueError, ZeroDivisionError):
        return None
    return hours * 3600 + minutes * 60 + seconds
