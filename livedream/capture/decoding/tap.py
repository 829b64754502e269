"""The sound and subtitles of a film that can be read only once: its reader hands over the packets that it passes."""

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
"""How much may wait for whoever takes it. The pictures wait too, so it is seldom more than a second of sound."""


class Tap:
    """Packets of all tracks but one, from the thread that reads the film to the one that writes another.

    name: of the film. after: on the clock of the film, in seconds; what comes before is not wanted.
    Only one can have them: the packets are changed when they are written.
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
        """Keep a packet until it is taken."""
        if packet.dts is None or packet.dts * packet.time_base < self._after:
            return
        with self._lock:
            if not packet.size or self._closed:
                return
            if self._bytes >= MOST_BYTES:
                if not self._overflowed:
                    self._overflowed = True
                    why = "there is too much of it between two pictures; save the film in a file first"
                    log.warning("%s: part of the sound is lost: %s", self.name, why)
                return
            self._packets.append(packet)
            self._bytes += packet.size

    def pictures_begin(self) -> None:
        """The first frame is asked for: who has not opened it by now does not want it."""
        with self._lock:
            if not self._taken:
                self._close()

    def end(self) -> None:
        """No more packets come."""
        with self._lock:
            self._ended = True

    def open(self) -> InputContainer:
        with self._lock:
            if self._taken or self._closed:
                raise SourceError(f"the sound of {self.name} can be kept in one film only", "write one film")
            self._taken = True
        return cast(InputContainer, _Tapped(self, self._container))

    def take(self) -> "tuple[av.Packet[Any] | None, bool]":
        """Return the next packet, if there is one, and whether more may come."""
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
    """As much of an InputContainer as somebody needs who copies sound and subtitles out of it."""

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
