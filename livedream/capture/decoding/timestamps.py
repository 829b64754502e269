"""Strictly increasing times for the frames of a video, and the duration of its last frame."""

from fractions import Fraction
from typing import Any

import av
from av.video.frame import VideoFrame

STANDS = Fraction(1)
"""Seconds. If a frame is still shown for this long when a part begins, the part begins with that frame."""


class Timestamps:
    """Turns the timestamps of a file into times in ticks that start at 0 and strictly increase.

    Args:
        step: ticks from one frame to the next, usually.
        first: the timestamp at the beginning of the video.
        jump: a timestamp that goes back by more starts a new clock (joined files); one that goes back by less is an
            error.
    """

    def __init__(self, step: int, first: int, jump: int) -> None:
        self.mended = 0
        """The number of timestamps that were missing, repeated or went back."""
        self._step = step
        self._shift = -first
        self._jump = jump
        self._last: int | None = None

    def read(self, ticks: int | None) -> int:
        """Return the time of the next frame. ticks: its timestamp in the file, None if it has none."""
        if self._last is None:
            self.mended += ticks is None
            self._last = 0 if ticks is None else ticks + self._shift
            return self._last
        usual = self._last + self._step
        if ticks is None:
            self.mended += 1
            self._last = usual
        elif ticks + self._shift > self._last:
            self._last = ticks + self._shift
        else:
            self.mended += 1
            if self._last - (ticks + self._shift) > self._jump:
                self._shift = usual - ticks
                self._last = usual
            else:
                self._last += 1
        return self._last


class DecodingTimes:
    """Times of reordered frames in a file without presentation times: H.264 in AVI or ASF.

    Frames leave the decoder in presentation order, one for each packet, with the delay of the decoder.

    Args:
        step: ticks from one frame to the next, usually.
        late: whether frames are shown with that delay, as in ASF. In AVI the first frame is shown when the first
            packet is decoded.
    """

    def __init__(self, step: int, *, late: bool) -> None:
        self._step = step
        self._first: int | None = None
        self._delay = 0 if late else None
        self._last: int | None = None

    def note(self, packet: "av.Packet[Any]") -> None:
        """Register the next packet, in the order of the file."""
        if self._first is None and packet.size:
            self._first = packet.dts

    def time(self, frame: VideoFrame) -> int | None:
        """Return the time of the next frame from the decoder, in ticks; None if unknown."""
        if frame.dts is not None and self._first is not None:
            if self._delay is None:
                self._delay = frame.dts - self._first
            self._last = frame.dts - self._delay
        elif self._last is not None:  # the decoder is being flushed
            self._last += self._step
        return self._last


class LastFrame:
    """Derives from the packets of a video how long its last frame is shown.

    If frames are stored in presentation order, the last packet states it. If they are reordered, the duration of a
    packet is the distance to the next one in the file; the sum of these, from the first frame on, is the end of the
    video.
    """

    def __init__(self) -> None:
        self._delay: Fraction | None = None
        self._reordered = False
        self._highest: tuple[Fraction, Fraction] | None = None
        """When the latest frame is shown, and the duration of its packet."""
        self._decoded = Fraction(0)
        """The end of the last packet by its decoding time."""

    def note(self, packet: "av.Packet[Any]") -> None:
        """Register the next packet, in the order of the file."""
        if packet.pts is None or not packet.size:
            return
        time, duration = packet.pts * packet.time_base, (packet.duration or 0) * packet.time_base
        if packet.dts is not None:
            decoded = packet.dts * packet.time_base
            if self._delay is None:
                self._delay = time - decoded
            self._decoded = decoded + duration
        if self._highest is None or time > self._highest[0]:
            self._highest = time, duration
        else:
            self._reordered = True

    def duration(self, *, ordered: bool) -> Fraction | None:
        """Return how many seconds the last frame is shown, None if unknown.

        ordered: whether durations are those of frames even if these are reordered, as in Matroska.
        """
        if self._highest is None:
            return None
        time, duration = self._highest
        if self._reordered and not ordered:
            duration = self._decoded + (self._delay or 0) - time
        return duration if duration > 0 else None
