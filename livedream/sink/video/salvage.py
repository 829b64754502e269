"""What is whole of a film that a killed run left behind, carried into the film of the run that goes on."""

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

# Files hold the units of these codecs with their length before them; encoders write them with a start code.
_TO_START_CODES = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
# Seconds. Matroska shifts all times so that sound which begins before 0 does not: by 128 ms for AAC of 8 kHz.
_LARGEST_SHIFT = Fraction(1, 4)
_GIF_TICK = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class Salvage:
    """The first `count` frames of the film `path`, which are whole; none of them where the run begins anew.

    The film stays where it is until the new one, written as `draft`, has more of the film than it.
    """

    path: Path
    draft: Path
    count: int
    total: int
    """How many frames can be read of the film. Those after the first `count` are made again."""
    shift: Fraction = Fraction(0)
    """By how much their times in the file are later than they should be, in seconds."""
    decoded: tuple[int, ...] | None = None
    """When each packet is decoded, in ticks of the file, which itself does not say."""

    def packets(self) -> "Iterator[Packet[VideoStream]]":
        """Yield their packets in the form in which an encoder gives them, with the times that they should have."""
        if not self.count:
            return
        with av.open(str(self.path.absolute()), "r", metadata_errors="replace") as film:
            stream = film.streams.video[0]
            name = _TO_START_CODES.get(stream.codec_context.name)
            change = BitStreamFilterContext(name, stream) if name else None
            for number, packet in enumerate(itertools.islice(_whole(film), self.count)):
                if self.decoded is not None:
                    packet.dts = self.decoded[number]
                shift = round(self.shift / packet.time_base)
                packet.pts = packet.pts - shift if packet.pts is not None else None
                packet.dts = packet.dts - shift if packet.dts is not None else None
                yield from change.filter(packet) if change else [packet]


class SalvagedVideo:
    """The film `path`, as far as it reached the disk. One that nobody can open, or none at all, holds nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unit = Fraction(1)
        self._shown: list[int] = []
        """When each packet is shown, in ticks, in the order of the file."""
        self._keys = bytearray()
        """Whether it needs no other."""
        self._is_gif = path.suffix.lower() == ".gif"
        self._all_decoded = True
        """Whether the file says of each packet when it is decoded. Matroska leaves that to the reader, and FFmpeg does
        not know it for the first packets of H.265."""
        try:
            with av.open(str(path.absolute()), "r", metadata_errors="replace") as film:
                for packet in _whole(film):
                    if packet.pts is not None:
                        self._unit = packet.time_base
                        self._shown.append(packet.pts)
                        self._keys.append(packet.is_keyframe)
                        self._all_decoded = self._all_decoded and packet.dts is not None
        except (av.error.FFmpegError, OSError):  # what was read until then counts
            return

    def __len__(self) -> int:
        return len(self._shown)

    def first(self, count: int, time: Fraction, draft: Path) -> Salvage | None:
        """Return the first `count` frames if they are whole and a key frame of `time`, in seconds, follows them.

        That the key frame is there proves the rest: the file is written in order, and what is before it is complete.

        A GIF has no key frames, and may have left out some frames: those before `time` are returned. Its encoder knows
        nothing of them, so what it makes needs none of them.
        """
        if self._is_gif:
            return self._before(time, draft)
        if not 0 < count < len(self):
            return None
        shift = self._shown[count] * self._unit - time
        if not self._keys[count] or max(self._shown[:count]) >= self._shown[count] or abs(shift) > _LARGEST_SHIFT:
            return None
        decoded = None if self._all_decoded else _decoding_times(self._shown[:count])
        return Salvage(self.path, draft, count, len(self), shift, decoded)

    def _before(self, time: Fraction, draft: Path) -> Salvage | None:
        count = sum(shown * self._unit < time - _GIF_TICK / 2 for shown in self._shown)
        if not 0 < count < len(self) or abs(self._shown[count] * self._unit - time) > _GIF_TICK:
            return None
        return Salvage(self.path, draft, count, len(self))


def _decoding_times(shown: list[int]) -> tuple[int, ...]:
    """Return times that rise, in the order in which packets are decoded, none later than that at which it is shown.

    shown: when each of the packets is shown, in ticks.
    """
    in_order = sorted(shown)
    held_back = max(tick - own for tick, own in zip(in_order, shown, strict=True))
    return tuple(tick - held_back for tick in in_order)


def _whole(film: InputContainer) -> "Iterator[Packet[VideoStream]]":
    if not film.streams.video:
        return
    for packet in film.demux(film.streams.video[0]):
        if packet.size:
            yield packet
