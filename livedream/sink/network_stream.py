"""Frames over the network as H.264: to a player, to a server that passes them on, to OBS."""

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import av
import av.error
from av.codec.context import Flags

from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.sink.sink import Sink
from livedream.sink.video.codecs import ENCODERS, Encoding
from livedream.sink.video.encoder import FrameEncoder
from livedream.stream_info import StreamInfo
from livedream.urls import Address, shown

log = logging.getLogger(__name__)

QUIET = 5.0
"""Seconds that a server may leave us waiting before it counts as gone."""
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between two tries to connect: the first, the second, and so on; then always the last."""


class _Kind(NamedTuple):
    """How one kind of address is served."""

    format: str
    """FFmpeg's name of what is sent."""
    options: str = ""
    global_header: bool = False
    """Whether the picture's parameters come once, at the head, and not with each key frame."""
    optional: bool = False
    """Whether some builds of FFmpeg cannot do it."""


_WAIT = round(QUIET * 10**6)
KINDS = {
    "udp": _Kind("mpegts"),
    "rtmp": _Kind("flv", f"rw_timeout={_WAIT}", global_header=True),
    "rtmps": _Kind("flv", f"rw_timeout={_WAIT}", global_header=True),
    "rtsp": _Kind("rtsp", f"timeout={_WAIT}:rtsp_transport=tcp", global_header=True),
    "srt": _Kind("mpegts", f"rw_timeout={_WAIT}", optional=True),
}
"""What an address may begin with: as `sink.ADDRESSES`."""

# Half a second of it may come at once; more and a player that joins would have to wait for it.
_ENCODER = next(encoder for encoder in ENCODERS if encoder.name == "libx264")
_ENCODER = dataclasses.replace(_ENCODER, live={**_ENCODER.live, "bf": "0", "maxrate": "8M", "bufsize": "4M"})


class NetworkSink(Sink):
    """H.264 to an address: a key frame every second, none that waits for a later one, 8 Mbit/s at most.

    It connects with the first frame. A connection that fails or breaks is said in `notice`, and tried again, first
    soon and then every ten seconds; the frames until then are lost. Over udp nobody knows whether somebody listens.
    A film is sent at its own speed, or `speed` times as fast. Nothing is kept, so a recipe goes nowhere.

    address: one of those in `ADDRESSES`. clock: seconds that never go back.
    Raises ArgumentError for an address that names no host, SinkError when this FFmpeg does not know its kind.
    """

    def __init__(
        self, address: str, info: StreamInfo | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._info = info or StreamInfo()
        self._address = Address.parse(address)
        self._kind = _kind_of(self._address)
        self.name = shown(address)
        self.live = self._info.live
        self.speed = Fraction(1)
        self._clock = clock
        self._link: _Link | None = None
        self._tries = 0
        self._reason = ""
        """Why the last connection failed."""
        self._next_try = clock()
        self._lost = 0
        self._began: float | None = None
        self._closed = threading.Event()

    def write(self, frame: Frame) -> None:
        if self.speed != 1:
            frame = dataclasses.replace(frame, time=frame.time / self.speed)
        if not self._info.live:
            self._wait_for_its_time(frame)
        if self._link is not None and self._link.size != frame.size:
            self._drop_link()
        if self._link is None and self._clock() < self._next_try:
            self._lost += 1
            return
        try:
            if self._link is None:
                self._link = _Link(self._address, self._kind, self._info, frame, self._clock())
            self._link.write(frame)
        except (av.error.FFmpegError, OSError) as error:
            self._drop_link()
            self._lost += 1
            pause = PAUSES[min(self._tries, len(PAUSES) - 1)]
            self._tries += 1
            self._next_try = self._clock() + pause
            self._say(error.strerror or str(error), pause)
            return
        # Only time tells: whoever does not answer is noticed after QUIET seconds.
        if self._tries and self._clock() - self._link.since > QUIET + 1:
            log.warning("%s: connected again, %d frames were lost", self.name, self._lost)
            self._tries = self._lost = 0
            self.notice = None

    def end(self) -> None:
        """Send what the encoder still holds. Raises SinkError when nobody received the last frames."""
        if self._link is not None:
            with contextlib.suppress(av.error.FFmpegError, OSError):  # it is the end in any case
                self._link.flush()
        if self._tries:
            text = f"{self.name}: {self._reason}, {self._lost} frames lost"
            raise SinkError(text, "is the server on, and the address right?")

    def close(self) -> None:
        self._closed.set()
        self._drop_link()

    def _say(self, reason: str, pause: float) -> None:
        self._reason = reason
        if self._tries == 1:
            log.warning("%s: %s; trying again until it works", self.name, reason)
        self.notice = f"{self.name}: {reason}, {self._lost} frames lost, try {self._tries + 1} in {pause:g} s"

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _wait_for_its_time(self, frame: Frame) -> None:
        now = self._clock()
        if self._began is None:
            self._began = now - float(frame.time)
        self._closed.wait(max(0.0, self._began + float(frame.time) - now))


class _Link:
    """One connection, and the encoder that began with it. Errors are those of PyAV."""

    def __init__(self, address: Address, kind: _Kind, info: StreamInfo, first: Frame, since: float) -> None:
        self.size = first.size
        self.since = since
        self._origin = first.time
        self._last = -1
        # FFmpeg's fifo does the sending on a thread of its own, so that a slow network keeps nobody waiting, and it
        # alone passes the time-outs on: PyAV opens connections without them.
        options = {"fifo_format": kind.format, "format_opts": kind.options, "queue_size": "60"}
        options |= {"drop_pkts_on_overflow": "1", "restart_with_keyframe": "1"}
        self._stream = av.open(str(address), "w", format="fifo", container_options=options)
        try:
            as_live = dataclasses.replace(info, live=True)
            self._encoder = FrameEncoder(self._stream, _ENCODER, Encoding(quality=60), as_live)
            track = self._encoder.open(first.size)
            if kind.global_header:
                track.codec_context.flags |= Flags.global_header
        except BaseException:
            self.close()
            raise

    def write(self, frame: Frame) -> None:
        ticks = max(round((frame.time - self._origin) / self._encoder.time_base), self._last + 1)
        self._last = ticks
        for packet in self._encoder.encode(frame.pixels, ticks):
            self._stream.mux(packet)

    def flush(self) -> None:
        for packet in self._encoder.flush():
            self._stream.mux(packet)

    def close(self) -> None:
        with contextlib.suppress(av.error.FFmpegError, OSError):  # whoever hears of it has hung up
            self._stream.close()


def _kind_of(address: Address) -> _Kind:
    """Return how `address` is served. Raises ArgumentError and SinkError."""
    kind = KINDS[address.scheme]
    if not address.host or (address.port is None and kind.format == "mpegts"):
        raise ArgumentError(f"{shown(str(address))} names no host and port", f"write {address.scheme}://127.0.0.1:5000")
    if kind.optional and not _knows(address.scheme):
        raise SinkError(f"the FFmpeg inside this PyAV has no {address.scheme}://", "send udp:// or rtmp:// instead")
    return kind


def _knows(scheme: str) -> bool:
    trial = av.open(f"{scheme}://", "w", format="mpegts")
    try:
        trial.add_stream("mpeg2video", Fraction(25))
        trial.start_encoding()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, OSError):
        return True  # there is no such host, of course
    finally:
        with contextlib.suppress(av.error.FFmpegError, OSError):
            trial.close()
    return True
