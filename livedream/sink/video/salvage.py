"""Reads the complete part of a video that an interrupted run left, for the video of the run that resumes it."""

import itertools
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

# Files store the units of these codecs with their length in front; encoders write them with a start code.
_TO_START_CODES = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
# Seconds. Matroska shifts all times when sound begins before 0: by 128 ms for AAC at 8 kHz.
_LARGEST_SHIFT = Fraction(1, 4)
_GIF_TICK = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class Salvage:
    """The first `count` frames of the video `path`, which are complete. None of them where the run starts again.

    The video stays where it is until the new one, written as `draft`, has more frames.
    """

    path: Path
    draft: Path
    count: int
    total: int
    """How many frames of the video can be read. Those after the first `count` are made again."""
    shift: Fraction = Fraction(0)
    """How many seconds later than they should be their times in the file are."""
    dts: tuple[int, ...] | None = None
    """The decoding time of each packet, in ticks of the file, where the file does not store it."""

    def packets(self) -> "Iterator[Packet[VideoStream]]":
        """Yield their packets in the form in which an encoder returns them, with correct times."""
        if not self.count:
            return
        with av.open(str(self.path.absolute()), "r", metadata_errors="replace") as video:
            stream = video.streams.video[0]
            name = _TO_START_CODES.get(stream.codec_context.name)
            bitstream_filter = BitStreamFilterContext(name, stream) if name else None
            for number, packet in enumerate(itertools.islice(_packets(video), self.count)):
                if self.dts is not None:
                    packet.dts = self.dts[number]
                shift = round(self.shift / packet.time_base)
                packet.pts = packet.pts - shift if packet.pts is not None else None
                packet.dts = packet.dts - shift if packet.dts is not None else None
                yield from bitstream_filter.filter(packet) if bitstream_filter else [packet]


class SalvagedVideo:
    """The video `path`, as far as it reached the disk. One that is missing or cannot be opened is empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._time_base = Fraction(1)
        self._pts: list[int] = []
        """The pts of each packet, in the order of the file."""
        self._keys = bytearray()
        """Whether each packet is a key frame."""
        self._is_gif = path.suffix.lower() == ".gif"
        self._all_have_dts = True
        """Whether every packet has a dts. Matroska does not store it, and FFmpeg does not know it for the first packets
        of H.265."""
        try:
            with av.open(str(path.absolute()), "r", metadata_errors="replace") as video:
                for packet in _packets(video):
                    if packet.pts is not None:
                        self._time_base = packet.time_base
                        self._pts.append(packet.pts)
                        self._keys.append(packet.is_keyframe)
                        self._all_have_dts = self._all_have_dts and packet.dts is not None
        except (av.error.FFmpegError, OSError):  # what was read until then is used
            return

    def __len__(self) -> int:
        return len(self._pts)

    def first(self, count: int, time: Fraction, draft: Path) -> Salvage | None:
        """Return the first `count` frames if they are complete and a key frame at `time`, in seconds, follows them.

        The key frame proves that: the file is written in order, so everything before it is complete.

        A GIF has no key frames, and may have left out frames; so the frames before `time` are returned. The new encoder
        does not know them, so its frames do not depend on them.
        """
        if self._is_gif:
            return self._before(time, draft)
        if not 0 < count < len(self):
            return None
        shift = self._pts[count] * self._time_base - time
        if not self._keys[count] or max(self._pts[:count]) >= self._pts[count] or abs(shift) > _LARGEST_SHIFT:
            return None
        dts = None if self._all_have_dts else _decoding_times(self._pts[:count])
        return Salvage(self.path, draft, count, len(self), shift, dts)

    @property
    def begin(self) -> Fraction:
        """The time of the first frame, in seconds; 0 without frames."""
        return min(self._pts, default=0) * self._time_base

    def whole(self) -> Salvage:
        """Return all of a complete video."""
        dts = None if self._all_have_dts else _decoding_times(self._pts)
        return Salvage(self.path, self.path, len(self), len(self), dts=dts)

    def _before(self, time: Fraction, draft: Path) -> Salvage | None:
        count = sum(pts * self._time_base < time - _GIF_TICK / 2 for pts in self._pts)
        if not 0 < count < len(self) or abs(self._pts[count] * self._time_base - time) > _GIF_TICK:
            return None
        return Salvage(self.path, draft, count, len(self))


def _decoding_times(pts: list[int]) -> tuple[int, ...]:
    """Return a dts for each packet: increasing, and never later than the pts of the packet.

    Args:
        pts: The pts of the packets, in decoding order.
    """
    in_order = sorted(pts)
    delay = max(sorted_pts - own_pts for sorted_pts, own_pts in zip(in_order, pts, strict=True))
    return tuple(sorted_pts - delay for sorted_pts in in_order)


def _packets(video: InputContainer) -> "Iterator[Packet[VideoStream]]":
    if not video.streams.video:
        return
    for packet in video.demux(video.streams.video[0]):
        if packet.size:
            yield packet
