"""The times of a film, made to increase; how long its last picture is shown."""

from fractions import Fraction
from typing import Any

import av
from av.video.frame import VideoFrame

STANDS = Fraction(1)
"""Seconds. A part that begins while a picture is shown for at least so long yet begins with that picture."""


class Timestamps:
    """Times in ticks, from 0 where the film begins, each later than the one before.

    step: ticks from one frame to the next as a rule. first: what the film shows at its beginning. jump: a time that
    goes back further than this starts a new clock (joined films); one that goes back less is a slip.
    """

    def __init__(self, step: int, first: int, jump: int) -> None:
        self.mended = 0
        """How many times were missing, repeated or went back."""
        self._step = step
        self._shift = -first
        self._jump = jump
        self._last: int | None = None

    def read(self, ticks: int | None) -> int:
        """Return the time of the next frame, for the one that stands in the file."""
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
    """Times of pictures that are reordered, in a file without presentation times: H.264 in AVI or ASF.

    Pictures leave the decoder in the order in which they are shown, one for each packet, as many packets late as the
    decoder holds back.

    step: ticks from one picture to the next as a rule. late: whether they are shown as late, as in ASF. In AVI the
    first one is shown when the first packet is decoded.
    """

    def __init__(self, step: int, *, late: bool) -> None:
        self._step = step
        self._first: int | None = None
        self._delay = 0 if late else None
        self._last: int | None = None

    def note(self, packet: "av.Packet[Any]") -> None:
        """Take the next packet, in the order of the file."""
        if self._first is None and packet.size:
            self._first = packet.dts

    def time(self, picture: VideoFrame) -> int | None:
        """Return the time of the next picture of the decoder, in ticks; None where nobody knows."""
        if picture.dts is not None and self._first is not None:
            if self._delay is None:
                self._delay = picture.dts - self._first
            self._last = picture.dts - self._delay
        elif self._last is not None:  # the decoder is flushed, by no packet
            self._last += self._step
        return self._last


class LastFrame:
    """Finds out from the packets of a film how long its last picture is shown.

    Where pictures are stored in the order in which they are shown, the last packet says it. Where they are reordered,
    a packet's duration is the distance to the next one in the file; the sum of these, from the first picture on, is
    where the film ends.
    """

    def __init__(self) -> None:
        self._delay: Fraction | None = None
        self._reordered = False
        self._highest: tuple[Fraction, Fraction] | None = None
        """When the latest picture is shown, and the duration of its packet."""
        self._decoded = Fraction(0)
        """Where the last packet ends by its decoding time."""

    def note(self, packet: "av.Packet[Any]") -> None:
        """Take the next packet, in the order of the file."""
        if packet.pts is None or not packet.size:
            return
        shown, duration = packet.pts * packet.time_base, (packet.duration or 0) * packet.time_base
        if packet.dts is not None:
            decoded = packet.dts * packet.time_base
            if self._delay is None:
                self._delay = shown - decoded
            self._decoded = decoded + duration
        if self._highest is None or shown > self._highest[0]:
            self._highest = shown, duration
        else:
            self._reordered = True

    def duration(self, *, ordered: bool) -> Fraction | None:
        """Return for how many seconds the last picture is shown, None where the file does not say so.

        ordered: whether durations are those of pictures even where these are reordered, as in Matroska.
        """
        if self._highest is None:
            return None
        shown, duration = self._highest
        if self._reordered and not ordered:
            duration = self._decoded + (self._delay or 0) - shown
        return duration if duration > 0 else None
