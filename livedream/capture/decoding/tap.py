"""The sound and subtitles of a video that can be read only once: its decoder passes on their packets."""

import logging
import threading
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, cast

import av
from av.container import InputContainer

from livedream.errors import SourceError

log = logging.getLogger(__name__)

MOST_BYTES = 64 << 20
"""The buffer size. The frames wait too, so there is seldom more than a second of sound in it."""


class Tap:
    """Passes the packets of the other tracks from the thread that reads a video to the thread that writes one.

    Only one consumer can have them, since writing changes the packets.

    Args:
        name: of the video, for messages.
        container: that the packets come from.
        after: a timestamp in seconds; earlier packets are dropped.
    """

    reopens = False

    def __init__(self, name: str, container: InputContainer, after: Fraction) -> None:
        self.name = name
        self._after = after
        self._container = container
        self._lock = threading.Lock()
        self._packets: deque[av.Packet[Any]] = deque()
        self._bytes = 0
        self._taken = self._closed = self._ended = self._overflowed = False

    def put(self, packet: "av.Packet[Any]") -> None:
        """Buffer a packet until it is taken."""
        if packet.dts is None or packet.dts * packet.time_base < self._after:
            return
        with self._lock:
            if not packet.size or self._closed:
                return
            if self._bytes >= MOST_BYTES:
                if not self._overflowed:
                    self._overflowed = True
                    why = "there is too much of it between two frames; save the video to a file first"
                    log.warning("%s: part of the sound is lost: %s", self.name, why)
                return
            self._packets.append(packet)
            self._bytes += packet.size

    def pictures_begin(self) -> None:
        """The first frame is requested: if `open` has not been called by now, nobody needs the packets."""
        with self._lock:
            if not self._taken:
                self._close()

    def end(self) -> None:
        """Register that no more packets will come."""
        with self._lock:
            self._ended = True

    def open(self) -> InputContainer:
        with self._lock:
            if self._taken or self._closed:
                raise SourceError(f"the sound of {self.name} can be kept in one video only", "write one video")
            self._taken = True
        return cast(InputContainer, _Tapped(self, self._container))

    def take(self) -> "tuple[av.Packet[Any] | None, bool]":
        """Return the next packet, if any, and whether more may come."""
        with self._lock:
            if not self._packets:
                return None, not (self._ended or self._closed)
            packet = self._packets.popleft()
            self._bytes -= packet.size
            return packet, True

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        self._closed = True
        self._packets.clear()


class _Tapped:
    """The part of InputContainer's interface that is needed to copy sound and subtitles."""

    def __init__(self, tap: Tap, container: InputContainer) -> None:
        self._tap = tap
        self.streams = container.streams
        self.metadata = container.metadata
        self._chapters = container.chapters()

    def chapters(self) -> list[Any]:
        return self._chapters

    def demux(self, *streams: av.stream.Stream) -> "Iterator[av.Packet[Any] | None]":
        wanted = {stream.index for stream in streams}
        more = True
        while more:
            packet, more = self._tap.take()
            if packet is None and more:
                yield None
            elif packet is not None and packet.stream_index in wanted:
                yield packet

    def close(self) -> None:
        self._tap.close()
