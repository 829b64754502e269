"""What is whole of a film that a killed run left behind, carried into the film of the run that goes on."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

# Files hold the units of these codecs with their length before them; encoders write them with a start code.
_TO_START_CODES = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
# Seconds. Matroska shifts all times so that sound which begins before 0 does not: by 21 ms for AAC.
_LARGEST_SHIFT = Fraction(1, 10)


@dataclass(frozen=True, slots=True)
class Kept:
    """The first `count` frames of the film `path`, which are whole."""

    path: Path
    count: int
    shift: Fraction
    """By how much their times in the file are later than they should be, in seconds."""

    def packets(self) -> "Iterator[Packet[VideoStream]]":
        """Yield their packets in the form in which an encoder gives them, with the times that they should have."""
        with av.open(str(self.path.absolute()), "r", metadata_errors="replace") as film:
            stream = film.streams.video[0]
            name = _TO_START_CODES.get(stream.codec_context.name)
            change = BitStreamFilterContext(name, stream) if name else None
            for number, packet in enumerate(_whole(film)):
                if number == self.count:
                    return
                shift = round(self.shift / packet.time_base)
                packet.pts = packet.pts - shift if packet.pts is not None else None
                packet.dts = packet.dts - shift if packet.dts is not None else None
                yield from change.filter(packet) if change else [packet]


class Remains:
    """The film `path`, as far as it reached the disk. One that nobody can open, or none at all, holds nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packets: list[tuple[Fraction, bool]] = []
        """Of each packet in the order of the file: when it is shown, in seconds, and whether it needs no other."""
        try:
            with av.open(str(path.absolute()), "r", metadata_errors="replace") as film:
                for packet in _whole(film):
                    if packet.pts is not None:
                        self._packets.append((packet.pts * packet.time_base, packet.is_keyframe))
        except (av.error.FFmpegError, OSError):  # what was read until then counts
            return

    def first(self, count: int, time: Fraction) -> Kept | None:
        """Return the first `count` frames if they are whole and a key frame of `time`, in seconds, follows them.

        That the key frame is there proves the rest: the file is written in order, and what is before it is complete.
        """
        if not 0 < count < len(self._packets):
            return None
        shown, is_key = self._packets[count]
        before = max(shown for shown, _ in self._packets[:count])
        shift = shown - time
        if not is_key or before >= shown or abs(shift) > _LARGEST_SHIFT:
            return None
        return Kept(self._path, count, shift)


def _whole(film: InputContainer) -> "Iterator[Packet[VideoStream]]":
    for packet in film.demux(film.streams.video[0]):
        if packet.size:
            yield packet
